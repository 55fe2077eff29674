//! Draws a model. Nothing here can change it.

mod footer;
mod frame;
mod header;
mod overlay;
mod toast;
mod welcome;
mod window;

use ratatui::Frame;
use ratatui::style::{Color, Style};

use super::layout::Layout;
use super::model::Model;
use super::panes;

pub use footer::{hint_lines, hints_line};
pub use frame::borders;
pub use window::window;

/// Draws everything.
pub fn view(model: &Model, frame: &mut Frame) {
    let area = frame.area();
    // Between a resize and its event the model remembers another size: what is drawn fits the
    // frame.
    let resized;
    let model = match (area.width, area.height) == model.size {
        true => model,
        false => {
            resized = resized_to(model, (area.width, area.height));
            &resized
        }
    };
    let Some(layout) = Layout::of(model) else {
        return header::smallest(model, frame, area);
    };
    header::draw(model, frame, layout.header);
    header::slider(model, frame, &layout);
    header::tabs(model, frame, &layout);
    for (pane, rect) in &layout.panes {
        frame::draw(model, frame, &layout, *pane, *rect);
        panes::draw(model, frame, &layout, *pane);
    }
    footer::draw(model, frame, layout.footer);
    welcome::draw(model, frame);
    // What is asked is never covered.
    toast::draw(model, frame, layout.footer);
    overlay::draw(model, frame);
    ground(model, frame);
}

fn resized_to(model: &Model, size: (u16, u16)) -> Model {
    let mut model = model.clone();
    model.size = size;
    model
}

/// Puts the theme's own colours under everything that has none.
pub fn ground(model: &Model, frame: &mut Frame) {
    let ground = model.theme.palette.ground;
    if ground == Style::new() {
        return;
    }
    for cell in &mut frame.buffer_mut().content {
        for (own, under) in [(&mut cell.fg, ground.fg), (&mut cell.bg, ground.bg)] {
            if *own == Color::Reset {
                *own = under.unwrap_or(Color::Reset);
            }
        }
    }
}
