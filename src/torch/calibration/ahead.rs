//! Layers that are quantized before they are asked for: at the bit-widths next to those in use.

use std::sync::Arc;
use std::time::Instant;

use super::{Calibrator, State};
use crate::evaluate::Cancel;
use crate::quant::calibrated::InputStatistics;
use crate::quant::{Allocation, BitWidth, Resources};

/// A layer and the width that it is to be quantized at, with the statistics of its input where it
/// takes them.
type Next = ((usize, BitWidth), Option<Arc<InputStatistics>>);

impl Calibrator {
    /// Quantizes one more layer at a width of the menu next to that of an allocation, on at most
    /// `threads` threads; false where there is none left to be made now, or it was cancelled.
    ///
    /// Nobody waits for it: what another one asks for meanwhile is made beside it.
    pub(in crate::torch) fn make_ahead(
        &self,
        (allocation, menu): (&Allocation, &[BitWidth]),
        threads: usize,
        cancel: &Cancel,
    ) -> bool {
        let next = match self.state.try_lock() {
            Ok(mut state) => self.next_ahead(&mut state, (allocation, menu), cancel),
            // Somebody is calibrating.
            Err(_) => None,
        };
        let Some((key, statistics)) = next else {
            return false;
        };
        let begin = Instant::now();
        let resources = Resources {
            threads,
            cancelled: &|| cancel.is_cancelled(),
        };
        let made = self.make(key, statistics.as_deref(), resources);
        self.spent(begin);
        // An error is met again by whoever needs the layer.
        let Ok(made) = made else { return false };
        let mut state = self.lock();
        state.layers.contains(&key) || self.keep(&mut state, key.0, made).is_ok()
    }

    /// The next layer to be made: the narrower widths of all layers come first. What would push
    /// something else out of memory is not made, nor what takes a pass over the images.
    fn next_ahead(
        &self,
        state: &mut State,
        (allocation, menu): (&Allocation, &[BitWidth]),
        cancel: &Cancel,
    ) -> Option<Next> {
        let graph = self.network.graph();
        let layers = || allocation.0.iter().copied().enumerate();
        let narrower = layers().filter_map(|(layer, width)| {
            let narrower = menu.iter().copied().filter(|w| *w < width);
            Some((layer, narrower.max()?))
        });
        let wider = layers().filter_map(|(layer, width)| {
            let wider = menu.iter().copied().filter(|w| *w > width);
            Some((layer, wider.min()?))
        });
        for (layer, width) in narrower.chain(wider).filter(|(_, w)| !w.is_float()) {
            if cancel.is_cancelled() {
                return None;
            }
            let Some(named) = graph.layers.get(layer) else {
                continue;
            };
            let statistics = state.statistics.get(&layer).cloned();
            let missing = self.measures(width) && statistics.is_none();
            let room = state.layers.has_room(2 * named.weights() as u64);
            if !room || state.layers.contains(&(layer, width)) {
                continue;
            }
            if self.known(state, layer, width).is_none() && !missing {
                return Some(((layer, width), statistics));
            }
        }
        None
    }
}
