//! The dynamics of neurons as integers.

use super::{Grid, Leak};
use crate::kernels::FixedDynamics;
use crate::network::{Charge, Firing, Rate, Reset, Spiking};

/// Neurons with a membrane potential on a grid. Potentials that leave it saturate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Membrane {
    /// The grid of the potential.
    pub grid: Grid,
    /// How it takes in the input.
    pub charge: Charge<Leak>,
    /// Neurons fire from this potential on.
    pub threshold: i64,
    /// What a spike does to the potential.
    pub reset: FixedReset,
}

/// What a spike does to an integer potential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixedReset {
    /// It becomes this, which is also where it begins.
    Hard(i64),
    /// This is subtracted.
    Soft(i64),
    /// This is subtracted at the next time step, after the charge.
    SoftNext(i64),
}

impl Membrane {
    /// The dynamics on a grid: the threshold rounded up to what fires, the reset to the nearest.
    ///
    /// # Errors
    /// Why there are none, as a sentence: a leak beyond [`Leak`], a threshold beyond the grid.
    pub fn of(spiking: &Spiking<Rate>, grid: Grid) -> Result<Self, String> {
        let charge = spiking.charge.try_map(|&rate| {
            let tau = match rate {
                Rate::OverTau(tau) => tau,
                other => 1.0 / other.leak(),
            };
            Leak::of(tau).ok_or_else(|| format!("tau = {tau} is not 1 to 32768"))
        })?;
        let exact = spiking.threshold;
        let threshold = match spiking.firing {
            Firing::AtLeast => grid.threshold(exact),
            Firing::Above => (exact / grid.step()).floor() as i64 + 1,
        };
        let reset = match spiking.reset {
            Reset::Hard(rest) => FixedReset::Hard(grid.nearest(rest)),
            Reset::Soft => FixedReset::Soft(grid.nearest(exact)),
            Reset::SoftNext => FixedReset::SoftNext(grid.nearest(exact)),
        };
        if !(1..=grid.most()).contains(&threshold) {
            let (bits, fraction) = (grid.bits, grid.fraction);
            return Err(format!(
                "their threshold {exact} does not fit potentials of {bits} bits with {fraction} fraction bits: take more \
                 membrane_bits"
            ));
        }
        Ok(Membrane {
            grid,
            charge,
            threshold,
            reset,
        })
    }

    /// The potential that neurons begin with and leak to.
    pub fn rest(&self) -> i64 {
        match self.reset {
            FixedReset::Hard(rest) => rest,
            FixedReset::Soft(_) | FixedReset::SoftNext(_) => 0,
        }
    }

    /// The same for kernels; `sum` is the grid that spikes and a residual are added on.
    pub fn dynamics(&self, sum: Option<Grid>) -> FixedDynamics {
        let step = self.grid.step();
        let real = |n: i64| n as f64 * step;
        let charge = match self.charge {
            Charge::Integrate => Charge::Integrate,
            Charge::DecayInput(leak) => Charge::DecayInput(leak.factor()),
            Charge::Leak(leak) => Charge::Leak(leak.factor()),
            Charge::Retain(leak) => Charge::Retain(leak.factor()),
        };
        let (reset, subtracted) = match self.reset {
            FixedReset::Hard(rest) => (Reset::Hard(real(rest)), 0),
            FixedReset::Soft(threshold) => (Reset::Soft, threshold),
            FixedReset::SoftNext(threshold) => (Reset::SoftNext, threshold),
        };
        FixedDynamics {
            grid: self.grid.steps(),
            charge,
            threshold: real(self.threshold),
            reset,
            subtracted: real(subtracted),
            sum: sum.map(Grid::steps),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid {
        bits: 8,
        fraction: 4,
    };

    fn with(charge: Charge<Rate>, threshold: f64, firing: Firing, reset: Reset) -> Spiking<Rate> {
        Spiking {
            charge,
            threshold,
            firing,
            reset,
        }
    }

    #[test]
    fn integers_by_hand() {
        let lif = Membrane::of(&Spiking::lif(2.0, 0.99), GRID).unwrap();
        assert_eq!((lif.threshold, lif.reset), (16, FixedReset::Hard(0)));
        assert_eq!(lif.charge, Charge::DecayInput(Leak::of(2.0).unwrap()));
        let hard = Reset::Hard(-0.5);
        let above = with(Charge::Integrate, 1.0, Firing::Above, hard);
        let above = Membrane::of(&above, GRID).unwrap();
        assert_eq!((above.threshold, above.rest()), (17, -8));
        let between = with(Charge::Integrate, 0.99, Firing::Above, Reset::Soft);
        let between = Membrane::of(&between, GRID).unwrap();
        assert_eq!(
            (between.threshold, between.reset),
            (16, FixedReset::Soft(16))
        );
        let beta = Charge::Retain(Rate::Beta(0.75));
        let next = with(beta, 1.0, Firing::Above, Reset::SoftNext);
        let next = Membrane::of(&next, GRID).unwrap();
        assert_eq!(next.charge, Charge::Retain(Leak::of(4.0).unwrap()));
        assert_eq!(next.dynamics(None).subtracted, 1.0);
    }

    #[test]
    fn dynamics_without_integers() {
        let of = |rate, threshold| {
            let spiking = with(Charge::Leak(rate), threshold, Firing::Above, Reset::Soft);
            Membrane::of(&spiking, GRID).unwrap_err()
        };
        assert!(of(Rate::OverTau(0.5), 1.0).contains("tau = 0.5"));
        assert!(of(Rate::Beta(1.0), 1.0).contains("tau = inf"));
        assert!(of(Rate::Times(0.5), 8.0).contains("more membrane_bits"));
    }
}
