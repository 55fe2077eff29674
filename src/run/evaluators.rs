//! The evaluators of a run or of single measurements: the one place that makes them.

use std::path::{Path, PathBuf};
#[cfg(feature = "torch")]
use std::sync::Arc;
use std::time::Duration;

use super::RunError;
use super::prepare::Prepared;
#[cfg(feature = "torch")]
use super::results::LayerFolder;
use super::results::{CachedEvaluator, Contents, Contexts, Stores};
use super::side_file::{SideFileOrigin, SideFiles};
use super::worker_pool::Crew;
#[cfg(feature = "torch")]
use crate::data::Splits;
#[cfg(feature = "torch")]
use crate::evaluate::Split;
use crate::evaluate::{Cancel, Evaluator, Optimizations, Potentials, Progress, Statistics};
use crate::journal::Fingerprint;
#[cfg(feature = "torch")]
use crate::quant::QuantizedLayer;
use crate::quant::{Allocation, BitWidth};
#[cfg(feature = "torch")]
use crate::search::Settings;

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
    pub optimizations: Optimizations,
    /// Bytes that may be kept between questions.
    pub cache_memory: u64,
    /// The folder of answers of earlier runs; none to compute everything anew.
    pub results: Option<PathBuf>,
    /// Whether a run begins with a self-check.
    pub self_check: bool,
    /// How long an evaluation of a search may say nothing; none: as long as it takes.
    pub evaluation_timeout: Option<Duration>,
    /// The machines that evaluate; none: this one.
    #[cfg(feature = "cluster")]
    pub cluster: Option<super::cluster::ClusterOptions>,
}

/// Bytes that are kept between questions unless asked otherwise: 2 GiB.
pub const CACHE_MEMORY: u64 = 2 << 30;

impl Default for EvaluatorOptions {
    /// On the CPU, with all cores and every optimization, without a self-check.
    fn default() -> Self {
        EvaluatorOptions {
            device: "cpu".to_owned(),
            threads: None,
            workers: None,
            optimizations: Optimizations::ALL,
            cache_memory: CACHE_MEMORY,
            results: None,
            self_check: false,
            evaluation_timeout: None,
            #[cfg(feature = "cluster")]
            cluster: None,
        }
    }
}

impl EvaluatorOptions {
    /// True where other machines evaluate.
    pub fn is_remote(&self) -> bool {
        #[cfg(feature = "cluster")]
        return self.cluster.is_some();
        #[cfg(not(feature = "cluster"))]
        false
    }

    /// The same for a run that was begun with some arithmetic: workers that compute otherwise are
    /// not asked.
    #[must_use]
    pub fn continuing(&self, numerics: &str) -> Self {
        let options = self.clone();
        #[cfg(feature = "cluster")]
        return options.with_numerics(numerics);
        #[cfg(not(feature = "cluster"))]
        {
            let _ = numerics;
            options
        }
    }

    #[cfg(feature = "cluster")]
    fn with_numerics(mut self, numerics: &str) -> Self {
        if let Some(cluster) = &mut self.cluster {
            cluster.numerics = Some(numerics.to_owned());
        }
        self
    }

    /// Threads in all.
    pub fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, |n| n.get());
        self.threads.unwrap_or_else(cores).max(1)
    }

    /// The options of every evaluator of a search: devices in turn, threads divided.
    pub fn of_workers(&self) -> Vec<EvaluatorOptions> {
        let devices: Vec<&str> = self.device.split(',').map(str::trim).collect();
        let workers = self.workers.unwrap_or(devices.len()).max(1);
        let threads = self.threads();
        let of = |(worker, device): (usize, &&str)| EvaluatorOptions {
            device: (*device).to_owned(),
            threads: Some((threads / workers + usize::from(worker < threads % workers)).max(1)),
            workers: Some(1),
            ..self.clone()
        };
        (0..workers).zip(devices.iter().cycle()).map(of).collect()
    }

    #[cfg(feature = "torch")]
    fn torch(&self, settings: &Settings) -> crate::torch::TorchOptions {
        crate::torch::TorchOptions {
            device: self.device.clone(),
            threads: self.threads,
            others: 0,
            optimizations: self.optimizations,
            cache_memory: self.cache_memory,
            proxy_images: settings.gate.proxy_images,
            drift_images: Some(settings.calibration_images),
            quantizer: None,
            menu: settings.space.menu.clone(),
            search_order: settings.search_order,
        }
    }
}

/// Evaluators that give the very same answers, each for a thread of its own, behind the answers of
/// earlier runs.
pub struct Evaluators {
    /// At least one.
    pub all: Vec<Box<dyn Evaluator>>,
    /// What their numbers depend on.
    pub fingerprint: Fingerprint,
    /// The answers of earlier runs; none where everything is computed anew.
    pub(super) stores: Option<Stores>,
    /// Makes the files of quantized layers; none where these need no calibration images.
    pub side_files: Option<SideFiles>,
    /// Who works for them, where that is on other machines.
    pub crew: Option<Crew>,
}

impl Evaluators {
    /// Makes the evaluators of a prepared profile. Answers are also kept in the folder `own`, which
    /// is asked first.
    ///
    /// # Errors
    /// [`RunError::Evaluate`] for a device that is not there, or where devices do not compute
    /// alike; [`RunError::NoTorch`] in a build without libtorch.
    pub fn of(
        prepared: Prepared,
        options: &EvaluatorOptions,
        own: Option<&Path>,
    ) -> Result<Self, RunError> {
        let mut fingerprint = prepared.fingerprint(String::new());
        let contents = prepared.contents();
        let origin = SideFileOrigin::of(&prepared);
        let (mut all, crew) = evaluators(prepared, options, &contents)?;
        let first = all.first().ok_or(RunError::NoTorch)?;
        fingerprint.numerics = first.numerics();
        let side_files = origin.zip(first.layers());
        let side_files = side_files.map(|(o, source)| o.files(source, &fingerprint.numerics));
        let contexts = Contexts::new(contents, &fingerprint.numerics);
        let open = |folder: &Path| Stores::open(folder, &contexts);
        let stores = options.results.as_deref().map(open);
        for stores in stores.iter().cloned().chain(own.map(open)) {
            let cached = |inner| -> Box<dyn Evaluator> {
                Box::new(CachedEvaluator::new(inner, stores.clone()))
            };
            all = all.into_iter().map(cached).collect();
        }
        Ok(Evaluators {
            all,
            fingerprint,
            stores,
            side_files,
            crew,
        })
    }

    /// The first of them.
    ///
    /// # Errors
    /// [`RunError::NoTorch`] where there is none.
    pub fn first(self) -> Result<Box<dyn Evaluator>, RunError> {
        self.all.into_iter().next().ok_or(RunError::NoTorch)
    }
}

/// The evaluator of single questions. It may know the quantized layers of one allocation alone.
///
/// # Errors
/// As [`Evaluators::of`].
pub(super) fn evaluator(
    prepared: Prepared,
    options: &EvaluatorOptions,
) -> Result<Box<dyn Evaluator>, RunError> {
    if options.is_remote() {
        let contents = prepared.contents();
        let (all, _) = evaluators(prepared, options, &contents)?;
        return all.into_iter().next().ok_or(RunError::NoTorch);
    }
    local_evaluator(prepared, options)
}

/// As [`evaluator`], on this machine.
pub(super) fn local_evaluator(
    prepared: Prepared,
    options: &EvaluatorOptions,
) -> Result<Box<dyn Evaluator>, RunError> {
    #[cfg(debug_assertions)]
    if let Some(of_test) = super::synthetic::perhaps(&prepared) {
        return Ok(of_test.evaluator());
    }
    #[cfg(feature = "torch")]
    return Ok(Box::new(torch_evaluator(prepared, options)?));
    #[cfg(not(feature = "torch"))]
    {
        let _ = (prepared, options);
        Err(RunError::NoTorch)
    }
}

/// Evaluators, with whoever works for them elsewhere.
pub(super) type Made = (Vec<Box<dyn Evaluator>>, Option<Crew>);

/// The evaluators of a search, each for a thread of its own, with whoever works for them elsewhere.
fn evaluators(
    prepared: Prepared,
    options: &EvaluatorOptions,
    contents: &Contents,
) -> Result<Made, RunError> {
    #[cfg(feature = "cluster")]
    if let Some(cluster) = &options.cluster {
        return super::cluster::evaluators(prepared, options, cluster, contents);
    }
    Ok((local_evaluators(prepared, options, contents)?, None))
}

/// The evaluators of this machine.
pub(super) fn local_evaluators(
    prepared: Prepared,
    options: &EvaluatorOptions,
    contents: &Contents,
) -> Result<Vec<Box<dyn Evaluator>>, RunError> {
    #[cfg(debug_assertions)]
    if let Some(of_test) = super::synthetic::perhaps(&prepared) {
        let all = options.of_workers();
        return Ok(all.iter().map(|_| of_test.evaluator()).collect());
    }
    torch_evaluators(prepared, options, contents)
}

/// The libtorch evaluators of a search, each for a thread of its own. There is no other kind:
/// nothing that a user runs falls back to a synthetic one (only a program built with debug
/// assertions has that, for its tests). (Several CUDA devices: never run.)
#[cfg(feature = "torch")]
fn torch_evaluators(
    prepared: Prepared,
    options: &EvaluatorOptions,
    contents: &Contents,
) -> Result<Vec<Box<dyn Evaluator>>, RunError> {
    use crate::torch::TorchEvaluator;
    let settings = prepared.settings.clone();
    let (model, splits) = parts(prepared);
    let all = options.of_workers();
    let on_cpu = |o: &&EvaluatorOptions| o.device == "cpu";
    if (1..all.len()).contains(&all.iter().filter(on_cpu).count()) {
        let why = "the processor and CUDA devices round differently, so that they cannot share a search: name devices of one kind";
        return Err(crate::evaluate::EvaluateError::Setup(why.into()).into());
    }
    // On one device they share weights and what is kept.
    let mut made: Vec<(&str, TorchEvaluator)> = Vec::new();
    let results = options.results.as_deref();
    for worker in &all {
        let evaluator = match made.iter().find(|(device, _)| *device == worker.device) {
            Some((_, known)) => known.another(worker.threads),
            None => {
                let alike = all.iter().filter(|o| o.device == worker.device).count();
                let options = crate::torch::TorchOptions {
                    others: alike.saturating_sub(1),
                    ..worker.torch(&settings)
                };
                let evaluator = TorchEvaluator::new(model.clone(), splits.clone(), options)?;
                with_layer_folder(evaluator, contents, results)
            }
        };
        made.push((&worker.device, evaluator));
    }
    let boxed = |(_, evaluator)| Box::new(evaluator) as Box<dyn Evaluator>;
    Ok(made.into_iter().map(boxed).collect())
}

#[cfg(feature = "torch")]
fn torch_evaluator(
    prepared: Prepared,
    options: &EvaluatorOptions,
) -> Result<crate::torch::TorchEvaluator, RunError> {
    use crate::torch::TorchEvaluator;
    let torch = options.torch(&prepared.settings);
    let (fixed, contents) = (prepared.fixed.clone(), prepared.contents());
    let (model, splits) = parts(prepared);
    let evaluator = TorchEvaluator::new(model, splits, torch)?;
    Ok(match fixed {
        Some(fixed) => {
            let evaluator = match &fixed.grids {
                Some(grids) => evaluator.with_grids(grids)?,
                None => evaluator,
            };
            evaluator.with_layers(fixed.allocation, fixed.layers)
        }
        None => with_layer_folder(evaluator, &contents, options.results.as_deref()),
    })
}

/// An evaluator that keeps quantized layers in the folder of results, if there is one.
#[cfg(feature = "torch")]
fn with_layer_folder(
    evaluator: crate::torch::TorchEvaluator,
    contents: &Contents,
    results: Option<&Path>,
) -> crate::torch::TorchEvaluator {
    let contexts = Contexts::new(contents.clone(), &evaluator.numerics());
    match (results, contexts.layers()) {
        (Some(folder), Some(context)) => {
            evaluator.with_store(Arc::new(LayerFolder::open(folder, context)))
        }
        _ => evaluator,
    }
}

#[cfg(feature = "torch")]
fn parts(prepared: Prepared) -> (crate::torch::Model, Arc<Splits>) {
    let model = crate::torch::Model {
        graph: prepared.profile.graph(),
        weights: prepared.weights,
        scheme: prepared.profile.scheme,
    };
    (model, Arc::new(prepared.splits))
}

/// The quantized layers of an allocation, their affines fixed; none for float layers. Those of
/// earlier runs are taken.
///
/// # Errors
/// As [`Evaluators::of`], and [`RunError::Evaluate`] for what goes wrong on the way.
#[cfg(feature = "torch")]
pub fn quantized_layers(
    prepared: Prepared,
    options: &EvaluatorOptions,
    allocation: &Allocation,
    cancel: &Cancel,
) -> Result<Vec<Option<QuantizedLayer>>, RunError> {
    use crate::evaluate::LayerSource;
    let evaluator = torch_evaluator(prepared, options)?;
    Ok(evaluator.quantized(allocation, cancel)?)
}

/// Of every layer and bit-width, the root mean square error of the layer's output on the float
/// network's inputs over the calibration images, relative to the output's standard deviation.
///
/// # Errors
/// As [`Evaluators::of`], and [`RunError::Evaluate`] for what goes wrong on the way.
#[cfg(feature = "torch")]
pub fn output_errors(
    prepared: Prepared,
    options: &EvaluatorOptions,
    widths: &[BitWidth],
    cancel: &Cancel,
) -> Result<Vec<Vec<Option<f64>>>, RunError> {
    let layers = prepared.settings.space.layers.len();
    let evaluator = torch_evaluator(prepared, options)?;
    let of =
        |width: &BitWidth| evaluator.output_errors(&Allocation::uniform(layers, *width), cancel);
    let by_width: Vec<Vec<Option<f64>>> = widths.iter().map(of).collect::<Result<_, _>>()?;
    let layer = |i: usize| {
        by_width
            .iter()
            .map(|e| e.get(i).copied().flatten().map(f64::sqrt))
            .collect()
    };
    Ok((0..layers).map(layer).collect())
}

/// Of every layer and bit-width, the error of the layer's output: not in this build.
///
/// # Errors
/// [`RunError::NoTorch`] always.
#[cfg(not(feature = "torch"))]
pub fn output_errors(
    _prepared: Prepared,
    _options: &EvaluatorOptions,
    _widths: &[BitWidth],
    _cancel: &Cancel,
) -> Result<Vec<Vec<Option<f64>>>, RunError> {
    Err(RunError::NoTorch)
}

/// What the float network and a quantized one do on the calibration images.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Counts of the float network.
    pub float: Statistics,
    /// Counts of the quantized one.
    pub result: Statistics,
    /// The potentials of both; none where the evaluator shows none.
    pub potentials: Option<(Potentials, Potentials)>,
}

/// Runs the calibration images through the float network and through a quantized one, and counts
/// what they do.
///
/// # Errors
/// As [`Evaluators::of`], and [`RunError::Evaluate`] for what goes wrong on the way.
#[cfg(feature = "torch")]
pub fn activity(
    prepared: Prepared,
    options: &EvaluatorOptions,
    allocation: &Allocation,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Activity, RunError> {
    let evaluator = torch_evaluator(prepared, options)?;
    let float = Allocation::uniform(allocation.len(), BitWidth::FLOAT);
    let mut count =
        |of: &Allocation| evaluator.statistics(of, Split::Calibration, cancel, progress);
    let (of_float, of_result) = (count(&float)?, count(allocation)?);
    let potentials = match Evaluator::prober(&evaluator) {
        Some(mut prober) => {
            let mut see = |of: &Allocation| prober.potentials(of, cancel);
            Some((see(&float)?, see(allocation)?))
        }
        None => None,
    };
    Ok(Activity {
        float: of_float,
        result: of_result,
        potentials,
    })
}

/// Runs the calibration images through both networks: not in this build.
///
/// # Errors
/// [`RunError::NoTorch`] always.
#[cfg(not(feature = "torch"))]
pub fn activity(
    _prepared: Prepared,
    _options: &EvaluatorOptions,
    _allocation: &Allocation,
    _cancel: &Cancel,
    _progress: &mut dyn FnMut(Progress),
) -> Result<Activity, RunError> {
    Err(RunError::NoTorch)
}

#[cfg(not(feature = "torch"))]
fn torch_evaluators(
    _prepared: Prepared,
    _options: &EvaluatorOptions,
    _contents: &Contents,
) -> Result<Vec<Box<dyn Evaluator>>, RunError> {
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
