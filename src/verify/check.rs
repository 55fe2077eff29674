//! The manifest against itself and against the tensors: what passes can be computed with.

mod constants;
mod fixed;
mod heads;
mod layers;
mod operations;
mod sites;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::engine::{Kind, Network, Step};
use super::error::VerifyError;
use super::tensors::Tensors;
use crate::export::manifest::operation::OperationKind;
use crate::export::manifest::{FIXED_FORMAT, FORMAT, MANIFEST, Manifest, Number, WEIGHTS};

/// Operations, layers and sites of a package.
const MOST_PARTS: usize = 100_000;
/// Time steps.
const MOST_STEPS: usize = 4096;
/// Numbers of one value over all time steps.
const LARGEST_VALUE: usize = 1 << 29;
/// Numbers of all values that exist at one time.
const LARGEST_MEMORY: usize = 1 << 31;
/// Multiply-accumulates for one image.
const MOST_PRODUCTS: u64 = 1 << 44;
/// The prefix of tensors that no reader needs but the program that wrote them.
const UNUSED: &str = "checkpoint.";

pub(super) fn wrong(field: impl Into<String>, why: impl Into<String>) -> VerifyError {
    VerifyError::wrong(MANIFEST, field, why)
}

/// Checks everything, and reads the weights.
pub(super) fn check(manifest: &Manifest, weights: &[u8]) -> Result<Network, VerifyError> {
    facts(manifest)?;
    let mut steps = operations::steps(manifest)?;
    check_size(manifest, &steps)?;
    let tensors = Tensors::new(WEIGHTS, weights)?;
    let mut used = BTreeSet::new();
    let layers = layers::layers(manifest, &tensors, &mut used)?;
    sites::sites(manifest, &layers, &tensors, &mut used)?;
    let constants = constants::read(manifest, &tensors, &mut steps)?;
    for name in tensors.names() {
        if !used.contains(&name) && !name.starts_with(UNUSED) {
            let field = format!("tensor {name}");
            return Err(VerifyError::wrong(
                WEIGHTS,
                field,
                "the manifest does not know it",
            ));
        }
    }
    payload(manifest, constants, &tensors, weights.len() as u64)?;
    golden(manifest)?;
    accuracy(manifest)?;
    Ok(Network {
        steps,
        layers,
        neurons: manifest.sites.iter().map(|s| s.neuron).collect(),
        fixed: manifest.sites.iter().map(|s| s.fixed).collect(),
        time_steps: manifest.network.time_steps,
    })
}

fn facts(manifest: &Manifest) -> Result<(), VerifyError> {
    if ![FORMAT, FIXED_FORMAT].contains(&manifest.format) {
        let why = format!(
            "version {} is neither {FORMAT} nor {FIXED_FORMAT}, which are read here",
            manifest.format
        );
        return Err(wrong("format", why));
    }
    let network = &manifest.network;
    if !(1..=MOST_STEPS).contains(&network.time_steps) {
        return Err(wrong(
            "network.time_steps",
            format!("it is not 1 to {MOST_STEPS}"),
        ));
    }
    fixed::network(manifest)?;
    let parts = [
        ("operations", manifest.operations.len()),
        ("layers", manifest.layers.len()),
        ("sites", manifest.sites.len()),
        ("golden.images", manifest.golden.images.len()),
    ];
    for (field, count) in parts {
        if !(1..=MOST_PARTS).contains(&count) {
            return Err(wrong(
                field,
                format!("{count} entries are not 1 to {MOST_PARTS}"),
            ));
        }
    }
    let unique = |field: &str, names: Vec<&String>| {
        let mut seen = BTreeSet::new();
        match names.into_iter().find(|name| !seen.insert(*name)) {
            None => Ok(()),
            Some(name) => Err(wrong(field, format!("{name} is there twice"))),
        }
    };
    unique("layers", manifest.layers.iter().map(|l| &l.name).collect())?;
    unique("sites", manifest.sites.iter().map(|s| &s.name).collect())?;
    unique(
        "golden.images",
        manifest.golden.images.iter().map(|i| &i.file).collect(),
    )
}

/// Bounds memory and work before anything is computed.
fn check_size(manifest: &Manifest, steps: &[Step]) -> Result<(), VerifyError> {
    let count = |step: &Step| {
        let sizes = step.shape.iter().chain([&step.times]);
        sizes.fold(1usize, |n, &size| n.saturating_mul(size))
    };
    let (mut alive, mut products) = (0usize, 0u64);
    for (i, step) in steps.iter().enumerate() {
        let numbers = count(step);
        alive = alive.saturating_add(numbers);
        if numbers > LARGEST_VALUE || alive > LARGEST_MEMORY {
            let field = format!("operations[{i}].shape");
            return Err(wrong(field, "its value is larger than any network's"));
        }
        for &unread in &step.release {
            alive -= steps.get(unread).map_or(0, count);
        }
        let fan_in = match step.kind {
            Kind::Layer(layer) => manifest.layers.get(layer).map_or(0, |l| {
                let sizes = l.shape.iter().skip(1);
                sizes.fold(1u64, |n, &size| n.saturating_mul(size as u64))
            }),
            Kind::Attention { .. } => (step.shape[1] as u64).saturating_mul(step.shape[2] as u64),
            Kind::Scores { .. } | Kind::Apply { .. } => {
                let first = step.inputs.first().and_then(|&n| steps.get(n));
                first.map_or(1, |x| match step.kind {
                    Kind::Scores { heads } => x.shape[0] / heads.max(1),
                    _ => x.shape[1].saturating_mul(x.shape[2]),
                }) as u64
            }
            _ => 1,
        };
        products = products.saturating_add(fan_in.saturating_mul(numbers as u64));
    }
    match products <= MOST_PRODUCTS {
        true => Ok(()),
        false => Err(wrong("layers", "they are more work than any network's")),
    }
}

fn payload(
    manifest: &Manifest,
    constants: u64,
    tensors: &Tensors<'_>,
    file: u64,
) -> Result<(), VerifyError> {
    let payload = manifest.payload;
    let sum = |f: fn(&crate::export::manifest::Layer) -> u64| {
        let bytes = manifest.layers.iter().map(f);
        bytes.fold(0u64, u64::saturating_add)
    };
    let is_float = |l: &crate::export::manifest::Layer| l.weight.is_some();
    let weights = |float: bool| {
        let layers = manifest.layers.iter().filter(|l| is_float(l) == float);
        layers.fold(0u64, |n, l| n.saturating_add(l.weight_bytes))
    };
    let stored = payload
        .codes
        .saturating_add(payload.float_weights)
        .saturating_add(payload.affines)
        .saturating_add(payload.constants);
    let memory = stored
        .saturating_add(payload.neurons)
        .saturating_add(payload.factors);
    let factors = manifest.operations.iter().map(|o| match &o.op {
        OperationKind::HeadScale { factors } => 4 * factors.len() as u64,
        // A batch norm has four numbers for each channel.
        OperationKind::ChannelAffine { factors, .. } => 16 * factors.len() as u64,
        _ => 0,
    });
    let factors = factors.fold(0u64, u64::saturating_add);
    // Operations may share firing rates.
    if payload.factors > factors {
        let why = format!("{} bytes, but there are {factors}", payload.factors);
        return Err(wrong("payload.factors", why));
    }
    let trained = 4 * manifest.sites.len() as u64;
    if payload.neurons > trained {
        let why = format!(
            "{} bytes for {} populations",
            payload.neurons,
            manifest.sites.len()
        );
        return Err(wrong("payload.neurons", why));
    }
    let beside = [payload.scales, payload.thresholds, payload.checkpoint];
    let beside = beside.into_iter().fold(0, u64::saturating_add);
    let checks = [
        ("codes", payload.codes, weights(false)),
        ("float_weights", payload.float_weights, weights(true)),
        ("affines", payload.affines, sum(|l| l.affine_bytes)),
        ("constants", payload.constants, constants),
        ("memory_bytes", payload.memory_bytes, memory),
        ("header", payload.header, tensors.begin()),
        (
            "checkpoint",
            stored.saturating_add(beside).saturating_add(payload.header),
            file,
        ),
    ];
    for (field, said, found) in checks {
        if said != found {
            let why = format!("{said} bytes, but there are {found}");
            return Err(wrong(format!("payload.{field}"), why));
        }
    }
    Ok(())
}

fn golden(manifest: &Manifest) -> Result<(), VerifyError> {
    for (i, entry) in manifest.golden.images.iter().enumerate() {
        let field = |part: &str| format!("golden.images[{i}].{part}");
        let name = entry.file.strip_prefix("golden/");
        let name = name.and_then(|n| n.strip_suffix(".safetensors"));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !name.is_some_and(|n| !n.is_empty() && n.chars().all(is_plain)) {
            return Err(wrong(field("file"), "expected golden/NAME.safetensors"));
        }
        let sensitive = manifest.sites.iter().filter(|s| s.depends_on_rounding);
        let sensitive = sensitive.map(|s| &s.name);
        if !entry.sites.iter().map(|s| &s.site).eq(sensitive) {
            return Err(wrong(
                field("sites"),
                "expected those that depend on rounding",
            ));
        }
        let margins = entry.sites.iter().map(|s| s.margin);
        let least = margins.reduce(|a, b| if b < a { b } else { a });
        if least != entry.margin {
            return Err(wrong(field("margin"), "it is not the least of its sites'"));
        }
        if usize::try_from(entry.predicted).is_ok_and(|c| c >= manifest.network.classes) {
            return Err(wrong(field("predicted"), "there is no such class"));
        }
    }
    Ok(())
}

/// What can be seen of accuracies without their images: that they are counts of them.
fn accuracy(manifest: &Manifest) -> Result<(), VerifyError> {
    for (i, entry) in manifest.accuracy.iter().enumerate() {
        for (part, found) in [("float", &entry.float), ("quantized", &entry.quantized)] {
            let field = |name: &str| format!("accuracy[{i}].{part}.{name}");
            if found.correct > entry.images || entry.images == 0 {
                let why = format!("{} of {} images", found.correct, entry.images);
                return Err(wrong(field("correct"), why));
            }
            let percent = 100.0 * found.correct as f64 / entry.images as f64;
            if (found.percent - percent).abs() > 1e-6 {
                return Err(wrong(field("percent"), format!("expected {percent}")));
            }
            let [low, high] = found.interval.map(|end| end - percent);
            if !(low <= 1e-6 && high >= -1e-6) {
                return Err(wrong(field("interval"), "it does not hold the percentage"));
            }
        }
    }
    Ok(())
}

/// Whether no rounding reaches the logits.
pub(super) fn exact_logits(manifest: &Manifest) -> bool {
    operations::rounding(manifest).last() == Some(&false)
}

/// The largest whole number of a range.
fn most(number: Number) -> Option<u64> {
    match number {
        Number::Integer(most) => Some(most),
        Number::Real | Number::Fixed { .. } | Number::Sum { .. } => None,
    }
}

/// How many values an operation reads.
fn input_count(kind: &OperationKind) -> RangeInclusive<usize> {
    match kind {
        OperationKind::Input => 0..=0,
        OperationKind::Add
        | OperationKind::Average
        | OperationKind::Multiply
        | OperationKind::HeadMask { .. }
        | OperationKind::ChannelMask
        | OperationKind::Scores { .. }
        | OperationKind::Apply { .. } => 2..=2,
        OperationKind::Attention { .. } => 3..=3,
        OperationKind::Concat { .. } => 2..=MOST_PARTS,
        _ => 1..=1,
    }
}
