//! The terminal interface: a search as a living tree, and the person steering it.
//!
//! One direction of travel: keys, run updates, ticks and signals become an [`Action`]; [`update()`] turns the
//! [`Model`] and an action into a changed model and [`Effect`]s; [`view()`] draws a model and changes nothing;
//! [`run()`] is the loop around them, the only place with a terminal, a clock or a channel.
//!
//! | file | what it holds |
//! |---|---|
//! | `action` | everything that can happen, by name |
//! | `keymap` | which key does what where; the footer, the help and the README's table come from it |
//! | `model` | everything shown |
//! | `update` | actions to changes and effects |
//! | `view` | one file per pane |
//! | `theme`, `config` | colours and symbols, as data; a person's own keys and colours |
//! | `export` | a frame as text and SVG |
//! | `start` | the start screen and its form |
//! | `forecast` | what a change by hand would cost |
//! | `app`, `screen`, `terminal` | the loop, the screen, the threads |
#![forbid(unsafe_code)]

mod action;
mod app;
pub mod config;
mod export;
mod forecast;
pub mod keymap;
mod layout;
mod line;
pub mod model;
mod screen;
mod session;
pub mod start;
mod terminal;
mod text;
pub mod theme;
mod update;
mod view;

pub use action::{Action, Effect};
pub use app::{run, run_on};
pub use config::Config;
pub use export::{as_svg, as_text};
pub use forecast::Forecast;
pub use model::Model;
pub use screen::Screen;
pub use session::{Ending, Ends, Outcome, Retry, Save, SaveError, Session, Signal};
pub use update::update;
pub use view::view;
