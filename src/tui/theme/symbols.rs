//! The signs, in Unicode and in ASCII.

use crate::text::Marks;

/// The signs that are drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named by use")]
pub struct Symbols {
    pub ascii: bool,
    pub proposed: &'static str,
    pub measured: &'static str,
    pub held_back: &'static str,
    pub failed: &'static str,
    pub passed: &'static str,
    pub refuted: &'static str,
    pub confirmed: &'static str,
    pub pruned: &'static str,
    pub base: &'static str,
    pub incumbent: &'static str,
    pub pin: &'static str,
    pub selected: &'static str,
    pub cursor: &'static str,
    pub differs: &'static str,
    pub running: &'static str,
    pub pausing: &'static str,
    pub paused: &'static str,
    pub finished: &'static str,
    pub spinner: &'static [&'static str],
    pub fold_open: &'static str,
    pub fold_closed: &'static str,
    pub leaf: &'static str,
    pub trunk: &'static str,
    pub rail: &'static str,
    pub branch: &'static str,
    pub last_branch: &'static str,
    pub onward: &'static str,
    pub bar: &'static str,
    pub bar_rest: &'static str,
    pub bit: &'static str,
    pub bit_rest: &'static str,
    pub audited: &'static str,
    pub exempt: &'static str,
    pub arrow: &'static str,
    pub separator: &'static str,
    pub ellipsis: &'static str,
    pub at_most: &'static str,
    pub at_least: &'static str,
    pub none: &'static str,
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

    /// One column each, in every font that a terminal is likely to have.
    pub fn unicode() -> Self {
        Symbols {
            ascii: false,
            proposed: "·",
            measured: "○",
            held_back: "⊘",
            failed: "✗",
            passed: "✓",
            refuted: "⊗",
            confirmed: "●",
            pruned: "╳",
            base: "★",
            incumbent: "◆",
            pin: "⊢",
            selected: "▌",
            cursor: "◎",
            differs: "≠",
            running: "▶",
            pausing: "◌",
            paused: "■",
            finished: "●",
            spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"],
            fold_open: "▾",
            fold_closed: "▸",
            leaf: "╴",
            trunk: "•",
            rail: "│",
            branch: "├",
            last_branch: "└",
            onward: "┊",
            bar: "━",
            bar_rest: "─",
            bit: "■",
            bit_rest: "·",
            audited: "◐",
            exempt: "◇",
            arrow: "→",
            separator: "·",
            ellipsis: "…",
            at_most: "≤",
            at_least: "≥",
            none: "—",
        }
    }

    /// For terminals without Unicode.
    pub fn ascii() -> Self {
        Symbols {
            ascii: true,
            proposed: ".",
            measured: "o",
            held_back: "-",
            failed: "x",
            passed: "+",
            refuted: "X",
            confirmed: "#",
            pruned: "/",
            base: "B",
            incumbent: "I",
            pin: "P",
            selected: ">",
            cursor: "@",
            differs: "~",
            running: ">",
            pausing: "~",
            paused: "=",
            finished: "#",
            spinner: &["|", "/", "-", "\\"],
            fold_open: "v",
            fold_closed: "+",
            leaf: "-",
            trunk: "o",
            rail: "|",
            branch: "|",
            last_branch: "`",
            onward: ":",
            bar: "=",
            bar_rest: "-",
            bit: "#",
            bit_rest: ".",
            audited: "?",
            exempt: "!",
            arrow: "->",
            separator: "|",
            ellipsis: "..",
            at_most: "<=",
            at_least: ">=",
            none: "-",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Symbols;
    use crate::tui::text::width;

    #[test]
    fn every_symbol_takes_the_columns_it_was_given() {
        let s = Symbols::unicode();
        let single = [
            s.proposed,
            s.measured,
            s.held_back,
            s.failed,
            s.passed,
            s.refuted,
            s.confirmed,
            s.pruned,
            s.base,
            s.incumbent,
            s.pin,
            s.selected,
            s.cursor,
            s.differs,
            s.fold_open,
            s.fold_closed,
            s.leaf,
            s.trunk,
            s.rail,
            s.branch,
            s.last_branch,
            s.onward,
            s.bar,
            s.bar_rest,
            s.bit,
            s.bit_rest,
            s.audited,
            s.exempt,
            s.arrow,
            s.separator,
            s.ellipsis,
        ];
        for symbol in single.into_iter().chain(s.spinner.iter().copied()) {
            assert_eq!(width(symbol), 1, "{symbol}");
        }
    }
}
