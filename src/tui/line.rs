//! A one-line text editor for prompts.

use super::Action;

/// Text and a cursor in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineEditor {
    text: Vec<char>,
    cursor: usize,
}

impl LineEditor {
    /// Starts with a text, the cursor after it.
    pub fn new(text: &str) -> Self {
        let text: Vec<char> = text.chars().collect();
        let cursor = text.len();
        LineEditor { text, cursor }
    }
    /// The text.
    pub fn text(&self) -> String {
        self.text.iter().collect()
    }
    /// A key of a prompt; false when it means nothing to a text.
    pub fn key(&mut self, action: &Action) -> bool {
        match action {
            Action::Insert(c) => self.insert(*c),
            Action::Paste(text) => self.paste(text),
            Action::EraseBefore => self.erase_before(),
            Action::EraseAfter => self.erase_after(),
            Action::EraseWord => self.erase_word(),
            Action::EraseLine => self.clear(),
            Action::CursorLeft => self.left(),
            Action::CursorRight => self.right(),
            Action::CursorStart => self.start(),
            Action::CursorEnd => self.end(),
            _ => return false,
        }
        true
    }
    /// The text before the cursor and from it on.
    pub fn parts(&self) -> (String, String) {
        let (before, after) = self.text.split_at(self.cursor);
        (before.iter().collect(), after.iter().collect())
    }
    /// Puts a character at the cursor; control characters are ignored.
    pub fn insert(&mut self, c: char) {
        if !c.is_control() {
            self.text.insert(self.cursor, c);
            self.cursor += 1;
        }
    }
    /// Puts text at the cursor, without its line breaks.
    pub fn paste(&mut self, text: &str) {
        text.chars().for_each(|c| self.insert(c));
    }
    /// Removes the character before the cursor.
    pub fn erase_before(&mut self) {
        if self.cursor > 0 {
            self.cursor -= 1;
            self.text.remove(self.cursor);
        }
    }
    /// Removes the character at the cursor.
    pub fn erase_after(&mut self) {
        if self.cursor < self.text.len() {
            self.text.remove(self.cursor);
        }
    }
    /// Removes the word before the cursor.
    pub fn erase_word(&mut self) {
        let before = &self.text[..self.cursor];
        let word_end = before
            .iter()
            .rposition(|c| c.is_alphanumeric())
            .map_or(0, |i| i + 1);
        let start = before[..word_end]
            .iter()
            .rposition(|c| !c.is_alphanumeric())
            .map_or(0, |i| i + 1);
        self.text.drain(start..self.cursor);
        self.cursor = start;
    }
    /// Removes everything.
    pub fn clear(&mut self) {
        self.text.clear();
        self.cursor = 0;
    }
    /// Moves the cursor left.
    pub fn left(&mut self) {
        self.cursor = self.cursor.saturating_sub(1);
    }
    /// Moves the cursor right.
    pub fn right(&mut self) {
        self.cursor = (self.cursor + 1).min(self.text.len());
    }
    /// Moves the cursor before the first character.
    pub fn start(&mut self) {
        self.cursor = 0;
    }
    /// Moves the cursor after the last character.
    pub fn end(&mut self) {
        self.cursor = self.text.len();
    }
}

#[cfg(test)]
mod tests {
    use super::LineEditor;

    #[test]
    fn edits_at_the_cursor() {
        let mut line = LineEditor::new("demo");
        line.left();
        line.insert('X');
        assert_eq!(line.parts(), ("demX".into(), "o".into()));
        line.erase_before();
        line.erase_after();
        assert_eq!(line.text(), "dem");
        line.start();
        line.erase_before();
        line.insert('a');
        line.end();
        line.erase_after();
        assert_eq!(line.text(), "adem");
    }

    #[test]
    fn pastes_without_line_breaks_and_control_characters() {
        let mut line = LineEditor::new("");
        line.paste("été\r\n\u{1b}[31m-2\t");
        assert_eq!(line.text(), "été[31m-2");
    }

    #[test]
    fn erases_words_and_lines() {
        let mut line = LineEditor::new("my-first profile ");
        line.erase_word();
        assert_eq!(line.text(), "my-first ");
        line.erase_word();
        assert_eq!(line.text(), "my-");
        line.erase_word();
        assert_eq!(line.text(), "");
        line.paste("again");
        line.clear();
        assert_eq!(line.parts(), (String::new(), String::new()));
    }
}
