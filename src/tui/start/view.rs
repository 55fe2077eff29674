//! Draws the start screen: the list, the preview of what is chosen, the form, dialogs.

use ratatui::Frame;
use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders, Clear};

use super::entry::Item;
use super::list::Row;
use super::{Dialog, Form, StartModel, Subject, preview};
use crate::tui::Action;
use crate::tui::keymap::{Hint, Scope};
use crate::tui::layout::MIN_SIZE;
use crate::tui::text;
use crate::tui::view::{borders, ground, hint_lines, hints_line, window};
use crate::tui::widgets::{FIELD_NAME, below, cell, field_line, input_line, line_area, row};

/// Rows above the list.
const TOP: u16 = 2;
/// From so many columns on the preview stands beside the list, else below it from so many rows on.
const BESIDE: u16 = 100;
const BELOW: u16 = 22;
/// Rows of the preview below the list.
const PREVIEW: u16 = 8;

/// The places of list and preview.
fn areas(model: &StartModel) -> (Rect, Option<Rect>) {
    let (columns, rows) = model.blank.size;
    let body = Rect::new(
        1,
        TOP,
        columns.saturating_sub(2),
        rows.saturating_sub(TOP + 2),
    );
    if columns >= BESIDE {
        let left = Rect {
            width: body.width * 11 / 20,
            ..body
        };
        let right = Rect {
            x: left.right() + 1,
            width: body.width.saturating_sub(left.width + 1),
            ..body
        };
        (left, Some(right))
    } else if rows >= BELOW {
        let upper = Rect {
            height: body.height.saturating_sub(PREVIEW),
            ..body
        };
        (upper, Some(below(body, upper.height)))
    } else {
        (body, None)
    }
}

/// The first line shown, so that the chosen one is in it, its heading too where there is room.
fn first(model: &StartModel, height: usize) -> usize {
    let rows = model.rows();
    let is_item = |row: &&Row| matches!(row, Row::Item(_));
    let mut items = rows.iter().enumerate().filter(|(_, row)| is_item(row));
    let at = items.nth(model.scroll.cursor).map_or(0, |(at, _)| at);
    (at + 1).saturating_sub(height)
}

/// The rows of a page.
pub fn page(model: &StartModel) -> isize {
    (areas(model).0.height as isize - 1).max(1)
}

/// The item at a column and row of the screen.
pub fn item_at(model: &StartModel, column: u16, line: u16) -> Option<usize> {
    let (list, _) = areas(model);
    if !(list.y..list.bottom()).contains(&line) || column >= list.right() {
        return None;
    }
    let at = first(model, usize::from(list.height)) + usize::from(line - list.y);
    let rows = model.rows();
    let is_item = |row: &&Row| matches!(row, Row::Item(_));
    rows.get(at).filter(is_item)?;
    Some(rows.iter().take(at).filter(is_item).count())
}

/// Draws everything.
pub fn view(model: &StartModel, frame: &mut Frame) {
    let area = frame.area();
    let blank = &model.blank;
    let palette = &blank.theme.palette;
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        too_small(model, frame);
        return;
    }
    let inside = area.inner(Margin::new(1, 0));
    let about = "  the smallest bit-width of every layer of a Spiking Vision Transformer";
    let title = Line::from(vec![
        Span::styled("aq4svit", palette.title_focused),
        Span::styled(about, palette.dim),
    ]);
    frame.render_widget(title, line_area(inside, 0));
    // Between a resize and its event the frame has another size than the model.
    if (area.width, area.height) != blank.size {
        return;
    }
    match &model.form {
        Some(form) => draw_form(model, frame, inside, form),
        None => draw_list(model, frame, inside),
    }
    keys(model, frame, below(area, area.height - 1));
    dialog(model, frame);
    ground(blank, frame);
}

/// The line of keys: starting and leaving first; help and quit keep their place at the right.
fn keys(model: &StartModel, frame: &mut Frame, line: Rect) {
    let blank = &model.blank;
    let columns = usize::from(line.width);
    if let Some(Dialog::Filter(text)) = &model.dialog {
        frame.render_widget(input_line(blank, "/", text, columns), line);
        return;
    }
    let mut hints = blank.keymap.hints(model.scope());
    for hint in hints
        .iter_mut()
        .filter(|h| model.form.is_some() && h.action == Action::Submit)
    {
        hint.text = "start";
    }
    hints.sort_by_key(|h| !matches!(h.action, Action::Submit | Action::Cancel));
    let (right, left): (Vec<_>, Vec<_>) = hints
        .into_iter()
        .partition(|h| matches!(h.action, Action::Help | Action::Quit));
    let first = |hints: &[Hint], columns: usize| {
        let mut lines = hint_lines(blank, hints, columns).into_iter();
        lines.next().unwrap_or_default()
    };
    let right = first(&right, columns).right_aligned();
    let room = columns.saturating_sub(right.width());
    frame.render_widget(first(&left, room), line);
    frame.render_widget(right, line);
}

fn too_small(model: &StartModel, frame: &mut Frame) {
    let area = frame.area();
    let (columns, rows) = MIN_SIZE;
    let (width, height) = (area.width, area.height);
    let text =
        format!("aq4svit\nplease enlarge it:\n{width}x{height} of {columns}x{rows}\nq quits");
    let lines = text::wrap(&text, usize::from(width))
        .into_iter()
        .map(Line::from);
    frame.render_widget(Text::from_iter(lines), area);
    ground(&model.blank, frame);
}

fn draw_list(model: &StartModel, frame: &mut Frame, inside: Rect) {
    let blank = &model.blank;
    let palette = &blank.theme.palette;
    let (list, preview) = areas(model);
    let height = usize::from(list.height);
    let first = first(model, height);
    let rows = model.rows();
    let before = rows
        .iter()
        .take(first)
        .filter(|r| matches!(r, Row::Item(_)));
    let mut item = before.count();
    let hidden = rows.len().saturating_sub(first + height);
    for (entry, at) in rows.into_iter().skip(first).zip(list.rows()) {
        match entry {
            Row::Blank => {}
            Row::Heading(text) => frame.render_widget(Line::styled(text, palette.strong), at),
            Row::Item(what) => {
                let line = item_line(model, what, usize::from(at.width));
                row(blank, frame, at, line, item == model.scroll.cursor, true);
                item += 1;
            }
        }
    }
    if hidden > 0 {
        let more = Span::styled(format!(" {hidden} more below "), palette.dim);
        frame.render_widget(more, line_area(list, height));
    }
    if let Some(area) = preview {
        let sides = match area.x > list.x {
            true => Borders::LEFT,
            false => Borders::TOP,
        };
        let block = Block::new()
            .borders(sides)
            .border_set(borders(blank, false));
        let block = block.border_style(palette.border);
        let within = block.inner(area);
        frame.render_widget(block, area);
        let gap = u16::from(sides == Borders::LEFT);
        preview::draw(
            model,
            frame,
            Rect {
                x: within.x + gap,
                width: within.width.saturating_sub(gap),
                ..within
            },
        );
    }
    if !model.filter.is_empty() {
        let filter = format!("filter: {}", model.filter);
        let at = line_area(inside, usize::from(TOP) - 1);
        frame.render_widget(Span::styled(filter, palette.warn), at);
    }
    error(model, frame, inside, model.error.as_deref());
}

fn item_line(model: &StartModel, item: Item, columns: usize) -> Line<'static> {
    let blank = &model.blank;
    let (palette, symbols) = (&blank.theme.palette, &blank.theme.symbols);
    let names = (columns / 3).clamp(18, 36);
    let named = |name: &str, rest: Vec<Span<'static>>| {
        // Ids begin with the time, by which runs of one profile are told apart.
        let name = text::cut(name, names.saturating_sub(2), symbols.ellipsis);
        let mut line = vec![cell(&format!(" {name}"), names, palette.text)];
        line.extend(rest);
        crate::tui::widgets::cut_line(
            Line::from(line),
            columns.saturating_sub(1),
            symbols.ellipsis,
        )
    };
    match item {
        Item::Run(at) => model.runs.get(at).map_or_else(Line::default, |run| {
            let style = match run.condition.as_str() {
                "running" => palette.busy,
                "finished" => palette.good,
                "unfinished" => palette.warn,
                _ => palette.bad,
            };
            named(
                &run.id,
                vec![
                    cell(&run.condition, 11, style),
                    Span::raw(run.result.clone()),
                    Span::styled(format!("  {}", run.when), palette.dim),
                ],
            )
        }),
        Item::Profile(at) => model
            .profiles
            .get(at)
            .map_or_else(Line::default, |profile| {
                named(
                    &profile.name,
                    vec![Span::styled(profile.about.clone(), palette.dim)],
                )
            }),
        Item::Missing => {
            let sign = match model.shows_missing() {
                true => symbols.fold_open,
                false => symbols.fold_closed,
            };
            let text = format!(
                "{sign} {} more need weights or images first",
                model.missing()
            );
            Line::styled(text, palette.strong)
        }
    }
}

fn draw_form(model: &StartModel, frame: &mut Frame, inside: Rect, form: &Form) {
    let blank = &model.blank;
    let palette = &blank.theme.palette;
    let heading = format!("Start a search with profile {}", form.profile);
    let heading = text::fit(
        &heading,
        usize::from(inside.width),
        blank.theme.symbols.ellipsis,
    );
    frame.render_widget(Line::styled(heading, palette.strong), line_area(inside, 1));
    let columns = usize::from(inside.width).saturating_sub(FIELD_NAME + 1);
    let shown: Vec<usize> = form.shown().collect();
    let room = usize::from(inside.height).saturating_sub(8).max(3);
    let active = shown.iter().position(|i| *i == form.fields.at).unwrap_or(0);
    let first = (active + 1).saturating_sub(room);
    let mut rows = TOP;
    for i in shown.into_iter().skip(first).take(room) {
        if let Some(field) = form.fields.all.get(i) {
            let mut line = field_line(blank, field, i == form.fields.at, columns);
            // The field that is wrong is seen wherever the cursor is.
            if form.wrong.as_ref().is_some_and(|w| w.field == Some(i)) {
                line.spans.insert(0, Span::styled("!", palette.bad));
            } else {
                line.spans.insert(0, Span::raw(" "));
            }
            frame.render_widget(line, line_area(inside, usize::from(rows)));
            rows += 1;
        }
    }
    let width = usize::from(inside.width);
    let mut help: Vec<Line<'static>> = Vec::new();
    for (text, chosen) in form.help() {
        let style = if chosen { palette.strong } else { palette.dim };
        help.extend(
            text::wrap(&text, width)
                .into_iter()
                .map(|l| Line::styled(l, style)),
        );
    }
    // Not over the line of keys.
    let under = below(inside, rows + 1);
    let height = under.height.saturating_sub(1);
    frame.render_widget(Text::from(help), Rect { height, ..under });
    let wrong = form.wrong.as_ref().map(|wrong| wrong.why.as_str());
    error(model, frame, inside, wrong);
}

/// What is wrong, in the lines above the keys.
fn error(model: &StartModel, frame: &mut Frame, inside: Rect, error: Option<&str>) {
    let Some(error) = error else { return };
    let palette = &model.blank.theme.palette;
    let lines = text::wrap(&format!("! {error}"), usize::from(inside.width));
    let lines: Text = lines.into_iter().take(6).map(Line::from).collect();
    let height = lines.height() as u16;
    let y = inside.bottom().saturating_sub(1 + height);
    let area = Rect {
        y,
        height,
        ..inside
    };
    frame.render_widget(Clear, area);
    frame.render_widget(lines.style(palette.bad), area);
}

/// A box over the list.
fn dialog(model: &StartModel, frame: &mut Frame) {
    let palette = &model.blank.theme.palette;
    let (title, lines) = match &model.dialog {
        None | Some(Dialog::Filter(_)) => return,
        Some(Dialog::Help) => ("Keys", help(model)),
        Some(Dialog::Delete(what)) => {
            let what = match what {
                Subject::Run(folder) => format!(
                    "Delete the run {} with its journal, profiles and reports? That cannot be undone.",
                    folder.display()
                ),
                Subject::Profile(name) => {
                    format!("Delete the saved profile {name}? That cannot be undone.")
                }
            };
            let mut lines: Vec<Line<'static>> =
                text::wrap(&what, 70).into_iter().map(Line::from).collect();
            lines.push(Line::default());
            lines.push(hints_line(&model.blank, Scope::Confirm, 70));
            ("Delete", lines)
        }
        Some(Dialog::Rename { name, error, .. }) => {
            let mut lines = vec![input_line(&model.blank, "name  ", name, 70)];
            let wrong = error.iter().flat_map(|e| text::wrap(&format!("! {e}"), 70));
            lines.extend(wrong.map(|line| Line::styled(line, palette.bad)));
            lines.push(Line::default());
            lines.push(hints_line(&model.blank, Scope::Prompt, 70));
            ("Rename", lines)
        }
    };
    let style = palette.border_focused;
    let within = window(
        &model.blank,
        frame,
        title,
        (76, lines.len() as u16 + 2),
        style,
    );
    frame.render_widget(Text::from(lines), within);
}

fn help(model: &StartModel) -> Vec<Line<'static>> {
    let palette = &model.blank.theme.palette;
    let bound = model.blank.keymap.available(Scope::Start);
    let own = bound.filter(|b| b.binding.scope == Scope::Start && !b.keys.is_empty());
    own.map(|b| {
        Line::from(vec![
            cell(&b.keys.join(" "), 16, palette.key),
            Span::raw(b.binding.help),
        ])
    })
    .collect()
}
