//! The leak of neurons as an integer multiplier and a shift.

use super::two_to;

/// The leak per time step, `1 / tau`, as `multiplier / 2^shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leak {
    /// 1 where tau is a power of two: then the shift is all; else of 15 bits.
    pub multiplier: u16,
    /// The shift.
    pub shift: u8,
}

/// Bits of a multiplier.
const BITS: i32 = 15;

impl Leak {
    /// The leak of a membrane time constant in time steps; none unless it is 1 to `2^15`.
    pub fn of(tau: f64) -> Option<Self> {
        if !(1.0..=two_to(BITS)).contains(&tau) {
            return None;
        }
        let exponent = tau.log2();
        if exponent.fract() == 0.0 {
            let shift = exponent as u8;
            return Some(Leak {
                multiplier: 1,
                shift,
            });
        }
        // 1 / tau is in (2^-(k+1), 2^-k) for k = floor(log2 tau).
        let shift = BITS + exponent.floor() as i32;
        Some(Leak {
            multiplier: (two_to(shift) / tau + 0.5).floor() as u16,
            shift: shift as u8,
        })
    }

    /// The potential after a time step with the input x, both integers on one grid.
    pub fn step(self, v: i64, x: i64) -> i64 {
        v + (((x - v) * i64::from(self.multiplier)) >> self.shift)
    }

    /// The part of the difference that is taken: exact in f64.
    pub fn factor(self) -> f64 {
        f64::from(self.multiplier) * two_to(-i32::from(self.shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaks_by_hand() {
        let two = Leak::of(2.0).unwrap();
        assert_eq!((two.multiplier, two.shift), (1, 1));
        // Down, also below 0.
        assert_eq!(
            [(0, 5), (0, -5), (-1, 0), (1, 0)].map(|(v, x)| two.step(v, x)),
            [2, -3, -1, 0]
        );
        let all = Leak::of(1.0).unwrap();
        assert_eq!(all.step(7, -3), -3);
        let other = Leak::of(1.5).unwrap();
        assert_eq!((other.multiplier, other.shift), (21845, 15));
        assert_eq!(other.step(0, 300), 199);
        assert_eq!([0.5, 0.0, -1.0, f64::NAN, 1e9].map(Leak::of), [None; 5]);
    }

    /// No multiplier overflows, and each is within half a unit of its last bit.
    #[test]
    fn leaks_are_near() {
        for i in 0..4000 {
            let tau = 1.0 + f64::from(i) * 0.013;
            let leak = Leak::of(tau).unwrap();
            assert!((leak.factor() * tau - 1.0).abs() <= two_to(-BITS), "{tau}");
            assert!(leak.factor() <= 1.0);
        }
    }
}
