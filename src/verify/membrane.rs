//! Neurons of any charge, firing and reset, in f32 and in integers.

use crate::export::manifest::operation::{Charge, Firing, Leak, Reset, SiteFixed};

/// The dynamics of a population in f32.
pub(super) struct Membrane {
    pub charge: Charge,
    pub threshold: f32,
    pub firing: Firing,
    pub reset: Reset,
}

impl Membrane {
    /// The potential that neurons begin with.
    pub(super) fn begin(&self) -> f32 {
        match self.reset {
            Reset::Hard(rest) => rest as f32,
            Reset::Soft | Reset::SoftNext => 0.0,
        }
    }

    /// The potential before the reset.
    pub(super) fn charged(&self, v: f32, x: f32) -> f32 {
        let rest = self.begin();
        let charged = match self.charge {
            Charge::Integrate => v + x,
            Charge::DecayInput(leak) => v + part(leak, x - (v - rest)),
            Charge::Leak(leak) => v - part(leak, v - rest) + x,
            Charge::Retain(kept) => v * kept as f32 + x,
        };
        match self.reset {
            Reset::SoftNext if self.fires(v) => charged - self.threshold,
            _ => charged,
        }
    }

    /// Whether a potential fires.
    pub(super) fn fires(&self, v: f32) -> bool {
        match self.firing {
            Firing::AtLeast => v >= self.threshold,
            Firing::Above => v > self.threshold,
        }
    }

    /// The potential after a time step.
    pub(super) fn after(&self, v: f32) -> f32 {
        match self.reset {
            Reset::Hard(rest) if self.fires(v) => rest as f32,
            Reset::Soft if self.fires(v) => v - self.threshold,
            _ => v,
        }
    }
}

/// The part of a number that leaks.
fn part(leak: Leak, x: f32) -> f32 {
    match leak {
        Leak::Over(tau) if tau.to_bits() << 12 == 0 && tau.is_normal() => x * (1.0 / tau) as f32,
        Leak::Over(tau) => x / tau as f32,
        Leak::Times(rate) => x * rate as f32,
    }
}

/// One time step in integers: the potential before the reset, and after it. `limit` saturates.
pub(super) fn step(
    (charge, reset): (Charge, Reset),
    (fixed, threshold): (&SiteFixed, i64),
    (v, x): (i64, i64),
    limit: impl Fn(i64) -> i64,
) -> (i64, i64) {
    let leaked = |x: i64| {
        fixed
            .leak
            .map_or(0, |leak| (x * i64::from(leak.multiplier)) >> leak.shift)
    };
    let (rest, subtracted) = (fixed.rest.unwrap_or(0), fixed.subtracted.unwrap_or(0));
    let mut charged = limit(match charge {
        Charge::Integrate => v + x,
        Charge::DecayInput(_) => v + leaked(x - (v - rest)),
        Charge::Leak(_) => v - leaked(v - rest) + x,
        Charge::Retain(_) => v - leaked(v) + x,
    });
    if reset == Reset::SoftNext && v >= threshold {
        charged = limit(charged - subtracted);
    }
    let after = match reset {
        Reset::Hard(_) if charged >= threshold => rest,
        Reset::Soft if charged >= threshold => charged - subtracted,
        _ => charged,
    };
    (charged, after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::manifest::operation::Factor;

    #[test]
    fn potentials_by_hand() {
        let with = |charge, firing, reset| Membrane {
            charge,
            threshold: 1.0,
            firing,
            reset,
        };
        let leak = with(
            Charge::Leak(Leak::Over(2.0)),
            Firing::AtLeast,
            Reset::Hard(-0.5),
        );
        assert_eq!(leak.charged(leak.begin(), 1.5), 1.0);
        assert!(leak.fires(1.0));
        assert_eq!((leak.after(1.0), leak.after(0.5)), (-0.5, 0.5));
        let times = with(
            Charge::DecayInput(Leak::Times(0.25)),
            Firing::Above,
            Reset::Soft,
        );
        assert_eq!(times.charged(1.0, 3.0), 1.5);
        assert!(!times.fires(1.0));
        assert_eq!(times.after(1.5), 0.5);
        let next = with(Charge::Retain(0.5), Firing::Above, Reset::SoftNext);
        assert_eq!((next.charged(2.0, 1.0), next.after(2.0)), (1.0, 2.0));
    }

    #[test]
    fn integers_by_hand() {
        let fixed = SiteFixed {
            bits: 8,
            fraction: 4,
            input: None,
            leak: Some(Factor {
                multiplier: 1,
                shift: 1,
            }),
            threshold: Some(16),
            rest: Some(-8),
            subtracted: Some(16),
        };
        let limit = |n: i64| n.clamp(-128, 127);
        let of = |charge, reset, v, x| step((charge, reset), (&fixed, 16), (v, x), limit);
        let (over, hard) = (Leak::Over(2.0), Reset::Hard(-0.5));
        assert_eq!(of(Charge::Integrate, hard, -8, 30), (22, -8));
        assert_eq!(of(Charge::Integrate, Reset::Soft, 100, 100), (127, 111));
        assert_eq!(of(Charge::DecayInput(over), hard, -8, 20), (2, 2));
        assert_eq!(of(Charge::Leak(over), hard, 3, 5), (3, 3));
        assert_eq!(of(Charge::Retain(0.5), Reset::SoftNext, 20, 5), (-1, -1));
    }
}
