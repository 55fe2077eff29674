//! One level of the hierarchy while it is open: the states that are expanded, their groups, next steps and ranking.

use super::{CandidateId, CloseReason, Group, Settings, Tree};
use crate::profile::Level;
use crate::quant::{Allocation, BitWidth, Domains};

/// A group at the open level.
#[derive(Clone, Debug)]
pub struct OpenGroup {
    /// The group.
    pub group: Group,
    /// Indices of its layers.
    pub members: Vec<usize>,
    /// Closed from this width down.
    pub closed: Option<(BitWidth, CloseReason)>,
    /// The candidate measured last for its next step, possibly on an older base.
    pub candidate: Option<CandidateId>,
    /// True once its next step passed: nothing more is asked of it until that step is taken.
    pub found: bool,
}

/// The next lower step of a group on a base.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The width the group goes to.
    pub bits: BitWidth,
    /// All bit-widths after it.
    pub allocation: Allocation,
}

/// An allocation that the open level expands.
#[derive(Clone, Debug)]
pub struct OpenState {
    /// The allocation.
    pub base: CandidateId,
    /// The level's groups, in the graph's order.
    pub groups: Vec<OpenGroup>,
    /// True until every open group's first drift is measured.
    pub opening: bool,
    /// Children that passed at this depth, with the position of the group that was lowered.
    pub found: Vec<(CandidateId, usize)>,
    /// True once nothing more is asked of it at this depth.
    pub searched: bool,
    /// True on the line that greedy alone would follow.
    pub greedy: bool,
}

/// The open level: one state for greedy, up to the beam's width for beam.
#[derive(Clone, Debug)]
pub struct OpenLevel {
    /// Which.
    pub level: Level,
    /// Candidates that existed when it opened.
    pub since: usize,
    /// What is expanded.
    pub states: Vec<OpenState>,
    /// States that could not be lowered any further.
    pub leaves: Vec<CandidateId>,
}

/// One lower step: the largest menu width below the group's largest current one; members already there or lower stay,
/// and no member goes below its own smallest allowed width. None when nothing would change.
pub fn lower(
    base: &Allocation,
    members: &[usize],
    domains: &Domains,
    menu: &[BitWidth],
) -> Option<Step> {
    let width = |i: usize| base.0.get(i).copied().unwrap_or(BitWidth::FLOAT);
    let mut target = members.iter().map(|i| width(*i)).max()?;
    loop {
        target = menu.iter().copied().filter(|w| *w < target).max()?;
        let allocation = domains.lowered(base, members, target);
        if &allocation != base {
            return Some(Step {
                bits: target,
                allocation,
            });
        }
    }
}

impl OpenGroup {
    /// Its next step on a base, unless it is closed there.
    pub fn next(&self, base: &Allocation, domains: &Domains, settings: &Settings) -> Option<Step> {
        let step = lower(base, &self.members, domains, &settings.space.menu)?;
        match self.closed {
            Some((at, _)) if step.bits <= at => None,
            _ if self.found => None,
            _ => Some(step),
        }
    }
}

/// A group that may go on, with its place in the ranking.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// Index into [`OpenLevel::groups`].
    pub group: usize,
    /// Its next step.
    pub step: Step,
    /// The candidate that stands for exactly this step, with its drift known.
    pub fresh: Option<CandidateId>,
    /// Bytes saved over added drift; infinite where the step was never measured.
    pub score: f64,
    /// Bytes saved.
    pub saved: u64,
    /// Bytes after it.
    pub bytes: u64,
}

impl OpenLevel {
    /// How many children a state has to find at a depth: all that go on for a single one, else greedy's two and the others
    /// one each, so that the beam stays diverse and no more is evaluated than has a place, but for one.
    pub fn quota(&self, state: usize, beam: usize) -> usize {
        let greedy = self.states.get(state).is_some_and(|s| s.greedy);
        match (self.states.len(), greedy) {
            (0 | 1, _) => beam,
            (_, true) => beam.min(2),
            (_, false) => 1,
        }
    }

    /// The states and leaves, without repetition.
    pub fn members(&self) -> Vec<CandidateId> {
        let mut members: Vec<CandidateId> = self.states.iter().map(|s| s.base).collect();
        members.extend(&self.leaves);
        members
    }
}

impl OpenState {
    /// The state that a child becomes: what was measured and closed so far orders and holds for it as well.
    pub fn child(&self, base: CandidateId, group: usize, greedy: bool) -> OpenState {
        let mut groups = self.groups.clone();
        for (i, open) in groups.iter_mut().enumerate() {
            open.found = false;
            if i == group {
                open.candidate = None;
            }
        }
        OpenState {
            base,
            groups,
            opening: false,
            found: Vec::new(),
            searched: false,
            greedy,
        }
    }

    /// Open groups in rank order: bytes saved / max(added drift, 1e-6), more bytes first on a tie, then the graph's
    /// order. A stale drift (of an older base) orders, and never rejects.
    pub fn ranking(&self, domains: &Domains, tree: &Tree, settings: &Settings) -> Vec<Ranked> {
        let Some(base) = tree.get(self.base) else {
            return Vec::new();
        };
        let mut ranked: Vec<Ranked> = Vec::new();
        for (group, open) in self.groups.iter().enumerate() {
            let Some(step) = open.next(&base.allocation, domains, settings) else {
                continue;
            };
            let measured = open
                .candidate
                .and_then(|c| tree.get(c))
                .filter(|c| c.drift.is_some());
            let fresh = measured.filter(|c| c.allocation == step.allocation);
            let bytes = settings.space.bytes(&step.allocation);
            let saved = base.bytes.saturating_sub(bytes);
            let same_step =
                measured.filter(|c| c.change.as_ref().is_some_and(|m| m.bits == step.bits));
            // A candidate that was made from another state added something else to that one.
            let here = fresh.and_then(|c| Some(c.drift? - base.drift?));
            let added = here.or_else(|| same_step.and_then(|c| c.added_drift));
            let score = match added {
                Some(added) => saved as f64 / added.max(1e-6),
                None => f64::INFINITY,
            };
            ranked.push(Ranked {
                group,
                step,
                fresh: fresh.map(|c| c.id),
                score,
                saved,
                bytes,
            });
        }
        ranked.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then(b.saved.cmp(&a.saved))
                .then(a.group.cmp(&b.group))
        });
        ranked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widths(bits: &[u8]) -> Vec<BitWidth> {
        bits.iter()
            .map(|b| BitWidth::new(*b).expect("a width"))
            .collect()
    }

    #[test]
    fn lower_takes_the_largest_members_down_and_never_raises() {
        let menu = widths(&[2, 3, 4, 6, 8]);
        let free = Domains::new(vec![menu.clone(); 3]);
        let base = Allocation(widths(&[8, 4, 8]));
        let step = lower(&base, &[0, 1], &free, &menu).expect("a step");
        assert_eq!(
            (step.bits.bits(), step.allocation),
            (6, Allocation(widths(&[6, 4, 8])))
        );
    }

    #[test]
    fn a_member_that_may_not_follow_stays_and_the_others_go_on() {
        let menu = widths(&[2, 4, 8]);
        let allowed = Domains::new(vec![widths(&[8]), widths(&[2, 4, 8])]);
        let base = Allocation(widths(&[8, 4]));
        let step = lower(&base, &[0, 1], &allowed, &menu).expect("the second layer can go to 2");
        assert_eq!(
            (step.bits.bits(), step.allocation),
            (2, Allocation(widths(&[8, 2])))
        );
        assert_eq!(
            lower(&Allocation(widths(&[8, 2])), &[0, 1], &allowed, &menu),
            None
        );
    }
}
