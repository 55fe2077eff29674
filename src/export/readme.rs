//! The page in a package that says how to read it.

use std::fmt::Write;

use super::manifest::{Accuracy, FIXED_FORMAT, Layer, SAFE_MARGIN};
use super::package::{Codes, Package, PackageLayer};

/// The text of `README.md`.
pub(super) fn readme(package: &Package) -> String {
    let manifest = &package.manifest;
    let (network, program) = (&manifest.network, &manifest.program);
    let mut text = format!(
        "# {}\n\nA quantized network of the family {}, written by {} {} (package format {}). `manifest.json` \
         says everything in words and numbers.\n\n",
        network.name, network.family, program.name, program.version, manifest.format
    );
    let _ = writeln!(
        text,
        "| File | Holds |\n|---|---|\n\
         | `manifest.json` | operations in order, layers, neurons, where each tensor lies, where it comes from |\n\
         | `weights.safetensors` | packed integers, affines, scales |\n\
         | `golden/N.safetensors` | an input, and what every layer and every population of neurons makes of it |\n\
         | `profile.toml` | the settings that it was made from |\n\
         | `SHA256SUMS` | hashes of all other files: `sha256sum -c SHA256SUMS` |\n"
    );
    text.push_str(&sizes(package));
    text.push_str(
        "## Reading the bits\n\n\
         The integers of layer `NAME` are the tensor `NAME.codes`, in the order [out, in / groups, rows, \
         columns] of the layer's `shape`. Each takes `bits` bits in two's complement, least significant bit \
         first: weight n begins at bit n x bits, and bit m of the tensor is bit m mod 8 of byte m div 8 (bit \
         0 is the least significant). With 1 bit, 1 is +1 and 0 is -1. The last byte is filled up with \
         zeros.\n\n",
    );
    let layers = manifest.layers.iter().zip(&package.layers);
    let example = layers
        .clone()
        .find_map(|(entry, layer)| example(entry, layer, package));
    text.push_str(
        &example.unwrap_or_else(|| "No layer of this package is quantized.\n\n".to_owned()),
    );
    text.push_str("## Running it\n\n");
    text.push_str(&match manifest.format {
        FIXED_FORMAT => running_in_integers(),
        _ => running(),
    });
    text.push_str(
        "`aq4svit verify DIR` checks all of it; `aq4svit evaluate DIR` measures the accuracy.\n\n",
    );
    text.push_str(&accuracies(&manifest.accuracy));
    let float = manifest.layers.iter().filter(|l| l.bits == 32);
    let float: Vec<&str> = float.map(|l| l.name.as_str()).collect();
    if !float.is_empty() {
        let _ = writeln!(
            text,
            "Not quantized, with weights in f32: {}.\n",
            float.join(", ")
        );
    }
    text
}

/// A table of what was measured; nothing where nothing was.
fn accuracies(measured: &[Accuracy]) -> String {
    if measured.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "## Accuracy\n\nIn percent, with the 95 % interval of the package's by Wilson.\n\n\
         | Split | Images | Float | Package | Interval |\n|---|--:|--:|--:|--:|\n",
    );
    for found in measured {
        let [low, high] = found.quantized.interval;
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} | {:.2} | {low:.2} to {high:.2} |",
            found.split, found.images, found.float.percent, found.quantized.percent
        );
    }
    for bound in measured.iter().filter_map(|found| found.drop_bound) {
        let _ = write!(
            text,
            "\nOn unseen images the accuracy drop is certified to be at most {bound:.2} points, with the \
             confidence `constraint.confidence` of `profile.toml`.\n"
        );
    }
    text + "\n"
}

fn running() -> String {
    format!(
        "Behind the sum of a layer's products comes one affine per output channel, `a * sum + b` (`NAME.affine`: \
         row 0 is a, row 1 is b): scale, bias and batch norms are in it. Then what `operations` says. Sums of a \
         layer with `exact` are integers and must be equal in every implementation; the others are sums of real \
         numbers.\n\n\
         Of every golden image the `margin` says how near a potential that depends on such a sum comes to its \
         threshold. Below {SAFE_MARGIN} another order of summing may flip a spike: start from the stored \
         accumulators of the layers that are not exact there.\n\n"
    )
}

fn running_in_integers() -> String {
    "Everything is computed in integers (`numbers` of an operation says what they stand for). The image is \
     rounded to the grid of operation 0. Behind the sum of a layer's products comes one affine per output channel, \
     `m * sum / 2^s + o / 2^g`, rounded to the nearest integer, halves up, and saturated to the bits of the result \
     (`NAME.affine`: row 0 holds words of m, the upper 11 bits, and s + 8, the lower 5; row 1 is o; g is `guard`): \
     scale, bias and batch norms are in it. Neurons leak by `v + (((x - v) * multiplier) >> shift)` and fire from the \
     integer `threshold` on (`fixed` of a site). Every accumulator, spike and logit must be equal in every \
     implementation.\n\n"
        .to_owned()
}

fn sizes(package: &Package) -> String {
    let p = package.manifest.payload;
    format!(
        "A deployment stores {} bytes: {} of packed integers, {} of float weights, {} of affines (two numbers for \
         each output channel). The file also holds scales ({} bytes), thresholds in accumulator units ({}), \
         tensors that only `aq4svit evaluate` reads ({}) and its header ({}).\n\n",
        p.memory_bytes,
        p.codes,
        p.float_weights,
        p.affines,
        p.scales,
        p.thresholds,
        p.checkpoint,
        p.header
    )
}

/// One weight, read by hand; none where no weight of the layer shows anything.
fn example(entry: &Layer, layer: &PackageLayer, package: &Package) -> Option<String> {
    let Codes::Integers(codes) = &layer.codes else {
        return None;
    };
    let bits = usize::from(entry.bits);
    // A negative one says more, and one that does not begin with its byte.
    let shows = |n: &usize| codes.get(*n).is_some_and(|&q| q < 0) && !(n * bits).is_multiple_of(8);
    let n = (0..codes.len())
        .find(shows)
        .or_else(|| codes.iter().position(|&q| q != 0))?;
    let (code, first) = (*codes.get(n)?, n * bits);
    let bytes = first / 8..=(first + bits - 1) / 8;
    let begin = usize::try_from(entry.codes.as_ref()?.bytes[0]).ok()?;
    let stored = bytes
        .clone()
        .map(|b| package.weights.get(begin + b).copied());
    let stored: Vec<u8> = stored.collect::<Option<_>>()?;
    let shown: Vec<String> = stored
        .iter()
        .map(|b| format!("0x{b:02x} = {b:08b}"))
        .collect();
    let [_, inputs, rows, columns] = entry.shape;
    let fan_in = (inputs * rows * columns).max(1);
    let place = n % fan_in;
    let at = [
        n / fan_in,
        place / (rows * columns),
        place / columns % rows,
        place % columns,
    ];
    let scale = layer.scales.get(at[0])?;
    let mask = (1u32 << bits) - 1;
    let field = match bits {
        1 => u32::from(code > 0),
        _ => i32::from(code).cast_unsigned() & mask,
    };
    let range = match bytes.start() == bytes.end() {
        true => format!("byte {}", bytes.start()),
        false => format!("bytes {} to {}", bytes.start(), bytes.end()),
    };
    Some(format!(
        "For example weight {n} of `{}` ({bits} bits, place {at:?}): it begins at bit {first}, so it lies in {range} \
         of the tensor ({} in the file): {}. Shifted right by {}, the lowest {bits} bit(s) are {field:0bits$b}, which \
         is {code}. The channel's scale is {scale}, so the weight is {}.\n\n",
        entry.name,
        begin + bytes.start(),
        shown.join(", "),
        first % 8,
        f64::from(code) * scale
    ))
}
