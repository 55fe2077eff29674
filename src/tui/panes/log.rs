//! The log.

use ratatui::text::{Line, Span};

use super::component::{About, Component};
use crate::text::Importance;
use crate::tui::action::Action;
use crate::tui::keys::{Binding, Scope, bind};
use crate::tui::model::{Model, Pane, Scroll};
use crate::tui::text;
use crate::tui::theme::Symbols;

const SCOPE: Scope = Scope::Pane("log");
#[rustfmt::skip]
const KEYS: &[Binding] = &[
    bind(SCOPE, super::LISTS, Action::ShowNode, &["enter", "space"], "in full", "log: the whole line as a message"),
    bind(SCOPE, super::LISTS, Action::Filter, &["F"], "filter", "log: all events, or only decisions, milestones or problems"),
];

/// The latest events in words.
pub struct Log;

impl Component for Log {
    fn about(&self) -> About {
        About::list(Pane::Log, "Log", KEYS)
    }

    fn info(&self, model: &Model, _columns: usize) -> String {
        model.log.level().to_owned()
    }

    fn act(&self, model: &mut Model, action: &Action) {
        match action {
            Action::Filter => model.log.next_level(),
            Action::ShowNode => {
                let text = model
                    .log
                    .get(model.log.scroll.cursor)
                    .map(|line| line.text.clone());
                if let Some(text) = text {
                    model.note(text);
                }
            }
            _ => {}
        }
    }

    fn rows(&self, model: &Model) -> usize {
        model.log.len()
    }

    fn row(&self, model: &Model, row: usize, columns: u16) -> Option<Line<'static>> {
        let entry = model.log.get(row)?;
        let palette = &model.theme.palette;
        let (sign, style) = match entry.importance {
            Importance::Detail => ("", palette.dim),
            Importance::Decision => ("", palette.text),
            Importance::Milestone => ("", palette.strong),
            Importance::Problem => ("! ", palette.bad),
        };
        let room = usize::from(columns).saturating_sub(10 + sign.len());
        // Written when it happened: with other symbols, perhaps.
        let text = match model.theme.symbols.ascii {
            true => Symbols::in_ascii(&entry.text),
            false => entry.text.clone(),
        };
        let text = text::cut(&text, room, model.theme.symbols.ellipsis);
        Some(Line::from(vec![
            Span::styled(format!("{} ", entry.time), palette.dim),
            Span::styled(sign, style),
            Span::styled(text, style),
        ]))
    }

    fn texts(&self, model: &Model) -> Vec<String> {
        model.log.iter().map(|line| line.text.clone()).collect()
    }

    fn scroll(&self, model: &Model) -> Scroll {
        model.log.scroll
    }

    fn scroll_mut<'m>(&self, model: &'m mut Model) -> &'m mut Scroll {
        &mut model.log.scroll
    }
}
