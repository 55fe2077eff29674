//! Attention among some of the tokens.

use super::engine::{Shape, Value};
use crate::export::manifest::operation::Tokens;

/// Runs the attention of one time step and one row of tokens, `attention`, on the tokens that see
/// each other.
pub(super) fn among<N: Copy + Default, R: Copy + Default>(
    tokens: Tokens,
    times: usize,
    [q, k, v]: [&Value<N>; 3],
    attention: impl Fn([&[N]; 3], (Shape, Shape)) -> Vec<R>,
) -> Vec<R> {
    let ([c, height, width], [vc, ..]) = (q.shape, v.shape);
    let positions = height * width;
    let mut out = vec![R::default(); times * vc * positions];
    for seen in groups(tokens, times, (height, width)) {
        let gathered = |x: &Value<N>, channels: usize| -> Vec<N> {
            let of = |channel: usize| {
                let number = move |&(time, at): &(usize, usize)| {
                    let numbers = x.at(time);
                    numbers
                        .get(channel * positions + at)
                        .copied()
                        .unwrap_or_default()
                };
                seen.iter().map(number)
            };
            (0..channels).flat_map(of).collect()
        };
        let (q, k, v) = (gathered(q, c), gathered(k, c), gathered(v, vc));
        let shapes = ([c, 1, seen.len()], [vc, 1, seen.len()]);
        let numbers = attention([&q, &k, &v], shapes);
        for (channel, row) in numbers.chunks_exact(seen.len().max(1)).enumerate() {
            for (&number, &(time, at)) in row.iter().zip(&seen) {
                if let Some(place) = out.get_mut((time * vc + channel) * positions + at) {
                    *place = number;
                }
            }
        }
    }
    out
}

/// The tokens that see each other, by time step and position.
fn groups(
    tokens: Tokens,
    times: usize,
    (height, width): (usize, usize),
) -> Vec<Vec<(usize, usize)>> {
    let positions = height * width;
    let step = |time: usize| (0..positions).map(move |at| (time, at));
    match tokens {
        Tokens::All => (0..times).map(|time| step(time).collect()).collect(),
        Tokens::Steps(chunk) => (0..times)
            .step_by(chunk.max(1))
            .map(|first| (first..(first + chunk).min(times)).flat_map(step).collect())
            .collect(),
        Tokens::Grid(stride) => {
            let stride = stride.max(1);
            let rests = (0..times).flat_map(|t| (0..stride * stride).map(move |r| (t, r)));
            let of = |(time, rest): (usize, usize)| {
                let is_own = |at: usize| {
                    (at / width % stride, at % width % stride) == (rest / stride, rest % stride)
                };
                step(time).filter(|&(_, at)| is_own(at)).collect()
            };
            rests.map(of).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_by_hand() {
        let grid = groups(Tokens::Grid(2), 1, (2, 4));
        let places: Vec<Vec<usize>> = grid
            .iter()
            .map(|g| g.iter().map(|&(_, at)| at).collect())
            .collect();
        assert_eq!(places, [vec![0, 2], vec![1, 3], vec![4, 6], vec![5, 7]]);
        let steps = groups(Tokens::Steps(2), 4, (1, 1));
        assert_eq!(steps, [vec![(0, 0), (1, 0)], vec![(2, 0), (3, 0)]]);
        assert_eq!(groups(Tokens::All, 2, (1, 1)), [vec![(0, 0)], vec![(1, 0)]]);
    }
}
