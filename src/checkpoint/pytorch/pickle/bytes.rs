//! The bytes that follow an operation: numbers, text and names, never more than come.

use std::io::{self, BufRead, Read};

use super::{MAX_NAME, Machine, PickleError, Result};
use crate::checkpoint::pytorch::arena::{Arena, Value};

impl<R: BufRead> Machine<'_, R> {
    pub(super) fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Exactly `length` bytes; memory grows with the bytes read, not with the announced number.
    fn exactly(&mut self, length: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.input.by_ref().take(length).read_to_end(&mut bytes)?;
        match read as u64 == length {
            true => Ok(bytes),
            false => Err(PickleError::Ended),
        }
    }

    pub(super) fn text(&mut self, length: u64) -> Result<()> {
        let bytes = self.exactly(length)?;
        match String::from_utf8(bytes) {
            Ok(text) => self.push(Value::Text(text.into())),
            // Python 2 wrote bytes as text.
            Err(_) => self.stack.push(Arena::BYTES),
        }
        Ok(())
    }

    /// Steps over bytes: no tensor needs any.
    pub(super) fn bytes(&mut self, length: u64) -> Result<()> {
        let passed = io::copy(&mut self.input.by_ref().take(length), &mut io::sink())?;
        self.stack.push(Arena::BYTES);
        match passed == length {
            true => Ok(()),
            false => Err(PickleError::Ended),
        }
    }

    /// A whole number in two's complement, the last byte highest.
    pub(super) fn long(&mut self, length: u64) -> Result<()> {
        if length > 16 {
            self.bytes(length)?;
            self.pop()?;
            self.stack.push(Arena::LARGE_INT);
            return Ok(());
        }
        let bytes = self.exactly(length)?;
        let sign = bytes
            .last()
            .map_or(0, |last| if last & 0x80 == 0 { 0 } else { 0xff });
        let mut number = [sign; 16];
        for (to, from) in number.iter_mut().zip(&bytes) {
            *to = *from;
        }
        self.push(Value::Int(i128::from_le_bytes(number)));
        Ok(())
    }

    /// A line of text, as globals are named.
    pub(super) fn line(&mut self) -> Result<String> {
        let mut bytes = Vec::new();
        let read = self
            .input
            .by_ref()
            .take(MAX_NAME)
            .read_until(b'\n', &mut bytes)?;
        if bytes.pop() != Some(b'\n') {
            return Err(match read as u64 == MAX_NAME {
                true => PickleError::Malformed("a name has no end"),
                false => PickleError::Ended,
            });
        }
        String::from_utf8(bytes).map_err(|_| PickleError::Malformed("a name is no text"))
    }
}
