//! Dense linear algebra in f64 on row-major matrices: a blocked Cholesky factor and its inverse.
//!
//! Products are `ndarray`'s. An element's terms are added in the order of the inner index whatever
//! the other sizes are, so results do not depend on how rows are shared out.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};

/// The rows and columns that are worked on without products.
const BLOCK: usize = 64;

/// The error of a matrix that is not positive definite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotPositive;

/// `c += factor a b`.
pub(super) fn add_product(
    factor: f64,
    a: &ArrayView2<'_, f64>,
    b: &ArrayView2<'_, f64>,
    mut c: ArrayViewMut2<'_, f64>,
) {
    general_mat_mul(factor, a, b, 1.0, &mut c);
}

/// Some rows and columns.
pub(super) fn part(
    a: &Array2<f64>,
    rows: Range<usize>,
    columns: Range<usize>,
) -> ArrayView2<'_, f64> {
    let mut view = a.view();
    view.slice_axis_inplace(Axis(0), Slice::from(rows));
    view.slice_axis_inplace(Axis(1), Slice::from(columns));
    view
}

/// Some rows and columns, to change.
fn part_mut(
    a: &mut Array2<f64>,
    rows: Range<usize>,
    columns: Range<usize>,
) -> ArrayViewMut2<'_, f64> {
    let mut view = a.view_mut();
    view.slice_axis_inplace(Axis(0), Slice::from(rows));
    view.slice_axis_inplace(Axis(1), Slice::from(columns));
    view
}

/// The lower triangular L with `a = L Lᵀ` of a symmetric positive definite matrix, in its place;
/// above the diagonal L is 0.
pub(super) fn cholesky(a: &mut Array2<f64>) -> Result<(), NotPositive> {
    let n = a.nrows();
    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        factor_block(part_mut(a, start..end, start..end))?;
        let block = part(a, start..end, start..end).to_owned();
        let mut panel = part(a, end..n, start..end).to_owned();
        solve_rows(&block, &mut panel);
        for from in (end..n).step_by(BLOCK) {
            let to = (from + BLOCK).min(n);
            let left = part(&panel, from - end..n - end, 0..end - start);
            let right = part(&panel, from - end..to - end, 0..end - start);
            add_product(-1.0, &left, &right.t(), part_mut(a, from..n, from..to));
        }
        part_mut(a, end..n, start..end).assign(&panel);
    }
    for (i, mut row) in a.rows_mut().into_iter().enumerate() {
        row.iter_mut().skip(i + 1).for_each(|x| *x = 0.0);
    }
    Ok(())
}

/// [`cholesky`] of the lower triangle of a small matrix; what is above the diagonal stays.
fn factor_block(mut a: ArrayViewMut2<'_, f64>) -> Result<(), NotPositive> {
    let n = a.nrows();
    for j in 0..n {
        let known: f64 = (0..j).map(|k| a[[j, k]] * a[[j, k]]).sum();
        let pivot = a[[j, j]] - known;
        if !(pivot > 0.0 && pivot.is_finite()) {
            return Err(NotPositive);
        }
        let pivot = pivot.sqrt();
        a[[j, j]] = pivot;
        for i in j + 1..n {
            let known: f64 = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum();
            a[[i, j]] = (a[[i, j]] - known) / pivot;
        }
    }
    Ok(())
}

/// `x` with `x Lᵀ = a` in the place of `a`; only the lower triangle of `lower` is read.
fn solve_rows(lower: &Array2<f64>, a: &mut Array2<f64>) {
    for mut row in a.rows_mut() {
        for j in 0..lower.nrows() {
            let known: f64 = (0..j).map(|k| row[k] * lower[[j, k]]).sum();
            row[j] = (row[j] - known) / lower[[j, j]];
        }
    }
}

/// The inverse of a lower triangular matrix, in its place.
pub(super) fn invert_lower(l: &mut Array2<f64>) {
    let n = l.nrows();
    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        let block = invert_block(&part(l, start..end, start..end));
        // X[block, before] = - L[block, block]^-1 (L[block, before] X[before, before])
        let mut sums = Array2::zeros((end - start, start));
        let left = part(l, start..end, 0..start);
        add_product(1.0, &left, &part(l, 0..start, 0..start), sums.view_mut());
        let mut before = part_mut(l, start..end, 0..start);
        before.fill(0.0);
        add_product(-1.0, &block.view(), &sums.view(), before);
        part_mut(l, start..end, start..end).assign(&block);
    }
}

/// [`invert_lower`] of a small matrix.
fn invert_block(l: &ArrayView2<'_, f64>) -> Array2<f64> {
    let n = l.nrows();
    let mut inverse = Array2::zeros((n, n));
    for j in 0..n {
        inverse[[j, j]] = 1.0 / l[[j, j]];
        for i in j + 1..n {
            let sum: f64 = (j..i).map(|k| l[[i, k]] * inverse[[k, j]]).sum();
            inverse[[i, j]] = -sum / l[[i, i]];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A symmetric positive definite matrix.
    fn matrix(n: usize) -> Array2<f64> {
        let x = Array2::from_shape_fn((n, n + 3), |(i, j)| {
            ((i * 37 + j * 101) % 17) as f64 - 8.0 + f64::from(u8::from(i == j))
        });
        let mut a = x.dot(&x.t());
        a.diag_mut().mapv_inplace(|d| d + 1.0);
        a
    }

    #[test]
    fn factors_and_inverses_of_all_block_counts() {
        for n in [1, 2, 63, 64, 65, 150, 200] {
            let a = matrix(n);
            let mut l = a.clone();
            cholesky(&mut l).unwrap();
            let back = l.dot(&l.t());
            let scale = a.iter().fold(0f64, |m, x| m.max(x.abs()));
            assert!(
                (&back - &a)
                    .iter()
                    .all(|d| d.abs() < 1e-12 * scale * n as f64)
            );
            let mut inverse = l.clone();
            invert_lower(&mut inverse);
            let one = l.dot(&inverse);
            let off = &one - &Array2::<f64>::eye(n);
            assert!(off.iter().all(|d| d.abs() < 1e-9), "{n}");
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_is_refused() {
        for bad in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
            let mut a = matrix(70);
            a[[69, 69]] = bad;
            assert_eq!(cholesky(&mut a), Err(NotPositive), "{bad}");
        }
    }
}
