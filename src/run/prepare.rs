//! From a profile to everything a search needs: graph, weights, images, settings, fingerprint, evaluator.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::RunError;
use super::results::Contents;
use crate::checkpoint::StateDict;
use crate::data::{self, Loading, Splits};
use crate::evaluate::{Cancel, Evaluator, Progress, Split, Statistics, Tricks};
use crate::journal::Fingerprint;
use crate::network::Graph;
use crate::profile::{Paths, Profile, Target};
use crate::quant::{Allocation, MemoryModel};
use crate::search::{Restricted, Settings, Space};

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

/// How to evaluate. None of it changes a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluatorOptions {
    /// `cpu` or `cuda:N`; for a search also several, with commas between them.
    pub device: String,
    /// Threads in all; none for all cores.
    pub threads: Option<usize>,
    /// Evaluators of a search, which work at the same time; none: one on each device.
    pub workers: Option<usize>,
    /// What may be saved; answers do not depend on it.
    pub tricks: Tricks,
    /// Bytes that may be kept between questions.
    pub cache_memory: u64,
    /// The folder of answers of earlier runs; none to compute everything anew.
    pub results: Option<PathBuf>,
}

/// Bytes that are kept between questions unless asked otherwise: 2 GiB.
pub const CACHE_MEMORY: u64 = 2 << 30;

impl Default for EvaluatorOptions {
    /// On the CPU, with all cores and every trick.
    fn default() -> Self {
        EvaluatorOptions {
            device: "cpu".to_owned(),
            threads: None,
            workers: None,
            tricks: Tricks::ALL,
            cache_memory: CACHE_MEMORY,
            results: None,
        }
    }
}

impl EvaluatorOptions {
    /// The options of every evaluator of a search: devices in turn, threads divided.
    pub fn of_workers(&self) -> Vec<EvaluatorOptions> {
        let devices: Vec<&str> = self.device.split(',').map(str::trim).collect();
        let workers = self.workers.unwrap_or(devices.len()).max(1);
        let cores = || std::thread::available_parallelism().map_or(1, |n| n.get());
        let threads = self.threads.unwrap_or_else(cores);
        let of = |(worker, device): (usize, &&str)| EvaluatorOptions {
            device: (*device).to_owned(),
            threads: Some((threads / workers + usize::from(worker < threads % workers)).max(1)),
            workers: Some(1),
            ..self.clone()
        };
        (0..workers).zip(devices.iter().cycle()).map(of).collect()
    }

    #[cfg(feature = "torch")]
    fn torch(&self, proxy_images: usize) -> crate::torch::TorchOptions {
        crate::torch::TorchOptions {
            device: self.device.clone(),
            threads: self.threads,
            others: 0,
            tricks: self.tricks,
            cache_memory: self.cache_memory,
            proxy_images,
        }
    }
}

impl Prepared {
    /// Reads everything that a profile refers to; decoded images are kept in the user's cache folder.
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
        settings.domains(&settings.pins)?;
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
            quantizer: hash(&(&self.profile.scheme, &self.profile.menu)),
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
            network: hash(&(GRAPH_VERSION, model, weights, scheme)),
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

pub(super) fn hash(content: &impl Serialize) -> String {
    // Plain data always serialises; should it ever not, nothing equals it.
    let text = serde_json::to_string(content).unwrap_or_else(|e| e.to_string());
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
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
        calibration_images: splits.calibration.len(),
        search_images: splits.search.len(),
        test_images: splits.test.as_ref().map_or(0, |t| t.len()),
    }
}

/// A graph as the search sees it.
pub fn space(profile: &Profile, graph: &Graph) -> Space {
    let memory = MemoryModel::of(graph, profile.scheme.affine);
    Space::of(graph, &memory, &profile.menu, profile.ties(graph))
}

/// Checks that some allocation keeps to everything that a profile says of a search; needs neither weights nor images.
///
/// # Errors
/// [`RunError::Impossible`] names what excludes what.
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

/// The libtorch evaluator for a prepared run. There is no other: nothing that a user runs falls back to a synthetic one.
///
/// # Errors
/// [`RunError::Evaluate`] for a device that is not there; [`RunError::NoTorch`] in a build without libtorch.
#[cfg(feature = "torch")]
pub fn evaluator(
    prepared: Prepared,
    options: &EvaluatorOptions,
) -> Result<Box<dyn Evaluator>, RunError> {
    Ok(Box::new(torch_evaluator(prepared, options)?))
}

/// One evaluator, and more that give the very same answers.
pub(super) type Evaluators = (Box<dyn Evaluator>, Vec<Box<dyn Evaluator>>);

/// The libtorch evaluators of a search, each for a thread of its own. (Several CUDA devices: never run.)
///
/// # Errors
/// As [`evaluator`]; and where devices do not compute alike.
#[cfg(feature = "torch")]
pub(super) fn evaluators(
    prepared: Prepared,
    options: &EvaluatorOptions,
) -> Result<Evaluators, RunError> {
    use crate::torch::TorchEvaluator;
    let proxy_images = prepared.settings.gate.proxy_images;
    let (model, splits) = parts(prepared);
    let all = options.of_workers();
    let on_cpu = |o: &&EvaluatorOptions| o.device == "cpu";
    if (1..all.len()).contains(&all.iter().filter(on_cpu).count()) {
        let why = "the processor and CUDA devices round differently, so that they cannot share a search: name devices of one kind";
        return Err(crate::evaluate::EvaluateError::Setup(why.into()).into());
    }
    // On one device they share weights and what is kept.
    let mut made: Vec<(&str, TorchEvaluator)> = Vec::new();
    for worker in &all {
        let evaluator = match made.iter().find(|(device, _)| *device == worker.device) {
            Some((_, known)) => known.another(worker.threads),
            None => {
                let alike = all.iter().filter(|o| o.device == worker.device).count();
                let options = crate::torch::TorchOptions {
                    others: alike.saturating_sub(1),
                    ..worker.torch(proxy_images)
                };
                TorchEvaluator::new(model.clone(), splits.clone(), options)?
            }
        };
        made.push((&worker.device, evaluator));
    }
    let boxed = |(_, evaluator)| Box::new(evaluator) as Box<dyn Evaluator>;
    let mut made = made.into_iter().map(boxed);
    let first = made.next().ok_or(RunError::NoTorch)?;
    Ok((first, made.collect()))
}

#[cfg(feature = "torch")]
fn torch_evaluator(
    prepared: Prepared,
    options: &EvaluatorOptions,
) -> Result<crate::torch::TorchEvaluator, RunError> {
    use crate::torch::TorchEvaluator;
    let proxy_images = prepared.settings.gate.proxy_images;
    let (model, splits) = parts(prepared);
    let options = options.torch(proxy_images);
    Ok(TorchEvaluator::new(model, splits, options)?)
}

#[cfg(feature = "torch")]
fn parts(prepared: Prepared) -> (crate::torch::Model, std::sync::Arc<Splits>) {
    let model = crate::torch::Model {
        graph: prepared.graph,
        weights: prepared.weights,
        scheme: prepared.profile.scheme,
    };
    (model, std::sync::Arc::new(prepared.splits))
}

/// Runs all images of a split through a prepared network and counts what it does.
///
/// # Errors
/// As [`evaluator`], and [`RunError::Evaluate`] for what goes wrong on the way.
#[cfg(feature = "torch")]
pub fn statistics(
    prepared: Prepared,
    options: &EvaluatorOptions,
    job: (&Allocation, Split),
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Statistics, RunError> {
    let evaluator = torch_evaluator(prepared, options)?;
    Ok(evaluator.statistics(job.0, job.1, cancel, progress)?)
}

/// Runs all images of a split through a prepared network: not in this build.
///
/// # Errors
/// [`RunError::NoTorch`] always.
#[cfg(not(feature = "torch"))]
pub fn statistics(
    _prepared: Prepared,
    _options: &EvaluatorOptions,
    _job: (&Allocation, Split),
    _cancel: &Cancel,
    _progress: &mut dyn FnMut(Progress),
) -> Result<Statistics, RunError> {
    Err(RunError::NoTorch)
}

/// The libtorch evaluators of a search: not in this build.
///
/// # Errors
/// [`RunError::NoTorch`] always.
#[cfg(not(feature = "torch"))]
pub(super) fn evaluators(
    _prepared: Prepared,
    _options: &EvaluatorOptions,
) -> Result<Evaluators, RunError> {
    Err(RunError::NoTorch)
}

/// The libtorch evaluator for a prepared run: not in this build.
///
/// # Errors
/// [`RunError::NoTorch`] always.
#[cfg(not(feature = "torch"))]
pub fn evaluator(
    _prepared: Prepared,
    _options: &EvaluatorOptions,
) -> Result<Box<dyn Evaluator>, RunError> {
    Err(RunError::NoTorch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_threads_and_take_devices_in_turn() {
        let shares = |device: &str, threads, workers| -> Vec<(String, usize)> {
            let options = EvaluatorOptions {
                device: device.into(),
                threads: Some(threads),
                workers,
                ..EvaluatorOptions::default()
            };
            let of = |o: EvaluatorOptions| (o.device, o.threads.unwrap_or(0));
            options.of_workers().into_iter().map(of).collect()
        };
        let on = |device: &str, threads| (device.to_owned(), threads);
        assert_eq!(shares("cpu", 7, None), [on("cpu", 7)]);
        let of_seven = [on("cpu", 3), on("cpu", 2), on("cpu", 2)];
        assert_eq!(shares("cpu", 7, Some(3)), of_seven);
        assert_eq!(shares("cpu", 1, Some(2)), [on("cpu", 1), on("cpu", 1)]);
        let two = [on("cuda:0", 4), on("cuda:1", 4)];
        assert_eq!(shares("cuda:0,cuda:1", 8, None), two);
        let three = [on("cuda:0", 1), on("cuda:1", 1), on("cuda:0", 1)];
        assert_eq!(shares("cuda:0,cuda:1", 3, Some(3)), three);
    }
}
