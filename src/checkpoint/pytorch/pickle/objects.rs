//! Objects: globals, calls and persistent names, of which only tensors, storages and dicts are
//! built.

use std::io::BufRead;

use super::{Machine, PickleError, Result};
use crate::checkpoint::pytorch::arena::{Id, Storage, Value, View};
use crate::checkpoint::pytorch::globals::{self, Global};
use crate::checkpoint::pytorch::opcodes as op;

/// How often a tensor may be made something else.
const MAX_WITHIN: usize = 8;

impl<R: BufRead> Machine<'_, R> {
    pub(super) fn step_of_objects(&mut self, operation: u8) -> Result<()> {
        match operation {
            op::GLOBAL => {
                let module = self.line()?;
                let name = self.line()?;
                self.push(Value::Global(Box::new(globals::find(&module, &name))));
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                let texts = (self.arena.text(module), self.arena.text(name));
                let (Some(module), Some(name)) = texts else {
                    return Err(PickleError::Malformed("a name is no text"));
                };
                let global = globals::find(module, name);
                self.push(Value::Global(Box::new(global)));
            }
            op::REDUCE | op::NEWOBJ => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let made = self.make(callable, arguments);
                self.stack.push(made);
            }
            op::NEWOBJ_EX => {
                let _named = self.pop()?;
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let made = self.make(callable, arguments);
                self.stack.push(made);
            }
            // What an object remembers of itself; a dict's is PyTorch's `_metadata` of versions.
            op::BUILD => {
                let _state = self.pop()?;
                self.top()?;
            }
            op::BINPERSID => {
                let id = self.pop()?;
                let storage = self
                    .storage(id)
                    .ok_or(PickleError::Malformed("a storage has no proper name"))?;
                self.push(Value::Storage(Box::new(storage)));
            }
            unknown => return Err(PickleError::Operation(unknown)),
        }
        Ok(())
    }

    /// What a call makes: the few things that are known, else a placeholder.
    fn make(&mut self, callable: Id, arguments: Id) -> Id {
        let (callable, arguments) = self.within(callable, arguments);
        let name = match self.arena.get(callable) {
            Value::Global(global) => match global.as_ref() {
                Global::OrderedDict => {
                    let pairs = self.pairs(arguments);
                    return self.arena.add(Value::Dict(pairs));
                }
                Global::RebuildTensor => match self.view(arguments) {
                    Some(view) => return self.arena.add(Value::Tensor(Box::new(view))),
                    None => "a tensor of unusual form".into(),
                },
                Global::RebuildTyped => match self.typed_view(arguments) {
                    Some(view) => return self.arena.add(Value::Tensor(Box::new(view))),
                    None => "a tensor of unusual form".into(),
                },
                Global::RebuildParameter => {
                    let data = self.arena.tuple(arguments).and_then(|a| a.first());
                    match data {
                        Some(&data) => return data,
                        None => "a parameter without data".into(),
                    }
                }
                Global::RebuildFromType => "calls within calls".into(),
                Global::Storage(_) => "a storage".into(),
                Global::Type(_) => "a type of numbers".into(),
                Global::Unknown(name) => name.as_str().into(),
            },
            Value::Object(name) => name.clone(),
            _ => "an object".into(),
        };
        self.arena.add(Value::Object(name))
    }

    /// The call that makes a tensor, out of calls that make it a subclass or give it attributes:
    /// `(call, class, arguments, state)`.
    fn within(&self, mut callable: Id, mut arguments: Id) -> (Id, Id) {
        for _ in 0..MAX_WITHIN {
            let is_outer = matches!(
                self.arena.get(callable),
                Value::Global(global) if **global == Global::RebuildFromType
            );
            let parts = self.arena.tuple(arguments).filter(|_| is_outer);
            let Some([inner, _class, inside, ..]) = parts else {
                break;
            };
            (callable, arguments) = (*inner, *inside);
        }
        (callable, arguments)
    }

    /// The pairs of `OrderedDict([[key, value], …])`; none where it is called without.
    fn pairs(&self, arguments: Id) -> Vec<(Id, Id)> {
        let list = self.arena.tuple(arguments).and_then(|a| a.first());
        let Some(Value::List(items)) = list.map(|&id| self.arena.get(id)) else {
            return Vec::new();
        };
        let pair = |id: &Id| match self.arena.get(*id) {
            Value::Tuple(parts) => <[Id; 2]>::try_from(parts.as_ref()).ok(),
            Value::List(parts) => <[Id; 2]>::try_from(parts.as_slice()).ok(),
            _ => None,
        };
        items.iter().filter_map(pair).map(|[k, v]| (k, v)).collect()
    }

    /// A tensor of storage, offset, shape and strides.
    fn view(&self, arguments: Id) -> Option<View> {
        let [storage, start, shape, strides, ..] = self.arena.tuple(arguments)? else {
            return None;
        };
        let counts = |id: Id| -> Option<Vec<u64>> {
            let parts = self.arena.tuple(id)?;
            parts.iter().map(|part| self.arena.count(*part)).collect()
        };
        let Value::Storage(_) = self.arena.get(*storage) else {
            return None;
        };
        Some(View {
            storage: *storage,
            start: self.arena.count(*start)?,
            shape: counts(*shape)?,
            strides: counts(*strides)?,
            element: None,
        })
    }

    /// A tensor of storage, offset, shape, strides, two flags and the type of the numbers.
    fn typed_view(&self, arguments: Id) -> Option<View> {
        let number = self.arena.tuple(arguments)?.get(6)?;
        let Value::Global(number) = self.arena.get(*number) else {
            return None;
        };
        let Global::Type(element) = number.as_ref() else {
            return None;
        };
        Some(View {
            element: Some(element.clone()),
            ..self.view(arguments)?
        })
    }

    /// The storage of `("storage", class, key, location, count)`, to which old versions may add a
    /// part of it: `(key, first, count)`.
    fn storage(&self, id: Id) -> Option<Storage> {
        let [tag, class, key, _location, count, rest @ ..] = self.arena.tuple(id)? else {
            return None;
        };
        let Value::Global(class) = self.arena.get(*class) else {
            return None;
        };
        if self.arena.text(*tag) != Some("storage") {
            return None;
        }
        let part = rest.first().and_then(|id| self.arena.tuple(*id));
        let first = match part {
            Some([_, first, _]) => self.arena.count(*first)?,
            Some(_) => return None,
            None => 0,
        };
        Some(Storage {
            class: class.as_ref().clone(),
            key: self.arena.text(*key)?.into(),
            count: self.arena.count(*count)?,
            first,
        })
    }
}
