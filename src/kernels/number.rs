//! Number formats: what is computed in, and what is stored.
#![forbid(unsafe_code)]

use std::ops::{Add, Div, Mul, Sub};

use super::Kernel;

/// The two number formats that kernels compute in: f32 and f64.
pub trait Float:
    Copy
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    /// One.
    const ONE: Self;
    /// Rounds to this format.
    fn of(x: f64) -> Self;
    /// The same number, exactly.
    fn f64(self) -> f64;
    /// The nearest whole number, ties to even.
    fn half_even(self) -> Self;
    /// The largest whole number that is not above.
    fn floor(self) -> Self;
}

macro_rules! float {
    ($float:ty, $of:expr) => {
        impl Float for $float {
            const ONE: Self = 1.0;
            #[inline(always)]
            fn of(x: f64) -> Self {
                $of(x)
            }
            #[inline(always)]
            fn f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn half_even(self) -> Self {
                self.round_ties_even()
            }
            #[inline(always)]
            fn floor(self) -> Self {
                <$float>::floor(self)
            }
        }
    };
}

float!(f32, |x| x as f32);
float!(f64, |x| x);

/// A storage format of numbers that are computed with as `F`: `F` itself, or bytes for whole
/// numbers from 0 to 255.
pub trait Stored<F>: Copy + Default + PartialOrd + Add<Output = Self> {
    /// The number.
    fn get(self) -> F;
    /// The storage of a number that this format can hold.
    fn put(x: F) -> Self;
    /// 1 or 0.
    fn spike(fires: bool) -> Self;
}

impl<F: Float> Stored<F> for F {
    #[inline(always)]
    fn get(self) -> F {
        self
    }
    #[inline(always)]
    fn put(x: F) -> F {
        x
    }
    #[inline(always)]
    fn spike(fires: bool) -> F {
        if fires { F::ONE } else { F::default() }
    }
}

impl Stored<f32> for u8 {
    #[inline(always)]
    fn get(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn put(x: f32) -> u8 {
        // 2^23: the whole number is in the lowest bits of the sum. (`as` saturates, for which there
        // is no vector instruction.)
        (x + 8_388_608.0).to_bits() as u8
    }
    #[inline(always)]
    fn spike(fires: bool) -> u8 {
        u8::from(fires)
    }
}

/// A copy in another storage format.
#[derive(Debug)]
pub struct Convert<'a, A, B> {
    /// The numbers.
    pub input: &'a [A],
    /// As many numbers.
    pub out: &'a mut [B],
}

impl Kernel for Convert<'_, u8, f32> {
    #[inline(always)]
    fn run(self) {
        let pairs = self.out.iter_mut().zip(self.input);
        pairs.for_each(|(out, &x)| *out = x.get());
    }
}

impl Kernel for Convert<'_, f32, u8> {
    #[inline(always)]
    fn run(self) {
        let pairs = self.out.iter_mut().zip(self.input);
        pairs.for_each(|(out, &x)| *out = u8::put(x));
    }
}
