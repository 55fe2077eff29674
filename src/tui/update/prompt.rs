//! Prompts of several fields: limits, and pins by pattern.

use super::steer::{is_over, pin_patterns, send};
use crate::profile::Pin;
use crate::quant::BitWidth;
use crate::search::Space;
use crate::tui::action::Action;
use crate::tui::model::{FieldPrompt, Model, Overlay};

/// Asks for other limits.
pub fn limits(model: &mut Model) {
    if !is_over(model) {
        let prompt = FieldPrompt::limits(&model.tree.constraint);
        model.overlay = Some(Overlay::Fields(prompt));
    }
}

/// Asks for a pin, beginning with the row chosen in the allocation.
pub fn pin(model: &mut Model) {
    if is_over(model) {
        return;
    }
    let space = model.tree.settings.as_deref().map(|s| &s.space);
    let (pattern, width) = match (space, model.part()) {
        (Some(space), Some(part)) => {
            let members = part.members.iter();
            let widths = members.map(|m| model.shown()?.allocation.0.get(*m).copied());
            let widths: Option<Vec<BitWidth>> = widths.collect();
            let same = widths.filter(|w| w.windows(2).all(|w| w[0] == w[1]));
            let width = same.and_then(|w| w.first().copied());
            (pattern(space, &part.members), width)
        }
        _ => (String::new(), None),
    };
    let prompt = FieldPrompt::pin(&model.tree, &pattern, width);
    model.overlay = Some(Overlay::Fields(prompt));
}

/// One pattern that matches exactly these layers; nothing where there is none.
fn pattern(space: &Space, members: &[usize]) -> String {
    let exactly = |pattern: &str| {
        let pin = Pin::fixed(pattern, BitWidth::FLOAT);
        (0..space.layers.len()).all(|m| pin.matches(&space.layers[m].name) == members.contains(&m))
    };
    let stage = members.first().and_then(|m| space.layers.get(*m));
    let stage = stage.map_or_else(String::new, |layer| format!("{}.*", layer.stage));
    match pin_patterns(space, members).as_slice() {
        [(one, _)] => one.clone(),
        _ if exactly(&stage) => stage,
        _ if exactly("*") => String::from("*"),
        _ => String::new(),
    }
}

/// A key while fields are filled in.
pub fn key(model: &mut Model, mut prompt: FieldPrompt, action: Action) {
    match action {
        Action::Cancel => return,
        Action::Submit => match prompt.command(&model.tree) {
            Ok(Some(command)) => return send(model, command),
            Ok(None) => return,
            // Said where it was typed.
            Err(_) => {}
        },
        action => prompt.fields.key(&action),
    }
    model.overlay = Some(Overlay::Fields(prompt));
}
