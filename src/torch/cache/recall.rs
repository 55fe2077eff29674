//! The steps that one batch need not compute.

use std::sync::{Arc, Mutex, PoisonError};

use super::dependencies::{ContentHash, Dependencies};
use super::store::{Store, resident};
use super::value::CachedValue;
use crate::evaluate::{CacheUse, Split};
use crate::network::Graph;
use crate::quant::{Allocation, Scheme};
use crate::torch::TorchError;
use crate::torch::plan::{Plan, Source};
use crate::torch::record::Record;
use crate::torch::value::Value;

/// The cache of values and sums, shared by all threads.
#[derive(Debug)]
pub(in crate::torch) struct Values {
    store: Mutex<Store<Key, Item>>,
    dependencies: Dependencies,
}

/// The key of an entry: the hash of its dependencies, and the images.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    content: ContentHash,
    split: u8,
    batch: usize,
    /// Of sums: how many images of the batch count.
    sums_of: Option<usize>,
}

impl Key {
    fn of_calibration(content: &ContentHash, batch: usize) -> Self {
        Key {
            content: *content,
            split: Split::Calibration as u8,
            batch,
            sums_of: None,
        }
    }
}

#[derive(Debug)]
enum Item {
    Value(Arc<CachedValue>),
    /// Of a site.
    Sums(Arc<Sums>),
}

#[derive(Debug)]
struct Sums {
    /// Sums of potentials, `[images, channels]`.
    potentials: Box<[f64]>,
    /// How many spikes of the proxy images differ from the float network's.
    flips: u64,
}

/// A batch of a split.
#[derive(Clone, Copy, Debug)]
pub(in crate::torch) struct Place {
    pub split: Split,
    pub batch: usize,
    pub images: usize,
}

/// The action for each step of the plan, for one batch.
#[derive(Debug)]
pub(in crate::torch) struct Recall<'a> {
    values: &'a Values,
    contents: &'a [ContentHash],
    place: Place,
    actions: Vec<Action>,
}

#[derive(Debug)]
enum Action {
    /// Its value is not needed.
    Skip,
    Load(Arc<CachedValue>),
    Run,
}

/// The origin of a step's value.
pub(in crate::torch) enum Origin {
    /// It is not needed.
    Nowhere,
    /// From the cache.
    Cache(Value),
    /// It is to be computed.
    Computation,
}

impl Values {
    /// An empty cache of a budget in bytes.
    pub(in crate::torch) fn new(graph: &Graph, plan: &Plan, budget: u64) -> Self {
        Values {
            store: Mutex::new(Store::new(budget)),
            dependencies: Dependencies::new(graph, plan),
        }
    }

    /// The same for networks that are quantized as a scheme says.
    pub(in crate::torch) fn under(self, scheme: &Scheme) -> Self {
        Values {
            dependencies: self.dependencies.under(scheme),
            ..self
        }
    }

    /// The size and the hit rate of the cache.
    pub(in crate::torch) fn usage(&self) -> CacheUse {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.usage()
    }

    /// The hashes of all steps under an allocation, for [`Values::recall`].
    pub(in crate::torch) fn contents(&self, allocation: &Allocation) -> Vec<ContentHash> {
        self.dependencies.contents(allocation)
    }

    /// A step's value of a batch of calibration images.
    pub(in crate::torch) fn calibration(
        &self,
        content: &ContentHash,
        batch: usize,
    ) -> Option<Arc<CachedValue>> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        match store.get(&Key::of_calibration(content, batch)) {
            Some(Item::Value(value)) => Some(Arc::clone(value)),
            _ => None,
        }
    }

    /// Keeps a step's value of a batch of calibration images.
    pub(in crate::torch) fn keep_calibration(
        &self,
        step: usize,
        content: &ContentHash,
        batch: usize,
        value: &Arc<CachedValue>,
    ) {
        let (bytes, cost) = (value.bytes(), self.dependencies.cost(step));
        let (key, value) = (Key::of_calibration(content, batch), Arc::clone(value));
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.insert(key, Item::Value(value), bytes, cost);
    }

    /// Looks back from what is wanted: the logits, and where sums of potentials are recorded those
    /// of every site. Cached sums are put into the record.
    pub(in crate::torch) fn recall<'a>(
        &'a self,
        plan: &Plan,
        contents: &'a [ContentHash],
        place: Place,
        record: &mut Record,
    ) -> Recall<'a> {
        let mut recall = Recall {
            values: self,
            contents,
            place,
            actions: Vec::new(),
        };
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted = vec![plan.logits];
        for (i, step) in plan.steps.iter().enumerate().rev() {
            let sums = match (step.neuron, &mut *record) {
                (Some(site), Record::Channels(sums)) => {
                    let (sites, spikes) = (&mut sums.sites, &mut sums.spikes);
                    let site = site.index();
                    sites.get_mut(site).map(|sums| (sums, spikes, site))
                }
                _ => None,
            };
            let known = sums.as_ref().filter(|(_, spikes, _)| !spikes.need_all());
            let kept_sums = match (known, recall.key(i, Some(place.images))) {
                (Some(_), Some(key)) => match store.get(&key) {
                    Some(Item::Sums(kept)) => Some(Arc::clone(kept)),
                    _ => None,
                },
                _ => None,
            };
            let action = match (
                sums.is_some() && kept_sums.is_none(),
                wanted.contains(&step.node),
            ) {
                (false, false) => Action::Skip,
                (true, _) => Action::Run,
                (false, true) => match recall.key(i, None).and_then(|key| store.get(&key)) {
                    Some(Item::Value(kept)) => Action::Load(Arc::clone(kept)),
                    _ => Action::Run,
                },
            };
            // A site that runs records its potentials anew.
            if let (Some((sums, spikes, site)), Some(kept), false) =
                (sums, kept_sums, matches!(action, Action::Run))
            {
                let potentials = sums.iter_mut().zip(&kept.potentials);
                potentials.for_each(|(sum, x)| *sum = *x);
                spikes.set_flips(site, kept.flips);
            }
            if matches!(action, Action::Run) {
                wanted.extend(step.inputs.iter().chain(&step.residual));
            }
            recall.actions.push(action);
        }
        drop(store);
        recall.actions.reverse();
        recall
    }
}

impl Recall<'_> {
    fn key(&self, step: usize, sums_of: Option<usize>) -> Option<Key> {
        Some(Key {
            content: *self.contents.get(step)?,
            split: self.place.split as u8,
            batch: self.place.batch,
            sums_of,
        })
    }

    /// Whether the images themselves are read.
    pub(in crate::torch) fn reads_image(&self, plan: &Plan) -> bool {
        let mut steps = plan.steps.iter().zip(&self.actions);
        steps.any(|(s, a)| s.source == Source::Image && matches!(a, Action::Run))
    }

    /// How many layers run.
    pub(in crate::torch) fn layers(&self, plan: &Plan) -> u64 {
        let steps = plan.steps.iter().zip(&self.actions);
        let layers = steps
            .filter(|(s, a)| matches!(s.source, Source::Layer { .. }) && matches!(a, Action::Run));
        layers.count() as u64
    }

    /// The value of a step, or what is to be done about it.
    pub(in crate::torch) fn origin(&self, step: usize) -> Result<Origin, TorchError> {
        Ok(match self.actions.get(step) {
            Some(Action::Skip) => Origin::Nowhere,
            Some(Action::Load(kept)) => Origin::Cache(kept.value()?),
            Some(Action::Run) | None => Origin::Computation,
        })
    }

    /// Caches what a step has computed.
    pub(in crate::torch) fn keep(
        &self,
        graph: &Graph,
        plan: &Plan,
        step: usize,
        value: &Value,
        record: &Record,
    ) -> Result<(), TorchError> {
        let Some(planned) = plan.steps.get(step) else {
            return Ok(());
        };
        let cost = self.values.dependencies.cost(step);
        let sums = match (planned.neuron, record) {
            (Some(site), Record::Channels(sums)) => {
                let potentials = sums.sites.get(site.index());
                potentials.map(|potentials| Sums {
                    potentials: potentials.as_slice().into(),
                    flips: sums.spikes.flips(site.index()),
                })
            }
            _ => None,
        };
        // The image itself is at hand anyway.
        let kept = match planned.source {
            Source::Image => None,
            _ => CachedValue::of(value, graph.node(planned.node).range)?,
        };
        let store = || {
            self.values
                .store
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let (Some(sums), Some(key)) = (sums, self.key(step, Some(self.place.images))) {
            let bytes = resident(8 * (sums.potentials.len() + 1));
            store().insert(key, Item::Sums(Arc::new(sums)), bytes, cost);
        }
        if let (Some(kept), Some(key)) = (kept, self.key(step, None)) {
            let bytes = kept.bytes();
            store().insert(key, Item::Value(Arc::new(kept)), bytes, cost);
        }
        Ok(())
    }
}
