//! The states that an open level expands: their groups, next steps and ranking.

use crate::quant::{Allocation, BitWidth, Domains};
use crate::search::strategy::Context;
use crate::search::{CandidateId, CloseReason, Group, Move, Origin};

/// A group at the open level.
#[derive(Clone, Debug)]
pub struct OpenGroup {
    /// The group.
    pub group: Group,
    /// Indices of its layers.
    pub members: Vec<usize>,
    /// The bit-width from which on it is closed downwards, and why.
    pub closed: Option<(BitWidth, CloseReason)>,
    /// The candidate measured last for its next step, possibly on an older base.
    pub candidate: Option<CandidateId>,
    /// True once its next step passed: nothing more is asked of it until that step is taken.
    pub found: bool,
}

/// The next lower step of a group on a base.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupStep {
    /// The bit-width that the group goes to.
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

/// A group that may go on, with its place in the ranking.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// Index into [`OpenState::groups`].
    pub group: usize,
    /// Its next step.
    pub step: GroupStep,
    /// The candidate that stands for exactly this step, with its drift known.
    pub fresh: Option<CandidateId>,
    /// Bytes saved over added drift; infinite where the step was never measured.
    pub score: f64,
    /// Bytes saved.
    pub saved: u64,
    /// Bytes after it.
    pub bytes: u64,
}

/// One lower step: the largest menu width below the group's largest current one; members already
/// there or lower stay, and no member goes below its own smallest allowed width. None when nothing
/// would change.
pub fn lower(
    base: &Allocation,
    members: &[usize],
    domains: &Domains,
    menu: &[BitWidth],
) -> Option<GroupStep> {
    let width = |i: usize| base.0.get(i).copied().unwrap_or(BitWidth::FLOAT);
    let mut bits = members.iter().map(|i| width(*i)).max()?;
    loop {
        bits = menu.iter().copied().filter(|w| *w < bits).max()?;
        let allocation = domains.lowered(base, members, bits);
        if &allocation != base {
            return Some(GroupStep { bits, allocation });
        }
    }
}

impl OpenGroup {
    /// A group of which nothing is known but where it is closed.
    pub fn of(group: Group, members: Vec<usize>, closed: Option<(BitWidth, CloseReason)>) -> Self {
        OpenGroup {
            group,
            members,
            closed,
            candidate: None,
            found: false,
        }
    }

    /// The candidate that stands for a step of the group: one that exists, whatever it was made
    /// from, or a new child of a candidate.
    pub fn child(
        &self,
        search: &mut Context<'_>,
        base: CandidateId,
        step: GroupStep,
    ) -> CandidateId {
        if let Some(duplicate) = search.duplicate(&step.allocation) {
            return duplicate.id;
        }
        let (group, bits) = (self.group.clone(), step.bits);
        let change = Some(Move { group, bits });
        search
            .engine
            .propose(Some(base), change, Origin::Search, step.allocation)
    }

    /// Its next step on a base, unless it is closed there.
    pub fn next(&self, base: &Allocation, search: &Context<'_>) -> Option<GroupStep> {
        let step = lower(base, &self.members, search.domains(), &search.space().menu)?;
        match self.closed {
            Some((at, _)) if step.bits <= at => None,
            _ if self.found => None,
            _ => Some(step),
        }
    }
}

impl OpenState {
    /// A state at which nothing was found yet.
    pub fn of(base: CandidateId, groups: Vec<OpenGroup>, opening: bool, greedy: bool) -> Self {
        OpenState {
            base,
            groups,
            opening,
            found: Vec::new(),
            searched: false,
            greedy,
        }
    }

    /// The state that a child becomes: what was measured and closed so far orders and holds for
    /// it as well.
    pub fn child(&self, base: CandidateId, group: usize, greedy: bool) -> OpenState {
        let mut groups = self.groups.clone();
        for (i, open) in groups.iter_mut().enumerate() {
            open.found = false;
            if i == group {
                open.candidate = None;
            }
        }
        OpenState::of(base, groups, false, greedy)
    }

    /// True where a child was found that was not refuted since.
    pub fn has_child(&self, search: &Context<'_>) -> bool {
        let mut found = self.found.iter().filter_map(|(c, _)| search.tree().get(*c));
        found.any(|c| search.eligible(c))
    }

    /// Open groups in rank order: bytes saved / max(added drift, 1e-6), more bytes first on a tie,
    /// then the graph's order. A stale drift (of an older base) orders, and never rejects.
    pub fn ranking(&self, search: &Context<'_>) -> Vec<Ranked> {
        let tree = search.tree();
        let Some(base) = tree.get(self.base) else {
            return Vec::new();
        };
        let mut ranked: Vec<Ranked> = Vec::new();
        for (group, open) in self.groups.iter().enumerate() {
            let Some(step) = open.next(&base.allocation, search) else {
                continue;
            };
            let candidate = open.candidate.and_then(|c| tree.get(c));
            let measured = candidate.filter(|c| c.drift.is_some());
            let fresh = measured.filter(|c| c.allocation == step.allocation);
            let bytes = search.space().bytes(&step.allocation);
            let saved = base.bytes.saturating_sub(bytes);
            let same_step =
                measured.filter(|c| c.change.as_ref().is_some_and(|m| m.bits == step.bits));
            // A candidate that was made from another state added something else to that one.
            let here = fresh.and_then(|c| Some(c.drift? - base.drift?));
            let added = here.or_else(|| same_step.and_then(|c| c.added_drift));
            let score = added.map_or(f64::INFINITY, |added| saved as f64 / added.max(1e-6));
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
