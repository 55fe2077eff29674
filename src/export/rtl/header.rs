//! C headers.

use std::fmt::Write;

use super::names::shown;
use crate::export::error::ExportError;
use crate::export::file::ExportFile;
use crate::export::manifest::Layer;
use crate::export::manifest::operation::{
    Charge, Firing, Leak, Reset, Site, SiteFixed, SiteNeuron,
};
use crate::export::package::{Codes, PackageLayer};
use crate::quant::fixed::FixedAffine;
use crate::quant::{BitWidth, pack};

/// Numbers in a line.
const A_LINE: usize = 16;

/// One layer as a C header, C99.
pub(super) fn header(
    (entry, layer): (&Layer, &PackageLayer),
    site: Option<&Site>,
    (stem, identifier): (&str, &str),
    packed: bool,
) -> Result<ExportFile, ExportError> {
    let capitals = identifier.to_ascii_uppercase();
    let [out, inputs, rows, columns] = entry.shape;
    let mut text = format!(
        "/* {}: weights [out][in][row][column], then {}. */\n\
         #ifndef AQ4SVIT_{capitals}_H\n#define AQ4SVIT_{capitals}_H\n\n#include <stdint.h>\n\n",
        shown(&entry.name),
        match layer.fixed {
            None => "y = factor[out] * accumulator + summand[out]".to_owned(),
            Some(_) => format!("y = {identifier}_result(out, accumulator)"),
        }
    );
    for (what, number) in [
        ("BITS", usize::from(entry.bits)),
        ("OUT", out),
        ("IN", inputs),
        ("ROWS", rows),
        ("COLUMNS", columns),
        ("STRIDE", entry.stride),
        ("PADDING", entry.padding),
        ("GROUPS", entry.groups),
        ("OVER_TOKENS", usize::from(entry.over_tokens)),
    ] {
        let _ = writeln!(text, "#define {capitals}_{what} {number}");
    }
    match &layer.codes {
        Codes::Integers(codes) if packed => packed_weights(&mut text, entry, identifier, codes)?,
        Codes::Integers(codes) => {
            let kind = if entry.bits > 8 { "int16_t" } else { "int8_t" };
            array(
                &mut text,
                kind,
                (identifier, "weights"),
                codes,
                i16::to_string,
            );
        }
        Codes::Floats(weights) => {
            floats(&mut text, entry, (identifier, "weights"), weights)?;
        }
    }
    match &layer.fixed {
        Some(fixed) => integer_affine(&mut text, fixed, identifier, &capitals),
        None => {
            floats(&mut text, entry, (identifier, "factor"), &layer.factor)?;
            floats(&mut text, entry, (identifier, "summand"), &layer.summand)?;
        }
    }
    if let Some(site) = site {
        neurons(&mut text, site, identifier, &capitals);
    }
    text.push_str("\n#endif\n");
    Ok(ExportFile::text(format!("layers/{stem}.h"), text))
}

/// A header that includes those of all layers in execution order.
pub(super) fn all(stems: &[String]) -> ExportFile {
    let includes = stems.iter().map(|stem| format!("#include \"{stem}.h\"\n"));
    let text: String = includes.collect();
    let text = format!("/* All layers in execution order. */\n{text}");
    ExportFile::text("layers/layers.h".to_owned(), text)
}

/// An affine in integers, and a function that computes it.
fn integer_affine(text: &mut String, fixed: &FixedAffine, identifier: &str, capitals: &str) {
    let (bits, fraction) = (fixed.grid.bits, fixed.grid.fraction);
    let _ = write!(
        text,
        "\n/* Results: {bits} bits, {fraction} of them behind the point; offsets have GUARD bits more. */\n\
         #define {capitals}_RESULT_BITS {bits}\n#define {capitals}_FRACTION {fraction}\n\
         #define {capitals}_GUARD ({})\n",
        fixed.guard
    );
    let words = &fixed.words;
    array(text, "int16_t", (identifier, "multiplier"), words, |w| {
        w.multiplier.to_string()
    });
    array(text, "int8_t", (identifier, "shift"), words, |w| {
        w.shift.to_string()
    });
    array(
        text,
        "int16_t",
        (identifier, "offset"),
        &fixed.offsets,
        i16::to_string,
    );
    let _ = write!(
        text,
        "\n/* multiplier * accumulator / 2^shift + offset / 2^GUARD, halves up, saturated. */\n\
         static inline int32_t {identifier}_result(int out, int32_t accumulator)\n{{\n    \
         const int shift = {identifier}_shift[out], guard = {capitals}_GUARD;\n    \
         int all = shift > guard ? shift : guard;\n    \
         if (all < 1)\n        all = 1;\n    \
         /* Far beyond any result, and within 64 bits. */\n    \
         const int64_t limit = (int64_t)1 << (61 - (all - shift));\n    \
         int64_t product = (int64_t){identifier}_multiplier[out] * accumulator;\n    \
         product = product > limit ? limit : product < -limit ? -limit : product;\n    \
         const int64_t sum = product * ((int64_t)1 << (all - shift))\n        \
         + {identifier}_offset[out] * ((int64_t)1 << (all - guard)) + ((int64_t)1 << (all - 1));\n    \
         const int64_t most = ((int64_t)1 << ({bits} - 1)) - 1;\n    \
         const int64_t unit = (int64_t)1 << all;\n    \
         const int64_t result = sum / unit - (sum % unit < 0);\n    \
         return (int32_t)(result > most ? most : result < -most - 1 ? -most - 1 : result);\n}}\n"
    );
}

/// The neurons that the layer feeds directly.
fn neurons(text: &mut String, site: &Site, identifier: &str, capitals: &str) {
    let name = shown(&site.name);
    if let (SiteNeuron::Lif { .. }, Some(leak), Some(threshold)) = (
        site.neuron,
        site.fixed.and_then(|f| f.leak),
        site.fixed.and_then(|f| f.threshold),
    ) {
        let _ = write!(
            text,
            "\n/* Neurons {name}: v += ((y - v) * LEAK) >> LEAK_SHIFT, rounded down; where v >= THRESHOLD a spike, and \
             v = 0. */\n#define {capitals}_LEAK {}\n#define {capitals}_LEAK_SHIFT {}\n\
             #define {capitals}_THRESHOLD {threshold}\n",
            leak.multiplier, leak.shift
        );
        return;
    }
    match site.neuron {
        SiteNeuron::Lif { tau, threshold, .. } => {
            let _ = write!(
                text,
                "\n/* Neurons {name}: v += (y - v) / tau; where v >= threshold a spike, and v = 0. */\n\
                 static const float {identifier}_tau = {}f;\n\
                 static const float {identifier}_threshold = {}f;\n",
                literal(tau as f32),
                literal(threshold as f32)
            );
        }
        SiteNeuron::Spiking {
            charge,
            threshold,
            firing,
            reset,
        } => {
            let Spelt {
                charge,
                fires,
                reset,
                numbers,
            } = spelt((charge, firing, reset), site.fixed.as_ref(), threshold);
            let _ = write!(
                text,
                "\n/* Neurons {name}: {charge}; where {fires} a spike, and {reset}. */\n"
            );
            for (what, number) in numbers {
                let _ = match number {
                    Spelling::Whole(n) => {
                        let what = what.to_uppercase();
                        writeln!(text, "#define {capitals}_{what} {n}")
                    }
                    Spelling::Real(x) => {
                        let x = literal(x as f32);
                        writeln!(text, "static const float {identifier}_{what} = {x}f;")
                    }
                };
            }
        }
        SiteNeuron::Integer { max, norm, .. } => {
            let _ = write!(
                text,
                "\n/* Neurons {name}: y clamped to 0..MAX and rounded; a level stands for level / NORM. */\n\
                 #define {capitals}_MAX {max}\n#define {capitals}_NORM {norm}\n"
            );
        }
    }
}

/// Neurons in words, with their numbers.
struct Spelt {
    charge: String,
    fires: &'static str,
    reset: &'static str,
    numbers: Vec<(&'static str, Spelling)>,
}

/// A number of a header.
enum Spelling {
    Whole(i64),
    Real(f64),
}

/// Neurons of any charge, firing and reset; in integers where there are such.
fn spelt(
    (charge, firing, reset): (Charge, Firing, Reset),
    fixed: Option<&SiteFixed>,
    threshold: f64,
) -> Spelt {
    let mut numbers = Vec::new();
    let leak = match (fixed.and_then(|f| f.leak), charge) {
        (Some(leak), _) => {
            numbers.push(("leak", Spelling::Whole(leak.multiplier.into())));
            numbers.push(("leak_shift", Spelling::Whole(leak.shift.into())));
            "(d * LEAK) >> LEAK_SHIFT, rounded down,"
        }
        (None, Charge::DecayInput(Leak::Over(tau)) | Charge::Leak(Leak::Over(tau))) => {
            numbers.push(("tau", Spelling::Real(tau)));
            "d / tau"
        }
        (None, Charge::DecayInput(Leak::Times(part)) | Charge::Leak(Leak::Times(part))) => {
            numbers.push(("leak", Spelling::Real(part)));
            "d * leak"
        }
        (None, Charge::Retain(kept)) => {
            numbers.push(("kept", Spelling::Real(kept)));
            ""
        }
        (None, Charge::Integrate) => "",
    };
    let charge = match charge {
        Charge::Integrate => "v += y".to_owned(),
        Charge::DecayInput(_) => format!("v += {leak} of d = y - (v - rest)"),
        Charge::Leak(_) => format!("v = v - {leak} of d = v - rest, + y"),
        Charge::Retain(_) if fixed.is_some() => format!("v = v - {leak} of d = v, + y"),
        Charge::Retain(_) => "v = v * kept + y".to_owned(),
    };
    let whole = fixed.and_then(|f| f.threshold);
    let own = whole.map_or(Spelling::Real(threshold), Spelling::Whole);
    numbers.push(("threshold", own));
    match (reset, fixed) {
        (Reset::Hard(rest), None) => numbers.push(("rest", Spelling::Real(rest))),
        (Reset::Hard(_), Some(fixed)) => {
            numbers.push(("rest", Spelling::Whole(fixed.rest.unwrap_or(0))));
        }
        (Reset::Soft | Reset::SoftNext, Some(fixed)) => {
            let subtracted = fixed.subtracted.unwrap_or(0);
            numbers.push(("subtracted", Spelling::Whole(subtracted)));
        }
        (Reset::Soft | Reset::SoftNext, None) => {}
    }
    Spelt {
        charge,
        fires: match (firing, fixed) {
            (Firing::Above, None) => "v > threshold",
            (Firing::AtLeast, _) | (Firing::Above, Some(_)) => "v >= threshold",
        },
        reset: match (reset, fixed) {
            (Reset::Hard(_), _) => "v = rest, where it also begins",
            (Reset::Soft, None) => "v -= threshold",
            (Reset::Soft, Some(_)) => "v -= SUBTRACTED",
            (Reset::SoftNext, None) => "v -= threshold at the next time step, after its input",
            (Reset::SoftNext, Some(_)) => "v -= SUBTRACTED at the next time step, after its input",
        },
        numbers,
    }
}

/// Packed integers and a function that reads one.
fn packed_weights(
    text: &mut String,
    entry: &Layer,
    identifier: &str,
    codes: &[i16],
) -> Result<(), ExportError> {
    let width = BitWidth::new(entry.bits).map_err(|e| ExportError::Unfit(e.to_string()))?;
    let bytes = pack(codes, width).map_err(|source| ExportError::Pack {
        layer: entry.name.clone(),
        source,
    })?;
    let bits = entry.bits;
    let number = |b: &u8| format!("0x{b:02x}");
    array(text, "uint8_t", (identifier, "packed"), &bytes, number);
    let value = match bits {
        1 => "code ? 1 : -1".to_owned(),
        _ => format!("(int)code - (int)((code >> {}) << {bits})", bits - 1),
    };
    let _ = write!(
        text,
        "\n/* Weight n in the order [out][in][row][column]: {bits} bits from bit n * {bits} on. */\n\
         static inline int {identifier}_weight(uint32_t n)\n{{\n    \
         uint32_t code = 0;\n    \
         for (uint32_t i = 0; i < {bits}; i++) {{\n        \
         uint64_t bit = (uint64_t)n * {bits} + i;\n        \
         code |= (uint32_t)({identifier}_packed[bit / 8] >> (bit % 8) & 1) << i;\n    \
         }}\n    \
         return {value};\n}}\n"
    );
    Ok(())
}

fn floats(
    text: &mut String,
    entry: &Layer,
    name: (&str, &str),
    numbers: &[f32],
) -> Result<(), ExportError> {
    if let Some(x) = numbers.iter().find(|x| !x.is_finite()) {
        return Err(ExportError::Unfit(format!("{}: it holds {x}", entry.name)));
    }
    array(text, "float", name, numbers, |&x| literal(x) + "f");
    Ok(())
}

/// The shortest number that reads back as this one.
fn literal(x: f32) -> String {
    format!("{x:?}")
}

fn array<T>(
    text: &mut String,
    kind: &str,
    (identifier, what): (&str, &str),
    numbers: &[T],
    show: impl Fn(&T) -> String,
) {
    let _ = writeln!(
        text,
        "\nstatic const {kind} {identifier}_{what}[{}] = {{",
        numbers.len()
    );
    for line in numbers.chunks(A_LINE) {
        let line: Vec<String> = line.iter().map(&show).collect();
        let _ = writeln!(text, "    {},", line.join(", "));
    }
    text.push_str("};\n");
}
