//! The trait of a screen.

use std::io;

use super::model::Model;

/// Where a model is drawn.
pub trait Screen {
    /// Columns and rows.
    ///
    /// # Errors
    /// When the terminal does not say.
    fn size(&self) -> io::Result<(u16, u16)>;
    /// Draws a frame.
    ///
    /// # Errors
    /// When the terminal does not take it.
    fn draw(&mut self, model: &Model) -> io::Result<()>;
    /// Forgets what was drawn, so that the next frame is drawn wholly.
    ///
    /// # Errors
    /// When the terminal does not take it.
    fn clear(&mut self) -> io::Result<()>;
    /// Puts a text into the clipboard.
    ///
    /// # Errors
    /// When the terminal does not take it.
    fn copy(&mut self, text: &str) -> io::Result<()>;
    /// Hands the terminal back to the shell until the process is continued.
    ///
    /// # Errors
    /// When the terminal cannot be taken over again.
    fn suspend(&mut self) -> io::Result<()>;
}
