//! A cursor in a list and the window of it that is shown.

use ratatui::text::Line;

/// A cursor, and lines of text where the pane is made of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The cursor and the window.
    pub scroll: Scroll,
    /// The lines, made for the width of the pane.
    pub lines: Vec<Line<'static>>,
}

/// A cursor and the first row shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    /// The row the cursor is on; below the length unless the list is empty.
    pub cursor: usize,
    /// The first row shown.
    pub offset: usize,
}

impl Scroll {
    /// Moves the cursor, stopping at both ends.
    pub fn step(&mut self, by: isize, len: usize) {
        self.cursor = self
            .cursor
            .saturating_add_signed(by)
            .min(len.saturating_sub(1));
    }
    /// Makes cursor and window fit a list of `len` rows, of which `height` are shown.
    pub fn settle(&mut self, len: usize, height: usize) {
        self.cursor = self.cursor.min(len.saturating_sub(1));
        self.offset = self
            .offset
            .clamp((self.cursor + 1).saturating_sub(height.max(1)), self.cursor)
            .min(len.saturating_sub(height));
    }
    /// The rows shown.
    pub fn window(&self, len: usize, height: usize) -> std::ops::Range<usize> {
        self.offset.min(len)..(self.offset + height).min(len)
    }
}

#[cfg(test)]
mod tests {
    use super::Scroll;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_cursor_is_always_in_the_window(
            cursor in 0usize..300, offset in 0usize..300, len in 0usize..200, height in 1usize..50, by in -300isize..300,
        ) {
            let mut scroll = Scroll { cursor, offset };
            scroll.settle(len, height);
            scroll.step(by, len);
            scroll.settle(len, height);
            let window = scroll.window(len, height);
            prop_assert!(len == 0 || window.contains(&scroll.cursor));
            // No blank rows below the list's end while rows above are hidden.
            prop_assert!(window.len() == height || scroll.offset == 0);
        }
    }
}
