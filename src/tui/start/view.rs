//! Draws the start screen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::{Form, StartModel};
use crate::tui::layout::MIN_SIZE;
use crate::tui::text;
use crate::tui::view::{ground, hints_line};
use crate::tui::widgets::{FIELD_NAME, cell, field_line, line_area, row};

/// Rows above the lists.
const TOP: u16 = 3;

/// A line of the lists: a heading, or the entry of that number.
enum Entry {
    Blank,
    Heading(&'static str),
    Item(usize),
}

fn entries(model: &StartModel) -> Vec<Entry> {
    let mut all = Vec::new();
    let runs = model.runs.len();
    if runs > 0 {
        all.push(Entry::Heading("Continue a run"));
        all.extend((0..runs).map(Entry::Item));
        all.push(Entry::Blank);
    }
    all.push(Entry::Heading("Start a search"));
    all.extend((runs..runs + model.profiles.len()).map(Entry::Item));
    all
}

/// The first line shown, so that the chosen one is in the window.
fn offset(model: &StartModel, height: usize) -> usize {
    let is_chosen = |e: &Entry| matches!(e, Entry::Item(i) if *i == model.scroll.cursor);
    let at = entries(model).iter().position(is_chosen).unwrap_or(0);
    (at + 1).saturating_sub(height)
}

fn list_height(model: &StartModel) -> u16 {
    model.blank.size.1.saturating_sub(TOP + 3)
}

/// The entry in a row of the screen.
pub fn entry_at(model: &StartModel, line: u16) -> Option<usize> {
    let height = list_height(model);
    let line = line.checked_sub(TOP).filter(|l| *l < height)?;
    let at = offset(model, usize::from(height)) + usize::from(line);
    match entries(model).get(at) {
        Some(Entry::Item(item)) => Some(*item),
        _ => None,
    }
}

/// Draws everything.
pub fn view(model: &StartModel, frame: &mut Frame) {
    let area = frame.area();
    let blank = &model.blank;
    let palette = &blank.theme.palette;
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        crate::tui::view::view(blank, frame);
        return;
    }
    let inside = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    let title = Line::from(vec![
        Span::styled("aq4svit", palette.title_focused),
        Span::styled(
            "  the smallest bit-width of every layer of a Spiking Vision Transformer",
            palette.dim,
        ),
    ]);
    frame.render_widget(title, line_area(inside, 0));
    match &model.form {
        Some(form) => draw_form(model, frame, inside, form),
        None => draw_lists(model, frame, inside),
    }
    let footer = Rect {
        y: area.bottom() - 1,
        height: 1,
        ..area
    };
    frame.render_widget(
        hints_line(blank, model.scope(), usize::from(area.width)),
        footer,
    );
    ground(blank, frame);
}

fn draw_lists(model: &StartModel, frame: &mut Frame, inside: Rect) {
    let blank = &model.blank;
    let palette = &blank.theme.palette;
    let height = list_height(model);
    let list = Rect {
        y: inside.y + TOP,
        height,
        ..inside
    };
    let first = offset(model, usize::from(height));
    let columns = usize::from(list.width).saturating_sub(1);
    let shown = entries(model)
        .into_iter()
        .skip(first)
        .take(usize::from(height));
    for (i, entry) in shown.enumerate() {
        let at = line_area(list, i);
        let item = match entry {
            Entry::Blank => continue,
            Entry::Heading(text) => {
                frame.render_widget(Line::styled(text, palette.strong), at);
                continue;
            }
            Entry::Item(item) => item,
        };
        let (name, about) = match model.runs.get(item) {
            Some(run) => (&run.id, format!("{:<11} {}", run.condition, run.result)),
            None => match model.profiles.get(item - model.runs.len()) {
                Some(profile) => (&profile.name, profile.about.clone()),
                None => continue,
            },
        };
        let names = (columns / 2).min(44);
        let ellipsis = blank.theme.symbols.ellipsis;
        let name = text::fit(name, names.saturating_sub(2), ellipsis);
        let about = text::cut(&about, columns.saturating_sub(names), ellipsis);
        let line = Line::from(vec![
            cell(&format!(" {name}"), names, palette.text),
            Span::styled(about, palette.dim),
        ]);
        row(blank, frame, at, line, item == model.scroll.cursor, true);
    }
    let below = entries(model)
        .len()
        .saturating_sub(first + usize::from(height));
    if below > 0 && model.error.is_none() {
        let more = format!("   {below} more below");
        frame.render_widget(
            Line::styled(more, palette.dim),
            line_area(list, usize::from(height)),
        );
    }
    error(model, frame, inside, model.error.as_deref());
}

fn draw_form(model: &StartModel, frame: &mut Frame, inside: Rect, form: &Form) {
    let blank = &model.blank;
    let palette = &blank.theme.palette;
    let heading = format!("Start a search with profile {}", form.profile);
    frame.render_widget(Line::styled(heading, palette.strong), line_area(inside, 2));
    let columns = usize::from(inside.width).saturating_sub(FIELD_NAME);
    for (i, field) in form.fields.all.iter().enumerate() {
        let line = field_line(blank, field, i == form.fields.at, columns);
        frame.render_widget(line, line_area(inside, usize::from(TOP) + 1 + i));
    }
    let below = usize::from(TOP) + 2 + form.fields.all.len();
    let help = text::wrap(&form.help(), usize::from(inside.width));
    let help: Text = help.into_iter().map(Line::from).collect();
    frame.render_widget(
        help.style(palette.dim),
        crate::tui::widgets::below(inside, below as u16),
    );
    error(model, frame, inside, form.error.as_deref());
}

/// What is wrong, in the lines above the keys.
fn error(model: &StartModel, frame: &mut Frame, inside: Rect, error: Option<&str>) {
    let Some(error) = error else { return };
    let palette = &model.blank.theme.palette;
    let lines = text::wrap(&format!("! {error}"), usize::from(inside.width));
    let most = 4.min(lines.len());
    for (i, line) in lines.into_iter().take(most).enumerate() {
        let y = inside.bottom().saturating_sub(1 + (most - i) as u16);
        let at = Rect {
            y,
            height: 1,
            ..inside
        };
        frame.render_widget(ratatui::widgets::Clear, at);
        frame.render_widget(Line::styled(line, palette.bad), at);
    }
}
