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

    /// A whole number of `N` bytes, the last one highest.
    pub(super) fn number<const N: usize>(&mut self) -> Result<u64> {
        let bytes = self.array::<N>()?;
        let digits = bytes.iter().rev();
        Ok(digits.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn skip<const N: usize>(&mut self) -> Result<()> {
        self.array::<N>().map(drop)
    }

    pub(super) fn whole<const N: usize>(&mut self) -> Result<()> {
        let number = self.number::<N>()?;
        self.push(Value::Int(number.into()));
        Ok(())
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

    /// A text, of which `N` bytes tell the length.
    pub(super) fn text<const N: usize>(&mut self) -> Result<()> {
        let length = self.number::<N>()?;
        let bytes = self.exactly(length)?;
        match String::from_utf8(bytes) {
            Ok(text) => self.push(Value::Text(text.into())),
            // Python 2 wrote bytes as text.
            Err(_) => self.stack.push(Arena::BYTES),
        }
        Ok(())
    }

    /// Bytes, of which `N` bytes tell the length. No tensor needs any.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<()> {
        let length = self.number::<N>()?;
        self.step_over(length)?;
        self.stack.push(Arena::BYTES);
        Ok(())
    }

    fn step_over(&mut self, length: u64) -> Result<()> {
        let passed = io::copy(&mut self.input.by_ref().take(length), &mut io::sink())?;
        match passed == length {
            true => Ok(()),
            false => Err(PickleError::Ended),
        }
    }

    /// A whole number in two's complement, the last byte highest, of which `N` bytes tell the
    /// length.
    pub(super) fn long<const N: usize>(&mut self) -> Result<()> {
        let length = self.number::<N>()?;
        if length > 16 {
            self.step_over(length)?;
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
