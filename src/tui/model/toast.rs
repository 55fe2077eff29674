//! Short messages that go away by themselves.

use std::collections::VecDeque;
use std::time::Duration;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToastKind {
    /// Success.
    Good,
    /// Information.
    Note,
    /// Failure.
    Bad,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// What it is about.
    pub kind: ToastKind,
    /// The message.
    pub text: String,
    /// When it goes away.
    pub until: Duration,
}

/// The messages shown, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toasts(VecDeque<Toast>);

impl Toasts {
    const MOST: usize = 2;

    /// Shows a message; bad news stay longer.
    pub fn push(&mut self, kind: ToastKind, text: impl Into<String>, now: Duration) {
        let text = text.into();
        self.0.retain(|toast| toast.text != text);
        while self.0.len() >= Self::MOST {
            self.0.pop_front();
        }
        let seconds = if kind == ToastKind::Bad { 8 } else { 5 };
        let until = now + Duration::from_secs(seconds);
        self.0.push_back(Toast { kind, text, until });
    }
    /// Removes what is due; true when anything was.
    pub fn expire(&mut self, now: Duration) -> bool {
        let before = self.0.len();
        self.0.retain(|toast| toast.until > now);
        self.0.len() != before
    }
    /// The messages, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Toast> {
        self.0.iter()
    }
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_away_and_do_not_pile_up() {
        let mut toasts = Toasts::default();
        let at = Duration::from_secs;
        for n in 0..5 {
            toasts.push(ToastKind::Note, n.to_string(), at(n));
        }
        toasts.push(ToastKind::Bad, "4", at(4));
        let texts: Vec<_> = toasts.iter().map(|t| t.text.as_str()).collect();
        assert_eq!(texts, ["3", "4"]);
        assert!(!toasts.expire(at(7)));
        assert!(toasts.expire(at(9)));
        assert_eq!(toasts.iter().count(), 1);
        assert!(toasts.expire(at(12)) && toasts.is_empty());
    }
}
