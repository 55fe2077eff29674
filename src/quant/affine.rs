//! The per-channel affine behind a layer's accumulator: quantizer scale, bias and batch norms
//! merged.
//!
//! A layer of C output channels accumulates `acc[c]`, over integers where it is quantized. What
//! follows is one affine per channel, `y[c] = a[c] * acc[c] + b[c]` (our formulas):
//!
//! | layer | a | b |
//! |---|---|---|
//! | with a batch norm | `s g / sqrt(var + eps)` | `(bias - mean) g / sqrt(var + eps) + beta` |
//! | without | `s` | `bias` |
//!
//! with the quantizer scale s (1 for float weights), and a bias of 0 where there is none. Several
//! batch norms follow one another. All is computed in f64; [`ChannelAffine::rounded`] rounds once.

use half::f16;

use super::Affine;

/// The eps of every batch norm.
const EPS: f64 = 1e-5;

/// A channelwise operation `y[c] = (x[c] - mean[c]) * scale[c] + beta[c]`: a batch norm in
/// evaluation mode, or a scale alone. All three vectors have one number per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    scale: Vec<f64>,
    mean: Vec<f64>,
    beta: Vec<f64>,
}

impl Normalization {
    /// A batch norm of weight gamma, bias beta, running mean and running variance, each `[C]`:
    /// `scale = gamma / sqrt(variance + 1e-5)`.
    pub fn batch_norm(gamma: &[f64], beta: Vec<f64>, mean: Vec<f64>, variance: &[f64]) -> Self {
        let scale = gamma.iter().zip(variance);
        Normalization {
            scale: scale.map(|(g, var)| g / (var + EPS).sqrt()).collect(),
            mean,
            beta,
        }
    }

    /// A scale, `[C]`.
    pub fn scale(scale: Vec<f64>) -> Self {
        let zeros = vec![0.0; scale.len()];
        Normalization {
            scale,
            mean: zeros.clone(),
            beta: zeros,
        }
    }
}

/// An affine per channel, `y[c] = scale[c] * x[c] + shift[c]`, in f64.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelAffine {
    /// The factors a, `[C]`.
    pub scale: Vec<f64>,
    /// The summands b, `[C]`, in the unit of the result.
    pub shift: Vec<f64>,
}

impl ChannelAffine {
    /// The identity on `channels` channels.
    pub fn identity(channels: usize) -> Self {
        ChannelAffine::new(vec![1.0; channels], None)
    }

    /// The affine of a layer alone: its quantizer scales and its bias, each `[C]`.
    pub fn new(scale: Vec<f64>, bias: Option<Vec<f64>>) -> Self {
        let shift = bias.unwrap_or_else(|| vec![0.0; scale.len()]);
        ChannelAffine { scale, shift }
    }

    /// This affine, followed by an operation on as many channels: `a' = a scale`,
    /// `b' = (b - mean) scale + beta`.
    pub fn then(mut self, next: &Normalization) -> Self {
        let parts = next.scale.iter().zip(&next.mean).zip(&next.beta);
        let own = self.scale.iter_mut().zip(&mut self.shift);
        for ((a, b), ((scale, mean), beta)) in own.zip(parts) {
            *a *= scale;
            *b = (*b - mean) * scale + beta;
        }
        self
    }

    /// The affine of an input in other units: what counts `unit` is given as 1.
    pub fn of_unit(mut self, unit: f64) -> Self {
        self.scale.iter_mut().for_each(|a| *a *= unit);
        self
    }

    /// The affine as a floating-point format holds it; none where it cannot hold a number. What
    /// [`Affine::Fixed`] holds depends on the grid behind it ([`FixedAffine`](super::fixed)).
    pub fn stored_as(&self, format: Affine) -> Option<Self> {
        if format != Affine::F16 {
            return Some(self.clone());
        }
        let round = |x: &f64| f16::from_f64(*x).to_f64();
        let rounded = |numbers: &[f64]| {
            let rounded: Vec<f64> = numbers.iter().map(round).collect();
            rounded.iter().all(|x| x.is_finite()).then_some(rounded)
        };
        Some(ChannelAffine {
            scale: rounded(&self.scale)?,
            shift: rounded(&self.shift)?,
        })
    }

    /// Factors and summands as a deployment stores them, rounded once to f32.
    pub fn rounded(&self) -> (Vec<f32>, Vec<f32>) {
        let round = |x: &[f64]| x.iter().map(|&x| x as f32).collect();
        (round(&self.scale), round(&self.shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let affine = ChannelAffine::new(vec![0.5, 2.0], Some(vec![1.0, -1.0]));
        // sqrt(4) and sqrt(1) but for eps.
        let norm = Normalization::batch_norm(
            &[2.0, 3.0],
            vec![10.0, 20.0],
            vec![5.0, 6.0],
            &[4.0 - EPS, 1.0 - EPS],
        );
        let merged = affine.then(&norm);
        assert_eq!(merged.scale, [0.5, 6.0]);
        assert_eq!(merged.shift, [6.0, -1.0]);
        let scaled = merged.then(&Normalization::scale(vec![2.0, 0.5]));
        assert_eq!(
            scaled.of_unit(0.25).rounded(),
            (vec![0.25, 0.75], vec![12.0, -0.5])
        );
    }

    #[test]
    fn number_formats() {
        let affine = ChannelAffine::new(vec![0.1, 1e-7], Some(vec![2.0, -3.3]));
        assert_eq!(affine.stored_as(Affine::F32), Some(affine.clone()));
        let stored = affine.stored_as(Affine::F16).unwrap();
        let near = |a: f64, b: f64| (a - b).abs() <= 5e-4 * b.abs() + 6e-8;
        let all = stored.scale.iter().chain(&stored.shift);
        let of = affine.scale.iter().chain(&affine.shift);
        assert!(all.zip(of).all(|(a, b)| near(*a, *b)) && stored.scale[0] != 0.1);
        let large = ChannelAffine::new(vec![1e5], None);
        assert_eq!(large.stored_as(Affine::F16), None);
    }

    /// A merged affine is the layer, then its operations, one after the other.
    #[test]
    fn merging_is_composition() {
        let norms = [
            Normalization::batch_norm(&[1.5, -0.3], vec![0.1, 0.2], vec![-0.4, 0.9], &[0.7, 1.3]),
            Normalization::scale(vec![0.8, 1.1]),
            Normalization::batch_norm(&[0.9, 1.2], vec![-0.5, 0.0], vec![0.2, 0.3], &[1.9, 0.2]),
        ];
        let (scale, bias) = (vec![0.031, 0.007], vec![0.25, -0.75]);
        let merged = norms.iter().fold(
            ChannelAffine::new(scale.clone(), Some(bias.clone())),
            ChannelAffine::then,
        );
        for c in 0..2 {
            for acc in [-1000.0, 0.0, 1.0, 12345.0] {
                let y = norms.iter().fold(scale[c] * acc + bias[c], |x, norm| {
                    (x - norm.mean[c]) * norm.scale[c] + norm.beta[c]
                });
                let at_once = merged.scale[c] * acc + merged.shift[c];
                assert!(
                    (y - at_once).abs() < 1e-12 * (1.0 + y.abs()),
                    "{y} {at_once}"
                );
            }
        }
        let identity = ChannelAffine::identity(2);
        assert_eq!(
            (identity.scale, identity.shift),
            (vec![1.0; 2], vec![0.0; 2])
        );
    }
}
