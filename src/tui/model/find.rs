//! Finding a text in a pane.

/// The text that was last searched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Find {
    /// The text; empty before the first search.
    pub text: String,
}

impl Find {
    /// True where a row has the text, in whatever case.
    pub fn matches(&self, row: &str) -> bool {
        !self.text.is_empty() && row.to_lowercase().contains(&self.text.to_lowercase())
    }

    /// The first match at or after `from` (at or before it, going backward), going round at the
    /// ends.
    pub fn next(&self, rows: &[String], from: usize, backward: bool) -> Option<usize> {
        let len = rows.len();
        (0..len)
            .map(|i| match backward {
                false => (from + i) % len,
                true => (from + len - i) % len,
            })
            .find(|i| self.matches(&rows[*i]))
    }
}

#[cfg(test)]
mod tests {
    use super::Find;

    #[test]
    fn it_goes_round_in_both_directions() {
        let rows = ["Conv1", "lif", "conv2", "head"].map(String::from);
        let find = Find {
            text: "conv".into(),
        };
        assert_eq!(find.next(&rows, 1, false), Some(2));
        assert_eq!(find.next(&rows, 3, false), Some(0));
        assert_eq!(find.next(&rows, 1, true), Some(0));
        assert_eq!(find.next(&rows, 7, true), Some(2));
        assert_eq!(Find { text: "é".into() }.next(&rows, 0, false), None);
        assert_eq!(Find::default().next(&rows, 0, false), None);
        assert_eq!(find.next(&[], 3, true), None);
    }
}
