//! Expanding the base: candidates, groups, levels and rounds, and what the pins allow.

use super::engine::Engine;
use super::level::{OpenGroup, OpenLevel, Step, nearest_allowed};
use super::phases::Phase;
use super::{Candidate, CandidateId, CloseReason, Event, Group, Move, Origin, StopReason};
use crate::quant::{Allocation, BitWidth};

impl Engine {
    pub(super) fn propose(
        &mut self,
        parent: Option<CandidateId>,
        change: Option<Move>,
        origin: Origin,
        allocation: Allocation,
    ) -> CandidateId {
        let candidate = CandidateId(self.tree.candidates.len() as u32);
        let bytes = self.settings.space.bytes(&allocation);
        self.emit(Event::Proposed {
            candidate,
            parent,
            change,
            origin,
            allocation,
            bytes,
        });
        candidate
    }

    /// Why an allocation need not be proposed, if so.
    pub(super) fn hopeless(&self, allocation: &Allocation) -> Option<CloseReason> {
        let drop = self.settings.constraint.max_accuracy_drop;
        if self
            .tree
            .candidates
            .iter()
            .any(|c| c.pruned && &c.allocation == allocation)
        {
            return Some(CloseReason::Pruned);
        }
        let fails = |of| self.known.fails(allocation, of, drop);
        (fails(self.settings.screen()) || fails(self.settings.search_images))
            .then_some(CloseReason::AlreadyFailed)
    }

    /// The child of the base that stands for a step: an existing one, or a new one.
    pub(super) fn child(&mut self, base: CandidateId, group: &Group, step: &Step) -> CandidateId {
        let children = self
            .tree
            .get(base)
            .map(|b| b.children.clone())
            .unwrap_or_default();
        let same = |c: &&Candidate| c.allocation == step.allocation;
        match children.iter().filter_map(|c| self.tree.get(*c)).find(same) {
            Some(child) => child.id,
            None => {
                let change = Move {
                    group: group.clone(),
                    bits: step.bits,
                };
                self.propose(
                    Some(base),
                    Some(change),
                    Origin::Search,
                    step.allocation.clone(),
                )
            }
        }
    }

    pub(super) fn close_group(
        &mut self,
        open: &mut OpenLevel,
        index: usize,
        at: BitWidth,
        reason: CloseReason,
    ) {
        let group = &mut open.groups[index];
        group.closed = Some((at, reason));
        if reason != CloseReason::Pruned {
            self.closed.insert(group.members.clone(), (at, reason));
        }
        let group = group.group.clone();
        self.emit(Event::GroupClosed { group, at, reason });
    }

    /// Opens the level at a position of the settings' list on the current base; behind the last one the search is done.
    pub(super) fn open_level(&mut self, index: usize) {
        let Some(level) = self.settings.search.levels.get(index).copied() else {
            self.phase = Phase::Test(StopReason::Complete);
            return;
        };
        let Some(base) = self
            .tree
            .base
            .and_then(|b| self.tree.get(b))
            .map(|b| b.allocation.clone())
        else {
            return;
        };
        let groups: Vec<OpenGroup> = self
            .settings
            .space
            .groups(level)
            .into_iter()
            .map(|group| {
                let members = self.settings.space.members(&group);
                let closed = self.closed.get(&members).copied();
                OpenGroup {
                    group,
                    members,
                    closed,
                    candidate: None,
                }
            })
            .collect();
        let is_open = |g: &&OpenGroup| g.next(&base, &self.allowed, &self.settings).is_some();
        let open = groups
            .iter()
            .filter(is_open)
            .map(|g| g.group.clone())
            .collect();
        self.emit(Event::LevelOpened {
            level,
            groups: open,
        });
        self.phase = Phase::Level(OpenLevel {
            level,
            index,
            groups,
            opening: true,
        });
    }

    pub(super) fn open_round(&mut self, open: &OpenLevel) {
        let Some(base) = self.tree.base else { return };
        let ranking = open.ranking(base, &self.allowed, &self.tree, &self.settings);
        if ranking.is_empty() {
            return;
        }
        self.frozen = self.gate.freeze();
        self.emit(Event::RoundOpened {
            round: self.tree.round + 1,
            level: open.level,
            base,
            open: ranking.len(),
        });
    }

    /// True when an allocation keeps to the pins now in force.
    pub(super) fn conforms(&self, allocation: &Allocation) -> bool {
        allocation
            .0
            .iter()
            .zip(&self.allowed)
            .all(|(width, allowed)| allowed.contains(width))
    }
    /// An allocation brought within the pins now in force.
    pub(super) fn clamped(&self, allocation: &Allocation) -> Allocation {
        Allocation(
            allocation
                .0
                .iter()
                .zip(&self.allowed)
                .map(|(w, allowed)| nearest_allowed(allowed, *w))
                .collect(),
        )
    }
    pub(super) fn lowest(&self) -> Allocation {
        self.clamped(&Allocation::uniform(
            self.allowed.len(),
            self.lowest_width(),
        ))
    }
    pub(super) fn lowest_width(&self) -> BitWidth {
        self.settings
            .space
            .menu
            .iter()
            .copied()
            .min()
            .unwrap_or(BitWidth::FLOAT)
    }
}
