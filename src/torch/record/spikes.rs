//! Spikes of some images, packed as bits, and how many of them differ in another run: for the
//! spike-flip rate.
//!
//! The float network's spikes on the proxy images are kept for as long as the evaluator lives, a
//! bit for each neuron and time step (a byte where neurons emit whole numbers); [`LARGEST`] bounds
//! them.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::recorders::fires;
use crate::kernels::{Float, Level, Recorder};
use crate::network::{Dynamics, Graph, Neuron, Site};

/// Bytes that the float network's spikes may take. Beyond it fewer images are compared.
const LARGEST: u64 = 256 << 20;

/// The number of images that can be compared, of `wanted`: a function of the graph alone.
pub(in crate::torch) fn comparable(graph: &Graph, wanted: usize) -> usize {
    let image = bytes(graph, 1).max(1);
    wanted.min(usize::try_from(LARGEST / image).unwrap_or(usize::MAX))
}

/// Bytes that the spikes of `images` images take.
pub(in crate::torch) fn bytes(graph: &Graph, images: usize) -> u64 {
    let rows = graph.sites.iter().map(|s| row_bytes(s) as u64);
    rows.sum::<u64>() * (graph.time_steps * images) as u64
}

/// Numbers of an image at one time step.
fn units(site: &Site) -> usize {
    site.shape.channels * site.shape.height * site.shape.width
}

/// Bytes of an image at one time step.
fn row_bytes(site: &Site) -> usize {
    match site.neuron {
        Neuron::Spiking(_) => units(site).div_ceil(8),
        Neuron::Integer { .. } => units(site),
    }
}

/// The spikes of a batch's first images, of every site: `[images, steps, positions, channels]`,
/// each row of an image and time step from a byte's first bit on.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::torch) struct Packed {
    images: usize,
    steps: usize,
    sites: Vec<Vec<u8>>,
}

/// The use of the spikes of a batch's first images.
#[derive(Debug)]
pub(in crate::torch) enum Spikes {
    /// None.
    Ignored,
    /// They are packed.
    Packed(Packed),
    /// They are compared, and those that differ counted for each site.
    Compared { with: Arc<Packed>, flips: Vec<u64> },
}

impl Spikes {
    /// Packs those of the first `images` images.
    pub(in crate::torch) fn packed(graph: &Graph, images: usize) -> Self {
        let steps = graph.time_steps;
        let site = |s: &Site| vec![0; images * steps * row_bytes(s)];
        Spikes::Packed(Packed {
            images,
            steps,
            sites: graph.sites.iter().map(site).collect(),
        })
    }

    /// Compares them with those of another run.
    pub(in crate::torch) fn compared(with: Arc<Packed>) -> Self {
        let flips = vec![0; with.sites.len()];
        Spikes::Compared { with, flips }
    }

    /// Whether every site has to be seen, whatever is known of it.
    pub(in crate::torch) fn need_all(&self) -> bool {
        matches!(self, Spikes::Packed(_))
    }

    /// How many of a site differ.
    pub(in crate::torch) fn flips(&self, site: usize) -> u64 {
        match self {
            Spikes::Compared { flips, .. } => flips.get(site).copied().unwrap_or(0),
            Spikes::Ignored | Spikes::Packed(_) => 0,
        }
    }

    /// Sets how many of a site differ.
    pub(in crate::torch) fn set_flips(&mut self, site: usize, known: u64) {
        if let Spikes::Compared { flips, .. } = self
            && let Some(flips) = flips.get_mut(site)
        {
            *flips = known;
        }
    }

    /// The recorder of a site.
    pub(in crate::torch) fn recorder(
        &mut self,
        site: usize,
        neuron: Dynamics,
    ) -> SpikeRecorder<'_> {
        let (images, steps, to) = match self {
            Spikes::Ignored => (0, 0, To::Nowhere),
            Spikes::Packed(packed) => {
                let (images, steps) = (packed.images, packed.steps);
                let sites = packed.sites.get_mut(site);
                (images, steps, sites.map_or(To::Nowhere, |s| To::Packed(s)))
            }
            Spikes::Compared { with, flips } => {
                let pair = with.sites.get(site).zip(flips.get_mut(site));
                let to = pair.map_or(To::Nowhere, |(reference, flips)| To::Counted {
                    reference,
                    flips,
                });
                (with.images, with.steps, to)
            }
        };
        let rows = images * steps;
        let bytes = match &to {
            To::Nowhere => 0,
            To::Packed(x) => x.len(),
            To::Counted { reference, .. } => reference.len(),
        };
        SpikeRecorder {
            neuron,
            images,
            steps,
            row: bytes / rows.max(1),
            seen: vec![0; rows],
            to,
        }
    }
}

/// The recorder that packs or compares the spikes of one site. Of each image and time step it sees
/// all potentials in order, in pieces.
pub(in crate::torch) struct SpikeRecorder<'a> {
    neuron: Dynamics,
    images: usize,
    steps: usize,
    /// Bytes of an image at one time step.
    row: usize,
    /// Units seen of each image and time step.
    seen: Vec<usize>,
    to: To<'a>,
}

enum To<'a> {
    Nowhere,
    Packed(&'a mut [u8]),
    Counted {
        reference: &'a [u8],
        flips: &'a mut u64,
    },
}

impl SpikeRecorder<'_> {
    /// Records what the next units of an image emit at a time step.
    pub(in crate::torch) fn emitted(&mut self, image: usize, step: usize, levels: &[u8]) {
        match self.neuron {
            Neuron::Spiking(_) => self.bits(image, step, levels, |x| *x > 0),
            Neuron::Integer { .. } => self.bytes(image, step, levels, |x| *x),
        }
    }

    /// Where the next units go: the row's first byte, and the units seen before.
    #[inline(always)]
    fn take(&mut self, image: usize, step: usize, count: usize) -> Option<(usize, usize)> {
        if image >= self.images {
            return None;
        }
        let row = image * self.steps + step;
        let seen = self.seen.get_mut(row)?;
        let before = *seen;
        *seen += count;
        Some((row * self.row, before))
    }

    #[inline(always)]
    fn bits<X>(&mut self, image: usize, step: usize, units: &[X], fires: impl Fn(&X) -> bool) {
        let Some((first, before)) = self.take(image, step, units.len()) else {
            return;
        };
        // Up to the next whole byte, then byte by byte.
        let head = (before.next_multiple_of(8) - before).min(units.len());
        let (head, body) = units.split_at(head);
        self.byte(first + before / 8, before % 8, head, &fires);
        let at = first + before.div_ceil(8);
        for (i, eight) in body.chunks(8).enumerate() {
            self.byte(at + i, 0, eight, &fires);
        }
    }

    #[inline(always)]
    fn byte<X>(&mut self, at: usize, shift: usize, units: &[X], fires: &impl Fn(&X) -> bool) {
        let units = units.iter().enumerate();
        let (bits, mask) = units.fold((0u8, 0u8), |(bits, mask), (i, x)| {
            (
                bits | u8::from(fires(x)) << (shift + i),
                mask | 1 << (shift + i),
            )
        });
        match &mut self.to {
            To::Nowhere => {}
            To::Packed(all) => {
                if let Some(byte) = all.get_mut(at) {
                    *byte |= bits;
                }
            }
            To::Counted { reference, flips } => {
                if let Some(byte) = reference.get(at) {
                    **flips += u64::from(((byte ^ bits) & mask).count_ones());
                }
            }
        }
    }

    #[inline(always)]
    fn bytes<X>(&mut self, image: usize, step: usize, units: &[X], level: impl Fn(&X) -> u8) {
        let Some((first, before)) = self.take(image, step, units.len()) else {
            return;
        };
        let range = first + before..first + before + units.len();
        match &mut self.to {
            To::Nowhere => {}
            To::Packed(all) => {
                let bytes = all.get_mut(range).into_iter().flatten();
                bytes.zip(units).for_each(|(byte, x)| *byte = level(x));
            }
            To::Counted { reference, flips } => {
                let bytes = reference.get(range).into_iter().flatten();
                let others = bytes.zip(units).filter(|(byte, x)| **byte != level(x));
                **flips += others.count() as u64;
            }
        }
    }
}

impl<F: Float> Recorder<F> for SpikeRecorder<'_> {
    #[inline(always)]
    fn tile(&mut self, image: usize, step: usize, potentials: &[F]) {
        if matches!(self.to, To::Nowhere) {
            return;
        }
        match self.neuron {
            Neuron::Spiking(spiking) => {
                self.bits(image, step, potentials, fires(&spiking));
            }
            Neuron::Integer { max, halves, .. } => {
                let level = Level {
                    max: F::of(max as f64),
                    halves,
                };
                // Levels are at most 255.
                self.bytes(image, step, potentials, |&x| level.of(x).f64() as u8);
            }
        }
    }
    #[inline(always)]
    fn end_of_image(&mut self, _: usize) {}
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::network::{Halves, Spiking};

    const LIF: Dynamics = Neuron::Spiking(Spiking::lif(2.0, 1.0));
    const INTEGER: Dynamics = Neuron::Integer {
        max: 4,
        norm: 4,
        halves: Halves::ToEven,
    };

    fn empty(neuron: Dynamics, images: usize, steps: usize, units: usize) -> Spikes {
        let row = match neuron {
            Neuron::Spiking(_) => units.div_ceil(8),
            Neuron::Integer { .. } => units,
        };
        Spikes::Packed(Packed {
            images,
            steps,
            sites: vec![vec![0; images * steps * row]],
        })
    }

    /// Sees `[image][step][unit]` in pieces, steps inside, as the loops do.
    fn see(spikes: &mut Spikes, neuron: Dynamics, potentials: &[Vec<Vec<f32>>], piece: usize) {
        let mut recorder = spikes.recorder(0, neuron);
        for (i, image) in potentials.iter().enumerate() {
            let units = image[0].len();
            for start in (0..units).step_by(piece) {
                for (t, step) in image.iter().enumerate() {
                    recorder.tile(i, t, &step[start..units.min(start + piece)]);
                }
            }
            Recorder::<f32>::end_of_image(&mut recorder, i);
        }
    }

    proptest! {
        /// Against one comparison after the other, whatever the pieces; images after the first ones
        /// do not count.
        #[test]
        fn flips_are_those_of_plain_loops(
            seed: u64,
            integer: bool,
            (images, counted, steps, units) in (1usize..4, 0usize..4, 1usize..4, 1usize..40),
            pieces in (1usize..20, 1usize..20),
        ) {
            let neuron = if integer { INTEGER } else { LIF };
            let mut random = crate::torch::testing::Random(seed);
            let mut make = || -> Vec<Vec<Vec<f32>>> {
                let mut step = || random.many(units, -1.0, 5.0).iter().map(|x| x / if integer { 1.0 } else { 2.5 }).collect();
                (0..images).map(|_| (0..steps).map(|_| step()).collect()).collect()
            };
            let (float, other) = (make(), make());
            let counted = counted.min(images);
            let mut spikes = empty(neuron, counted, steps, units);
            see(&mut spikes, neuron, &float, pieces.0);
            let Spikes::Packed(packed) = spikes else { unreachable!() };
            let packed = Arc::new(packed);
            let emits = |x: f32| if integer { x.clamp(0.0, 4.0).round_ties_even() as u8 } else { u8::from(x >= 1.0) };
            let mut expected = 0;
            for i in 0..counted {
                for t in 0..steps {
                    for u in 0..units {
                        expected += u64::from(emits(float[i][t][u]) != emits(other[i][t][u]));
                    }
                }
            }
            let mut compared = Spikes::compared(Arc::clone(&packed));
            see(&mut compared, neuron, &other, pieces.1);
            prop_assert_eq!(compared.flips(0), expected);
            let mut same = Spikes::compared(Arc::clone(&packed));
            see(&mut same, neuron, &float, pieces.1);
            prop_assert_eq!(same.flips(0), 0);
            // And where what is emitted is at hand.
            let mut emitted = Spikes::compared(packed);
            let mut recorder = emitted.recorder(0, neuron);
            for (i, image) in other.iter().enumerate() {
                for (t, step) in image.iter().enumerate() {
                    let levels: Vec<u8> = step.iter().map(|&x| emits(x)).collect();
                    recorder.emitted(i, t, &levels);
                }
            }
            prop_assert_eq!(emitted.flips(0), expected);
        }
    }
}
