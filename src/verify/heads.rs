//! Channels of heads, taken and put together, and products of two values per head.

use super::engine::{Shape, Step, Value, at_all};
use super::operations::Number;

/// `count` channels of each head, from its channel `start` on.
pub(super) fn slice<N: Number>(
    x: &[N],
    [channels, height, width]: Shape,
    heads: usize,
    (start, count): (usize, usize),
) -> Vec<N> {
    let positions = height * width;
    let head = channels / heads.max(1) * positions;
    let taken = start * positions..(start + count) * positions;
    let heads = x.chunks_exact(head.max(1));
    let parts = heads.map(|head| head.get(taken.clone()).unwrap_or(&[]));
    parts.flatten().copied().collect()
}

/// The channels of several values, head by head.
pub(super) fn concat<N: Number>(step: &Step, values: &[&Value<N>], heads: usize) -> Vec<N> {
    at_all(step, |time| {
        let mut out = Vec::with_capacity(step.shape.iter().product());
        for head in 0..heads {
            for x in values {
                let numbers = x.at(time);
                let one = numbers.len() / heads.max(1);
                out.extend_from_slice(numbers.get(head * one..(head + 1) * one).unwrap_or(&[]));
            }
        }
        out
    })
}

/// `K^T X` of each head: channel `h * P + p` for position p of K.
pub(super) fn scores<N: Number>(
    (keys, of): (&[N], Shape),
    (x, shape): (&[N], Shape),
    heads: usize,
) -> Vec<N> {
    let (places, positions) = (of[1] * of[2], shape[1] * shape[2]);
    let d = of[0] / heads.max(1);
    let mut out = Vec::with_capacity(heads * places * positions);
    for head in 0..heads {
        for place in 0..places {
            let terms = (head * d..(head + 1) * d).map(|j| (j * places + place, j));
            sum_lines(keys, x, terms, positions, &mut out);
        }
    }
    out
}

/// `V A` of each head, A as [`scores`] makes it.
pub(super) fn apply<N: Number>(
    (values, of): (&[N], Shape),
    (map, shape): (&[N], Shape),
    heads: usize,
) -> Vec<N> {
    let (places, positions) = (of[1] * of[2], shape[1] * shape[2]);
    let d = (of[0] / heads.max(1)).max(1);
    let mut out = Vec::with_capacity(of[0] * positions);
    for channel in 0..of[0] {
        let head = channel / d;
        let terms = (0..places).map(|p| (channel * places + p, head * places + p));
        sum_lines(values, map, terms, positions, &mut out);
    }
    out
}

/// Adds up lines of `b`, each times a number of `a`, in f64 and in order.
fn sum_lines<N: Number>(
    a: &[N],
    b: &[N],
    terms: impl Iterator<Item = (usize, usize)>,
    positions: usize,
    out: &mut Vec<N>,
) {
    let mut sums = vec![0f64; positions];
    for (i, line) in terms {
        let Some(factor) = a.get(i) else {
            continue;
        };
        let line = b.get(line * positions..(line + 1) * positions);
        for (sum, x) in sums.iter_mut().zip(line.unwrap_or(&[])) {
            *sum += factor.real() * x.real();
        }
    }
    out.extend(sums.into_iter().map(N::rounded));
}

/// Each head's channels times its factor.
pub(super) fn head_scale(x: &[f32], factors: &[f32]) -> Vec<f32> {
    let heads = x.chunks_exact((x.len() / factors.len().max(1)).max(1));
    let scaled = heads.zip(factors);
    scaled
        .flat_map(|(head, factor)| head.iter().map(move |x| x * factor))
        .collect()
}

/// Each channel times its factor, plus its summand; the factors come first.
pub(super) fn channel_affine(x: &[f32], constants: &[f32]) -> Vec<f32> {
    let (factors, summands) = constants.split_at(constants.len() / 2);
    let channels = x.chunks_exact((x.len() / factors.len().max(1)).max(1));
    let affine = channels.zip(factors.iter().zip(summands));
    affine
        .flat_map(|(channel, (a, b))| channel.iter().map(move |x| a * x + b))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_affine_by_hand() {
        let affine = channel_affine(&[1.0, 2.0, 3.0, 4.0], &[2.0, -1.0, 0.5, 10.0]);
        assert_eq!(affine, [2.5, 4.5, 7.0, 6.0]);
    }

    #[test]
    fn products_by_hand() {
        // Two heads of two channels, at two places; one position.
        let keys = [1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0f32];
        let x = [1.0, 0.0, 1.0, 1.0f32];
        let (wide, one) = ([4, 1, 2], [4, 1, 1]);
        assert_eq!(scores((&keys, wide), (&x, one), 2), [1.0, 5.0, 7.0, 15.0]);
        assert_eq!(apply((&keys, wide), (&x, one), 2), [1.0, 2.0, 10.0, 12.0]);
        assert_eq!(slice(&keys, wide, 2, (1, 1)), [2.0, 6.0, 4.0, 8.0]);
        assert_eq!(head_scale(&x, &[2.0, 3.0]), [2.0, 0.0, 3.0, 3.0]);
        let whole: Vec<i64> = keys.iter().map(|&x| x as i64).collect();
        assert_eq!(
            scores((&whole, wide), (&[1, 0, 1, 1], one), 2),
            [1, 5, 7, 15]
        );
    }
}
