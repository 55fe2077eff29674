//! The golden images of a package: chosen, run and written one by one.

use std::sync::Arc;

use anyhow::{Result, bail};

use super::Args;
use super::material::Material;
use crate::cli::progress::bar;
use crate::cli::signals::Signals;
use crate::export::manifest::SAFE_MARGIN;
use crate::export::{Conversion, Package, PackageFolder, Source, margin, widest};
use crate::torch::{GoldenNetwork, Model};

/// Runs the golden inputs, writes their files, and tells the manifest.
pub(super) fn write(
    args: &Args,
    package: &mut Package,
    (source, conversion): (&Source<'_>, &Conversion),
    (material, folder): (&Material, &PackageFolder),
    signals: &Signals,
) -> Result<()> {
    let model = Model {
        graph: source.profile.graph(),
        weights: source.weights.clone(),
        scheme: source.profile.scheme,
    };
    let layers = source.layers.iter().map(|l| l.clone().map(Arc::new));
    let device = args.device.device.parse()?;
    let network = GoldenNetwork::new(&model, source.allocation.clone(), layers.collect(), device)?;
    package.manifest.provenance.numerics = network.numerics();
    let cancel = signals.cancel();
    let inputs = &material.candidates.inputs;
    let wanted = usize::from(args.golden_images);
    let bar = bar(
        inputs.len() as u64,
        "[{bar:24}] {pos}/{len} golden candidates",
    );
    let mut margins = vec![None; inputs.len()];
    // Where all are taken there is nothing to choose.
    if inputs.len() > wanted {
        for (input, margin_of) in inputs.iter().zip(&mut margins) {
            if cancel.is_cancelled() {
                bail!("interrupted; nothing was written");
            }
            *margin_of = margin(package, &network.margins(&input.values)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    package.set_golden(material.candidates.source.clone(), inputs.len());
    for index in widest(&margins, wanted) {
        let Some(input) = inputs.get(index) else {
            continue;
        };
        if cancel.is_cancelled() {
            bail!("interrupted; nothing was written");
        }
        let trace = network.run(&input.values)?;
        let image = conversion.image(package, &input.values, trace);
        let (file, bytes) = package.add_golden(input, &image)?;
        folder.write(&file.to_string_lossy(), &bytes)?;
    }
    Ok(())
}

/// What is worth saying of a package on standard error.
pub(super) fn notes(package: &Package) -> Vec<String> {
    let mut notes = Vec::new();
    let layers = package.manifest.layers.iter();
    let float: Vec<&str> = layers
        .filter(|l| l.bits == 32)
        .map(|l| l.name.as_str())
        .collect();
    if !float.is_empty() {
        notes.push(format!(
            "note: {} layer(s) are not quantized and kept in f32: {}",
            float.len(),
            float.join(", ")
        ));
    }
    for image in &package.manifest.golden.images {
        if let Some(margin) = image.margin.filter(|&m| m < SAFE_MARGIN) {
            notes.push(format!(
                "note: {}: a potential comes within {margin:.1e} of its threshold, nearer than {SAFE_MARGIN:.0e}: other \
                 tools start there from the stored accumulators of layers that are not exact",
                image.file
            ));
        }
    }
    notes
}

/// A line on what was written.
pub(super) fn summary(package: &Package, folder: &str) -> String {
    let manifest = &package.manifest;
    let margins = manifest.golden.images.iter().filter_map(|i| i.margin);
    let margin = match margins.reduce(f64::min) {
        Some(margin) => format!(", margin {margin:.1e}"),
        None => String::new(),
    };
    format!(
        "{folder}: {} layers, {} bytes of weights and affines, {} golden image(s){margin}",
        manifest.layers.len(),
        manifest.payload.memory_bytes,
        manifest.golden.images.len()
    )
}
