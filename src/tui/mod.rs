//! The terminal interface: a search as a living tree, and the user who steers it.
//!
//! One direction of travel: keys, run updates, ticks and signals become an [`Action`]; [`update()`]
//! turns the [`Model`] and an action into a changed model and [`Effect`]s; [`view()`] draws a model
//! and changes nothing; [`run()`] is the loop around them, the only place with a terminal, a clock
//! or a channel.
//!
//! Each file uses only those above it:
//!
//! | file | content |
//! |---|---|
//! | `text`, `forecast`, `theme` | short texts; predictions in a thread; colours and symbols |
//! | `views` | views and layouts as data: which panes, where, at which size |
//! | `action`, `keys` | everything that can happen; keys and scopes |
//! | `input`, `fields` | the text field; forms of several fields |
//! | `model` | everything shown, as data |
//! | `layout`, `widgets` | the areas of the screen; lines, bars and plots |
//! | `panes` | one component a pane: title, rows, keys, drawing; how to add one |
//! | `keymap`, `config` | the table of bindings; the user's own keys and colours |
//! | `commands`, `help` | the list of commands, the help |
//! | `update` | actions to changes and effects |
//! | `view` | the drawing of header, frames, footer and dialogs |
//! | `export` | a frame as text and SVG |
//! | `screen`, `terminal` | the trait of a screen; the terminal and its threads |
//! | `forecast`, `saver`, `outside` | what takes long, in threads of their own |
//! | `start`, `session`, `app` | the start screen; what the caller gives and gets; the loop |
#![forbid(unsafe_code)]

mod action;
mod app;
mod commands;
pub mod config;
mod export;
mod fields;
mod forecast;
mod help;
mod input;
pub mod keymap;
mod keys;
mod layout;
pub mod model;
mod outside;
mod panes;
mod saver;
mod screen;
mod session;
pub mod start;
mod terminal;
pub(crate) mod text;
pub mod theme;
mod update;
mod view;
mod views;
mod widgets;

pub use action::{Action, Effect, SaveError, Saved, Signal};
pub use app::{run, run_on};
pub use config::Config;
pub use export::{as_svg, as_text};
pub use forecast::{Change, Forecast, PredictedFront};
pub use model::{Destination, Model, Outcome};
pub use screen::Screen;
pub use session::{
    Answer, Asked, Ending, Ends, OtherRun, Outside, Places, Retry, Save, SaveRequest, Session,
};
pub use update::update;
pub use view::view;
