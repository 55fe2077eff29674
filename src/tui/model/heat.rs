//! How sensitive every layer is at every width, from what was measured of it alone.

use std::collections::HashMap;

use super::scroll::Scroll;
use crate::quant::BitWidth;
use crate::search::{Group, Settings, Tree};

/// What the numbers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// The relative error of the layer's output.
    #[default]
    OutputError,
    /// The drift that lowering the layer alone added.
    Drift,
}

/// The sensitivity of all layers as shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeatPane {
    /// What the numbers are.
    pub measure: Measure,
    /// Widths, the smallest first.
    pub widths: Vec<BitWidth>,
    /// For every layer a value for each width, where it was measured.
    pub values: Vec<Vec<Option<f64>>>,
    /// The layers in the order in which they are shown.
    pub order: Vec<usize>,
    /// True where the most sensitive layer is first.
    pub worst_first: bool,
    /// Cursor and window.
    pub scroll: Scroll,
    /// How much the run had measured when the numbers were collected.
    pub measured: Option<(u64, usize)>,
}

impl HeatPane {
    /// Collects the numbers anew where more was measured since.
    pub fn refresh(&mut self, tree: &Tree, measured: u64) {
        let version = Some((measured, tree.layer_errors.len()));
        let Some(settings) = tree.settings.as_deref() else {
            return;
        };
        if self.measured != version {
            self.measured = version;
            self.widths = settings
                .space
                .menu
                .iter()
                .copied()
                .filter(|w| !w.is_float())
                .collect();
            self.collect(tree, settings);
        }
        self.arrange();
    }

    fn collect(&mut self, tree: &Tree, settings: &Settings) {
        let layers = settings.space.layers.len();
        if !tree.layer_errors.is_empty() {
            self.measure = Measure::OutputError;
            let error =
                |layer: usize, width: &BitWidth| tree.layer_errors.get(width)?.get(layer).copied();
            let row = |layer| self.widths.iter().map(|w| error(layer, w)).collect();
            self.values = (0..layers).map(row).collect();
            return;
        }
        self.measure = Measure::Drift;
        let names = settings.space.layers.iter().enumerate();
        let names: HashMap<&str, usize> = names.map(|(at, l)| (l.name.as_str(), at)).collect();
        self.values = vec![vec![None; self.widths.len()]; layers];
        for node in &tree.candidates {
            let Some((change, added)) = node.change.as_ref().zip(node.added_drift) else {
                continue;
            };
            let Group::Layer(name) = &change.group else {
                continue;
            };
            let width = self.widths.iter().position(|w| *w == change.bits);
            let place = names.get(name.as_str()).zip(width);
            let cell = place.and_then(|(layer, width)| self.values.get_mut(*layer)?.get_mut(width));
            // Of several measurements the last one, which is of the smallest base.
            if let Some(cell) = cell {
                *cell = Some(added);
            }
        }
    }

    fn arrange(&mut self) {
        self.order = (0..self.values.len()).collect();
        if self.worst_first {
            let worst = |layer: &usize| {
                let values = self.values.get(*layer).into_iter().flatten().flatten();
                values.copied().fold(f64::NEG_INFINITY, f64::max)
            };
            let mut order = std::mem::take(&mut self.order);
            order.sort_by(|a, b| worst(b).total_cmp(&worst(a)));
            self.order = order;
        }
    }

    /// True where nothing was measured yet.
    pub fn is_empty(&self) -> bool {
        self.values.iter().flatten().flatten().next().is_none()
    }

    /// The place of a value among all of them: 0 for the least sensitive quarter, 3 for the most.
    pub fn quarter(&self, value: f64) -> usize {
        let all = || self.values.iter().flatten().flatten();
        let below = all().filter(|v| **v < value).count();
        (4 * below / all().count().max(1)).min(3)
    }
}
