//! The text field of prompts.

use tui_input::{Input, InputRequest};

use super::Action;

/// A line of text being typed, with its cursor.
#[derive(Clone, Debug, Default)]
pub struct TextInput(Input);

impl PartialEq for TextInput {
    fn eq(&self, other: &Self) -> bool {
        (self.0.value(), self.0.cursor()) == (other.0.value(), other.0.cursor())
    }
}

impl TextInput {
    /// A field with a text, the cursor after it.
    pub fn new(text: &str) -> Self {
        TextInput(Input::from(text))
    }

    /// The text.
    pub fn text(&self) -> String {
        self.0.value().to_owned()
    }

    /// The text before the cursor and from it on.
    pub fn parts(&self) -> (&str, &str) {
        let text = self.0.value();
        let at = text.char_indices().nth(self.0.cursor());
        text.split_at(at.map_or(text.len(), |(byte, _)| byte))
    }

    /// Edits by an action of a prompt; false when it means nothing to a text.
    pub fn key(&mut self, action: &Action) -> bool {
        let request = match action {
            Action::Paste(text) => {
                text.chars().for_each(|c| self.insert(c));
                return true;
            }
            Action::Insert(c) => {
                self.insert(*c);
                return true;
            }
            Action::EraseWord => {
                self.erase_word();
                return true;
            }
            Action::EraseBefore => InputRequest::DeletePrevChar,
            Action::EraseAfter => InputRequest::DeleteNextChar,
            Action::EraseLine => InputRequest::DeleteLine,
            Action::CursorLeft => InputRequest::GoToPrevChar,
            Action::CursorRight => InputRequest::GoToNextChar,
            Action::CursorStart => InputRequest::GoToStart,
            Action::CursorEnd => InputRequest::GoToEnd,
            _ => return false,
        };
        self.0.handle(request);
        true
    }

    /// Inserts a character; line breaks and other control characters are ignored.
    fn insert(&mut self, c: char) {
        if !c.is_control() {
            self.0.handle(InputRequest::InsertChar(c));
        }
    }

    /// Erases the word before the cursor. Unlike the crate's words, the parts of a layer's name
    /// between dots count as words.
    fn erase_word(&mut self) {
        let ends_with = |input: &Self, word: bool| {
            let before = input.parts().0.chars().next_back();
            before.is_some_and(|c| c.is_alphanumeric() == word)
        };
        for word in [false, true] {
            while ends_with(self, word) {
                self.0.handle(InputRequest::DeletePrevChar);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(field: &mut TextInput, actions: &[Action]) {
        for action in actions {
            assert!(field.key(action), "{action:?}");
        }
    }

    #[test]
    fn edits_at_the_cursor() {
        let mut line = TextInput::new("demo");
        edit(&mut line, &[Action::CursorLeft, Action::Insert('X')]);
        assert_eq!(line.parts(), ("demX", "o"));
        edit(&mut line, &[Action::EraseBefore, Action::EraseAfter]);
        assert_eq!(line.text(), "dem");
        let actions = [
            Action::CursorStart,
            Action::EraseBefore,
            Action::Insert('a'),
            Action::CursorEnd,
            Action::EraseAfter,
        ];
        edit(&mut line, &actions);
        assert_eq!(line.text(), "adem");
        assert!(!line.key(&Action::Up), "no key of a text");
    }

    #[test]
    fn pastes_without_line_breaks_and_control_characters() {
        let mut line = TextInput::default();
        edit(&mut line, &[Action::Paste("été\r\n\u{1b}[31m-2\t".into())]);
        assert_eq!(line.text(), "été[31m-2");
    }

    #[test]
    fn erases_words_and_lines() {
        let mut line = TextInput::new("stage1.0 my-first profile ");
        for left in [
            "stage1.0 my-first ",
            "stage1.0 my-",
            "stage1.0 ",
            "stage1.",
            "",
        ] {
            edit(&mut line, &[Action::EraseWord]);
            assert_eq!(line.text(), left);
        }
        edit(
            &mut line,
            &[Action::Paste("again".into()), Action::EraseLine],
        );
        assert_eq!(line.parts(), ("", ""));
    }
}
