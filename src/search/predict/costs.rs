//! What every layer's width costs: the error of the layer's output where a run has asked for it,
//! else from the drifts that it has measured. (Ours.)
//!
//! Where the run has lowered every group of the finest level alone (as allocating does), a choice
//! costs the square of the drift that it adds alone. Elsewhere costs are fitted: the squared drift
//! of an allocation is taken to be the sum over layers of `sensitivity_l * 4^-b_l` (a grid twice as
//! fine has a quarter of the squared rounding error), the sensitivities are the non-negative ones
//! of least squared relative error over all measured drifts, drawn a little toward their common
//! mean where the measurements do not tell layers apart.

use std::collections::{BTreeMap, HashMap};

use crate::quant::{Allocation, BitWidth};
use crate::search::choices::widths_of;
use crate::search::{Candidate, Origin, Settings, Tree};

/// The prior's weight, as a share of the weight of an average layer's measurements.
const PRIOR: f64 = 0.01;
const SWEEPS: usize = 200;

/// Costs of widths.
#[derive(Clone, Debug)]
pub(in crate::search) enum Costs {
    /// By group of layers: measured choices.
    Probed(Vec<Probed>),
    /// By layer: its sensitivity.
    Fitted(Vec<f64>),
    /// By layer and width: the error of the layer's output.
    Errors(BTreeMap<BitWidth, Vec<f64>>),
}

/// A group with the cost of each of its measured choices.
#[derive(Clone, Debug)]
pub(in crate::search) struct Probed {
    members: Vec<usize>,
    choices: Vec<(Vec<BitWidth>, f64)>,
}

impl Costs {
    /// None where no drift has been measured.
    pub fn of(tree: &Tree, settings: &Settings) -> Option<Self> {
        probed(tree, settings).map(Costs::Probed).or_else(|| {
            let fitted = fitted(tree, settings.space.layers.len())?;
            Some(Costs::Fitted(fitted))
        })
    }

    /// All that costs may be taken from: drifts, and the errors of the layers' outputs where they
    /// are known at every width.
    pub fn sources(tree: &Tree, settings: &Settings) -> Vec<Self> {
        let mut menu = settings.space.menu.iter().filter(|width| !width.is_float());
        let known = menu.all(|width| tree.layer_errors.contains_key(width));
        let errors = known.then(|| Costs::Errors(tree.layer_errors.clone()));
        Self::of(tree, settings).into_iter().chain(errors).collect()
    }

    /// The cost of some layers' widths together.
    pub fn of_allocation(&self, allocation: &Allocation) -> f64 {
        match self {
            Costs::Fitted(sensitivities) => {
                let layers = sensitivities.iter().zip(&allocation.0);
                layers.map(|(s, width)| s * grid_error(*width)).sum()
            }
            Costs::Errors(by_width) => {
                let layers = allocation.0.iter().enumerate();
                let error = |(layer, width): (usize, &BitWidth)| {
                    let errors = by_width.get(width)?;
                    errors.get(layer).copied()
                };
                layers.filter_map(error).map(|error| error.max(0.0)).sum()
            }
            Costs::Probed(groups) => {
                let cost = |g: &Probed| g.cost(&widths_of(allocation, &g.members));
                groups.iter().map(cost).sum()
            }
        }
    }
}

impl Probed {
    /// Of a choice that was not measured, the cost of the nearest one; of equally near ones the
    /// dearest.
    fn cost(&self, wanted: &[BitWidth]) -> f64 {
        let distance = |(widths, _): &(Vec<BitWidth>, f64)| -> u32 {
            let apart = |(a, b): (&BitWidth, &BitWidth)| u32::from(a.bits().abs_diff(b.bits()));
            widths.iter().zip(wanted).map(apart).sum()
        };
        let nearest = self.choices.iter().map(|c| (distance(c), c.1));
        nearest
            .min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)))
            .map_or(0.0, |(_, cost)| cost)
    }
}

/// `4^-b`; 0 for float.
fn grid_error(width: BitWidth) -> f64 {
    match width.is_float() {
        true => 0.0,
        false => 4f64.powi(-i32::from(width.bits())),
    }
}

/// The table of single drifts around the candidate that was probed; none where a group was not
/// lowered alone.
fn probed(tree: &Tree, settings: &Settings) -> Option<Vec<Probed>> {
    let around = tree
        .active()
        .find(|c| c.origin == Origin::Probe)?
        .parent
        .and_then(|p| tree.get(p))?;
    let start = around.drift?;
    let level = *settings.search.levels.last()?;
    let differing = |c: &Candidate| -> Vec<usize> {
        let pairs = c.allocation.0.iter().zip(&around.allocation.0);
        let apart = pairs.enumerate().filter(|(_, (a, b))| a != b);
        apart.map(|(i, _)| i).collect()
    };
    let measured: Vec<(Vec<usize>, &Candidate, f64)> = tree
        .active()
        .filter_map(|c| Some((differing(c), c, c.drift?)))
        .collect();
    let of_group = |group| {
        let members = settings.space.members(&group);
        let alone = measured
            .iter()
            .filter(|(differing, ..)| differing.iter().all(|i| members.contains(i)));
        let choices: Vec<(Vec<BitWidth>, f64)> = alone
            .map(|(_, c, drift)| {
                let added = (drift - start).max(0.0);
                (widths_of(&c.allocation, &members), added * added)
            })
            .collect();
        // More than the allocation that was probed itself.
        (choices.len() > 1).then_some(Probed { members, choices })
    };
    settings
        .space
        .groups(level)
        .into_iter()
        .map(of_group)
        .collect()
}

/// Sensitivities by weighted non-negative least squares, by coordinate descent.
fn fitted(tree: &Tree, layers: usize) -> Option<Vec<f64>> {
    let mut by_allocation: HashMap<&Allocation, f64> = HashMap::new();
    let mut rows: Vec<(&Allocation, f64)> = Vec::new();
    for c in tree.active() {
        if let (Some(drift), false) = (c.drift, by_allocation.contains_key(&c.allocation)) {
            by_allocation.insert(&c.allocation, drift);
            rows.push((&c.allocation, drift * drift));
        }
    }
    let mut sorted: Vec<f64> = rows.iter().map(|r| r.1).collect();
    sorted.sort_by(f64::total_cmp);
    let median = *sorted.get(sorted.len() / 2)?;
    let floor = (0.1 * median).max(1e-12);
    let weight = |y: f64| 1.0 / ((y + floor) * (y + floor));
    let columns: Vec<Vec<f64>> = (0..layers)
        .map(|l| {
            let width = |row: &(&Allocation, f64)| row.0.0.get(l).copied();
            let error = |row| width(row).map_or(0.0, grid_error);
            rows.iter().map(error).collect()
        })
        .collect();
    let weights: Vec<f64> = rows.iter().map(|r| weight(r.1)).collect();
    let dot = |a: &[f64], b: &[f64]| -> f64 {
        let terms = weights.iter().zip(a.iter().zip(b));
        terms.map(|(w, (a, b))| w * a * b).sum()
    };
    let targets: Vec<f64> = rows.iter().map(|r| r.1).collect();
    let all: Vec<f64> = (0..rows.len())
        .map(|i| columns.iter().map(|c| c[i]).sum())
        .collect();
    let mean = match dot(&all, &all) {
        norm if norm > 0.0 => dot(&all, &targets) / norm,
        _ => return None,
    };
    let norms: Vec<f64> = columns.iter().map(|c| dot(c, c)).collect();
    let prior = PRIOR * norms.iter().sum::<f64>() / layers.max(1) as f64;
    let mut sensitivities = vec![mean; layers];
    let mut left: Vec<f64> = targets
        .iter()
        .zip(&all)
        .map(|(y, a)| y - mean * a)
        .collect();
    for _ in 0..SWEEPS {
        let mut moved = 0f64;
        for (l, column) in columns.iter().enumerate() {
            let now = sensitivities[l];
            let pull = dot(column, &left) + norms[l] * now + prior * mean;
            let next = (pull / (norms[l] + prior)).max(0.0);
            for (left, error) in left.iter_mut().zip(column) {
                *left -= (next - now) * error;
            }
            sensitivities[l] = next;
            moved = moved.max((next - now).abs());
        }
        if moved <= 1e-9 * mean.abs() {
            break;
        }
    }
    Some(sensitivities)
}
