//! How a layout of a family is recognised, as data, and what several families have alike.

use std::collections::BTreeMap;

/// Keys and shapes of tensors.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// A layout of a family: where its sizes stand in the tensors, and what is published of those that
/// do not.
#[derive(Debug)]
pub(crate) struct Row {
    /// `model.layout`, and other keys that the layout alone decides.
    pub fixed: &'static [(&'static str, &'static str)],
    /// True where it is only considered with the two input channels of event cameras, because the
    /// tensors fit another layout as well.
    pub two_channels: bool,
    /// `model.image_size`.
    pub image: Size,
    /// The weight of the first layer, whose second dimension is `model.in_channels`.
    pub first_layer: &'static str,
    /// `model.embed_dims`.
    pub width: Stored,
    /// `model.num_heads`.
    pub heads: Size,
    /// The weight of an MLP's first layer, whose shape tells `model.mlp_ratio`.
    pub mlp: &'static str,
    /// The other sizes, in the order in which profiles write them.
    pub others: &'static [(&'static str, Size)],
}

impl Row {
    /// The sizes by their keys, in the order in which profiles write them.
    pub(crate) fn sizes(&self) -> Vec<(&'static str, Size)> {
        let head = Stored::Dimension(HEAD);
        let channels = Stored::Axis(self.first_layer, 1);
        let ratio = Stored::Ratio(self.mlp);
        let common = [
            ("image_size", self.image),
            ("in_channels", channels.or(3, "the first layer is missing")),
            ("num_classes", head.or(1000, "there is no head")),
            ("embed_dims", Size::told(self.width)),
            ("num_heads", self.heads),
            ("mlp_ratio", ratio.or(4, "the first MLP is missing")),
        ];
        common
            .into_iter()
            .chain(self.others.iter().copied())
            .collect()
    }
}

/// Where the number of classes stands.
const HEAD: &[(&str, usize)] = &[
    ("head.weight", 0),
    ("head.bias", 0),
    ("classifier.weight", 0),
];

/// A size of a network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub stored: Stored,
    /// What it is where the tensors do not tell: the first that holds.
    pub published: &'static [Published],
    /// What it is where none holds.
    pub otherwise: Option<Assumed>,
}

impl Size {
    /// A size that the tensors tell.
    pub(in crate::network) const fn told(stored: Stored) -> Self {
        Size {
            stored,
            published: &[],
            otherwise: None,
        }
    }

    /// A size that the tensors do not tell, with what is published for some of the other sizes.
    pub(in crate::network) const fn published(
        published: &'static [Published],
        otherwise: Literal,
        because: &'static str,
    ) -> Self {
        Size {
            stored: Stored::No,
            published,
            otherwise: Some((otherwise, because)),
        }
    }

    /// A number that the tensors do not tell.
    pub(in crate::network) const fn assumed(number: i64, because: &'static str) -> Self {
        Stored::No.or(number, because)
    }
}

/// A value that the tensors do not tell, and why it is assumed.
pub(crate) type Assumed = (Literal, &'static str);

/// A size that a tensor tells, by its key and number, and what is assumed with it.
pub(crate) type Published = (&'static str, i64, Assumed);

/// The place of a size in the tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stored {
    /// Nowhere.
    No,
    /// A dimension of the shape of the first of these tensors that is there.
    Dimension(&'static [(&'static str, usize)]),
    /// A dimension of a tensor's shape.
    Axis(&'static str, usize),
    /// The same for a list of sizes, all of which must be there.
    Dimensions(&'static [(&'static str, usize)]),
    /// A tensor's first dimension over its second.
    Ratio(&'static str),
    /// The number of blocks `<prefix>0.`, `<prefix>1.`, …, and some more that others have.
    Blocks(&'static str, usize),
    /// The number of pairs of blocks `<prefix>0.`, `<prefix>1.`, … for each prefix; an odd one is
    /// no part of a pair.
    Pairs(&'static [&'static str]),
    /// The side of a square of positions, of which a dimension is the number, times a factor.
    Side(&'static str, usize, usize),
    /// Whether there is a tensor.
    Present(&'static str),
}

/// A value as profiles write it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Literal {
    Number(i64),
    Text(&'static str),
}

impl Literal {
    pub(crate) fn value(self) -> toml::Value {
        match self {
            Literal::Number(number) => toml::Value::Integer(number),
            Literal::Text(text) => toml::Value::String(text.to_owned()),
        }
    }
}

/// The most blocks counted: more than any network may have.
const MAX_BLOCKS: usize = 1000;

impl Stored {
    /// The size with this place, and with what is assumed where it is not there.
    pub(in crate::network) const fn or(self, number: i64, because: &'static str) -> Size {
        Size {
            stored: self,
            published: &[],
            otherwise: Some((Literal::Number(number), because)),
        }
    }

    /// The size in these tensors, and the key of the tensor that tells it.
    pub(crate) fn find(&self, shapes: &Shapes) -> Option<(toml::Value, String)> {
        let dimension = |(key, at): &(&str, usize)| match shapes.get(*key) {
            Some(shape) => shape.get(*at).copied(),
            // Of a convolution that is missing, the batch norm behind it tells the channels.
            None if *at == 0 => {
                let norm = key.strip_suffix("_conv.weight")?;
                shapes.get(&format!("{norm}_bn.weight"))?.first().copied()
            }
            None => None,
        };
        let (size, told) = match self {
            Stored::No => return None,
            Stored::Axis(key, at) => (dimension(&(*key, *at))?, *key),
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
                let blocks = blocks(shapes, prefix);
                return Some((number(blocks + more)?, format!("{prefix}*")));
            }
            Stored::Pairs(prefixes) => {
                let pairs = prefixes
                    .iter()
                    .map(|prefix| number(blocks(shapes, prefix) / 2));
                let pairs: Option<Vec<toml::Value>> = pairs.collect();
                let told = format!("{}*", prefixes.last()?);
                return Some((toml::Value::Array(pairs?), told));
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

/// How many blocks of a prefix there are, counted from 0.
fn blocks(shapes: &Shapes, prefix: &str) -> usize {
    let exists = |i: &usize| {
        let start = format!("{prefix}{i}.");
        let next = shapes.range(start.clone()..).next();
        next.is_some_and(|(key, _)| key.starts_with(&start))
    };
    (0..MAX_BLOCKS).take_while(exists).count()
}

fn number(size: usize) -> Option<toml::Value> {
    i64::try_from(size).ok().map(toml::Value::Integer)
}

pub(super) const CIFAR_IMAGE: Size = Size::published(
    &[(
        "in_channels",
        1,
        (
            Literal::Number(28),
            "one channel, as (Fashion-)MNIST images",
        ),
    )],
    Literal::Number(32),
    "CIFAR images",
);
pub(super) const IMAGENET_IMAGE: Size = Size::assumed(224, "the authors' ImageNet images");
pub(super) const FRAMES_IMAGE: Size = Size::assumed(128, "the authors' frames");
pub(super) const EIGHT_HEADS: Size = Size::assumed(8, "as published");
pub(super) const SIXTEEN_HEADS: Size = Size::assumed(16, "as published");

pub(super) const FOUR_STEPS: (&str, Size) = ("time_steps", Size::assumed(4, "as published"));
pub(super) const FRAMES: (&str, Size) = (
    "time_steps",
    Size::assumed(16, "published with 16 and with 10 frames"),
);
pub(super) const BLOCKS: (&str, Size) = ("depths", Size::told(Stored::Blocks("block.", 0)));

pub(super) const CIFAR: &[(&str, &str)] = &[("layout", "cifar")];
pub(super) const IMAGENET: &[(&str, &str)] = &[("layout", "imagenet")];
/// The key of the event-camera layouts.
pub(super) const DVS: &[(&str, &str)] = &[("layout", "dvs")];
