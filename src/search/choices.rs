//! What every group of the finest level may have under the pins: the space that a search could try
//! out whole.

use super::knapsack::{Choice, Point, front};
use super::{Settings, Space};
use crate::quant::{Allocation, BitWidth, Domains};

/// A group of layers with everything it may be set to.
#[derive(Clone, Debug, PartialEq)]
pub struct Choices {
    /// Indices of its layers.
    pub members: Vec<usize>,
    /// Distinct settings, widest first: one width for each member.
    pub widths: Vec<Vec<BitWidth>>,
}

impl Choices {
    /// The group with what its layers have in an allocation as the only choice.
    pub fn only(members: Vec<usize>, allocation: &Allocation) -> Self {
        let widths = vec![widths_of(allocation, &members)];
        Choices { members, widths }
    }

    /// Adds what the group's layers have in an allocation; false where that is known already.
    pub fn add(&mut self, allocation: &Allocation) -> bool {
        let widths = widths_of(allocation, &self.members);
        let is_new = !self.widths.contains(&widths);
        if is_new {
            self.widths.push(widths);
        }
        is_new
    }

    /// The choice that an allocation has.
    pub fn choice_in(&self, allocation: &Allocation) -> Option<usize> {
        let widths = widths_of(allocation, &self.members);
        self.widths.iter().position(|w| *w == widths)
    }

    /// Sets the group's layers to one of the choices; an unknown one changes nothing.
    pub fn set(&self, allocation: &mut Allocation, choice: usize) {
        let widths = self.widths.get(choice).map(Vec::as_slice);
        for (i, width) in self.members.iter().zip(widths.unwrap_or_default()) {
            if let Some(slot) = allocation.0.get_mut(*i) {
                *slot = *width;
            }
        }
    }
}

impl Settings {
    /// How many allocations of the finest level's groups the profile's own rules allow; none where
    /// that exceeds every number, or where they leave nothing.
    pub fn allocations(&self) -> Option<u64> {
        let domains = self.domains(&self.pins).ok()?;
        count(&self.choices(&domains))
    }

    /// The groups of the finest level with what each may have: every width of the menu, of each
    /// member the nearest one that it may have.
    pub fn choices(&self, domains: &Domains) -> Vec<Choices> {
        let finest = self.search.levels.last();
        let groups = finest.map(|l| self.space.groups(*l)).unwrap_or_default();
        let lowest = domains.lowest();
        let choices = groups.iter().map(|group| {
            let members = self.space.members(group);
            let mut choices = Choices {
                members,
                widths: Vec::new(),
            };
            for bits in self.space.menu.iter().rev() {
                choices.add(&domains.with(&lowest, &choices.members, *bits));
            }
            choices
        });
        choices.collect()
    }
}

/// The bit-widths of some layers in an allocation.
pub fn widths_of(allocation: &Allocation, members: &[usize]) -> Vec<BitWidth> {
    let width = |i: &usize| allocation.0.get(*i).copied();
    members.iter().filter_map(width).collect()
}

/// The allocations that no other beats in both bytes and cost, most bytes first: one choice for
/// each group, whose costs and bytes add up.
pub fn undominated(
    groups: &[Choices],
    costs: &[Vec<Choice>],
    from: &Allocation,
) -> Vec<Allocation> {
    let allocation = |point: &Point| {
        let mut allocation = from.clone();
        for (group, choice) in groups.iter().zip(&point.choices) {
            group.set(&mut allocation, *choice);
        }
        allocation
    };
    front(costs).iter().map(allocation).collect()
}

/// How many allocations there are; none where that exceeds every number.
pub fn count(choices: &[Choices]) -> Option<u64> {
    let counts = choices.iter().map(|c| c.widths.len() as u64);
    counts.into_iter().try_fold(1u64, u64::checked_mul)
}

/// Every allocation with its bytes, fewest first: a code, to be read by [`decoded`]. They must be
/// few.
pub fn ascending(space: &Space, choices: &[Choices], lowest: &Allocation) -> Vec<(u64, u32)> {
    let mut all: Vec<(u64, u32)> = vec![(space.bytes(lowest), 0)];
    let mut radix = 1u32;
    for group in choices {
        let with = |choice: usize| {
            let mut changed = lowest.clone();
            group.set(&mut changed, choice);
            space.bytes(&changed).saturating_sub(space.bytes(lowest))
        };
        let added: Vec<u64> = (0..group.widths.len()).map(with).collect();
        let extended = all.iter().flat_map(|(bytes, code)| {
            let choices = added.iter().zip(0u32..);
            choices.map(move |(added, choice)| (bytes + added, code + choice * radix))
        });
        all = extended.collect();
        radix = radix.saturating_mul(group.widths.len() as u32);
    }
    all.sort_unstable();
    all
}

/// The allocation that a code of [`ascending`] stands for.
pub fn decoded(choices: &[Choices], lowest: &Allocation, code: u32) -> Allocation {
    let mut allocation = lowest.clone();
    let mut rest = code;
    for group in choices {
        let radix = (group.widths.len() as u32).max(1);
        group.set(&mut allocation, (rest % radix) as usize);
        rest /= radix;
    }
    allocation
}
