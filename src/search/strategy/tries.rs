//! Allocations that are tried one after the other for the highest accuracy: each is confirmed as
//! long as it can still beat the incumbent, and drift orders what is tried.

use std::collections::VecDeque;

use super::{Context, Step, Strategy};
use crate::quant::Allocation;
use crate::search::predict::Costs;
use crate::search::step::Ask;
use crate::search::{CandidateId, Origin, State};

/// Tries in a row that beat nothing before exchanges end, as a multiple of the number of groups.
const PATIENCE: usize = 2;
/// How many of the allocations that are predicted to be most accurate are tried.
const PREDICTED: usize = 4;

/// A queue of allocations.
#[derive(Clone, Debug, Default)]
pub(super) struct Tries {
    queue: VecDeque<Allocation>,
    /// Tries that may still fail in a row.
    left: usize,
    /// The candidate under way: counted once it is judged, however often the search comes by.
    asked: Option<CandidateId>,
    /// Drift is measured first.
    measured: bool,
}

impl Tries {
    /// All of some allocations.
    pub fn all(queue: VecDeque<Allocation>) -> Self {
        Tries {
            queue,
            left: usize::MAX,
            asked: None,
            measured: true,
        }
    }

    /// The first few of a front that fit in the memory: those of most bytes and least predicted
    /// cost.
    pub fn predicted(search: &Context<'_>, front: Vec<(u64, Allocation)>) -> Self {
        let within = front.into_iter().map(|(_, allocation)| allocation);
        let within = within.filter(|a| search.fits(a) && search.satisfies_pins(a));
        Tries::all(within.take(PREDICTED).collect())
    }

    /// All of some allocations, without their drifts.
    pub fn undrifted(queue: VecDeque<Allocation>) -> Self {
        Tries {
            measured: false,
            ..Tries::all(queue)
        }
    }

    /// One step; done where none is left.
    pub fn step(&mut self, search: &mut Context<'_>) -> Step {
        let open = self.queue.front().filter(|_| self.left > 0).cloned();
        let Some(allocation) = open else {
            return Step::Done;
        };
        let possible = search.fits(&allocation) && search.satisfies_pins(&allocation);
        let duplicate = search.duplicate(&allocation);
        let known = duplicate.is_some_and(|c| c.confirmation.is_some() || c.pruned);
        if !possible || known || search.closed(&allocation).is_some() {
            if self.asked.take().is_some() {
                self.left = self.left.saturating_sub(1);
            }
            self.queue.pop_front();
            return Step::Again;
        }
        let Some(candidate) = duplicate else {
            search.propose_as(Origin::Allocated, None, allocation);
            return Step::Again;
        };
        let id = candidate.id;
        if self.measured && candidate.drift.is_none() {
            return Step::Ask(Ask::Drift(id));
        }
        // Its answer makes it known: then it is passed over. What beats the incumbent is the
        // incumbent by then.
        self.asked = Some(id);
        Step::Ask(Ask::Confirm(id))
    }
}

/// Makes the allocations to be tried, or says what comes first.
type Make = fn(&mut Context<'_>) -> Result<Tries, Step>;

/// A strategy that tries all of some allocations, which are made when it opens, or as soon as they
/// can be.
#[derive(Clone, Debug)]
pub(super) struct TryAll {
    make: Make,
    tries: Option<Tries>,
}

impl TryAll {
    /// The strategy that tries what is made so.
    pub fn of(make: Make) -> Self {
        TryAll { make, tries: None }
    }

    fn made(&mut self, search: &mut Context<'_>) -> Result<&mut Tries, Step> {
        if self.tries.is_none() {
            self.tries = Some((self.make)(search)?);
        }
        self.tries.as_mut().ok_or(Step::Done)
    }
}

impl Strategy for TryAll {
    fn open(&mut self, search: &mut Context<'_>) -> Step {
        self.tries = None;
        match self.made(search) {
            Err(Step::Done) => Step::Done,
            _ => Step::Again,
        }
    }
    fn step(&mut self, search: &mut Context<'_>) -> Step {
        match self.made(search) {
            Ok(tries) => tries.step(search),
            Err(first) => first,
        }
    }
}

/// What resumed branches left undecided: it comes first.
pub(super) fn undecided(search: &mut Context<'_>) -> Result<Tries, Step> {
    let tops = std::mem::take(&mut search.engine.resumed);
    let tree = search.tree();
    let branches = tops.iter().flat_map(|top| tree.branch(*top));
    let undecided = branches.filter_map(|id| tree.get(id)).filter(|c| {
        let open = matches!(c.state(), State::Proposed | State::Measured);
        open && !c.pruned && c.origin != Origin::Probe
    });
    Ok(Tries::all(
        undecided.map(|c| c.allocation.clone()).collect(),
    ))
}

/// The uniform bit-widths, largest first: accuracy is not monotone in bits, so that the widest one
/// that fits need not be the most accurate.
pub(super) fn uniform(search: &mut Context<'_>) -> Result<Tries, Step> {
    let layers = search.space().layers.len();
    let widths = search.space().menu.iter().rev();
    let uniform = widths.map(|bits| Allocation::uniform(layers, *bits));
    let within = uniform.map(|allocation| search.engine.clamped(&allocation));
    Ok(Tries::all(within.collect()))
}

/// Exchanges around the best that is found, in the order of their predicted cost, until a number
/// of them in a row beats nothing.
#[derive(Clone, Debug, Default)]
pub struct Exchanges {
    tries: Tries,
    /// They are made around this incumbent, and anew around what beats it.
    around: Option<CandidateId>,
}

impl Strategy for Exchanges {
    fn open(&mut self, search: &mut Context<'_>) -> Step {
        self.around = search.tree().incumbent;
        self.tries = Tries {
            left: PATIENCE * search.settings().choices(search.domains()).len(),
            ..Tries::all(exchanges(search).unwrap_or_default())
        };
        Step::Again
    }
    fn step(&mut self, search: &mut Context<'_>) -> Step {
        if self.around.is_some() && self.around != search.tree().incumbent {
            return self.open(search);
        }
        self.tries.step(search)
    }
}

/// Exchanges around the base: a group raised by one or two widths, alone or with another lowered
/// for it, or one lowered alone (accuracy is not monotone in bits), by predicted cost.
fn exchanges(search: &Context<'_>) -> Option<VecDeque<Allocation>> {
    let choices = search.settings().choices(search.domains());
    let center = &search.base()?.allocation;
    let costs = Costs::of(search.tree(), search.settings())?;
    let at: Vec<Option<usize>> = choices
        .iter()
        .map(|group| group.choice_in(center))
        .collect();
    let moved = |from: &Allocation, group: usize, by: isize| -> Option<Allocation> {
        let to = at[group]?.checked_add_signed(by)?;
        choices[group].widths.get(to)?;
        let mut moved = from.clone();
        choices[group].set(&mut moved, to);
        Some(moved)
    };
    let mut found: Vec<Allocation> = Vec::new();
    for up in 0..choices.len() {
        found.extend(moved(center, up, 1));
        for by in [-1, -2] {
            let Some(raised) = moved(center, up, by) else {
                continue;
            };
            for down in (0..choices.len()).filter(|down| *down != up) {
                found.extend([1, 2].iter().filter_map(|by| moved(&raised, down, *by)));
            }
            found.push(raised);
        }
    }
    found.retain(|a| search.fits(a) && search.satisfies_pins(a) && search.closed(a).is_none());
    let cost = |allocation| (costs.of_allocation(&allocation), allocation);
    let mut by_cost: Vec<(f64, Allocation)> = found.into_iter().map(cost).collect();
    by_cost.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    Some(
        by_cost
            .into_iter()
            .map(|(_, allocation)| allocation)
            .collect(),
    )
}
