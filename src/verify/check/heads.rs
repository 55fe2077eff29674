//! Shapes of operations that take heads apart.

use super::super::engine::{Kind, Shape};

/// The shape of a slice, a concatenation or a product of heads.
pub(super) fn shape(kind: Kind, inputs: &[Shape]) -> Result<Shape, String> {
    let fails = |why: &str| Err(why.to_owned());
    let divides = |heads: usize, channels: usize| heads > 0 && channels.is_multiple_of(heads);
    match (kind, inputs) {
        (
            Kind::Slice {
                heads,
                start,
                count,
            },
            &[[channels, height, width]],
        ) if divides(heads, channels) => {
            let end = start.checked_add(count);
            match end.is_some_and(|end| end <= channels / heads) {
                true => Ok([heads * count, height, width]),
                false => fails("a head has fewer channels"),
            }
        }
        (Kind::Concat { heads }, &[[_, height, width], ..]) => {
            let mut channels = 0usize;
            for x in inputs {
                if x[1..] != [height, width] || !divides(heads, x[0]) {
                    return fails("its inputs and heads do not fit each other");
                }
                channels = channels.saturating_add(x[0]);
            }
            Ok([channels, height, width])
        }
        (Kind::Scores { heads }, &[keys, x]) if divides(heads, x[0]) && keys[0] == x[0] => {
            let places = keys[1].saturating_mul(keys[2]);
            Ok([heads.saturating_mul(places), x[1], x[2]])
        }
        (Kind::Apply { heads }, &[values, map]) if divides(heads, values[0]) => {
            let places = values[1].saturating_mul(values[2]);
            match map[0] == heads.saturating_mul(places) {
                true => Ok([values[0], map[1], map[2]]),
                false => fails("its map has other channels than values have positions"),
            }
        }
        _ => fails("its inputs and heads do not fit each other"),
    }
}
