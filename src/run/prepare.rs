//! From a profile to everything a search needs: graph, weights, images, settings, fingerprint.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::RunError;
use super::problem::SearchProblem;
use super::results::{Contents, hash};
use super::side_file::{FixedLayers, SideFileError, fixed_layers};
use crate::checkpoint::{StateDict, taken_for};
use crate::data::{self, DRIFT_IMAGES, Loading, Splits};
use crate::evaluate::{ImageOrder, Split};
use crate::journal::Fingerprint;
use crate::network::{ModelConfig, ModelSource, write_graph};
use crate::profile::{Paths, Profile, Screening, Target};
use crate::quant::{Affine, Allocation, Correction, Scheme};
use crate::search::{Settings, Space, Unsearchable};

/// Raised when a graph or an executor changes what a run's numbers mean.
const GRAPH_VERSION: u32 = 2;

/// A search problem with all that its profile refers to, read and checked.
#[derive(Debug)]
pub struct Prepared {
    /// The profile.
    pub profile: Profile,
    /// Its weights.
    pub weights: StateDict,
    /// Its images.
    pub splits: Splits,
    /// What the search depends on.
    pub settings: Settings,
    /// The quantized layers of the one allocation that can be evaluated; none where all can.
    pub fixed: Option<FixedLayers>,
}

impl Prepared {
    /// Reads everything that a profile refers to; decoded images are kept in the user's cache
    /// folder.
    ///
    /// # Errors
    /// [`RunError`] for the first thing that is missing or does not fit.
    pub fn new(problem: SearchProblem) -> Result<Self, RunError> {
        let cache = Paths::from_env().ok().map(|paths| paths.cache());
        let loading = Loading {
            cache: cache.as_deref(),
            ..Loading::default()
        };
        Prepared::load(problem, loading)
    }

    /// Reads everything that a profile refers to.
    ///
    /// # Errors
    /// [`RunError`] for the first thing that is missing or does not fit;
    /// [`RunError::Calibration`] for other calibration images than the profile names.
    pub fn load(problem: SearchProblem, loading: Loading<'_>) -> Result<Self, RunError> {
        let weights = load_weights(&problem.profile)?;
        let prepared = Prepared::of(problem, weights, loading)?;
        prepared.check_calibration()?;
        Ok(prepared)
    }

    /// Reads what it takes to evaluate one allocation on one split. Where the profile's file of
    /// quantized layers holds the allocation, these are taken, and no calibration images are
    /// needed; where it cannot be used, `note` is told why.
    ///
    /// # Errors
    /// As [`Prepared::load`]; [`RunError::Uncalibrated`] where neither the file nor the calibration
    /// images can be used.
    pub fn load_for(
        problem: SearchProblem,
        loading: Loading<'_>,
        (allocation, split): (&Allocation, Split),
        note: &mut dyn FnMut(&SideFileError),
    ) -> Result<Self, RunError> {
        let weights = load_weights(&problem.profile)?;
        let (fixed, unusable) = match fixed_layers(&problem.profile, &weights, allocation) {
            Ok(fixed) => (fixed, None),
            Err(error) => (None, Some(error)),
        };
        let loading = Loading {
            without_test: split != Split::Test,
            only_test: split == Split::Test && fixed.is_some(),
            ..loading
        };
        if fixed.is_some() {
            let prepared = Prepared::of(problem, weights, loading)?;
            return Ok(Prepared { fixed, ..prepared });
        }
        let calibrated = Prepared::of(problem, weights, loading).and_then(|prepared| {
            prepared.check_calibration()?;
            Ok(prepared)
        });
        match (calibrated, unusable) {
            (Ok(prepared), unusable) => {
                unusable.iter().for_each(note);
                Ok(prepared)
            }
            (Err(source), None) => Err(source),
            (Err(source), Some(file)) => Err(RunError::Uncalibrated {
                file,
                source: Box::new(source),
            }),
        }
    }

    /// Reads the images to evaluate given quantized layers on one split; the weights stand for
    /// what the layers do not say.
    ///
    /// # Errors
    /// [`RunError`] for images that are missing or do not fit.
    pub fn with_layers(
        problem: SearchProblem,
        weights: StateDict,
        fixed: FixedLayers,
        (loading, split): (Loading<'_>, Split),
    ) -> Result<Self, RunError> {
        let loading = Loading {
            without_test: split != Split::Test,
            only_test: split == Split::Test,
            ..loading
        };
        let prepared = Prepared::of(problem, weights, loading)?;
        Ok(Prepared {
            fixed: Some(fixed),
            ..prepared
        })
    }

    fn of(
        problem: SearchProblem,
        weights: StateDict,
        loading: Loading<'_>,
    ) -> Result<Self, RunError> {
        // All paths of a profile that was read are absolute.
        let folder = Path::new("/");
        let SearchProblem { profile, space } = problem;
        let splits = data::load_with(profile.need_data()?, folder, &profile.model, loading)?;
        let settings = settings(&profile, space, &splits);
        settings
            .domains(&settings.pins)
            .map_err(Unsearchable::from)?;
        Ok(Prepared {
            profile,
            weights,
            splits,
            settings,
            fixed: None,
        })
    }

    /// The content hash of the calibration images; none where quantized layers need none.
    pub fn calibration_hash(&self) -> Option<String> {
        let needed = self.profile.scheme.needs_images();
        needed.then(|| self.splits.calibration.fingerprint().to_hex().to_string())
    }

    /// Refuses other calibration images than the profile names.
    fn check_calibration(&self) -> Result<(), RunError> {
        let hashes = self
            .profile
            .calibration_hash
            .as_ref()
            .zip(self.calibration_hash());
        let Some((claimed, found)) = hashes.filter(|(claimed, found)| *claimed != found) else {
            return Ok(());
        };
        let beginning = |hash: &str| hash.chars().take(16).collect();
        Err(RunError::Calibration {
            profile: self.profile.name.clone(),
            claimed: beginning(claimed),
            found: beginning(&found),
            images: self.splits.calibration.len(),
        })
    }

    /// Content hashes of everything that the run's numbers depend on.
    pub fn fingerprint(&self, numerics: String) -> Fingerprint {
        let mut data = self.images().to_vec();
        if self.splits.certify.is_none() {
            data.pop();
        }
        let s = &self.settings;
        Fingerprint {
            model: model_hash(&self.profile),
            weights: self.weights.fingerprint(&self.profile.graph())[..16].to_owned(),
            data: hash(&data),
            quantizer: {
                let Profile { scheme, menu, .. } = &self.profile;
                match scheme.needs_images() {
                    true => hash(&(scheme, menu, scheme.quantizer().id())),
                    false => hash(&(scheme, menu)),
                }
            },
            search: {
                let of_search = (&s.constraint, &s.search, &s.gate, &s.pins, &s.start);
                match (&s.target, s.space.ties.is_empty()) {
                    // As before there were any.
                    (None, true) => hash(&of_search),
                    (target, _) => hash(&(of_search, target, &s.space.ties)),
                }
            },
            numerics,
        }
    }

    /// Content hashes of the images by split; none of splits that are empty or not there.
    pub fn image_hashes(&self) -> BTreeMap<String, String> {
        let known = |split: &Split| {
            let images = split
                .images(&self.splits)
                .filter(|images| !images.is_empty())?;
            let hash = images.fingerprint().to_hex().to_string();
            Some((split.name().to_owned(), hash))
        };
        Split::ALL.iter().filter_map(known).collect()
    }

    /// Fingerprints of the images of each split.
    fn images(&self) -> [String; Split::ALL.len()] {
        let of = |split: Split| match split.images(&self.splits) {
            Some(images) => images.fingerprint().to_hex().to_string(),
            None => "none".to_owned(),
        };
        Split::ALL.map(of)
    }

    /// What answers depend on: not the search's settings, nor the menu of widths.
    pub fn contents(&self) -> Contents {
        let weights = self.weights.fingerprint(&self.profile.graph());
        let (model, scheme) = (Network::of(&self.profile), &self.profile.scheme);
        let model = &model;
        let [calibration, search, test, proxy, certify] = self.images();
        Contents {
            network: match scheme.needs_images() {
                // With calibrated weights every answer depends on the calibration images.
                true => {
                    let quantizer = (scheme.quantizer().id(), &calibration);
                    hash(&(GRAPH_VERSION, model, &weights, scheme, quantizer))
                }
                false => hash(&(GRAPH_VERSION, model, &weights, scheme)),
            },
            layers: scheme.needs_images().then(|| {
                // Correction and stored affine come after the integers and what is known of them.
                let made_by = Scheme {
                    correction: Correction::default(),
                    affine: Affine::default(),
                    membrane_bits: None,
                    ..*scheme
                };
                let quantizer = (scheme.quantizer().id(), made_by, &calibration);
                hash(&(GRAPH_VERSION, model, &weights, quantizer))
            }),
            // What is measured beside a drift depends on how many of its images are compared.
            images: [
                hash(&(
                    calibration,
                    self.settings.gate.proxy_images,
                    scheme.needs_images().then_some(&proxy),
                )),
                search,
                test,
                proxy,
                certify,
            ],
        }
    }
}

/// What a network's numbers depend on, beside its weights: a family's sizes, or the whole graph of
/// a file, wherever it lies.
#[derive(Serialize)]
#[serde(untagged)]
enum Network<'a> {
    Family(&'a ModelConfig),
    Graph(String),
}

impl<'a> Network<'a> {
    fn of(profile: &'a Profile) -> Self {
        match &profile.model {
            ModelSource::Family(config) => Network::Family(config),
            // A graph that was read can be written.
            ModelSource::File(_) => Network::Graph(
                write_graph(&profile.graph()).unwrap_or_else(|error| error.to_string()),
            ),
        }
    }
}

/// The content hash of a profile's network without its weights.
pub(super) fn model_hash(profile: &Profile) -> String {
    hash(&(GRAPH_VERSION, Network::of(profile)))
}

/// Reads a profile's weights and checks them against its graph. Their notes say what keys and
/// shapes do not tell of the network.
///
/// # Errors
/// [`RunError::Checkpoint`] with every mismatch; [`RunError::Golden`] for a graph file whose golden
/// data do not come out (where there is libtorch to see it).
pub fn load_weights(profile: &Profile) -> Result<StateDict, RunError> {
    let contents = profile.need_checkpoint()?.open(profile.weights)?;
    let mut weights = contents.read_for(&profile.graph())?;
    weights.note(taken_for(profile.model.family()));
    #[cfg(feature = "torch")]
    super::golden::check(profile)?;
    Ok(weights)
}

/// What the search depends on, from a profile and what it refers to.
fn settings(profile: &Profile, space: Space, splits: &Splits) -> Settings {
    Settings {
        name: profile.name.clone(),
        space,
        constraint: profile.constraint,
        search: profile.search.clone(),
        gate: profile.gate,
        pins: profile.pins.clone(),
        target: profile.target.as_ref().map(Target::without_folder),
        start: profile.allocation(&profile.graph()),
        calibration_images: splits.calibration.len().min(DRIFT_IMAGES),
        narrower: true,
        evidence_images: match profile.scheme.needs_images() {
            true => splits.evidence_images(profile.gate.proxy_images),
            false => 0,
        },
        search_images: splits.search.len(),
        search_order: match profile.search.screening {
            Screening::TwoSided => ImageOrder::Margin,
            Screening::Exact | Screening::Sequential => ImageOrder::Stratified,
        },
        certify_images: splits.certify.as_ref().map_or(0, |c| c.len()),
        test_images: splits.test.as_ref().map_or(0, |t| t.len()),
    }
}
