//! One thing that was looked at.

use serde::Serialize;

/// The state of what was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As a search needs it, or only told.
    Fine,
    /// A search runs without it, with less.
    Lacking,
    /// A search needs it.
    Failing,
}

/// A check: what was looked at, what was found, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// The state.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do; none where nothing is lacking.
    pub to_do: Option<String>,
}

impl Check {
    pub fn fine(name: &'static str, found: impl Into<String>) -> Self {
        Check::new(name, State::Fine, found.into(), None)
    }

    pub fn lacking(name: &'static str, found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Check::new(name, State::Lacking, found.into(), Some(to_do.into()))
    }

    pub fn failing(name: &'static str, found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Check::new(name, State::Failing, found.into(), Some(to_do.into()))
    }

    /// What is only told, where the system tells it.
    pub fn told(name: &'static str, found: Option<String>) -> Self {
        Check::fine(name, found.unwrap_or_else(|| String::from("not known")))
    }

    fn new(name: &'static str, state: State, found: String, to_do: Option<String>) -> Self {
        Check {
            name,
            state,
            found: printable(&found),
            to_do: to_do.map(|text| printable(&text)),
        }
    }

    /// Its lines of the table, with names of so many columns.
    pub fn text(&self, width: usize) -> String {
        let state = match self.state {
            State::Fine => "fine",
            State::Lacking => "lacking",
            State::Failing => "FAILING",
        };
        let mut text = format!("{state:<8} {:<width$}  {}\n", self.name, self.found);
        if let Some(to_do) = &self.to_do {
            text.push_str(&format!("{:8} {:width$}  to do: {to_do}\n", "", ""));
        }
        text
    }
}

/// A text without control characters: names of files and the environment hold anything.
fn printable(text: &str) -> String {
    let char = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let check = Check::fine("terminal", "TERM=\x1b[31m\n");
        assert_eq!(check.found, "TERM=\u{fffd}[31m\u{fffd}");
    }
}
