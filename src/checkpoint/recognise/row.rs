//! How a layout of a family is recognised, as data.

use std::collections::BTreeMap;

/// Keys and shapes of tensors.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// A layout of a family: where its sizes stand in the tensors, and what is published of those that
/// do not.
#[derive(Debug)]
pub(super) struct Row {
    /// `model.family`.
    pub family: &'static str,
    /// `model.layout`, and other keys that the layout alone decides.
    pub fixed: &'static [(&'static str, Literal)],
    /// Input channels without which it is not considered (two: event cameras), where the tensors
    /// fit another layout as well.
    pub channels: Option<usize>,
    /// The sizes, in the order in which profiles write them.
    pub sizes: &'static [Size],
}

/// A key of `[model]`.
#[derive(Debug)]
pub(super) struct Size {
    pub key: &'static str,
    pub stored: Stored,
    /// What it is where the tensors do not tell: the first that holds.
    pub assumed: &'static [Assumed],
}

/// The place of a size in the tensors.
#[derive(Debug)]
pub(super) enum Stored {
    /// Nowhere.
    No,
    /// A dimension of a tensor's shape: of the first tensor that is there.
    Dimension(&'static [(&'static str, usize)]),
    /// The same for a list of sizes, all of which must be there.
    Dimensions(&'static [(&'static str, usize)]),
    /// A tensor's first dimension over its second.
    Ratio(&'static str),
    /// The number of blocks `<prefix>0.`, `<prefix>1.`, …, and some more that others have.
    Blocks(&'static str, usize),
    /// The side of a square of positions, of which a dimension is the number, times a factor.
    Side(&'static str, usize, usize),
    /// Whether there is a tensor.
    Present(&'static str),
}

/// A value that the tensors do not tell.
#[derive(Debug)]
pub(super) struct Assumed {
    /// Sizes, told by tensors, for which it is published; none for all others.
    pub when: &'static [(&'static str, i64)],
    pub value: Literal,
    /// By whom.
    pub because: &'static str,
}

/// A value as profiles write it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Literal {
    Number(i64),
    Text(&'static str),
}

impl Literal {
    pub(super) fn value(self) -> toml::Value {
        match self {
            Literal::Number(number) => toml::Value::Integer(number),
            Literal::Text(text) => toml::Value::String(text.to_owned()),
        }
    }
}

/// The most blocks counted: more than any network may have.
const MAX_BLOCKS: usize = 1000;

impl Stored {
    /// The size in these tensors, and the key of the tensor that tells it.
    pub(super) fn find(&self, shapes: &Shapes) -> Option<(toml::Value, String)> {
        let dimension = |(key, at): &(&str, usize)| shapes.get(*key)?.get(*at).copied();
        let (size, told) = match self {
            Stored::No => return None,
            Stored::Dimension(places) => places
                .iter()
                .find_map(|place| Some((dimension(place)?, place.0)))?,
            Stored::Dimensions(places) => {
                let sizes = places.iter().map(|place| number(dimension(place)?));
                let sizes: Option<Vec<toml::Value>> = sizes.collect();
                let (told, _) = places.last()?;
                return Some((toml::Value::Array(sizes?), (*told).to_owned()));
            }
            Stored::Ratio(key) => {
                let [first, second, ..] = shapes.get(*key)?.as_slice() else {
                    return None;
                };
                (first.checked_div(*second)?, *key)
            }
            Stored::Blocks(prefix, more) => {
                let exists = |i: &usize| {
                    let start = format!("{prefix}{i}.");
                    let next = shapes.range(start.clone()..).next();
                    next.is_some_and(|(key, _)| key.starts_with(&start))
                };
                let blocks = (0..MAX_BLOCKS).take_while(exists).count();
                return Some((number(blocks + more)?, format!("{prefix}*")));
            }
            Stored::Side(key, at, factor) => {
                (dimension(&(key, *at))?.isqrt().checked_mul(*factor)?, *key)
            }
            Stored::Present(key) => {
                let present = shapes.contains_key(*key);
                return Some((toml::Value::Boolean(present), (*key).to_owned()));
            }
        };
        Some((number(size)?, told.to_owned()))
    }
}

fn number(size: usize) -> Option<toml::Value> {
    i64::try_from(size).ok().map(toml::Value::Integer)
}
