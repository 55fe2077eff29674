//! From a profile to everything a search needs: graph, weights, images, settings, fingerprint.

use std::path::Path;
use std::sync::Arc;

use super::RunError;
use super::results::{Contents, hash};
use crate::checkpoint::StateDict;
use crate::data::{self, DRIFT_IMAGES, Loading, Splits};
use crate::journal::Fingerprint;
use crate::network::Graph;
use crate::profile::{Paths, Profile, Target};
use crate::quant::MemoryModel;
use crate::search::{Restricted, Settings, Space, Unsearchable};

/// Raised when a graph or an executor changes what a run's numbers mean.
const GRAPH_VERSION: u32 = 1;

/// A profile with all it refers to, read and checked.
#[derive(Debug)]
pub struct Prepared {
    /// The profile.
    pub profile: Profile,
    /// The network.
    pub graph: Graph,
    /// Its weights.
    pub weights: StateDict,
    /// Its images.
    pub splits: Splits,
    /// What the search depends on.
    pub settings: Settings,
}

impl Prepared {
    /// Reads everything that a profile refers to; decoded images are kept in the user's cache
    /// folder.
    ///
    /// # Errors
    /// [`RunError`] for the first thing that is missing or does not fit.
    pub fn new(profile: Profile) -> Result<Self, RunError> {
        let cache = Paths::from_env().ok().map(|paths| paths.cache());
        let loading = Loading {
            cache: cache.as_deref(),
            ..Loading::default()
        };
        Prepared::load(profile, loading)
    }

    /// Reads everything that a profile refers to.
    ///
    /// # Errors
    /// [`RunError`] for the first thing that is missing or does not fit.
    pub fn load(profile: Profile, loading: Loading<'_>) -> Result<Self, RunError> {
        let graph = Arc::unwrap_or_clone(profile.graph());
        let weights = load_weights(&profile, &graph)?;
        // All paths of a profile that was read are absolute.
        let folder = Path::new("/");
        let splits = data::load_with(profile.need_data()?, folder, &profile.model, loading)?;
        let settings = settings(&profile, &graph, &splits);
        settings
            .domains(&settings.pins)
            .map_err(Unsearchable::from)?;
        Ok(Prepared {
            profile,
            graph,
            weights,
            splits,
            settings,
        })
    }

    /// Content hashes of everything that the run's numbers depend on.
    pub fn fingerprint(&self, numerics: String) -> Fingerprint {
        let data = self.images().to_vec();
        let s = &self.settings;
        Fingerprint {
            model: hash(&(GRAPH_VERSION, &self.profile.model)),
            weights: self.weights.fingerprint(&self.graph)[..16].to_owned(),
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

    /// Fingerprints of the calibration, the search and the test images.
    fn images(&self) -> [String; 3] {
        let splits = &self.splits;
        let sets = [
            Some(&splits.calibration),
            Some(&splits.search),
            splits.test.as_ref(),
        ];
        sets.map(|s| s.map_or("none".to_owned(), |s| s.fingerprint().to_hex().to_string()))
    }

    /// What answers depend on: not the search's settings, nor the menu of widths.
    pub fn contents(&self) -> Contents {
        let weights = self.weights.fingerprint(&self.graph);
        let Profile { model, scheme, .. } = &self.profile;
        let [calibration, search, test] = self.images();
        Contents {
            network: match scheme.needs_images() {
                // With calibrated weights every answer depends on the calibration images.
                true => {
                    let quantizer = (scheme.quantizer().id(), &calibration);
                    hash(&(GRAPH_VERSION, model, weights, scheme, quantizer))
                }
                false => hash(&(GRAPH_VERSION, model, weights, scheme)),
            },
            // What is measured beside a drift depends on how many of its images are compared.
            images: [
                hash(&(calibration, self.settings.gate.proxy_images)),
                search,
                test,
            ],
        }
    }
}

/// Reads a profile's weights and checks them against its graph.
///
/// # Errors
/// [`RunError::Checkpoint`] with every mismatch.
pub fn load_weights(profile: &Profile, graph: &Graph) -> Result<StateDict, RunError> {
    Ok(profile.need_checkpoint()?.open()?.read_for(graph)?)
}

/// What the search depends on, from a profile and what it refers to.
fn settings(profile: &Profile, graph: &Graph, splits: &Splits) -> Settings {
    Settings {
        name: profile.name.clone(),
        space: space(profile, graph),
        constraint: profile.constraint,
        search: profile.search.clone(),
        gate: profile.gate,
        pins: profile.pins.clone(),
        target: profile.target.as_ref().map(Target::without_folder),
        start: profile.allocation(graph),
        calibration_images: splits.calibration.len().min(DRIFT_IMAGES),
        search_images: splits.search.len(),
        test_images: splits.test.as_ref().map_or(0, |t| t.len()),
    }
}

/// A graph as the search sees it.
pub fn space(profile: &Profile, graph: &Graph) -> Space {
    let memory = MemoryModel::of(graph, profile.scheme.affine);
    Space::of(graph, &memory, &profile.menu, profile.ties(graph))
}

/// Checks that some allocation keeps to everything that a profile says of a search; needs neither
/// weights nor images.
///
/// # Errors
/// [`RunError::Unsearchable`] names what excludes what.
pub fn possible(profile: &Profile) -> Result<(), RunError> {
    let graph = profile.graph();
    let restricted = Restricted {
        space: &space(profile, &graph),
        pins: &profile.pins,
        target: profile.target.as_ref(),
        max_memory: profile.constraint.max_memory,
    };
    Ok(restricted.check()?)
}
