//! The kernels against integers alone.

use proptest::prelude::*;

use super::{FixedAffine, FixedReset, Grid, Membrane};
use crate::kernels::{
    AffineEpilogue, Elementwise, Epilogue, Extent, FixedLif, FixedRows, Recorder, Requantize,
    Signal, Target, launch,
};
use crate::network::{Charge, Firing, Rate, Reset, Spiking};
use crate::quant::ChannelAffine;

/// Potentials in the order of time steps.
struct Kept<'a>(&'a mut Vec<f32>);

impl Recorder<f32> for Kept<'_> {
    fn tile(&mut self, _: usize, _: usize, potentials: &[f32]) {
        self.0.extend_from_slice(potentials);
    }
    fn end_of_image(&mut self, _: usize) {}
}

fn grid() -> impl Strategy<Value = Grid> {
    (4u8..=16, 0i32..14).prop_map(|(bits, fraction)| Grid { bits, fraction })
}

fn affine(grid: Grid, factors: &[f64], summands: &[f64]) -> Option<FixedAffine> {
    let affine = ChannelAffine::new(factors.to_vec(), Some(summands.to_vec()));
    FixedAffine::new(&affine, grid).ok()
}

/// Runs an epilogue over one image of 3 channels, one position and as many steps as there are.
fn run(sums: &[f32], steps: usize, epilogue: impl Epilogue<f32>) {
    launch(Elementwise {
        images: 1,
        image: sums.len() / steps,
        channels: 3,
        input: Some(Signal::Varying(sums)),
        epilogue,
    });
}

fn spiking() -> impl Strategy<Value = Spiking<Rate>> {
    let tau = prop_oneof![Just(2.0), Just(1.0), Just(4.0), 1.0f64..9.0];
    let charge = (0..4u8, tau).prop_map(|(kind, tau)| match kind {
        0 => Charge::Integrate,
        1 => Charge::DecayInput(Rate::OverTau(tau)),
        2 => Charge::Leak(Rate::OverTau(tau)),
        _ => Charge::Retain(Rate::Beta(1.0 - 1.0 / tau)),
    });
    let lif = charge
        .clone()
        .prop_map(|_| Charge::DecayInput(Rate::OverTau(2.0)));
    let reset = prop_oneof![
        Just(Reset::Hard(0.0)),
        (-1.0f64..0.5).prop_map(Reset::Hard),
        Just(Reset::Soft),
        Just(Reset::SoftNext),
    ];
    let firing = prop_oneof![Just(Firing::AtLeast), Just(Firing::Above)];
    (prop_oneof![charge, lif], 0.05f64..2.0, firing, reset).prop_map(
        |(charge, threshold, firing, reset)| Spiking {
            charge,
            threshold,
            firing,
            reset,
        },
    )
}

/// One time step in integers alone: the potential before the reset, whether it fires, and what it
/// is afterwards.
fn step(membrane: &Membrane, v: i64, x: i64) -> (i64, bool, i64) {
    let taken = |leak: super::Leak, x: i64| (x * i64::from(leak.multiplier)) >> leak.shift;
    let rest = membrane.rest();
    let charged = match membrane.charge {
        Charge::Integrate => v + x,
        Charge::DecayInput(leak) => v + taken(leak, x - (v - rest)),
        Charge::Leak(leak) => v - taken(leak, v - rest) + x,
        Charge::Retain(leak) => v - taken(leak, v) + x,
    };
    let mut charged = membrane.grid.saturate(charged);
    if let FixedReset::SoftNext(threshold) = membrane.reset
        && v >= membrane.threshold
    {
        charged = membrane.grid.saturate(charged - threshold);
    }
    let fires = charged >= membrane.threshold;
    let after = match (fires, membrane.reset) {
        (true, FixedReset::Hard(rest)) => rest,
        (true, FixedReset::Soft(threshold)) => charged - threshold,
        _ => charged,
    };
    (charged, fires, after)
}

proptest! {
    /// Neurons against integers alone: saturation, rounding, leak, threshold, reset, and the
    /// sum with a residual on a grid.
    #[test]
    fn neurons_are_those_of_integers(
        grid in grid(),
        factors in prop::collection::vec(-0.3f64..0.3, 3),
        summands in prop::collection::vec(-3.0f64..3.0, 3),
        spiking in spiking(),
        sums in prop::collection::vec(-300i32..300, 3 * 6),
        residual in prop::collection::vec(-9000i64..9000, 3 * 6),
        is_stream: bool,
    ) {
        let Some(affine) = affine(grid, &factors, &summands) else {
            return Ok(());
        };
        let (scale, shift) = affine.numbers();
        let rows = FixedRows { scale: &scale, shift: &shift, grid: grid.steps() };
        let Ok(membrane) = Membrane::of(&spiking, grid) else {
            return Ok(());
        };
        let dynamics = membrane.dynamics(is_stream.then_some(grid));
        let residual: Vec<i64> = residual.into_iter().map(|n| grid.saturate(n)).collect();
        let real = |n: i64| (n as f64 * grid.step()) as f32;
        let stream: Vec<f32> = residual.iter().map(|&n| real(n)).collect();
        let in_f32: Vec<f32> = sums.iter().map(|&x| x as f32).collect();
        let (mut out, mut potentials) = (vec![0f32; sums.len()], Vec::new());
        let extent = Extent { steps: 6, images: 1, channels: 3 };
        let added = is_stream.then_some(Signal::Varying(&stream[..]));
        let target = Target::new(extent, None, added, &mut out).onto(Some(rows));
        run(&in_f32, 6, FixedLif::new(target, dynamics, Kept(&mut potentials)));
        let mut v = [membrane.rest(); 3];
        for (i, &sum) in sums.iter().enumerate() {
            let c = i % 3;
            let (potential, fires, after) = step(&membrane, v[c], affine.apply(c, i64::from(sum)));
            prop_assert_eq!(potentials[i], real(potential));
            let one = i64::from(fires) << grid.fraction;
            let expected = match is_stream {
                false => if fires { 1.0 } else { 0.0 },
                true => real(grid.saturate(residual[i] + one)),
            };
            prop_assert_eq!(out[i], expected);
            v[c] = after;
        }
    }

    /// Streams, and sums of f64.
    #[test]
    fn affines_and_shortcuts_are_those_of_integers(
        grid in grid(),
        factors in prop::collection::vec(-0.3f64..0.3, 3),
        summands in prop::collection::vec(-3.0f64..3.0, 3),
        sums in prop::collection::vec(-3000i32..3000, 3 * 5),
        residual in prop::collection::vec(-40_000i64..40_000, 3 * 5),
    ) {
        let Some(affine) = affine(grid, &factors, &summands) else {
            return Ok(());
        };
        let (scale, shift) = affine.numbers();
        let rows = FixedRows { scale: &scale, shift: &shift, grid: grid.steps() };
        let real = |n: i64| (n as f64 * grid.step()) as f32;
        let residual: Vec<i64> = residual.into_iter().map(|n| grid.saturate(n)).collect();
        let stream: Vec<f32> = residual.iter().map(|&n| real(n)).collect();
        let in_f32: Vec<f32> = sums.iter().map(|&x| x as f32).collect();
        let extent = Extent { steps: 5, images: 1, channels: 3 };
        let mut out = vec![0f32; sums.len()];
        let added = Some(Signal::Varying(&stream[..]));
        let target = Target::new(extent, None, added, &mut out).onto(Some(rows));
        run(&in_f32, 5, AffineEpilogue(target));
        let wide: Vec<f64> = sums.iter().map(|&x| f64::from(x)).collect();
        let mut alone = vec![0f32; sums.len()];
        launch(Requantize { channels: 3, rows, input: &wide, out: &mut alone });
        for (i, &sum) in sums.iter().enumerate() {
            let own = affine.apply(i % 3, sum.into());
            prop_assert_eq!(alone[i], real(own));
            prop_assert_eq!(out[i], real(grid.saturate(own + residual[i])));
        }
    }
}
