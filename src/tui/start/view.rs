//! Draws the start screen.

use ratatui::Frame;
use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span, Text};

use super::{Form, StartModel};
use crate::tui::layout::MIN_SIZE;
use crate::tui::text;
use crate::tui::view::{ground, hints_line};
use crate::tui::widgets::{FIELD_NAME, below, cell, field_line, line_area, row};

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

/// The part of the screen with the lists, and the first line shown, so that the chosen one is in
/// it.
fn window(model: &StartModel) -> (u16, usize) {
    let height = model.blank.size.1.saturating_sub(TOP + 3);
    let is_chosen = |e: &Entry| matches!(e, Entry::Item(i) if *i == model.scroll.cursor);
    let at = entries(model).iter().position(is_chosen).unwrap_or(0);
    (height, (at + 1).saturating_sub(usize::from(height)))
}

/// The entry in a row of the screen.
pub fn entry_at(model: &StartModel, line: u16) -> Option<usize> {
    let (height, first) = window(model);
    let line = line.checked_sub(TOP).filter(|l| *l < height)?;
    match entries(model).get(first + usize::from(line)) {
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
    let inside = area.inner(Margin::new(1, 0));
    let about = "  the smallest bit-width of every layer of a Spiking Vision Transformer";
    let title = Line::from(vec![
        Span::styled("aq4svit", palette.title_focused),
        Span::styled(about, palette.dim),
    ]);
    frame.render_widget(title, line_area(inside, 0));
    match &model.form {
        Some(form) => draw_form(model, frame, inside, form),
        None => draw_lists(model, frame, inside),
    }
    let hints = hints_line(blank, model.scope(), usize::from(area.width));
    frame.render_widget(hints, below(area, area.height - 1));
    ground(blank, frame);
}

fn draw_lists(model: &StartModel, frame: &mut Frame, inside: Rect) {
    let blank = &model.blank;
    let palette = &blank.theme.palette;
    let (height, first) = window(model);
    let list = below(inside, TOP);
    let columns = usize::from(list.width).saturating_sub(1);
    let names = (columns / 2).min(44);
    let ellipsis = blank.theme.symbols.ellipsis;
    let all = entries(model);
    let hidden = all.len().saturating_sub(first + usize::from(height));
    let shown = all.into_iter().skip(first).take(usize::from(height));
    for (entry, at) in shown.zip(list.rows()) {
        let item = match entry {
            Entry::Blank => continue,
            Entry::Heading(text) => {
                frame.render_widget(Line::styled(text, palette.strong), at);
                continue;
            }
            Entry::Item(item) => item,
        };
        let run = model.runs.get(item).map(|run| {
            let about = format!("{:<11} {}", run.condition, run.result);
            (run.id.as_str(), about)
        });
        let profile = || {
            let profile = model.profiles.get(item - model.runs.len())?;
            Some((profile.name.as_str(), profile.about.clone()))
        };
        let Some((name, about)) = run.or_else(profile) else {
            continue;
        };
        let name = text::fit(name, names.saturating_sub(2), ellipsis);
        let about = text::cut(&about, columns.saturating_sub(names), ellipsis);
        let line = Line::from(vec![
            cell(&format!(" {name}"), names, palette.text),
            Span::styled(about, palette.dim),
        ]);
        row(blank, frame, at, line, item == model.scroll.cursor, true);
    }
    if hidden > 0 && model.error.is_none() {
        let more = Line::styled(format!("   {hidden} more below"), palette.dim);
        frame.render_widget(more, line_area(list, usize::from(height)));
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
    let rows = TOP + form.fields.all.len() as u16;
    let help = text::wrap(&form.help(), usize::from(inside.width));
    let help: Text = help.into_iter().map(Line::from).collect();
    frame.render_widget(help.style(palette.dim), below(inside, rows + 2));
    error(model, frame, inside, form.error.as_deref());
}

/// What is wrong, in the lines above the keys.
fn error(model: &StartModel, frame: &mut Frame, inside: Rect, error: Option<&str>) {
    let Some(error) = error else { return };
    let palette = &model.blank.theme.palette;
    let lines = text::wrap(&format!("! {error}"), usize::from(inside.width));
    let lines: Text = lines.into_iter().take(4).map(Line::from).collect();
    let height = lines.height() as u16;
    let y = inside.bottom().saturating_sub(1 + height);
    let area = Rect {
        y,
        height,
        ..inside
    };
    frame.render_widget(ratatui::widgets::Clear, area);
    frame.render_widget(lines.style(palette.bad), area);
}
