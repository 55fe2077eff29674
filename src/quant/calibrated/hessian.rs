//! The damped covariance of a layer's input, factored for GPTQ.

use ndarray::Array2;

use super::linear::{cholesky, invert_lower};

/// The largest damping that is tried where the given one leaves the matrix singular.
const LARGEST_DAMPING: f64 = 1.0;

/// `H = Σ + δ I` with `δ = damping mean(diag Σ)`, and the factor of its inverse.
#[derive(Debug)]
pub(super) struct Hessian {
    /// δ.
    pub shift: f64,
    /// Inputs in the order of GPTQ: descending variance, ties by index.
    pub order: Vec<usize>,
    /// The upper triangular U with `Uᵀ U = H⁻¹`, rows and columns in that order.
    pub upper: Array2<f64>,
}

impl Hessian {
    /// Factors a covariance. None where all variances are 0. Where rounding leaves H singular
    /// (damping 0 and inputs that depend on each other), the damping is raised tenfold, from 1e-6
    /// on, until it is not.
    pub(super) fn new(covariance: &Array2<f64>, damping: f64) -> Option<Self> {
        let n = covariance.nrows();
        let variance = covariance.diag();
        let mean = variance.sum() / n.max(1) as f64;
        if !(mean > 0.0 && mean.is_finite()) {
            return None;
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| variance[b].total_cmp(&variance[a]));
        let mut damping = damping.max(0.0);
        while damping <= LARGEST_DAMPING {
            let shift = damping * mean;
            if let Some(upper) = inverse_factor(covariance, shift, &order) {
                return Some(Hessian {
                    shift,
                    order,
                    upper,
                });
            }
            damping = (10.0 * damping).max(1e-6);
        }
        None
    }
}

/// The upper triangular U with `Uᵀ U = H⁻¹`. With the order reversed `H = L Lᵀ`, and reversing
/// `L⁻¹` in rows and columns gives U: H itself is never inverted.
fn inverse_factor(covariance: &Array2<f64>, shift: f64, order: &[usize]) -> Option<Array2<f64>> {
    let n = order.len();
    let mut lower = Array2::from_shape_fn((n, n), |(i, j)| {
        let (i, j) = (order[n - 1 - i], order[n - 1 - j]);
        covariance[[i, j]] + if i == j { shift } else { 0.0 }
    });
    cholesky(&mut lower).ok()?;
    invert_lower(&mut lower);
    if !lower.iter().all(|x| x.is_finite()) {
        return None;
    }
    lower.invert_axis(ndarray::Axis(0));
    lower.invert_axis(ndarray::Axis(1));
    Some(lower.as_standard_layout().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_is_that_of_the_inverse_in_order() {
        let n = 90;
        let x = Array2::from_shape_fn((n, 200), |(i, j)| {
            f64::from(u8::from((i * 31 + j * 17 + i * j) % 7 == 0)) * (1.0 + (i % 5) as f64)
        });
        let covariance = x.dot(&x.t()) / 200.0;
        let h = Hessian::new(&covariance, 0.01).unwrap();
        let variances: Vec<f64> = h.order.iter().map(|&i| covariance[[i, i]]).collect();
        assert!(variances.windows(2).all(|w| w[0] >= w[1]));
        let permuted = Array2::from_shape_fn((n, n), |(i, j)| {
            let shift = if i == j { h.shift } else { 0.0 };
            covariance[[h.order[i], h.order[j]]] + shift
        });
        let one = h.upper.t().dot(&h.upper).dot(&permuted);
        assert!(
            (&one - &Array2::<f64>::eye(n))
                .iter()
                .all(|d| d.abs() < 1e-9)
        );
        assert!((0..n).all(|i| (0..i).all(|j| h.upper[[i, j]] == 0.0)));
    }

    #[test]
    fn singular_and_empty_covariances() {
        assert!(Hessian::new(&Array2::zeros((3, 3)), 0.01).is_none());
        let singular = Array2::from_elem((3, 3), 1.0);
        let h = Hessian::new(&singular, 0.0).unwrap();
        assert!(h.shift > 0.0 && h.upper.iter().all(|x| x.is_finite()));
        assert_eq!(h.order, [0, 1, 2]);
    }
}
