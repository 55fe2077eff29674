//! Words of memories: `$readmemh` and `.coe`.

use super::{Words, names::shown};
use crate::export::error::ExportError;
use crate::export::file::ExportFile;
use crate::export::manifest::Layer;
use crate::export::package::{Codes, PackageLayer};

/// The widest word and the most of them in a line.
const WIDEST: u32 = 32;
const MOST_LANES: usize = 4096;

/// How the words of one layer lie in its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Bits of a word; 32 (IEEE 754) for a float layer.
    pub word_bits: u32,
    /// Words in a line, the first in its lowest bits.
    pub lanes: usize,
    /// Lines of an output channel.
    pub lines: usize,
}

impl Layout {
    pub(super) fn of(
        entry: &Layer,
        layer: &PackageLayer,
        words: Words,
    ) -> Result<Self, ExportError> {
        let wrong = |why: String| ExportError::Words {
            layer: entry.name.clone(),
            why,
        };
        if words.lanes == 0 || words.lanes > MOST_LANES {
            return Err(wrong(format!(
                "--lanes {}: choose 1 to {MOST_LANES}",
                words.lanes
            )));
        }
        let bits = u32::from(entry.bits);
        let word_bits = match (&layer.codes, words.bits) {
            (Codes::Floats(_), _) => 32,
            (Codes::Integers(_), None) => bits,
            (Codes::Integers(_), Some(wanted)) if (bits..=WIDEST).contains(&wanted) => wanted,
            (Codes::Integers(_), Some(wanted)) => {
                return Err(wrong(format!(
                    "--word-bits {wanted}: it has {bits} bits; choose {bits} to {WIDEST}"
                )));
            }
        };
        let [_, inputs, rows, columns] = entry.shape;
        Ok(Layout {
            word_bits,
            lanes: words.lanes,
            lines: (inputs * rows * columns).div_ceil(words.lanes),
        })
    }
}

/// The memories of a layer: its weights and its affine, as `.mem` or `.coe`.
pub(super) fn memories(
    (entry, layer): (&Layer, &PackageLayer),
    (layout, stem): (Layout, &str),
    coe: bool,
) -> [ExportFile; 2] {
    let [out, inputs, rows, columns] = entry.shape;
    let kind = match layer.codes {
        Codes::Integers(_) if layout.word_bits == 1 => "1 is +1, 0 is -1".to_owned(),
        Codes::Integers(_) => format!("{} bits, two's complement", entry.bits),
        Codes::Floats(_) => "IEEE 754".to_owned(),
    };
    let name = shown(&entry.name);
    let about = format!(
        "{name}: [out][in][row][column] = {out} {inputs} {rows} {columns}; words of {} bits ({kind}), {} a line, \
         {} lines for each output channel",
        layout.word_bits, layout.lanes, layout.lines
    );
    let channels: Vec<Vec<u32>> = match &layer.codes {
        Codes::Integers(codes) => {
            let channels = codes.chunks(codes.len().div_ceil(out.max(1)).max(1));
            let word = |&q: &i16| integer_word(q, layout.word_bits);
            channels.map(|c| c.iter().map(word).collect()).collect()
        }
        Codes::Floats(weights) => {
            let channels = weights.chunks(weights.len().div_ceil(out.max(1)).max(1));
            channels
                .map(|c| c.iter().map(|w| w.to_bits()).collect())
                .collect()
        }
    };
    let lines = channels.iter().flat_map(|c| c.chunks(layout.lanes));
    let lines = lines.map(|words| line(words, layout.word_bits, layout.lanes));
    let weights = text(&about, lines, coe);
    let extension = if coe { "coe" } else { "mem" };
    let affine = text(&affine_about(entry, layer), affine_words(entry, layer), coe);
    [
        ExportFile::text(format!("layers/{stem}.{extension}"), weights),
        ExportFile::text(format!("layers/{stem}.affine.{extension}"), affine),
    ]
}

/// What the words of an affine are.
fn affine_about(entry: &Layer, layer: &PackageLayer) -> String {
    let (name, out) = (shown(&entry.name), entry.shape[0]);
    if let Some(fixed) = &layer.fixed {
        return format!(
            "{name}: {out} words of multiplier m (upper 11 bits, two's complement) and shift s + 8 (lower 5 bits), then \
             {out} offsets o of 16 bits: y = m * accumulator / 2^s + o / 2^g, g = {}, rounded to the nearest integer, \
             halves up, saturated to {} bits",
            fixed.guard, fixed.grid.bits
        );
    }
    let bits = if entry.affine.dtype == "F16" { 16 } else { 32 };
    format!(
        "{name}: {out} factors a, then {out} summands b, IEEE 754 of {bits} bits: y = a * accumulator + b"
    )
}

/// The words of an affine.
fn affine_words(entry: &Layer, layer: &PackageLayer) -> impl Iterator<Item = String> {
    let words: Vec<String> = match (&layer.fixed, entry.affine.dtype.as_str()) {
        (Some(fixed), _) => {
            let words = fixed.words.iter().map(|word| word.packed());
            let words = words.chain(fixed.offsets.iter().copied());
            words
                .map(|w| format!("{:04x}", w.cast_unsigned()))
                .collect()
        }
        (None, format) => {
            let number = |&x: &f32| match format {
                "F16" => format!("{:04x}", half::f16::from_f32(x).to_bits()),
                _ => format!("{:08x}", x.to_bits()),
            };
            layer
                .factor
                .iter()
                .chain(&layer.summand)
                .map(number)
                .collect()
        }
    };
    words.into_iter()
}

/// A weight as a word.
fn integer_word(code: i16, word_bits: u32) -> u32 {
    let mask = u32::MAX >> (WIDEST - word_bits.clamp(1, WIDEST));
    match word_bits {
        1 => u32::from(code > 0),
        _ => i32::from(code) as u32 & mask,
    }
}

/// Words in hexadecimal digits, the first in the lowest bits; what is missing is 0.
fn line(words: &[u32], word_bits: u32, lanes: usize) -> String {
    let bits = word_bits as usize * lanes;
    let mut digits = vec![0u8; bits.div_ceil(4)];
    for (lane, &word) in words.iter().enumerate() {
        for bit in (0..word_bits as usize).filter(|bit| word >> bit & 1 == 1) {
            let at = lane * word_bits as usize + bit;
            if let Some(digit) = digits.get_mut(at / 4) {
                *digit |= 1 << (at % 4);
            }
        }
    }
    let digits = digits.iter().rev();
    digits
        .map(|&d| char::from_digit(u32::from(d), 16).unwrap_or('0'))
        .collect()
}

/// A file of lines.
fn text(about: &str, lines: impl Iterator<Item = String>, coe: bool) -> String {
    let lines: Vec<String> = lines.collect();
    match coe {
        true => format!(
            "; {about}\nmemory_initialization_radix=16;\nmemory_initialization_vector=\n{};\n",
            lines.join(",\n")
        ),
        false => format!("// {about}\n{}\n", lines.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_two_s_complement() {
        let word = |code, bits| line(&[integer_word(code, bits)], bits, 1);
        assert_eq!(word(-3, 4), "d");
        assert_eq!(word(-3, 8), "fd");
        assert_eq!(word(3, 6), "03");
        assert_eq!(word(-3, 6), "3d");
        assert_eq!((word(1, 1), word(-1, 1)), ("1".into(), "0".into()));
        assert_eq!((word(1, 2), word(-1, 2)), ("1".into(), "3".into()));
        assert_eq!(word(-2, 32), "fffffffe");
    }

    #[test]
    fn lanes_begin_in_the_lowest_bits() {
        assert_eq!(line(&[1, 2, 3], 4, 4), "0321");
        assert_eq!(line(&[1, 0b110], 3, 2), "31");
        assert_eq!(line(&[u32::MAX; 3], 32, 3), "f".repeat(24));
    }
}
