//! The table of bindings: the keys, the footer, the help and the documentation all read it. Order
//! is the order of the help; the footer takes the hints in this order while they fit.

use std::sync::LazyLock;

use strum::VariantArray;

pub use super::keys::*;
use super::views::{Pane, View};
use super::{Action, panes};

const STEER: &str = "Steer the search";
const LOOK: &str = "Look around";
const EDIT: &str = "While changing bit-widths";
/// The heading of what moves in the time of a journal that is watched.
pub const WATCH: &str = "On a second screen (aq4svit watch)";
const START: &str = "On the start screen";
const PROGRAM: &str = "Program";
const RESULT: &str = "On the result";

#[rustfmt::skip]
const FIRST: &[Binding] = &[
    bind(Scope::Main, STEER, Action::Pause, &["p"], "pause", "pause or resume the run; on a second screen, play it from the start"),
    bind(Scope::Main, STEER, Action::Step, &["."], "step", "evaluate one candidate, then pause; on a second screen, one event on"),
    bind(Scope::Main, STEER, Action::LowerBits, &["-"], "bits", "lower the bits of the selected row of the allocation; enter makes it a child of the node"),
    bind(Scope::Main, STEER, Action::RaiseBits, &["+", "="], "bits", "raise the bits of the selected row of the allocation"),
    bind(Scope::Main, STEER, Action::Pin, &["P"], "pin", "pin the selected row of the allocation at its bit-width, or unpin it"),
    bind(Scope::Main, STEER, Action::Prune, &["x"], "prune", "prune the selected node's branch: never expand it"),
    bind(Scope::Main, STEER, Action::ResumeBranch, &["X"], "", "resume a pruned branch"),
    bind(Scope::Main, STEER, Action::Undo, &["u"], "undo", "undo the last command: the search is where it was before; again for the one before"),
    bind(Scope::Main, STEER, Action::Redo, &["U"], "redo", "redo the command that was undone last"),
    bind(Scope::Main, STEER, Action::Limits, &["c"], "limits", "change the constraint and the limits of the search"),
    bind(Scope::Main, STEER, Action::PinPattern, &["w"], "", "pin layers by a pattern to bit-widths, or remove such a pin"),
    bind(Scope::Main, STEER, Action::Save, &["s"], "save", "save the selected node as a profile"),
    bind(Scope::Main, STEER, Action::Stop, &["S"], "", "stop searching and finish with the incumbent"),
    bind(Scope::Main, STEER, Action::TimeUp, &[], "", "end the search as if its time limit were reached"),

    bind(Scope::Main, STEER, Action::Retry, &["!"], "try again", "after a failure: try again, or without the node that failed"),

    bind(Scope::Main, LOOK, Action::Commands, &[":", "ctrl-p"], "commands", "all commands by name; #12 goes to that node, JSON as in --commands is sent to the search"),
    bind(Scope::Main, LOOK, Action::FocusNext, &["tab"], "pane", "next pane"),
    bind(Scope::Main, LOOK, Action::FocusPrevious, &["shift-tab"], "", "previous pane"),
];

#[rustfmt::skip]
const AFTER_VIEWS: &[Binding] = &[
    bind(Scope::Main, LOOK, Action::Zoom, &["z"], "zoom", "zoom the pane to the whole screen, or back"),
    bind(Scope::Main, LOOK, Action::Up, &["up", "k"], "", "one row up"),
    bind(Scope::Main, LOOK, Action::Down, &["down", "j"], "", "one row down"),
    bind(Scope::Main, LOOK, Action::PageUp, &["pgup", "ctrl-b"], "", "one page up"),
    bind(Scope::Main, LOOK, Action::PageDown, &["pgdn", "ctrl-f"], "", "one page down"),
    bind(Scope::Main, LOOK, Action::Top, &["g", "home"], "", "first row"),
    bind(Scope::Main, LOOK, Action::Bottom, &["G", "end"], "", "last row"),
    bind(Scope::Main, LOOK, Action::JumpIncumbent, &["i"], "incumbent", "to the incumbent: the smallest confirmed node"),
    bind(Scope::Main, LOOK, Action::JumpBase, &["b"], "", "to the base: the node being expanded"),
    bind(Scope::Main, LOOK, Action::JumpRunning, &["r"], "", "to the node being evaluated"),
    bind(Scope::Main, LOOK, Action::JumpFailure, &["e"], "", "to the next node that failed"),
    bind(Scope::Main, LOOK, Action::Find, &["/"], "find", "find a text in the pane"),
    bind(Scope::Main, LOOK, Action::FindNext, &["n"], "", "the next match"),
    bind(Scope::Main, LOOK, Action::FindPrevious, &["N"], "", "the previous match"),
    bind(Scope::Main, LOOK, Action::Compare, &["m"], "", "mark the node to compare other nodes with it"),
    bind(Scope::Main, LOOK, Action::Sort, &["O"], "", "order the list by its next column: nodes, decisions, sites, layers"),
    bind(Scope::Main, LOOK, Action::OnlyChanges, &["D"], "", "allocation: only what differs from the marked node, or from the parent"),
    bind(Scope::Main, LOOK, Action::Follow, &["f"], "follow", "follow the search: the base is selected, the node being evaluated in view"),
];

#[rustfmt::skip]
const AFTER_PANES: &[Binding] = &[
    bind(Scope::Edit, EDIT, Action::Submit, &["enter"], "evaluate it now", "make one child of all changes and evaluate it at once"),
    bind(Scope::Edit, EDIT, Action::Cancel, &["esc", "q"], "cancel", "discard the changes"),
    bind(Scope::Edit, EDIT, Action::Up, &["up", "k"], "row", "another row, to change it as well"),
    bind(Scope::Edit, EDIT, Action::Down, &["down", "j"], "row", "another row, to change it as well"),
    bind(Scope::Edit, EDIT, Action::PageUp, &["pgup"], "", "one page up"),
    bind(Scope::Edit, EDIT, Action::PageDown, &["pgdn"], "", "one page down"),
    bind(Scope::Edit, EDIT, Action::LowerBits, &["-", "left", "h"], "bits", "fewer bits"),
    bind(Scope::Edit, EDIT, Action::RaiseBits, &["+", "=", "right", "l"], "bits", "more bits"),
    bind(Scope::Edit, EDIT, Action::Width(1), &["1"], "", "that many bits"),
    bind(Scope::Edit, EDIT, Action::Width(2), &["2"], "", "that many bits"),
    bind(Scope::Edit, EDIT, Action::Width(3), &["3"], "", "that many bits"),
    bind(Scope::Edit, EDIT, Action::Width(4), &["4"], "", "that many bits"),
    bind(Scope::Edit, EDIT, Action::Width(5), &["5"], "", "that many bits"),
    bind(Scope::Edit, EDIT, Action::Width(6), &["6"], "", "that many bits"),
    bind(Scope::Edit, EDIT, Action::Width(7), &["7"], "", "that many bits"),
    bind(Scope::Edit, EDIT, Action::Width(8), &["8"], "", "that many bits"),
    bind(Scope::Edit, EDIT, Action::Revert, &["backspace", "u"], "revert", "revert the change of the row"),

    bind(Scope::Main, WATCH, Action::Earlier, &["<", ","], "event", "one event back"),
    bind(Scope::Main, WATCH, Action::Later, &[">"], "event", "one event on"),
    bind(Scope::Main, WATCH, Action::MuchEarlier, &["["], "time", "a twentieth back"),
    bind(Scope::Main, WATCH, Action::MuchLater, &["]"], "time", "a twentieth on"),
    bind(Scope::Main, WATCH, Action::Slower, &["("], "speed", "play half as fast"),
    bind(Scope::Main, WATCH, Action::Faster, &[")"], "speed", "play twice as fast"),
    bind(Scope::Main, WATCH, Action::ToStart, &["{"], "", "to the start of the run"),
    bind(Scope::Main, WATCH, Action::ToEnd, &["}"], "", "to its end, and follow it there"),

    bind(Scope::Main, RESULT, Action::Result, &["v"], "result", "the card of the result"),
    bind(Scope::Main, RESULT, Action::Report, &["R"], "", "write the report into the run's folder: HTML, Markdown, figures, tables"),
    bind(Scope::Main, RESULT, Action::ExportCommand, &["E"], "", "copy the command that writes integers and scales for a chip"),
    bind(Scope::Main, RESULT, Action::NewRun, &["ctrl-n"], "", "a new search that starts from the result"),
    bind(Scope::Main, PROGRAM, Action::Runs, &["ctrl-o"], "", "other runs and profiles, without leaving"),
    bind(Scope::Main, PROGRAM, Action::Copy, &["y"], "", "copy the selected node's allocation as TOML into the clipboard"),
    bind(Scope::Main, PROGRAM, Action::Export, &["o"], "", "write what the screen shows into the run's folder, as text and as SVG"),
    bind(Scope::Main, PROGRAM, Action::NextTheme, &["t"], "", "the next theme: the terminal's own, dark, light, high contrast, no colours"),
    bind(Scope::Main, PROGRAM, Action::Settings, &["T"], "", "settings: theme, symbols, first card, questions; kept for the next time"),
    bind(Scope::Main, PROGRAM, Action::Help, &["?", "f1"], "help", "this help"),
    bind(Scope::Main, PROGRAM, Action::Quit, &["q"], "quit", "quit; a running search asks first, and can be resumed"),
    bind(Scope::Always, PROGRAM, Action::Interrupt, &["ctrl-c"], "", "quit; a second time: at once"),
    bind(Scope::Always, PROGRAM, Action::Suspend, &["ctrl-z"], "", "back to the shell until fg; the search waits too"),
    bind(Scope::Always, PROGRAM, Action::Redraw, &["ctrl-l"], "", "redraw the screen"),

    bind(Scope::Budget, "", Action::Left, &["left", "h"], "budget", "a smaller budget"),
    bind(Scope::Budget, "", Action::Right, &["right", "l"], "budget", "a larger budget"),
    bind(Scope::Budget, "", Action::PageUp, &["pgup", "H"], "", "a much smaller budget"),
    bind(Scope::Budget, "", Action::PageDown, &["pgdn", "L"], "", "a much larger budget"),
    bind(Scope::Budget, "", Action::Submit, &["enter"], "evaluate it", "have the allocation evaluated"),
    bind(Scope::Budget, "", Action::Cancel, &["esc", "B"], "leave", "leave the budget"),

    bind(Scope::Result, "", Action::Save, &["s"], "save", "save the result as a profile"),
    bind(Scope::Result, "", Action::Report, &["R"], "report", "write the report"),
    bind(Scope::Result, "", Action::ExportCommand, &["E"], "export", "copy the command for the chip's files"),
    bind(Scope::Result, "", Action::Copy, &["y"], "copy", "copy the allocation"),
    bind(Scope::Result, "", Action::Limits, &["c"], "change the limit, go on", "change the limit and go on"),
    bind(Scope::Result, "", Action::Uniform, &["U"], "evaluate uniform", "evaluate the narrowest bit-width for all layers that may meet the constraint"),
    bind(Scope::Result, "", Action::Undo, &["u"], "undo", "undo the last command and go on"),
    bind(Scope::Result, "", Action::NewRun, &["n"], "new run", "a new search from here"),
    bind(Scope::Result, "", Action::Quit, &["q"], "quit", "quit"),
    bind(Scope::Result, "", Action::Cancel, &["esc", "enter", "v"], "close", "close"),

    bind(Scope::Settings, "", Action::Up, &["up", "k", "shift-tab"], "setting", "the setting above"),
    bind(Scope::Settings, "", Action::Down, &["down", "j", "tab"], "setting", "the setting below"),
    bind(Scope::Settings, "", Action::CursorLeft, &["left", "h"], "choose", "the choice before"),
    bind(Scope::Settings, "", Action::CursorRight, &["right", "l", "space"], "choose", "the next choice"),
    bind(Scope::Settings, "", Action::Cancel, &["esc", "enter", "q", "T"], "close", "close"),

    bind(Scope::Help, "", Action::Down, &["down", "j"], "scroll", "scroll"),
    bind(Scope::Help, "", Action::Up, &["up", "k"], "", "scroll"),
    bind(Scope::Help, "", Action::PageDown, &["pgdn", "space", "ctrl-f"], "", "scroll"),
    bind(Scope::Help, "", Action::PageUp, &["pgup", "ctrl-b"], "", "scroll"),
    bind(Scope::Help, "", Action::Top, &["g", "home"], "", "scroll"),
    bind(Scope::Help, "", Action::Bottom, &["G", "end"], "", "scroll"),
    bind(Scope::Help, "", Action::Find, &["/"], "search", "search"),
    bind(Scope::Help, "", Action::Cancel, &["esc", "q", "?", "f1", "enter"], "close", "close"),

    bind(Scope::Confirm, "", Action::Submit, &["y", "enter"], "yes", "yes"),
    bind(Scope::Confirm, "", Action::Cancel, &["n", "esc"], "no", "no"),

    bind(Scope::Prompt, "", Action::Submit, &["enter"], "accept", "accept"),
    bind(Scope::Prompt, "", Action::Cancel, &["esc"], "cancel", "cancel"),
    bind(Scope::Prompt, "", Action::EraseBefore, &["backspace", "ctrl-h"], "", "erase"),
    bind(Scope::Prompt, "", Action::EraseAfter, &["delete", "ctrl-d"], "", "erase"),
    bind(Scope::Prompt, "", Action::EraseWord, &["ctrl-w"], "", "erase a word"),
    bind(Scope::Prompt, "", Action::EraseLine, &["ctrl-u"], "clear", "erase everything"),
    bind(Scope::Prompt, "", Action::CursorLeft, &["left", "ctrl-b"], "", "move"),
    bind(Scope::Prompt, "", Action::CursorRight, &["right", "ctrl-f"], "", "move"),
    bind(Scope::Prompt, "", Action::CursorStart, &["home", "ctrl-a"], "", "move"),
    bind(Scope::Prompt, "", Action::CursorEnd, &["end", "ctrl-e"], "", "move"),

    bind(Scope::Commands, "", Action::Up, &["up", "ctrl-k"], "", "one up"),
    bind(Scope::Commands, "", Action::Down, &["down", "ctrl-j", "tab"], "choose", "one down"),

    bind(Scope::Start, START, Action::Submit, &["enter"], "open", "resume the run, or set up a search with the profile"),
    bind(Scope::Start, START, Action::Up, &["up", "k"], "choose", "one up"),
    bind(Scope::Start, START, Action::Down, &["down", "j", "tab"], "choose", "one down"),
    bind(Scope::Start, START, Action::PageUp, &["pgup", "ctrl-b"], "", "one page up"),
    bind(Scope::Start, START, Action::PageDown, &["pgdn", "ctrl-f"], "", "one page down"),
    bind(Scope::Start, START, Action::Top, &["g", "home"], "", "to the first one"),
    bind(Scope::Start, START, Action::Bottom, &["G", "end"], "", "to the last one"),
    bind(Scope::Start, START, Action::Watch, &["w"], "watch", "watch the run without steering it"),
    bind(Scope::Start, START, Action::NewRun, &["n"], "new run", "set up a search that starts from the run's result"),
    bind(Scope::Start, START, Action::Find, &["/"], "filter", "show only what has these words"),
    bind(Scope::Start, START, Action::Sort, &["o"], "order", "order the runs: latest, smallest result, name"),
    bind(Scope::Start, START, Action::Rename, &["r"], "", "rename the run or the saved profile"),
    bind(Scope::Start, START, Action::Delete, &["d", "delete"], "", "delete the run or the saved profile; asks first"),
    bind(Scope::Start, START, Action::NextTheme, &["t"], "", "the next theme"),
    bind(Scope::Start, START, Action::Cancel, &["esc"], "", "close, or clear the filter"),
    bind(Scope::Start, START, Action::Help, &["?", "f1"], "help", "the keys of this screen"),
    bind(Scope::Start, START, Action::Quit, &["q"], "quit", "quit"),
    bind(Scope::Form, "", Action::Up, &["up", "shift-tab"], "field", "the field above"),
    bind(Scope::Form, "", Action::Down, &["down", "tab"], "field", "the field below"),

    bind(Scope::Failure, "", Action::Retry, &["r", "enter"], "try again", "try again from the journal"),
    bind(Scope::Failure, "", Action::Skip, &["s"], "skip the node", "try again without the node that failed"),
    bind(Scope::Failure, "", Action::Quit, &["q"], "quit", "quit"),
    bind(Scope::Failure, "", Action::Cancel, &["esc"], "look around", "look around"),
];

/// True for an action that steers the search: not for pausing, which also means something where a
/// journal is watched, and saving, which changes nothing.
pub fn steers(action: &Action) -> bool {
    let steers = |b: &&Binding| b.section == STEER && b.action == *action;
    let steered = bindings().iter().any(|b| steers(&b)) || *action == Action::Uniform;
    steered && !matches!(action, Action::Pause | Action::Save | Action::Retry)
}

/// All bindings.
pub fn bindings() -> &'static [Binding] {
    static ALL: LazyLock<Vec<Binding>> = LazyLock::new(|| {
        let view = |view: &View| {
            let row = view.row();
            bind(
                Scope::Main,
                LOOK,
                Action::View(*view),
                row.keys,
                "",
                row.help,
            )
        };
        let pane = |pane: &Pane| panes::component(*pane).about().keys.iter().cloned();
        let mut all = FIRST.to_vec();
        all.extend(View::VARIANTS.iter().map(view));
        all.extend_from_slice(AFTER_VIEWS);
        all.extend(Pane::VARIANTS.iter().flat_map(pane));
        all.extend_from_slice(AFTER_PANES);
        all
    });
    &ALL
}

impl Keymap {
    /// The keymap of [`bindings()`].
    ///
    /// # Panics
    /// Never: a test builds it.
    pub fn standard() -> Self {
        Self::new(bindings()).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// The keys as a Markdown table.
pub fn markdown() -> String {
    let mut text = String::from("| Keys | What they do |\n|---|---|\n");
    let mut section = "";
    for line in Keymap::standard().help() {
        if line.section != section {
            section = line.section;
            text.push_str(&format!("| | **{section}** |\n"));
        }
        let keys: Vec<String> = line.keys.iter().map(|k| format!("`{k}`")).collect();
        text.push_str(&format!("| {} | {} |\n", keys.join(" "), line.help));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

    fn press(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    #[test]
    fn the_standard_table_is_a_keymap() {
        Keymap::new(bindings()).map(|_| ()).unwrap();
    }

    #[test]
    fn scopes_change_what_a_key_does() {
        let keymap = Keymap::standard();
        let q = press(KeyCode::Char('q'));
        let (tree, gate) = (Scope::Pane("tree"), Scope::Pane("gate"));
        assert_eq!(keymap.action(tree, q), Some(Action::Quit));
        assert_eq!(keymap.action(Scope::Prompt, q), Some(Action::Insert('q')));
        let four = press(KeyCode::Char('4'));
        assert_eq!(keymap.action(gate, four), Some(Action::View(View::Front)));
        assert_eq!(keymap.action(Scope::Edit, four), Some(Action::Width(4)));
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        for scope in [tree, Scope::Prompt, Scope::Edit, Scope::Failure] {
            assert_eq!(keymap.action(scope, interrupt), Some(Action::Interrupt));
        }
        let alt = KeyEvent::new(KeyCode::Char('x'), KeyModifiers::ALT);
        assert_eq!(keymap.action(Scope::Prompt, alt), None);
    }

    #[test]
    fn a_released_key_does_nothing() {
        let mut event = press(KeyCode::Char('p'));
        event.kind = KeyEventKind::Release;
        assert_eq!(Keymap::standard().action(Scope::Pane("tree"), event), None);
    }

    #[test]
    fn every_binding_says_what_it_does() {
        for binding in bindings() {
            assert!(!binding.help.is_empty(), "{}", binding.action.name());
        }
        assert!(markdown().contains("| `x` | prune the selected node's branch: never expand it |"));
    }

    #[test]
    fn every_pane_finds_its_keys() {
        let keymap = Keymap::standard();
        for pane in Pane::VARIANTS {
            let scope = panes::component(*pane).about().scope();
            for binding in panes::component(*pane).about().keys {
                assert_eq!(binding.scope, scope, "{pane:?}");
                let mut listed = keymap.available(scope);
                assert!(listed.any(|b| b.binding.action == binding.action));
            }
        }
    }

    #[test]
    fn what_has_no_key_is_in_the_list_of_commands() {
        let keymap = Keymap::standard();
        let without = bindings().iter().filter(|b| b.keys.is_empty());
        for binding in without {
            let mut listed = keymap.available(binding.scope);
            assert!(
                listed.any(|b| b.binding.action == binding.action),
                "{} can be done in no way",
                binding.action.name()
            );
            assert_eq!(binding.hint, "", "a hint names a key");
        }
    }
}
