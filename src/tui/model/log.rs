//! The log: the latest events in words.

use std::collections::VecDeque;

use super::scroll::Scroll;
use crate::text::Importance;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The time of day.
    pub time: String,
    /// How much it matters.
    pub importance: Importance,
    /// What happened.
    pub text: String,
}

/// The log as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPane {
    lines: VecDeque<LogLine>,
    /// How many lines there are of each importance.
    counts: [usize; 4],
    /// Lines that matter less are left out.
    pub least: Importance,
    /// Cursor and window, over the lines that are shown.
    pub scroll: Scroll,
}

impl Default for LogPane {
    fn default() -> Self {
        LogPane {
            lines: VecDeque::new(),
            counts: [0; 4],
            least: Importance::Detail,
            scroll: Scroll::default(),
        }
    }
}

const LEVELS: [(Importance, &str); 4] = [
    (Importance::Detail, "all events"),
    (Importance::Decision, "decisions only"),
    (Importance::Milestone, "milestones only"),
    (Importance::Problem, "problems only"),
];

impl LogPane {
    const MOST: usize = 5_000;

    /// Adds a line; the oldest ones go. A cursor on the last line stays there.
    pub fn push(&mut self, line: LogLine) {
        let at_end = self.scroll.cursor + 1 >= self.len();
        if self.lines.len() == Self::MOST
            && let Some(gone) = self.lines.pop_front()
        {
            self.counts[gone.importance as usize] -= 1;
            if gone.importance >= self.least {
                self.scroll.cursor = self.scroll.cursor.saturating_sub(1);
                self.scroll.offset = self.scroll.offset.saturating_sub(1);
            }
        }
        self.counts[line.importance as usize] += 1;
        self.lines.push_back(line);
        if at_end {
            self.scroll.cursor = self.len().saturating_sub(1);
        }
    }
    /// Shows lines from the next importance on; after the highest one, all.
    pub fn next_level(&mut self) {
        self.least = LEVELS[(self.least as usize + 1) % LEVELS.len()].0;
        self.scroll.cursor = self.len().saturating_sub(1);
    }
    /// What is shown, in words.
    pub fn level(&self) -> &'static str {
        LEVELS[self.least as usize].1
    }
    /// Number of lines shown.
    pub fn len(&self) -> usize {
        self.counts[self.least as usize..].iter().sum()
    }
    /// True when there is no line.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// A line of those shown.
    pub fn get(&self, row: usize) -> Option<&LogLine> {
        match self.least {
            Importance::Detail => self.lines.get(row),
            _ => self.iter().nth(row),
        }
    }
    /// The lines shown, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &LogLine> {
        let least = self.least;
        self.lines
            .iter()
            .filter(move |line| line.importance >= least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: usize) -> LogLine {
        LogLine {
            time: String::new(),
            importance: if n.is_multiple_of(2) {
                Importance::Detail
            } else {
                Importance::Decision
            },
            text: n.to_string(),
        }
    }

    #[test]
    fn it_stays_bounded_and_the_end_stays_in_view() {
        let mut log = LogPane::default();
        (0..3 * LogPane::MOST).for_each(|n| log.push(line(n)));
        assert_eq!(log.len(), LogPane::MOST);
        assert_eq!(log.scroll.cursor, LogPane::MOST - 1);
        log.scroll.cursor = 10;
        let reading = log.iter().nth(10).cloned();
        log.push(line(0));
        assert_eq!(log.iter().nth(log.scroll.cursor).cloned(), reading);
    }

    #[test]
    fn details_can_be_left_out() {
        let mut log = LogPane::default();
        (0..10).for_each(|n| log.push(line(n)));
        log.next_level();
        assert_eq!(
            (log.len(), log.iter().count(), log.scroll.cursor),
            (5, 5, 4)
        );
        assert!(log.iter().all(|l| l.importance == Importance::Decision));
    }
}
