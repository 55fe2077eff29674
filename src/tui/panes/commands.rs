//! The commands given to the search, and what came of them.

use ratatui::text::{Line, Span};

use super::component::{About, Component};
use crate::tui::action::{Action, Effect};
use crate::tui::keys::{Binding, Scope, bind};
use crate::tui::model::{Model, Pane, Reply};
use crate::tui::text;
use crate::tui::widgets::cell;

const SCOPE: Scope = Scope::Pane("commands_given");
#[rustfmt::skip]
const KEYS: &[Binding] = &[
    bind(SCOPE, super::LISTS, Action::ShowNode, &["enter", "space"], "in full", "commands given: the whole line as a message"),
    bind(SCOPE, super::LISTS, Action::CopyCommand, &["Y"], "copy JSON", "commands given: copy the command as a line of --commands"),
];
/// The columns of who gave a command.
const BY: usize = 11;

/// Every command with its answer: accepted, or refused and why.
pub struct CommandsGiven;

impl Component for CommandsGiven {
    fn about(&self) -> About {
        About::list(Pane::Commands, "Commands", KEYS)
    }

    fn info(&self, model: &Model, _columns: usize) -> String {
        match model.commands_given() {
            1 => String::from("1 given"),
            n => format!("{} given", text::count(n as u64)),
        }
    }

    fn act(&self, model: &mut Model, action: &Action) {
        let at = self.scroll(model).cursor;
        let Some(given) = model.command_given(at) else {
            return model.note("no command was given yet");
        };
        match action {
            Action::ShowNode => {
                let line = model.command_line(&given);
                model.note(format!("{}: {line}", given.by()));
            }
            Action::CopyCommand => {
                let what = String::from("the command as a line of --commands");
                if let Some(text) = given.json() {
                    model.effect(Effect::Copy { text, what });
                }
            }
            _ => {}
        }
    }

    fn waiting(&self, model: &Model) -> Option<&'static str> {
        (model.commands_given() == 0).then_some("no command was given yet")
    }

    fn rows(&self, model: &Model) -> usize {
        model.commands_given()
    }

    fn row(&self, model: &Model, row: usize, columns: u16) -> Option<Line<'static>> {
        let given = model.command_given(row)?;
        let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
        let (sign, style) = match given.reply {
            Reply::Accepted(_) => (symbols.passed, palette.good),
            Reply::Refused(_) => (symbols.failed, palette.bad),
            Reply::Awaited => (symbols.proposed, palette.dim),
        };
        let time = text::pad(&given.time, 9, false);
        let by = text::fit(given.by(), BY - 1, symbols.ellipsis);
        let room = usize::from(columns).saturating_sub(9 + 2 + BY + 1);
        let line = text::cut(&model.command_line(&given), room, symbols.ellipsis);
        Some(Line::from(vec![
            Span::styled(time, palette.dim),
            Span::styled(format!("{sign} "), style),
            cell(&by, BY, palette.dim),
            Span::raw(line),
        ]))
    }

    fn texts(&self, model: &Model) -> Vec<String> {
        let all = (0..model.commands_given()).filter_map(|row| model.command_given(row));
        all.map(|given| model.command_line(&given)).collect()
    }
}
