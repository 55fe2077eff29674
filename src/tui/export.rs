//! A frame as text and as SVG.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::model::Model;
use super::view::view;

/// Draws a model without a terminal.
fn frame(model: &Model) -> Option<Buffer> {
    let (columns, rows) = model.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).ok()?;
    terminal.draw(|frame| view(model, frame)).ok()?;
    Some(terminal.backend().buffer().clone())
}

/// Writes what a model shows into a folder, as `NAME.txt` and `NAME.svg`; returns the path without
/// an ending.
pub(super) fn write(model: &Model, folder: &Path) -> io::Result<PathBuf> {
    let buffer = frame(model).ok_or_else(|| io::Error::other("nothing can be drawn"))?;
    let folder = folder.join("screens");
    std::fs::create_dir_all(&folder)?;
    let name = model.view.name().to_lowercase();
    let free = |n: &u32| !folder.join(format!("{name}-{n}.svg")).exists();
    let number = (1..u32::MAX).find(free).unwrap_or(u32::MAX);
    let path = folder.join(format!("{name}-{number}"));
    std::fs::write(path.with_extension("txt"), as_text(&buffer))?;
    std::fs::write(path.with_extension("svg"), as_svg(&buffer))?;
    Ok(path)
}

/// A frame as lines of text.
pub fn as_text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for row in rows(buffer) {
        let line: String = row.iter().map(Cell::symbol).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn rows(buffer: &Buffer) -> std::slice::Chunks<'_, Cell> {
    buffer.content.chunks(usize::from(buffer.area.width).max(1))
}

const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 17.0;
const MARGIN: f64 = 8.0;
const GROUND: &str = "#101418";
const TEXT: &str = "#d0d0d0";

/// A frame as a picture.
pub fn as_svg(buffer: &Buffer) -> String {
    let (width, height) = (buffer.area.width, buffer.area.height);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0}\" height=\"{:.0}\" \
         font-family=\"ui-monospace,DejaVu Sans Mono,Menlo,monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{GROUND}\"/>\n",
        f64::from(width) * WIDTH + 2.0 * MARGIN,
        f64::from(height) * HEIGHT + 2.0 * MARGIN
    );
    for (y, row) in rows(buffer).enumerate() {
        let mut from = 0;
        while from < row.len() {
            let alike = |cell: &&Cell| cell.style() == row[from].style();
            let length = row[from..].iter().take_while(alike).count().max(1);
            run(&mut svg, &row[from..from + length], from, y);
            from += length;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Cells of one style.
fn run(svg: &mut String, cells: &[Cell], column: usize, row: usize) {
    let Some(first) = cells.first() else { return };
    let mut fore = colour(first.fg).unwrap_or_else(|| TEXT.to_owned());
    let mut back = colour(first.bg);
    if first.modifier.contains(Modifier::REVERSED) {
        let ground = back.unwrap_or_else(|| GROUND.to_owned());
        back = Some(std::mem::replace(&mut fore, ground));
    }
    let (x, y) = (MARGIN + column as f64 * WIDTH, MARGIN + row as f64 * HEIGHT);
    let length = cells.len() as f64 * WIDTH;
    if let Some(back) = back {
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.0}\" width=\"{length:.1}\" height=\"{HEIGHT}\" fill=\"{back}\"/>"
        );
    }
    let text: String = cells.iter().map(Cell::symbol).collect();
    if text.trim().is_empty() {
        return;
    }
    let attributes = [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::DIM, " opacity=\"0.6\""),
        (Modifier::CROSSED_OUT, " text-decoration=\"line-through\""),
    ];
    let has = attributes
        .iter()
        .filter(|(modifier, _)| first.modifier.contains(*modifier));
    let look: String = has.map(|(_, attribute)| *attribute).collect();
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.0}\" fill=\"{fore}\"{look} xml:space=\"preserve\" textLength=\"{length:.1}\">{escaped}</text>",
        y + 13.0
    );
}

/// The sixteen colours as most terminals have them.
const BASIC: [(Color, &str); 16] = [
    (Color::Black, "#1c1c1c"),
    (Color::Red, "#d75f5f"),
    (Color::Green, "#87af5f"),
    (Color::Yellow, "#d7af5f"),
    (Color::Blue, "#5f87d7"),
    (Color::Magenta, "#af87d7"),
    (Color::Cyan, "#5fafaf"),
    (Color::Gray, "#bcbcbc"),
    (Color::DarkGray, "#6c6c6c"),
    (Color::LightRed, "#ff8787"),
    (Color::LightGreen, "#afd787"),
    (Color::LightYellow, "#ffd787"),
    (Color::LightBlue, "#87afff"),
    (Color::LightMagenta, "#d7afff"),
    (Color::LightCyan, "#87d7d7"),
    (Color::White, "#eeeeee"),
];

/// A colour as in a picture; none for the ground's own.
fn colour(colour: Color) -> Option<String> {
    match colour {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
        Color::Indexed(i @ 0..=15) => Some(BASIC[usize::from(i)].1.to_owned()),
        Color::Indexed(i @ 16..=231) => {
            const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
            let i = usize::from(i - 16);
            let (r, g, b) = (STEPS[i / 36], STEPS[i / 6 % 6], STEPS[i % 6]);
            Some(format!("#{r:02x}{g:02x}{b:02x}"))
        }
        Color::Indexed(i) => {
            let grey = 8 + 10 * (i - 232);
            Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
        named => {
            let basic = BASIC.iter().find(|(colour, _)| *colour == named);
            basic.map(|(_, text)| (*text).to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn a_frame_becomes_text_and_a_picture() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 2));
        buffer.set_string(0, 0, "a<b", Style::new().fg(Color::Red));
        let strong = Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED);
        buffer.set_string(2, 1, "ok", strong);
        assert_eq!(as_text(&buffer), "a<b\n  ok\n");
        let picture = as_svg(&buffer);
        assert!(picture.contains("fill=\"#d75f5f\"") && picture.contains(">a&lt;b</text>"));
        assert!(picture.contains("font-weight=\"bold\"") && picture.contains(">ok</text>"));
        assert_eq!(
            picture.matches("<rect").count(),
            2,
            "the ground and what is reversed"
        );
        assert_eq!(colour(Color::Indexed(231)).as_deref(), Some("#ffffff"));
        assert_eq!(colour(Color::Indexed(255)).as_deref(), Some("#eeeeee"));
    }
}
