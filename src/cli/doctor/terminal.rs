//! The terminal.

use std::io::IsTerminal;

use super::check::Check;
use crate::cli::front::Front;
use crate::tui::theme::{Symbols, Theme, ThemeName};

pub(super) fn checks() -> Vec<Check> {
    let get = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (input, output) = (std::io::stdin(), std::io::stdout());
    let is_one = |yes: bool| if yes { "a terminal" } else { "no terminal" };
    let found = format!(
        "standard input is {}, standard output is {}, TERM {}",
        is_one(input.is_terminal()),
        is_one(output.is_terminal()),
        get("TERM").map_or_else(|| String::from("not set"), |term| format!("is {term}"))
    );
    let terminal = match Front::Interactive.check() {
        Ok(()) => Check::fine("terminal", found),
        Err(why) => Check::lacking("terminal", found, why.to_string()),
    };
    let theme = Theme::chosen(None, None, get);
    let symbols = match theme.symbols == Symbols::unicode() {
        true => "Unicode",
        false => "ASCII",
    };
    let colours = match theme.name {
        ThemeName::None => "no colours",
        ThemeName::Terminal => "the 16 colours of the terminal",
        _ => "256 colours",
    };
    let size = output
        .is_terminal()
        .then(crossterm::terminal::size)
        .and_then(Result::ok);
    let size = size.map(|(columns, rows)| format!("{columns} columns, {rows} rows"));
    vec![
        terminal,
        Check::told("terminal's size", size),
        Check::fine("colours and symbols", format!("{colours}, {symbols}")),
    ]
}
