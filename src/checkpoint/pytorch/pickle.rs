//! A restricted reader of pickles.
//!
//! It knows the binary operations of protocols 2 to 5 and builds only what [`Value`] and [`Global`]
//! can say. Work and memory are bounded by the counts below, whatever a pickle asks for, and text
//! takes no more than its own bytes.

mod bytes;
mod objects;

use std::collections::HashMap;
use std::io::{self, BufRead};

use super::arena::{Arena, Id, Value};
use super::opcodes as op;

/// The most operations followed: hundreds of times those of the largest network with its optimizer.
const MAX_STEPS: usize = 1 << 23;
/// The most values built, and the most values waiting at a time.
const MAX_VALUES: usize = 1 << 21;
/// The longest name of a global.
const MAX_NAME: u64 = 1 << 10;

/// The error of a pickle that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum PickleError {
    #[error("it ends too early: it is truncated or damaged")]
    Ended,
    #[error("{0}")]
    Io(io::Error),
    #[error("its pickle has the operation {0:#04x}, which torch.save does not write")]
    Operation(u8),
    #[error("its pickle is damaged: {0}")]
    Malformed(&'static str),
    #[error("its pickle has more {0} than any network needs")]
    TooMuch(&'static str),
}

impl From<io::Error> for PickleError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => PickleError::Ended,
            _ => PickleError::Io(error),
        }
    }
}

type Result<T> = std::result::Result<T, PickleError>;

/// Follows one pickle, up to its end and no further. Its values are added to the arena.
pub(super) fn read(input: &mut impl BufRead, arena: &mut Arena) -> Result<Id> {
    let machine = Machine {
        input,
        arena,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    machine.run()
}

struct Machine<'a, R> {
    input: &'a mut R,
    arena: &'a mut Arena,
    stack: Vec<Id>,
    /// The height of the stack at every mark.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<R: BufRead> Machine<'_, R> {
    fn run(mut self) -> Result<Id> {
        for _ in 0..MAX_STEPS {
            let waiting = self.stack.len().max(self.marks.len());
            if waiting.max(self.arena.len()).max(self.memo.len()) > MAX_VALUES {
                return Err(PickleError::TooMuch("values"));
            }
            match self.byte()? {
                op::STOP => return self.pop(),
                operation => self.step(operation)?,
            }
        }
        Err(PickleError::TooMuch("operations"))
    }

    fn step(&mut self, operation: u8) -> Result<()> {
        match operation {
            op::PROTO => self.skip::<1>()?,
            op::FRAME => self.skip::<8>()?,
            op::MARK => self.marks.push(self.stack.len()),
            op::POP => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            op::POP_MARK => {
                self.pop_to_mark()?;
            }
            op::DUP => {
                let top = self.top()?;
                self.stack.push(top);
            }

            op::NONE => self.stack.push(Arena::NONE),
            op::NEWTRUE => self.stack.push(Arena::TRUE),
            op::NEWFALSE => self.stack.push(Arena::FALSE),
            op::BINFLOAT => {
                self.skip::<8>()?;
                self.stack.push(Arena::FRACTION);
            }
            op::BININT => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(number.into()));
            }
            op::BININT1 => self.whole::<1>()?,
            op::BININT2 => self.whole::<2>()?,
            op::LONG1 => self.long::<1>()?,
            op::LONG4 => self.long::<4>()?,

            op::SHORT_BINUNICODE | op::SHORT_BINSTRING => self.text::<1>()?,
            op::BINUNICODE | op::BINSTRING => self.text::<4>()?,
            op::BINUNICODE8 => self.text::<8>()?,
            op::SHORT_BINBYTES => self.bytes::<1>()?,
            op::BINBYTES => self.bytes::<4>()?,
            op::BINBYTES8 | op::BYTEARRAY8 => self.bytes::<8>()?,
            _ => self.step_of_collections(operation)?,
        }
        Ok(())
    }

    fn step_of_collections(&mut self, operation: u8) -> Result<()> {
        match operation {
            op::EMPTY_TUPLE => self.push(Value::Tuple(Box::default())),
            op::TUPLE => {
                let parts = self.pop_to_mark()?;
                self.push(Value::Tuple(parts.into()));
            }
            op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => {
                let count = usize::from(operation - op::TUPLE1) + 1;
                let mut parts = vec![Arena::NONE; count];
                for part in parts.iter_mut().rev() {
                    *part = self.pop()?;
                }
                self.push(Value::Tuple(parts.into()));
            }
            op::EMPTY_LIST | op::EMPTY_SET => self.push(Value::List(Vec::new())),
            op::LIST | op::FROZENSET => {
                let items = self.pop_to_mark()?;
                self.push(Value::List(items));
            }
            op::APPEND => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            op::APPENDS | op::ADDITEMS => {
                let items = self.pop_to_mark()?;
                self.extend(items)?;
            }
            op::EMPTY_DICT => self.push(Value::Dict(Vec::new())),
            op::DICT => {
                let items = self.pop_to_mark()?;
                self.push(Value::Dict(Vec::new()));
                self.set(&items)?;
            }
            op::SETITEM => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(&[key, value])?;
            }
            op::SETITEMS => {
                let items = self.pop_to_mark()?;
                self.set(&items)?;
            }

            op::BINPUT => {
                let place = self.number::<1>()?;
                self.remember(place)?;
            }
            op::LONG_BINPUT => {
                let place = self.number::<4>()?;
                self.remember(place)?;
            }
            op::MEMOIZE => self.remember(self.memo.len() as u64)?,
            op::BINGET => self.recall::<1>()?,
            op::LONG_BINGET => self.recall::<4>()?,
            _ => self.step_of_objects(operation)?,
        }
        Ok(())
    }

    /// Adds to the list on top.
    fn extend(&mut self, items: Vec<Id>) -> Result<()> {
        let top = self.top()?;
        match self.arena.get_mut(top) {
            Value::List(list) => list.extend(items),
            Value::Object(_) => {}
            _ => return Err(PickleError::Malformed("it adds to what is no list")),
        }
        Ok(())
    }

    /// Sets keys of the dict on top.
    fn set(&mut self, items: &[Id]) -> Result<()> {
        let top = self.top()?;
        let (pairs, []) = items.as_chunks::<2>() else {
            return Err(PickleError::Malformed("a key has no value"));
        };
        match self.arena.get_mut(top) {
            Value::Dict(dict) => dict.extend(pairs.iter().map(|[k, v]| (*k, *v))),
            Value::Object(_) => {}
            _ => return Err(PickleError::Malformed("it sets keys of what is no dict")),
        }
        Ok(())
    }

    fn push(&mut self, value: Value) {
        let id = self.arena.add(value);
        self.stack.push(id);
    }

    fn top(&self) -> Result<Id> {
        let bare = self.marks.last() == Some(&self.stack.len());
        match self.stack.last() {
            Some(id) if !bare => Ok(*id),
            _ => Err(PickleError::Malformed("a value is missing")),
        }
    }

    fn pop(&mut self) -> Result<Id> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop();
        let mark = mark.ok_or(PickleError::Malformed("a mark is missing"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn remember(&mut self, place: u64) -> Result<()> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    /// Pushes what is remembered at a place that `N` bytes tell.
    fn recall<const N: usize>(&mut self) -> Result<()> {
        let place = self.number::<N>()?;
        let found = self.memo.get(&place);
        let found = found.ok_or(PickleError::Malformed("it recalls what it has not kept"))?;
        self.stack.push(*found);
        Ok(())
    }
}
