//! Lines, rows and cells.

use std::borrow::Cow;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::tui::model::Model;
use crate::tui::text;

/// A horizontal bar of `columns` cells, filled to a share of 0 to 1.
pub fn bar(model: &Model, share: f64, columns: usize, style: Style) -> Vec<Span<'static>> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let share = Some(share).filter(|s| s.is_finite());
    let share = share.map_or(0.0, |s| s.clamp(0.0, 1.0));
    let filled = (share * columns as f64).round() as usize;
    vec![
        Span::styled(symbols.bar.repeat(filled), style),
        Span::styled(symbols.bar_rest.repeat(columns - filled), palette.bar_rest),
    ]
}

/// The columns of a separator.
const GAP: usize = 3;

/// Parts of a sentence in the order of their importance, separated by dots. What does not fit is
/// shortened: the first part is cut with an ellipsis, and an ellipsis stands for parts left out.
pub struct Sentence<'a> {
    model: &'a Model,
    columns: usize,
    spans: Vec<Span<'static>>,
    used: usize,
    full: bool,
}

impl<'a> Sentence<'a> {
    /// A sentence of at most `columns` columns.
    pub fn new(model: &'a Model, columns: u16) -> Self {
        Sentence {
            model,
            columns: usize::from(columns),
            spans: Vec::new(),
            used: 0,
            full: false,
        }
    }
    /// Adds a part, unless it or an earlier one does not fit.
    pub fn add(mut self, part: impl Into<Line<'static>>) -> Self {
        let mut part = part.into();
        if self.full || part.width() == 0 {
            return self;
        }
        if self.used + self.gap() + part.width() > self.columns {
            self.full = true;
            if !self.spans.is_empty() {
                return self.left_out();
            }
            part = cut_line(part, self.columns, self.model.theme.symbols.ellipsis);
        }
        if !self.spans.is_empty() {
            let theme = &self.model.theme;
            let separator = format!(" {} ", theme.symbols.separator);
            self.spans.push(Span::styled(separator, theme.palette.dim));
            self.used += GAP;
        }
        self.used += part.width();
        let style = part.style;
        let spans = part.spans.into_iter();
        let patched = spans.map(|s| Span::styled(s.content, style.patch(s.style)));
        self.spans.extend(patched);
        self
    }
    /// Says that something is left out, where there is room for that.
    fn left_out(mut self) -> Self {
        let theme = &self.model.theme;
        let sign = format!(" {}", theme.symbols.ellipsis);
        if self.used + text::width(&sign) <= self.columns {
            self.used += text::width(&sign);
            self.spans.push(Span::styled(sign, theme.palette.dim));
        }
        self
    }
    /// Adds a part of one style.
    pub fn styled(self, part: impl Into<Cow<'static, str>>, style: Style) -> Self {
        self.add(Line::styled(part, style))
    }
    /// The columns left for another part.
    pub fn room(&self) -> usize {
        self.columns.saturating_sub(self.used + self.gap())
    }

    fn gap(&self) -> usize {
        if self.spans.is_empty() { 0 } else { GAP }
    }

    /// Adds a part where there is one.
    pub fn maybe(self, part: Option<impl Into<Line<'static>>>) -> Self {
        match part {
            Some(part) => self.add(part),
            None => self,
        }
    }
    /// The line.
    pub fn line(self) -> Line<'static> {
        Line::from(self.spans)
    }
}

/// A line in at most `columns` columns, cut at its end with an ellipsis.
pub fn cut_line(line: Line<'static>, columns: usize, ellipsis: &str) -> Line<'static> {
    if line.width() <= columns {
        return line;
    }
    let mut left = columns;
    let mut spans = Vec::new();
    for span in line.spans {
        let width = span.width();
        // The last column is the ellipsis's: more is to come.
        if width < left {
            left -= width;
            spans.push(span);
            continue;
        }
        let cut = text::cut(&format!("{} ", span.content), left, ellipsis);
        spans.push(Span::styled(cut, span.style));
        break;
    }
    Line {
        spans,
        style: line.style,
        alignment: line.alignment,
    }
}

/// A row of a list: the selected one is marked, and reversed where the pane has the focus.
pub fn row(
    model: &Model,
    frame: &mut Frame,
    area: Rect,
    line: Line<'static>,
    selected: bool,
    focused: bool,
) {
    let palette = &model.theme.palette;
    let mark = if selected {
        model.theme.symbols.selected
    } else {
        " "
    };
    let mut spans = vec![Span::styled(mark, palette.busy)];
    spans.extend(line.spans);
    let mut line = Line::from(spans);
    if selected && focused {
        // One style for the whole row: reversed patches of many colours would be hard to read.
        let text: String = line.spans.iter().map(|s| s.content.as_ref()).collect();
        let text = text::pad(&text, usize::from(area.width), false);
        line = Line::styled(text, palette.selected);
    } else if selected {
        line = line.patch_style(palette.selected_unfocused);
    }
    frame.render_widget(line, area);
}

/// The part of an area from a line on.
pub fn below(area: Rect, line: u16) -> Rect {
    let line = line.min(area.height);
    Rect {
        y: area.y + line,
        height: area.height - line,
        ..area
    }
}

/// The line at a position of a list's area.
pub fn line_area(list: Rect, index: usize) -> Rect {
    Rect {
        y: list.y + index as u16,
        height: 1,
        ..list
    }
}

/// A text in a column of fixed width.
pub fn cell(content: &str, columns: usize, style: Style) -> Span<'static> {
    Span::styled(text::pad(content, columns, false), style)
}

/// A number in a column of fixed width.
pub fn number(content: &str, columns: usize, style: Style) -> Span<'static> {
    Span::styled(text::pad(content, columns, true), style)
}

/// A line behind a label of fixed width.
pub fn labelled(
    model: &Model,
    label: &str,
    columns: u16,
    mut content: Line<'static>,
) -> Line<'static> {
    let label = cell(label, usize::from(columns), model.theme.palette.dim);
    content.spans.insert(0, label);
    content
}

/// Lines with a blank before each, where rows have the mark of the selection.
pub fn indented(mut lines: Vec<Line<'static>>) -> Vec<Line<'static>> {
    for line in &mut lines {
        line.spans.insert(0, Span::raw(" "));
    }
    lines
}

/// The symbol of being at work, turning with the clock.
pub fn spinner(model: &Model) -> &'static str {
    let frames = model.theme.symbols.spinner;
    let turn = (model.clock.as_millis() / 125) as usize;
    frames.get(turn % frames.len().max(1)).unwrap_or(&" ")
}
