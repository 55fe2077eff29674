//! What cannot be met by any allocation, said before a search begins.

use super::choices::count;
use super::{Settings, Space};
use crate::profile::{Pin, PinError, Rules, StrategyName, Target};
use crate::quant::Domains;

/// A memory limit that nothing meets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no allocation fits in {limit} bytes{of}: the smallest that the rules allow takes {least} bytes{pins}"
)]
pub struct TooSmall {
    /// The limit.
    pub limit: u64,
    /// The smallest allocation's bytes.
    pub least: u64,
    /// Whose limit it is, for the message.
    of: String,
    /// What the pins cost, for the message.
    pins: String,
}

/// What restricts the allocations of a network.
#[derive(Clone, Copy, Debug)]
pub struct Restricted<'a> {
    /// The network.
    pub space: &'a Space,
    /// The pins.
    pub pins: &'a [Pin],
    /// The chip.
    pub target: Option<&'a Target>,
    /// Most bytes.
    pub max_memory: Option<u64>,
}

impl Restricted<'_> {
    /// Checks that some allocation satisfies all of it.
    ///
    /// # Errors
    /// [`Unsearchable`] names the rules, and what each pin costs.
    pub fn check(&self) -> Result<(), Unsearchable> {
        let least = self.least(self.pins)?;
        let Some(limit) = self.max_memory.filter(|limit| *limit < least) else {
            return Ok(());
        };
        let of_target = self.target.filter(|t| t.memory == Some(limit));
        let of = of_target.map_or(String::new(), |t| format!(" (target {})", t.name));
        let cost = |pin: &Pin| {
            let others = self.pins.iter().filter(|p| *p != pin).cloned();
            let others: Vec<Pin> = others.collect();
            let without = self.least(&others).ok()?;
            let saved = least.checked_sub(without).filter(|saved| *saved > 0)?;
            Some(format!(
                "pin \"{}\" ({}) costs {saved}",
                pin.pattern,
                pin.describe()
            ))
        };
        let costs: Vec<String> = self.pins.iter().filter_map(cost).collect();
        let pins = match (self.least(&[]), costs.is_empty()) {
            (Ok(free), false) => format!("; without pins {free}: {}", costs.join(", ")),
            _ => String::new(),
        };
        Err(TooSmall {
            limit,
            least,
            of,
            pins,
        }
        .into())
    }

    /// The widths each layer may have under some pins, the ties and the chip.
    pub(super) fn domains(&self, pins: &[Pin]) -> Result<Domains, PinError> {
        let names: Vec<&str> = self.space.layers.iter().map(|l| l.name.as_str()).collect();
        let rules = Rules {
            pins,
            ties: &self.space.ties,
            target: self.target,
            names: &names,
            menu: &self.space.menu,
        };
        rules.bounds()
    }

    /// Bytes of the smallest allocation under some pins.
    fn least(&self, pins: &[Pin]) -> Result<u64, PinError> {
        Ok(self.space.bytes(&self.domains(pins)?.lowest()))
    }
}

impl Settings {
    /// The restrictions under some pins.
    pub fn restricted<'a>(&'a self, pins: &'a [Pin], max_memory: Option<u64>) -> Restricted<'a> {
        Restricted {
            space: &self.space,
            pins,
            target: self.target.as_ref(),
            max_memory,
        }
    }
}

/// The most allocations that are tried out one by one.
pub const MOST_ALLOCATIONS: u64 = 1 << 16;

/// Why a search cannot begin.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsearchable {
    /// The pins.
    #[error(transparent)]
    Pins(#[from] PinError),
    /// The limit on memory.
    #[error(transparent)]
    Memory(#[from] TooSmall),
    /// Too many allocations to try them all.
    #[error("an exhaustive search would try {} allocations ({groups} groups at the finest level), and tries at most {MOST_ALLOCATIONS}: pin layers in [pins], take widths out of quantizer.bits or the finest level out of search.levels; or choose another search.strategy", shown(*.count))]
    TooMany {
        /// How many; none where that exceeds every number.
        count: Option<u64>,
        /// Groups of the finest level that have a choice.
        groups: usize,
    },
}

fn shown(count: Option<u64>) -> String {
    count.map_or_else(|| String::from("more than 2^64"), |c| c.to_string())
}

impl Settings {
    /// The widths each layer may have under the profile's own pins.
    ///
    /// # Errors
    /// [`Unsearchable`] where these settings leave nothing to search, or too much for the strategy.
    pub fn searchable(&self) -> Result<Domains, Unsearchable> {
        let domains = self.domains(&self.pins)?;
        self.few_enough(&domains)?;
        Ok(domains)
    }

    /// Refuses an exhaustive search of a large space.
    pub(super) fn few_enough(&self, domains: &Domains) -> Result<(), Unsearchable> {
        if self.search.strategy != StrategyName::Exhaustive {
            return Ok(());
        }
        let choices = self.choices(domains);
        let count = count(&choices);
        match count {
            Some(count) if count <= MOST_ALLOCATIONS => Ok(()),
            _ => {
                let groups = choices.iter().filter(|c| c.widths.len() > 1).count();
                Err(Unsearchable::TooMany { count, groups })
            }
        }
    }
}
