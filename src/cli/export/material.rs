//! What a package is made of besides the profile: weights, quantized layers, golden inputs.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::Args;
use crate::checkpoint::StateDict;
use crate::cli::LARGEST_INPUT;
use crate::cli::prepared::prepared_for;
use crate::cli::signals::Signals;
use crate::data::read_images;
use crate::data::{ImageSet, Splits};
use crate::evaluate::Split;
use crate::export::manifest::{GoldenSource, Provenance};
use crate::export::{Candidate, Candidates, drawn};
use crate::network::Graph;
use crate::profile::Profile;
use crate::quant::{Allocation, QuantizedLayer};
use crate::run::{fixed_layers, load_weights, quantized_layers};
use crate::system::read_within;

/// The most images among which golden ones are chosen.
const MOST_CANDIDATES: u64 = 256;
/// Multiply-accumulates that choosing may take: seconds.
const CHOOSING: u64 = 100_000_000_000;
/// Drawn inputs for each golden one.
const DRAWN: u64 = 16;

/// What a package is made of besides the profile.
pub(super) struct Material {
    pub weights: StateDict,
    /// Where they depend on calibration images; else empty.
    pub layers: Vec<Option<QuantizedLayer>>,
    pub candidates: Candidates,
    data: Option<BTreeMap<String, String>>,
    calibration: Option<String>,
}

impl Material {
    /// Where the package comes from; the numerics are added with the golden images.
    pub(super) fn provenance(&self, profile: &Profile, run: Option<String>) -> Provenance {
        Provenance {
            profile: profile.name.clone(),
            run,
            checkpoint: self.weights.fingerprint(&profile.graph()),
            data: self.data.clone(),
            quantizer: profile.scheme.quantizer().id(),
            calibration: self.calibration.clone(),
            numerics: String::new(),
        }
    }
}

pub(super) fn read(
    args: &Args,
    profile: &Profile,
    allocation: &Allocation,
    signals: &Signals,
) -> Result<Material> {
    let graph = profile.graph();
    let weights = load_weights(profile)?;
    let calibrates = profile.scheme.needs_images() && !allocation.is_float();
    let fixed = match calibrates {
        // Why a file is not used is said where the images are read.
        true => fixed_layers(profile, &weights, allocation).ok().flatten(),
        false => None,
    };
    let given = match (&args.golden, args.golden_seed) {
        (Some(_), _) => Some(from_file(args, &graph)?),
        (None, Some(_)) => Some(from_seed(args, &graph)),
        (None, None) => None,
    };
    let lacks_layers = calibrates && fixed.is_none();
    if !lacks_layers && (given.is_some() || profile.data.is_none()) {
        return Ok(Material {
            weights,
            layers: fixed.map(|f| f.layers).unwrap_or_default(),
            candidates: given.unwrap_or_else(|| from_seed(args, &graph)),
            data: None,
            calibration: profile.calibration_hash.clone().filter(|_| calibrates),
        });
    }
    let prepared = prepared_for(profile.clone(), (allocation, Split::Search)).context(
        match lacks_layers {
            true => "the bit-widths are quantized with the calibration images of [data] (without them: --set quantizer.method=nearest)",
            false => "golden inputs are images of [data] (without them: --golden FILE, or --golden-seed 0)",
        },
    )?;
    let candidates = match given {
        Some(given) => given,
        None => from_images(args, &graph, &prepared.splits)?,
    };
    let (data, calibration) = (prepared.image_hashes(), prepared.calibration_hash());
    let layers = match (calibrates, prepared.fixed.clone()) {
        (false, _) => Vec::new(),
        (true, Some(fixed)) => fixed.layers,
        (true, None) => {
            let options = args.device.options(args.results);
            quantized_layers(prepared, &options, allocation, &signals.cancel())?
        }
    };
    Ok(Material {
        weights,
        layers,
        candidates,
        data: Some(data),
        calibration: calibration.filter(|_| calibrates),
    })
}

/// The inputs of `--golden`.
fn from_file(args: &Args, graph: &Graph) -> Result<Candidates> {
    let path = args.golden.clone().unwrap_or_default();
    let shown = path.display();
    let bytes = read_within(&path, LARGEST_INPUT)
        .with_context(|| format!("cannot read --golden {shown}"))?;
    let images = read_images(&bytes, graph).with_context(|| format!("--golden {shown}"))?;
    let one = images.values.len() / images.batch.max(1);
    let inputs = images.values.chunks(one.max(1)).enumerate();
    let inputs = inputs.map(|(i, values)| Candidate {
        index: Some(i as u64),
        label: None,
        values: values.to_vec(),
    });
    Ok(Candidates {
        source: GoldenSource::File,
        inputs: inputs.collect(),
    })
}

/// Drawn inputs.
fn from_seed(args: &Args, graph: &Graph) -> Candidates {
    let shape = graph.input;
    let frames = graph.frames().unwrap_or(1);
    let seed = args.golden_seed.unwrap_or(0);
    let numbers = frames * shape.channels * shape.height * shape.width;
    let input = |i| Candidate {
        index: None,
        label: None,
        values: drawn(seed, i, numbers),
    };
    let count = most(graph, args, DRAWN * u64::from(args.golden_images));
    Candidates {
        source: GoldenSource::Seed(seed),
        inputs: (0..count).map(input).collect(),
    }
}

/// Images of the search split, of the calibration split where there is no other.
fn from_images(args: &Args, graph: &Graph, splits: &Splits) -> Result<Candidates> {
    let (split, images): (Split, &ImageSet) = match splits.search.is_empty() {
        false => (Split::Search, &splits.search),
        true => (Split::Calibration, &splits.calibration),
    };
    let count = most(graph, args, MOST_CANDIDATES).min(images.len() as u64);
    let mut inputs = Vec::new();
    for i in 0..usize::try_from(count).unwrap_or(0) {
        let mut values = vec![0.0; images.numbers()];
        images.fill(i, &mut values)?;
        inputs.push(Candidate {
            index: Some(i as u64),
            label: Some(images.label(i)),
            values,
        });
    }
    Ok(Candidates {
        source: GoldenSource::Split(split.name().to_owned()),
        inputs,
    })
}

/// The number of candidates: as many as can be run in seconds, and as golden inputs are wanted.
fn most(graph: &Graph, args: &Args, wanted: u64) -> u64 {
    let fits = CHOOSING / graph.macs().max(1);
    wanted.min(fits).max(u64::from(args.golden_images))
}
