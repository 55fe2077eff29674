//! Front: the smallest allocation of predicted fronts that passes, then single steps down. (Ours.)
//!
//! What a layer's width costs is predicted, and costs add up; the allocations of least cost for
//! their bytes are a front, the lower convex hull of a knapsack problem. Its smallest point that
//! passes is found by bisection, with few evaluations. Several fronts are tried, because no
//! prediction is the best on every network; then groups go down by single steps, and what failed by
//! little is traded. The fronts are
//! predicted from the layers' output errors, which cost no pass, and from the evidence of single
//! groups lowered alone, to widths that are near the limit by the evidence.

mod bisection;
mod costs;
mod probes;
mod refining;
mod rungs;
mod scan;
mod steps;
mod trades;

use self::bisection::Bisection;
use self::costs::LayerCosts;
use self::probes::Probes;
use self::refining::{Refining, spent};
use self::rungs::Rungs;
use self::scan::Scan;
use super::tries::Tries;
use super::try_out::{Tried, try_out};
use super::{Context, Step, Strategy};
use crate::search::step::{Ask, Trial};
use crate::search::{CandidateId, Event, Origin, Proxy};

/// A front beside the first is tried where the model gives its largest point such a chance.
const LEAST_CHANCE: f64 = 0.5;

/// What saves a smaller share of the base's bytes is not worth an evaluation.
const WORTH: f64 = 0.0025;

/// What fronts are predicted from, in the order in which they are tried: each is named after the
/// first. (The loss of few images is noisy, and the divergence, which is less so, also grows with
/// what does no harm.)
const SOURCES: [&[Proxy]; 4] = [
    &[Proxy::LossIncrease, Proxy::Divergence],
    &[Proxy::OutputError],
    &[Proxy::Divergence],
    &[Proxy::SpikeFlips],
];

/// The increase of the labels' cross-entropy that goes with a drop of one percentage point, in
/// nats. It only says where a front is tried first: on the networks at hand it was 0.03 to 0.11.
const LOSS_OF_A_POINT: f64 = 1.0 / 15.0;
/// Share of a measured loss increase that its groups have, each alone, on a front: the front was
/// chosen for having little of it.
const ADDED: f64 = 0.6;

/// The strategy for the smallest memory.
#[derive(Clone, Debug, Default)]
pub struct Front {
    work: Work,
    /// Sources that were tried.
    tried: usize,
    /// The errors of the layers' outputs.
    errors: LayerCosts,
    /// The costs of the front that led to the base.
    best: Option<LayerCosts>,
    probes: Option<Probes>,
    /// Images that had been evaluated when the strategy began.
    begun: usize,
}

#[derive(Clone, Debug, Default)]
enum Work {
    /// Asking for the errors of the layers' outputs.
    #[default]
    Measuring,
    /// Looking for an allocation near the limit by evidence alone.
    Scanning(Scan),
    /// Measuring single groups.
    Probing(Probes),
    /// Bisecting a front.
    Bisecting(LayerCosts, Bisection),
    /// Lowering single groups, and trying again what failed by little with a group raised.
    Refining(Refining),
    /// Trying larger allocations, for a certificate.
    Securing(Rungs),
    /// Nothing is left to try.
    Done,
}

impl Strategy for Front {
    fn open(&mut self, search: &mut Context<'_>) -> Step {
        *self = Front {
            begun: spent(search),
            ..Front::default()
        };
        match search.base() {
            Some(_) => Step::Again,
            None => Step::Done,
        }
    }

    fn step(&mut self, search: &mut Context<'_>) -> Step {
        let (next, work) = match std::mem::take(&mut self.work) {
            Work::Measuring => match unmeasured(search) {
                Some(ask) => (Step::Ask(ask), Work::Measuring),
                None => {
                    self.errors = LayerCosts::of_errors(search);
                    let front = self.errors.front(search);
                    (Step::Again, Work::Scanning(Scan::new(front)))
                }
            },
            Work::Scanning(scan) => self.scan(search, scan),
            Work::Probing(probes) => match probes.unmeasured(search) {
                Some(ask) => (Step::Ask(ask), Work::Probing(probes)),
                None => {
                    self.probes = Some(probes);
                    (Step::Again, self.next_front(search))
                }
            },
            Work::Bisecting(costs, bisection) => self.bisect(search, costs, bisection),
            Work::Refining(mut refining) => match refining.step(search) {
                Some(next) => (next, Work::Refining(refining)),
                None => {
                    let rungs = Rungs::above_base(search, &self.errors);
                    (Step::Again, Work::Securing(rungs))
                }
            },
            Work::Securing(rungs) => match rungs.step(search) {
                (next, Some(rungs)) => (next, Work::Securing(rungs)),
                (next, None) => (next, Work::Done),
            },
            Work::Done => (Step::Done, Work::Done),
        };
        self.work = work;
        match self.work {
            Work::Done => Step::Done,
            _ => next,
        }
    }

    fn takes_resumed(&self, _: &Context<'_>) -> bool {
        !matches!(
            self.work,
            Work::Measuring | Work::Scanning(_) | Work::Probing(_)
        )
    }
}

impl Front {
    /// Looks on the front of the layers' errors for the allocation at which the loss reaches what
    /// goes with the largest drop allowed; single groups are then lowered to its widths.
    fn scan(&mut self, search: &mut Context<'_>, mut scan: Scan) -> (Step, Work) {
        let Some(allocation) = scan.point().cloned() else {
            let narrow = scan.beyond().cloned();
            let probes = narrow.and_then(|narrow| Probes::of(search, &narrow));
            let next = probes.map(Work::Probing);
            return (Step::Again, next.unwrap_or_else(|| self.next_front(search)));
        };
        let Some(candidate) = search.duplicate(&allocation) else {
            search.engine.open_round();
            search.propose_as(Origin::Probe, None, allocation);
            return (Step::Again, Work::Scanning(scan));
        };
        if candidate.drift.is_none() && !candidate.pruned {
            return (Step::Ask(Ask::Drift(candidate.id)), Work::Scanning(scan));
        }
        let Some(increase) = Proxy::LossIncrease.of(candidate) else {
            let probes = Probes::of(search, &allocation);
            let next = probes.map(Work::Probing);
            return (Step::Again, next.unwrap_or_else(|| self.next_front(search)));
        };
        scan.is_above(increase > loss_of_limit(search));
        (Step::Again, Work::Scanning(scan))
    }

    /// The front by the next source, below the base; behind the last one the steps.
    fn next_front(&mut self, search: &mut Context<'_>) -> Work {
        while let Some(sources) = SOURCES.get(self.tried).copied() {
            self.tried += 1;
            let Some(source) = sources.first().copied() else {
                continue;
            };
            let costs = match source {
                Proxy::OutputError => Some(self.errors.clone()),
                _ => {
                    let probes = self.probes.as_ref();
                    probes.and_then(|p| p.costs(search, &self.errors, sources))
                }
            };
            let Some(costs) = costs else { continue };
            let doubtful = self.best.is_some();
            let bytes = search.tree().expanded().map_or(0, |base| base.bytes);
            // A front that is no better by a little is not worth its evaluations.
            let bound = if doubtful { bytes - bytes / 50 } else { bytes };
            let mut front = costs.front(search);
            front.retain(|(of, allocation)| *of < bound && search.satisfies_pins(allocation));
            let (Some((most, _)), Some((least, _))) = (front.first(), front.last()) else {
                continue;
            };
            search.engine.emit(Event::FrontOpened {
                costs: source,
                points: front.len(),
                most: *most,
                least: *least,
            });
            let first = match source {
                _ if doubtful => Some(0),
                Proxy::LossIncrease => {
                    let limit = ADDED * loss_of_limit(search);
                    let near = front
                        .iter()
                        .position(|(_, a)| costs.of_allocation(a) > limit);
                    near.or(Some(front.len()))
                }
                _ => None,
            };
            return Work::Bisecting(costs, Bisection::new(front, bytes, first, doubtful));
        }
        Work::Refining(Refining::new(self.best().clone(), search, self.begun))
    }

    fn best(&self) -> &LayerCosts {
        self.best.as_ref().unwrap_or(&self.errors)
    }

    fn bisect(
        &mut self,
        search: &mut Context<'_>,
        costs: LayerCosts,
        mut bisection: Bisection,
    ) -> (Step, Work) {
        let Some(allocation) = bisection.point().cloned() else {
            // A result that holds comes before more is tried.
            let base = search.base().filter(|base| base.confirmation.is_none());
            if let Some(base) = base.map(|base| base.id) {
                let confirm = Step::Ask(Ask::Confirm(base));
                return (confirm, Work::Bisecting(costs, bisection));
            }
            return (Step::Again, self.next_front(search));
        };
        let next = match try_out(search, (Origin::Front, None), allocation, Trial::Screened) {
            Tried::Open(_, candidate) if bisection.is_doubtful() && hopeless(search, candidate) => {
                return (Step::Again, self.next_front(search));
            }
            Tried::Open(next, _) => next,
            Tried::Passed(candidate) => {
                bisection.passed();
                self.best = Some(costs.clone());
                search.take_smaller(candidate);
                Step::Again
            }
            Tried::Failed => {
                // One failure says enough of a front that would have to be better than another.
                let doubtful = bisection.is_doubtful();
                bisection.failed();
                if doubtful {
                    return (Step::Again, self.next_front(search));
                }
                Step::Again
            }
        };
        (next, Work::Bisecting(costs, bisection))
    }
}

/// The increase of the loss that goes with the largest drop allowed.
fn loss_of_limit(search: &Context<'_>) -> f64 {
    LOSS_OF_A_POINT * search.tree().max_drop()
}

/// What is under way, unless its candidate was pruned meanwhile.
fn not_pruned<T>(search: &Context<'_>, under_way: Option<(T, CandidateId)>) -> Option<T> {
    let (what, candidate) = under_way?;
    let candidate = search.tree().get(candidate)?;
    (!candidate.pruned).then_some(what)
}

/// True where the model gives a candidate whose evidence is known little chance.
fn hopeless(search: &Context<'_>, candidate: CandidateId) -> bool {
    let candidate = search.tree().get(candidate);
    let measured = candidate.filter(|c| c.drift.is_some() && c.screening.is_none());
    let limit = search.tree().max_drop();
    let forecast = measured.and_then(|c| search.engine.gate.forecast(c, limit));
    forecast.is_some_and(|f| f.chance < LEAST_CHANCE)
}

/// The first width whose errors are not known yet.
fn unmeasured(search: &Context<'_>) -> Option<Ask> {
    let known = &search.tree().layer_errors;
    let mut menu = search.space().menu.iter();
    let missing = menu.find(|width| !width.is_float() && !known.contains_key(width));
    missing.map(|width| Ask::LayerErrors(*width))
}

/// For the highest accuracy: the allocations within the memory that are predicted to be best, once
/// the errors of the layers' outputs are known.
pub(super) fn predicted(search: &mut Context<'_>) -> Result<Tries, Step> {
    if let Some(ask) = unmeasured(search) {
        return Err(Step::Ask(ask));
    }
    let front = LayerCosts::of_errors(search).front(search);
    Ok(Tries::predicted(search, front))
}
