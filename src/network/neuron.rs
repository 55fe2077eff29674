//! Neurons: how a population turns its input into spikes.
//!
//! The formulas, and the order of floating-point operations in them, are those of spikingjelly
//! (`activation_based.neuron` and `clock_driven.neuron`) and of snnTorch (`Leaky`), so that in f64
//! the potentials are theirs bit for bit.

use serde::{Deserialize, Serialize};

use super::{BlockId, Shape};

/// How an integer neuron rounds halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Halves {
    /// To the even neighbour.
    ToEven,
    /// Up.
    Up,
}

/// The membrane time constant tau of leaky neurons, in time steps, as a network has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeConstant {
    /// tau itself (spikingjelly).
    Tau(f64),
    /// The part of the potential that is kept, `1 - 1 / tau` (snnTorch's `beta`).
    Beta(f64),
    /// A trained number w of this state-dict key with `1 / tau = sigmoid(w)` (spikingjelly's
    /// `ParametricLIFNode`).
    Learned(String),
}

/// The inverse of a membrane time constant as a number: what [`TimeConstant`] is once the weights
/// are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// A division by tau.
    OverTau(f64),
    /// One minus this.
    Beta(f64),
    /// A multiplication by the inverse of tau.
    Times(f64),
}

/// The largest level of integer neurons: levels are stored as bytes.
const MOST_LEVELS: u64 = 255;

/// How the potential v takes in the input x at a time step; r is the potential after a hard reset,
/// 0 for others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Charge<R = TimeConstant> {
    /// `v + x`: no leak (integrate-and-fire).
    Integrate,
    /// `v + (x - (v - r)) / tau`: the input decays, too (`decay_input = True`).
    DecayInput(R),
    /// `v - (v - r) / tau + x` (`decay_input = False`; hard reset in spikingjelly's evaluation
    /// mode).
    Leak(R),
    /// `v * (1 - 1 / tau) + x` (`decay_input = False` with a soft reset or a reset to 0, and
    /// snnTorch).
    Retain(R),
}

/// When a neuron fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Firing {
    /// Where the potential is at least the threshold (spikingjelly).
    #[default]
    AtLeast,
    /// Where the potential is above the threshold (snnTorch).
    Above,
}

/// What a spike does to the potential.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reset {
    /// It becomes this, which is also where it begins. (A reset to 0 at the next time step, as
    /// snnTorch has it, computes the same.)
    Hard(f64),
    /// The threshold is subtracted.
    Soft,
    /// The threshold is subtracted from the potential of the next time step, after its charge
    /// (snnTorch's default).
    SoftNext,
}

/// Neurons with a membrane potential: at every time step they charge, fire and are reset. `R` is
/// how time constants are given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spiking<R = TimeConstant> {
    /// How the potential takes in the input.
    pub charge: Charge<R>,
    /// Firing threshold.
    pub threshold: f64,
    /// On which side of it neurons fire.
    pub firing: Firing,
    /// What a spike does to the potential.
    pub reset: Reset,
}

/// How a neuron population turns its input into spikes. `R` is how time constants are given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Neuron<R = TimeConstant> {
    /// Neurons with a membrane potential.
    Spiking(Spiking<R>),
    /// Spike firing approximation: the input, clamped to `[0, max]` and rounded, is emitted as an
    /// integer level that stands for `level / norm`. There is no state.
    Integer {
        /// The largest level.
        max: u64,
        /// The divisor of levels.
        norm: u64,
        /// How halves are rounded.
        halves: Halves,
    },
}

/// Neurons whose numbers are all known.
pub type Dynamics = Neuron<Rate>;

impl Firing {
    /// Whether a potential fires.
    #[inline(always)]
    pub fn fires<F: PartialOrd>(self, potential: F, threshold: F) -> bool {
        match self {
            Firing::AtLeast => potential >= threshold,
            Firing::Above => potential > threshold,
        }
    }
}

impl Reset {
    /// The potential that neurons begin with and leak to.
    pub fn rest(self) -> f64 {
        match self {
            Reset::Hard(rest) => rest,
            Reset::Soft | Reset::SoftNext => 0.0,
        }
    }
}

impl Rate {
    /// The part of the potential that leaks per time step, `1 / tau`.
    pub fn leak(self) -> f64 {
        match self {
            Rate::OverTau(tau) => 1.0 / tau,
            Rate::Beta(beta) => 1.0 - beta,
            Rate::Times(rate) => rate,
        }
    }
    /// The part that is kept, `1 - 1 / tau`.
    pub fn kept(self) -> f64 {
        match self {
            Rate::Beta(beta) => beta,
            other => 1.0 - other.leak(),
        }
    }
}

impl<R> Charge<R> {
    /// The time constant; none without a leak.
    pub fn rate(&self) -> Option<&R> {
        match self {
            Charge::Integrate => None,
            Charge::DecayInput(rate) | Charge::Leak(rate) | Charge::Retain(rate) => Some(rate),
        }
    }
    /// The same with another form of the time constant.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn try_map<S, E>(&self, f: impl FnOnce(&R) -> Result<S, E>) -> Result<Charge<S>, E> {
        Ok(match self {
            Charge::Integrate => Charge::Integrate,
            Charge::DecayInput(rate) => Charge::DecayInput(f(rate)?),
            Charge::Leak(rate) => Charge::Leak(f(rate)?),
            Charge::Retain(rate) => Charge::Retain(f(rate)?),
        })
    }
}

impl<R> Neuron<R> {
    /// The threshold in whose unit drift is measured; 1 for integer neurons.
    pub fn threshold(&self) -> f64 {
        match self {
            Neuron::Spiking(spiking) => spiking.threshold,
            Neuron::Integer { .. } => 1.0,
        }
    }
    /// The largest output at one time step.
    pub fn max_output(&self) -> u64 {
        match *self {
            Neuron::Spiking(_) => 1,
            Neuron::Integer { max, .. } => max,
        }
    }
    /// The same with another form of the time constant.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn try_map<S, E>(&self, f: impl FnOnce(&R) -> Result<S, E>) -> Result<Neuron<S>, E> {
        Ok(match *self {
            Neuron::Spiking(ref spiking) => Neuron::Spiking(Spiking {
                charge: spiking.charge.try_map(f)?,
                threshold: spiking.threshold,
                firing: spiking.firing,
                reset: spiking.reset,
            }),
            Neuron::Integer { max, norm, halves } => Neuron::Integer { max, norm, halves },
        })
    }
}

impl Neuron {
    /// Leaky integrate-and-fire neurons as most networks have them: `v += (x - v) / tau`, a spike
    /// where `v >= threshold`, hard reset to 0.
    pub const fn lif(tau: f64, threshold: f64) -> Self {
        Neuron::Spiking(Spiking {
            charge: Charge::DecayInput(TimeConstant::Tau(tau)),
            threshold,
            firing: Firing::AtLeast,
            reset: Reset::Hard(0.0),
        })
    }
    /// Checks that the numbers make neurons.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub fn check(&self) -> Result<(), String> {
        let spiking = match *self {
            Neuron::Spiking(ref spiking) => spiking,
            Neuron::Integer { max, norm, .. } => {
                return match (1..=MOST_LEVELS).contains(&max) && norm > 0 {
                    true => Ok(()),
                    false => Err(format!(
                        "integer neurons of {max} levels of 1/{norm}: take 1 to {MOST_LEVELS} levels and a norm \
                         above 0"
                    )),
                };
            }
        };
        let (threshold, rest) = (spiking.threshold, spiking.reset.rest());
        if !(threshold.is_finite() && threshold > 0.0) {
            return Err(format!("a threshold of {threshold}: take a number above 0"));
        }
        if !rest.is_finite() {
            return Err(format!("a reset to {rest}: take a finite number"));
        }
        match spiking.charge.rate() {
            Some(TimeConstant::Tau(tau)) if !(tau.is_finite() && *tau > 0.0) => {
                Err(format!("a time constant of {tau}: take a number above 0"))
            }
            Some(TimeConstant::Beta(beta)) if !(0.0..=1.0).contains(beta) => {
                Err(format!("a beta of {beta}: take a number from 0 to 1"))
            }
            Some(TimeConstant::Learned(key)) if key.is_empty() => {
                Err("a learned time constant without a key".to_owned())
            }
            _ => Ok(()),
        }
    }
    /// The state-dict key of a trained time constant; none where there is none.
    pub fn key(&self) -> Option<&str> {
        match self {
            Neuron::Spiking(spiking) => match spiking.charge.rate() {
                Some(TimeConstant::Learned(key)) => Some(key),
                _ => None,
            },
            Neuron::Integer { .. } => None,
        }
    }
    /// The neurons with their numbers; `learned` knows the trained number w of a key.
    ///
    /// # Errors
    /// Those of `learned`.
    pub fn dynamics<E>(&self, learned: impl FnOnce(&str) -> Result<f64, E>) -> Result<Dynamics, E> {
        self.try_map(|constant| {
            Ok(match constant {
                TimeConstant::Tau(tau) => Rate::OverTau(*tau),
                TimeConstant::Beta(beta) => Rate::Beta(*beta),
                TimeConstant::Learned(key) => Rate::Times(sigmoid(learned(key)?)),
            })
        })
    }
}

impl Spiking<Rate> {
    /// Leaky integrate-and-fire neurons as [`Neuron::lif`].
    pub const fn lif(tau: f64, threshold: f64) -> Self {
        Spiking {
            charge: Charge::DecayInput(Rate::OverTau(tau)),
            threshold,
            firing: Firing::AtLeast,
            reset: Reset::Hard(0.0),
        }
    }
    /// tau and threshold of neurons as [`Neuron::lif`] makes them; none for all others.
    pub fn as_lif(&self) -> Option<(f64, f64)> {
        match *self {
            Spiking {
                charge: Charge::DecayInput(Rate::OverTau(tau)),
                threshold,
                firing: Firing::AtLeast,
                reset: Reset::Hard(0.0),
            } => Some((tau, threshold)),
            _ => None,
        }
    }
}

/// The logistic function.
fn sigmoid(w: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-w))
}

/// A neuron site: one population of spiking neurons, where drift is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// The module's name in the authors' code, such as `stage1.0.mlp.mlp1_lif`.
    pub name: String,
    /// Its block.
    pub block: BlockId,
    /// Its dynamics.
    pub neuron: Neuron,
    /// The shape of the population for one image.
    pub shape: Shape,
    /// True when the state is not reset between the images of a batch: it runs through all images
    /// of the first time step, then of the second, and so on, so that a result depends on the batch
    /// (the authors' QKFormer).
    pub batch_leak: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_by_hand() {
        assert_eq!(Rate::OverTau(4.0).leak(), 0.25);
        assert_eq!(
            (Rate::Beta(0.9).kept(), Rate::Times(0.25).kept()),
            (0.9, 0.75)
        );
        let learned = Neuron::Spiking(Spiking {
            charge: Charge::Retain(TimeConstant::Learned("lif.w".to_owned())),
            threshold: 1.0,
            firing: Firing::Above,
            reset: Reset::SoftNext,
        });
        assert_eq!(learned.key(), Some("lif.w"));
        let known = learned.dynamics(|key| match key {
            "lif.w" => Ok(0.0),
            other => Err(other.to_owned()),
        });
        let known = known.unwrap();
        let half = Spiking {
            charge: Charge::Retain(Rate::Times(0.5)),
            threshold: 1.0,
            firing: Firing::Above,
            reset: Reset::SoftNext,
        };
        assert_eq!((known, half.as_lif()), (Neuron::Spiking(half), None));
        let unknown = learned.dynamics(|key| Err(key.to_owned()));
        assert_eq!(unknown, Err("lif.w".to_owned()));
        let lif = Neuron::lif(2.0, 0.5).dynamics(|_| Err(())).unwrap();
        assert_eq!(lif, Neuron::Spiking(Spiking::<Rate>::lif(2.0, 0.5)));
        assert_eq!(Spiking::<Rate>::lif(2.0, 0.5).as_lif(), Some((2.0, 0.5)));
    }

    #[test]
    fn numbers_that_make_no_neurons() {
        let with = |charge, threshold, reset| {
            Neuron::Spiking(Spiking {
                charge,
                threshold,
                firing: Firing::AtLeast,
                reset,
            })
        };
        let tau = |tau| Charge::Leak(TimeConstant::Tau(tau));
        assert_eq!(with(tau(2.0), 1.0, Reset::Hard(-0.1)).check(), Ok(()));
        assert_eq!(Neuron::lif(1.5, 0.5).check(), Ok(()));
        let integer = |max, norm| Neuron::Integer {
            max,
            norm,
            halves: Halves::Up,
        };
        assert_eq!(integer(4, 4).check(), Ok(()));
        let wrong = [
            with(tau(0.0), 1.0, Reset::Soft),
            with(tau(f64::NAN), 1.0, Reset::Soft),
            with(tau(2.0), 0.0, Reset::Soft),
            with(tau(2.0), f64::INFINITY, Reset::Soft),
            with(tau(2.0), 1.0, Reset::Hard(f64::NAN)),
            with(Charge::Retain(TimeConstant::Beta(1.1)), 1.0, Reset::Soft),
            with(
                Charge::Retain(TimeConstant::Learned(String::new())),
                1.0,
                Reset::Soft,
            ),
            integer(0, 4),
            integer(256, 4),
            integer(4, 0),
        ];
        for neuron in wrong {
            assert!(neuron.check().is_err(), "{neuron:?}");
        }
    }

    #[test]
    fn firing_at_the_threshold() {
        assert!(Firing::AtLeast.fires(1.0, 1.0) && !Firing::Above.fires(1.0, 1.0));
        assert!(Firing::Above.fires(1.5, 1.0) && !Firing::AtLeast.fires(f64::NAN, 1.0));
        assert_eq!(
            [Reset::Hard(-0.5), Reset::Soft].map(Reset::rest),
            [-0.5, 0.0]
        );
    }
}
