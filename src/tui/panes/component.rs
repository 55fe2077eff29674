//! The trait of a pane, and what most panes have in common.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};

use crate::tui::action::Action;
use crate::tui::keys::{Binding, Scope};
use crate::tui::model::{Model, Scroll};
use crate::tui::views::Pane;
use crate::tui::widgets::{self, line_area};

/// The inside of a pane's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// The lines that stay in place.
    pub fixed: Rect,
    /// The rows below them.
    pub list: Rect,
    /// True when the pane, or a plot that shares its rows, takes the keys.
    pub focused: bool,
}

/// What a pane is.
pub struct About {
    /// The identity.
    pub id: Pane,
    /// The title in the frame.
    pub title: &'static str,
    /// The keys of its own, all in one scope.
    pub keys: &'static [Binding],
    /// The pane whose rows and keys it has: itself, or for a plot the list beside it.
    pub list: Pane,
}

impl About {
    /// A list with keys of its own.
    pub const fn list(id: Pane, title: &'static str, keys: &'static [Binding]) -> Self {
        let list = id;
        About {
            id,
            title,
            keys,
            list,
        }
    }

    /// A text.
    pub const fn text(id: Pane, title: &'static str) -> Self {
        About::list(id, title, &[])
    }

    /// A plot beside a list.
    pub const fn plot(id: Pane, title: &'static str, list: Pane) -> Self {
        let keys = &[];
        About {
            id,
            title,
            keys,
            list,
        }
    }

    /// The scope in which keys are looked up while it has the focus.
    pub fn scope(&self) -> Scope {
        self.keys.first().map_or(Scope::Main, |key| key.scope)
    }
}

/// A pane: its title, its rows, its keys and how it is drawn.
///
/// By default a pane is a text: [`lines`](Component::lines) makes its lines for a width, and they
/// are scrolled through. A list says how many [`rows`](Component::rows) it has and what each
/// [`row`](Component::row) looks like. A plot takes all lines as [`fixed`](Component::fixed), draws
/// itself, and shares the rows and keys of a list beside it.
pub trait Component: Sync {
    /// What the pane is.
    fn about(&self) -> About;

    /// What the frame says at its right, in at most `columns` columns or cut to them.
    fn info(&self, _model: &Model, _columns: usize) -> String {
        String::new()
    }

    /// What the lower line of its frame says.
    fn footnote(&self, _model: &Model, _columns: u16) -> Option<Line<'static>> {
        None
    }

    /// Does what one of its keys means.
    fn act(&self, _model: &mut Model, _action: &Action) {}

    /// The number of lines that stay in place, of `height` lines.
    fn fixed(&self, _model: &Model, height: u16) -> u16 {
        let about = self.about();
        if about.list == about.id { 0 } else { height }
    }

    /// The lines that stay in place.
    fn heading(&self, _model: &Model, _columns: u16, _height: u16) -> Vec<Line<'static>> {
        Vec::new()
    }

    /// The text in place of rows while there are none.
    fn waiting(&self, _model: &Model) -> Option<&'static str> {
        None
    }

    /// The lines of a pane of text.
    fn lines(&self, _model: &Model, _columns: u16) -> Vec<Line<'static>> {
        Vec::new()
    }

    /// The number of rows.
    fn rows(&self, model: &Model) -> usize {
        model.page(self.about().id).lines.len()
    }

    /// A row.
    fn row(&self, model: &Model, row: usize, _columns: u16) -> Option<Line<'static>> {
        model.page(self.about().id).lines.get(row).cloned()
    }

    /// The rows as text, for finding.
    fn texts(&self, model: &Model) -> Vec<String> {
        let lines = &model.page(self.about().id).lines;
        lines.iter().map(ToString::to_string).collect()
    }

    /// The cursor and the window.
    fn scroll(&self, model: &Model) -> Scroll {
        model.page(self.about().id).scroll
    }

    /// The cursor and the window, to be changed.
    fn scroll_mut<'m>(&self, model: &'m mut Model) -> &'m mut Scroll {
        &mut model.page_mut(self.about().id).scroll
    }

    /// Puts the cursor on a row.
    fn select(&self, model: &mut Model, row: usize) {
        self.scroll_mut(model).cursor = row;
    }

    /// Moves the cursor, stopping at both ends.
    fn step(&self, model: &mut Model, by: isize) {
        let mut scroll = self.scroll(model);
        scroll.step(by, self.rows(model));
        self.select(model, scroll.cursor);
    }

    /// True when a row is marked as selected.
    fn is_selected(&self, model: &Model, row: usize) -> bool {
        model.focus == self.about().id && row == self.scroll(model).cursor
    }

    /// The rows that are shown in `height` lines.
    fn window(&self, model: &Model, height: usize) -> Vec<usize> {
        let rows = self.rows(model);
        self.scroll(model).window(rows, height).collect()
    }

    /// Makes rows, cursor and window agree with what is known; `list` is where the rows are shown,
    /// if they are.
    fn settle(&self, model: &mut Model, list: Option<Rect>) {
        if let Some(list) = list {
            let lines = self.lines(model, list.width.saturating_sub(1));
            model.page_mut(self.about().id).lines = lines;
        }
        self.settle_scroll(model, list);
    }

    /// Makes cursor and window fit the rows.
    fn settle_scroll(&self, model: &mut Model, list: Option<Rect>) {
        let rows = self.rows(model);
        let height = list.map_or(1, |list| usize::from(list.height));
        self.scroll_mut(model).settle(rows, height);
    }

    /// Draws the inside of the frame.
    fn draw(&self, model: &Model, frame: &mut Frame, area: Area) {
        let fixed = area.fixed;
        let heading = self.heading(model, fixed.width, fixed.height);
        frame.render_widget(Text::from(heading), fixed);
        if let Some(text) = self.waiting(model) {
            let line = Line::styled(text, model.theme.palette.dim);
            frame.render_widget(line, line_area(area.list, 0));
            return;
        }
        // A selected line of text is set off only: reversed it would be hard to read.
        let reversed = area.focused && model.page(self.about().id).lines.is_empty();
        let rows = self.window(model, usize::from(area.list.height));
        for (i, row) in rows.into_iter().enumerate() {
            if let Some(line) = self.row(model, row, area.list.width) {
                let selected = self.is_selected(model, row);
                let at = line_area(area.list, i);
                widgets::row(model, frame, at, line, selected, reversed);
            }
        }
    }
}
