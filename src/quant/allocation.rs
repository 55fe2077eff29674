//! Bit-widths and the bit-widths of all layers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::network::LayerId;

/// The bit-width of one layer's weights: 1 to 8, 16, or float (32, not quantized). Ordered by size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct BitWidth(u8);

/// A number that is no bit-width of this program.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} is not a bit-width: 1 to 8, 16, or float (32)")]
pub struct BitWidthError(pub String);

impl BitWidth {
    /// Not quantized: 32-bit floating point.
    pub const FLOAT: BitWidth = BitWidth(32);
    /// One bit.
    pub const SMALLEST: BitWidth = BitWidth(1);

    /// Checks a number of bits; 32 means float.
    ///
    /// # Errors
    /// [`BitWidthError`] for anything but 1 to 8, 16 and 32.
    pub fn new(bits: u8) -> Result<Self, BitWidthError> {
        match bits {
            1..=8 | 16 | 32 => Ok(BitWidth(bits)),
            _ => Err(BitWidthError(bits.to_string())),
        }
    }
    /// Number of bits one weight takes.
    pub fn bits(self) -> u8 {
        self.0
    }
    /// True for float.
    pub fn is_float(self) -> bool {
        self == Self::FLOAT
    }
    /// The largest magnitude of the signed symmetric integer grid: `2^(b-1) - 1`, and 1 for 1 bit
    /// (`±1`). None for float.
    pub fn q_max(self) -> Option<u32> {
        match self.0 {
            32 => None,
            1 => Some(1),
            b => Some((1 << (b - 1)) - 1),
        }
    }
}

impl TryFrom<u8> for BitWidth {
    type Error = BitWidthError;
    fn try_from(bits: u8) -> Result<Self, Self::Error> {
        Self::new(bits)
    }
}

impl From<BitWidth> for u8 {
    fn from(width: BitWidth) -> u8 {
        width.0
    }
}

impl std::str::FromStr for BitWidth {
    type Err = BitWidthError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "float" => Ok(Self::FLOAT),
            _ => text
                .parse::<u8>()
                .map_err(|_| BitWidthError(text.to_owned()))
                .and_then(Self::new),
        }
    }
}

impl BitWidth {
    /// With its unit: `1 bit`, `4 bits`, `float`.
    pub fn with_unit(self) -> String {
        match (self.is_float(), self.0) {
            (true, _) => String::from("float"),
            (false, 1) => String::from("1 bit"),
            (false, bits) => format!("{bits} bits"),
        }
    }
}

impl fmt::Display for BitWidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_float() {
            f.pad("float")
        } else {
            fmt::Display::fmt(&self.0, f)
        }
    }
}

/// The bit-widths of all layers, in the graph's order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Allocation(pub Vec<BitWidth>);

impl Allocation {
    /// The same width for every layer.
    pub fn uniform(layers: usize, width: BitWidth) -> Self {
        Allocation(vec![width; layers])
    }
    /// Number of layers.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// True for a network without layers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The width of a layer; float where the layer is unknown.
    pub fn get(&self, layer: LayerId) -> BitWidth {
        self.0
            .get(layer.index())
            .copied()
            .unwrap_or(BitWidth::FLOAT)
    }
    /// Sets the width of a layer (ignored where the layer is unknown).
    pub fn set(&mut self, layer: LayerId, width: BitWidth) {
        if let Some(w) = self.0.get_mut(layer.index()) {
            *w = width;
        }
    }
    /// True when no layer is quantized.
    pub fn is_float(&self) -> bool {
        self.0.iter().all(|w| w.is_float())
    }
    /// The content as bytes, for hashes: one byte of bits per layer.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.iter().map(|w| w.bits()).collect()
    }
    /// A short content hash in hexadecimal.
    pub fn key(&self) -> String {
        blake3::hash(&self.bytes()).to_hex()[..12].to_owned()
    }
}
