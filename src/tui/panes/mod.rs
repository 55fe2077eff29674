//! The panes: one file each, a [`Component`] with its title, rows, keys and drawing.
//!
//! A new pane touches three files:
//!
//! 1. `panes/NAME.rs`: a unit struct that implements [`Component`]: at least `about`, and
//!    `lines` (a text), or `rows`, `row` and `texts` (a list), or `draw` (a plot). Keys of its own
//!    are rows of its `About`; footer, help, list of commands and documentation take them from
//!    there.
//! 2. `panes/mod.rs`: its `mod` line and its row in [`component`].
//! 3. `views.rs`: its name in `Pane`, and its place in the layouts of a view.
//!
//! A new view of existing panes touches `views.rs` only: its name in `View`, and a row of the table
//! with its key, its help and its layouts. What a pane shows is computed from the model; only a
//! pane that keeps more than a cursor adds a field to `model.rs`.

mod allocation;
mod commands;
mod component;
mod details;
mod facts;
mod front;
mod gate;
mod heat;
mod history;
mod log;
mod points;
mod potentials;
mod scatter;
mod sites;
mod tree;
pub mod what_if;

use ratatui::Frame;
use ratatui::layout::Rect;
use strum::VariantArray;

pub use component::{Area, Component};
pub use gate::decision;

use super::keys::Scope;
use super::layout::Layout;
use super::model::{Model, Overlay};
use super::views::{Pane, View};
use super::widgets::below;

/// The heading of the keys of lists.
const LISTS: &str = "In the other lists";

/// The component of a pane.
pub fn component(pane: Pane) -> &'static dyn Component {
    match pane {
        Pane::Tree => &tree::Tree,
        Pane::Details => &details::Details,
        Pane::Allocation => &allocation::AllocationList,
        Pane::Front => &front::Front,
        Pane::Points => &points::Points,
        Pane::Sites => &sites::Sites,
        Pane::Potentials => &potentials::PotentialsPlot,
        Pane::Scatter => &scatter::Scatter,
        Pane::Gate => &gate::Gate,
        Pane::Facts => &facts::Facts,
        Pane::Heat => &heat::Heat,
        Pane::History => &history::Course,
        Pane::Log => &log::Log,
        Pane::Commands => &commands::CommandsGiven,
    }
}

/// The component whose rows a pane shows: its own, or for a plot those of the list beside it.
pub fn list(pane: Pane) -> &'static dyn Component {
    component(component(pane).about().list)
}

/// The inside of a pane, if it is shown.
pub fn area(model: &Model, layout: &Layout, pane: Pane) -> Option<Area> {
    let inside = layout.inside(pane)?;
    let above = component(pane)
        .fixed(model, inside.height)
        .min(inside.height);
    Some(Area {
        fixed: Rect {
            height: above,
            ..inside
        },
        list: below(inside, above),
        focused: component(model.focus).about().list == component(pane).about().list,
    })
}

/// Draws the inside of a pane.
pub fn draw(model: &Model, frame: &mut Frame, layout: &Layout, pane: Pane) {
    if let Some(area) = area(model, layout, pane) {
        component(pane).draw(model, frame, area);
    }
}

/// Makes the focus and the rows of all panes agree with what is known.
pub fn settle(model: &mut Model) {
    if !model.order().contains(&model.focus) {
        model.focus_on(Pane::Tree);
    }
    let layout = Layout::of(model);
    for pane in Pane::VARIANTS {
        let area = layout.as_ref().and_then(|l| area(model, l, *pane));
        component(*pane).settle(model, area.map(|a| a.list));
    }
}

impl Model {
    /// The scope in which keys are looked up now.
    pub fn scope(&self) -> Scope {
        match (&self.overlay, &self.edit) {
            (Some(Overlay::Failure { .. }), _) => Scope::Failure,
            (Some(Overlay::Help { typing: true, .. }), _) => Scope::Prompt,
            (Some(Overlay::Help { .. } | Overlay::Runs), _) => Scope::Help,
            (Some(Overlay::Result), _) => Scope::Result,
            (Some(Overlay::Confirm(_)), _) => Scope::Confirm,
            (Some(Overlay::Commands(_)), _) => Scope::Commands,
            (Some(Overlay::Save(_) | Overlay::Find(_)), _) => Scope::Prompt,
            (Some(Overlay::Fields(_)), _) => Scope::Form,
            (Some(Overlay::Settings(_)), _) => Scope::Settings,
            (None, Some(_)) => Scope::Edit,
            (None, None) if self.what_if.is_some() && self.view == View::Front => Scope::Budget,
            (None, None) => list(self.focus).about().scope(),
        }
    }
}
