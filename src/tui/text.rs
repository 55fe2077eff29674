//! Text for a terminal: the room `text`, and widths in columns.

use ratatui::text::Span;
use unicode_truncate::{Alignment, UnicodeTruncateStr};

pub use crate::text::numbers::*;
pub use crate::text::*;

/// Columns a text takes.
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The text in at most `columns` columns; what does not fit is cut from its middle, because the
/// names of layers tell themselves apart at both ends.
pub fn fit(text: &str, columns: usize, ellipsis: &str) -> String {
    let room = columns.saturating_sub(width(ellipsis));
    if width(text) <= columns || room == 0 {
        return text.unicode_truncate(columns).0.to_owned();
    }
    let (head, used) = text.unicode_truncate(room / 2);
    let (tail, _) = text.unicode_truncate_start(room - used);
    format!("{head}{ellipsis}{tail}")
}

/// The text in at most `columns` columns, cut at its end.
pub fn cut(text: &str, columns: usize, ellipsis: &str) -> String {
    let room = columns.saturating_sub(width(ellipsis));
    if width(text) <= columns || room == 0 {
        return text.unicode_truncate(columns).0.to_owned();
    }
    text.unicode_truncate(room).0.to_owned() + ellipsis
}

/// The text filled with blanks to `columns` columns, at its right or (for numbers) at its left.
pub fn pad(text: &str, columns: usize, left: bool) -> String {
    let side = if left {
        Alignment::Right
    } else {
        Alignment::Left
    };
    text.unicode_pad(columns, side, false).into_owned()
}

/// Breaks a text into lines of at most `columns` columns, at blanks where possible; line breaks and
/// indentation stay.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let start = paragraph.trim_start_matches(' ');
        let indent = " ".repeat((paragraph.len() - start.len()).min(columns.saturating_sub(2) / 2));
        let columns = columns - indent.len();
        let from = lines.len();
        let mut line = String::new();
        for word in start.split(' ') {
            let gap = usize::from(!line.is_empty());
            if width(&line) + gap + width(word) > columns && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            } else if gap == 1 {
                line.push(' ');
            }
            let mut rest = word;
            while width(rest) > columns {
                let (head, _) = rest.unicode_truncate(columns);
                // A path is broken behind one of its folders, a name behind one of its dots.
                let at = head.rfind(['/', '.']).map(|at| at + 1);
                let at = at.filter(|at| *at > head.len() / 3).unwrap_or(head.len());
                let head = head.get(..at).unwrap_or(head);
                if head.is_empty() {
                    break;
                }
                lines.push(head.to_owned());
                rest = &rest[head.len()..];
            }
            line.push_str(rest);
        }
        lines.push(line);
        for line in &mut lines[from..] {
            line.insert_str(0, &indent);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_keep_both_ends() {
        assert_eq!(fit("stage1.0.mlp.mlp1_conv", 12, "…"), "stage…1_conv");
        assert_eq!(fit("short", 12, "…"), "short");
        assert_eq!(fit("abcdef", 2, ".."), "ab");
        assert_eq!(cut("abcdef", 4, "…"), "abc…");
    }

    #[test]
    fn wraps_at_blanks() {
        assert_eq!(wrap("one two three\nfour", 8), ["one two", "three", "four"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("a\n  bc de", 6), ["a", "  bc", "  de"]);
        assert_eq!(
            wrap("see /home/ada/runs", 11),
            ["see", "/home/ada/", "runs"]
        );
        assert_eq!(wrap("", 10), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn texts_never_exceed_their_columns(text in "[a-z é漢→]{0,40}", columns in 0usize..30) {
            prop_assert!(width(&fit(&text, columns, "…")) <= columns);
            prop_assert!(width(&cut(&text, columns, "…")) <= columns);
            if columns >= 2 {
                prop_assert!(wrap(&text, columns).iter().all(|l| width(l) <= columns));
            }
        }
    }
}
