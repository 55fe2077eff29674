//! The symbols, in Unicode and in ASCII.

use crate::text::Marks;

/// Declares the symbols by name, with their form in Unicode and in ASCII.
macro_rules! symbols {
    ($($name:ident: $unicode:literal, $ascii:literal;)*) => {
        /// The symbols that are drawn, by use.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "named by use")]
        pub struct Symbols {
            pub ascii: bool,
            pub spinner: &'static [&'static str],
            /// Columns of a sparkline, lowest first.
            pub columns: &'static str,
            $(pub $name: &'static str,)*
        }

        impl Symbols {
            /// One column each, in every font that a terminal is likely to have.
            pub fn unicode() -> Self {
                Symbols {
                    ascii: false,
                    spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"],
                    columns: "▁▂▃▄▅▆▇█",
                    $($name: $unicode,)*
                }
            }

            /// For terminals without Unicode.
            pub fn ascii() -> Self {
                Symbols {
                    ascii: true,
                    spinner: &["|", "/", "-", "\\"],
                    columns: "_.-=*#",
                    $($name: $ascii,)*
                }
            }

            /// A text that was written with the symbols of Unicode, in ASCII.
            pub fn in_ascii(text: &str) -> String {
                let pairs = [$(($unicode, $ascii),)*];
                let mut text = text.to_owned();
                for (unicode, ascii) in pairs {
                    if !text.is_ascii() {
                        text = text.replace(unicode, ascii);
                    }
                }
                text.replace(|c: char| !c.is_ascii(), "?")
            }

            #[cfg(test)]
            fn all(&self) -> impl Iterator<Item = &'static str> {
                [$(self.$name),*].into_iter().chain(self.spinner.iter().copied())
            }
        }
    };
}

symbols! {
    proposed: "·", ".";
    drift_only: "○", "o";
    rejected: "⊘", "-";
    failed: "✗", "x";
    passed: "✓", "+";
    failed_confirmation: "⊗", "X";
    confirmed: "●", "#";
    pruned: "╳", "/";
    base: "★", "B";
    incumbent: "◆", "I";
    pin: "⊢", "P";
    selected: "▌", ">";
    cursor: "◎", "@";
    differs: "≠", "~";
    running: "▶", ">";
    pausing: "◌", "~";
    paused: "■", "=";
    finished: "●", "#";
    fold_open: "▾", "v";
    fold_closed: "▸", ">";
    leaf: "╴", "-";
    trunk: "•", "o";
    rail: "│", "|";
    branch: "├", "|";
    last_branch: "└", "`";
    onward: "┊", ":";
    bar: "━", "=";
    bar_rest: "─", "-";
    bit: "■", "#";
    bit_rest: "·", ".";
    audited: "◐", "A";
    exempt: "◇", "!";
    arrow: "→", "->";
    separator: "·", "|";
    ellipsis: "…", "..";
    at_most: "≤", "<=";
    at_least: "≥", ">=";
    none: "—", "-";
    // The column of a histogram and its edge.
    full: "█", "#";
    edge: "━", "=";
}

impl Symbols {
    /// The signs between words.
    pub fn marks(&self) -> Marks {
        Marks {
            arrow: self.arrow,
            at_most: self.at_most,
            at_least: self.at_least,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Symbols;
    use crate::tui::text::width;

    #[test]
    fn every_symbol_takes_one_column() {
        for symbol in Symbols::unicode().all() {
            assert_eq!(width(symbol), 1, "{symbol}");
        }
        assert!(Symbols::ascii().all().all(str::is_ascii));
    }
}
