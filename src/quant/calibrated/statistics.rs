//! The first two moments of a layer's input over the calibration images.

use std::sync::OnceLock;

use ndarray::Array2;

use super::hessian::Hessian;

/// The moments of the input of one group of a layer, over images, time steps and output positions.
/// x is an im2col column `[in / groups, ky, kx]` with its padding zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct InputMoments {
    /// The mean of x, `[I]`.
    pub mean: Vec<f64>,
    /// The mean of `x xᵀ`, row-major `[I, I]`, symmetric.
    pub gram: Vec<f64>,
}

/// The error of moments that are none.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatisticsError {
    /// Sizes that do not fit each other.
    #[error(
        "input moments of group {group}: {mean} means and {gram} products; there must be n means and n x n products"
    )]
    Shape {
        /// The group.
        group: usize,
        /// Number of means.
        mean: usize,
        /// Number of products.
        gram: usize,
    },
    /// NaN or infinity.
    #[error("input moments of group {group} are not finite numbers")]
    NotFinite {
        /// The group.
        group: usize,
    },
    /// No group.
    #[error("input moments: there is no group, or groups of different sizes")]
    Groups,
}

/// The statistics of a layer's input over the calibration images.
#[derive(Debug)]
pub struct InputStatistics {
    fan_in: usize,
    damping: f64,
    groups: Vec<GroupStatistics>,
}

/// The statistics of the inputs of one group.
#[derive(Debug)]
pub(super) struct GroupStatistics {
    pub mean: Vec<f64>,
    /// `gram - mean meanᵀ`.
    pub covariance: Array2<f64>,
    hessian: OnceLock<Option<Hessian>>,
}

impl InputStatistics {
    /// The statistics of a layer whose groups have these moments: one for an ordinary convolution.
    /// `damping` is the share of the mean variance that quantizers add to every variance.
    ///
    /// # Errors
    /// [`StatisticsError`] for sizes that do not fit and numbers that are not finite.
    pub fn new(groups: Vec<InputMoments>, damping: f64) -> Result<Self, StatisticsError> {
        let fan_in = groups.first().map_or(0, |g| g.mean.len());
        if fan_in == 0 || groups.iter().any(|g| g.mean.len() != fan_in) {
            return Err(StatisticsError::Groups);
        }
        let centred = groups.into_iter().enumerate().map(|(group, moments)| {
            let InputMoments { mean, gram } = moments;
            let (n, products) = (mean.len(), gram.len());
            let shape = StatisticsError::Shape {
                group,
                mean: n,
                gram: products,
            };
            if !mean.iter().chain(&gram).all(|x| x.is_finite()) {
                return Err(StatisticsError::NotFinite { group });
            }
            let mut covariance = Array2::from_shape_vec((n, n), gram).map_err(|_| shape)?;
            for (mut row, mi) in covariance.rows_mut().into_iter().zip(&mean) {
                row.iter_mut().zip(&mean).for_each(|(x, mj)| *x -= mi * mj);
            }
            // Rounding leaves variances of -1e-17 where an input is constant.
            covariance.diag_mut().mapv_inplace(|v| v.max(0.0));
            Ok(GroupStatistics {
                mean,
                covariance,
                hessian: OnceLock::new(),
            })
        });
        let groups = centred.collect::<Result<_, _>>()?;
        Ok(InputStatistics {
            fan_in,
            damping,
            groups,
        })
    }

    /// Number of inputs of one output channel.
    pub fn fan_in(&self) -> usize {
        self.fan_in
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The mean of a group's input, `[I]`; of the last group for a larger number.
    pub fn mean(&self, group: usize) -> &[f64] {
        &self.group(group).mean
    }

    /// The covariance of a group's input, row-major `[I, I]`; of the last group for a larger
    /// number.
    pub fn covariance(&self, group: usize) -> &[f64] {
        self.group(group).covariance.as_slice().unwrap_or(&[])
    }

    /// Bytes of memory, with what is derived for one damping.
    pub fn bytes(fan_in: usize, groups: usize) -> u64 {
        2 * 8 * (groups * fan_in * fan_in) as u64
    }

    pub(super) fn group(&self, group: usize) -> &GroupStatistics {
        // There is at least one.
        &self.groups[group.min(self.groups.len() - 1)]
    }

    /// The damped covariance of a group, factored on demand; none where its input never varies.
    pub(super) fn hessian(&self, group: usize) -> Option<&Hessian> {
        let group = self.group(group);
        let make = || Hessian::new(&group.covariance, self.damping);
        group.hessian.get_or_init(make).as_ref()
    }
}
