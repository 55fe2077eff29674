//! The errors of layers' outputs, as far as an evaluator has told them.

use std::collections::BTreeMap;

use crate::evaluate::OutputError;
use crate::quant::BitWidth;

/// The relative errors of layers' outputs, by layer and bit-width. They are properties of network,
/// calibration images and quantizer, and hold whatever the search does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutputErrors(BTreeMap<(usize, BitWidth), f64>);

/// The errors of a layer at its bit-width and at those next to it in the menu, as far as they are
/// known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbours {
    /// At the next narrower width.
    pub narrower: Option<(BitWidth, f64)>,
    /// At its own width.
    pub own: Option<(BitWidth, f64)>,
    /// At the next wider width.
    pub wider: Option<(BitWidth, f64)>,
}

impl OutputErrors {
    /// Adds what became known.
    pub fn extend(&mut self, errors: &[OutputError]) {
        let known = errors.iter().map(|e| ((e.layer, e.width), e.error));
        self.0.extend(known.filter(|(_, error)| error.is_finite()));
    }

    /// True while nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The errors of a layer around a bit-width.
    pub fn around(&self, layer: usize, width: BitWidth, menu: &[BitWidth]) -> Neighbours {
        let at = |width: BitWidth| Some((width, *self.0.get(&(layer, width))?));
        let narrower = menu.iter().copied().filter(|w| *w < width).max();
        let wider = menu.iter().copied().filter(|w| *w > width).min();
        Neighbours {
            narrower: narrower.and_then(at),
            own: at(width),
            wider: wider.and_then(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_those_of_the_menu_and_unknown_ones_are_none() {
        let width = |bits| BitWidth::new(bits).unwrap();
        let menu = [1, 3, 4, 8].map(width);
        let mut errors = OutputErrors::default();
        assert!(errors.is_empty());
        let error = |bits, error| OutputError {
            layer: 2,
            width: width(bits),
            error,
        };
        errors.extend(&[error(1, 0.9), error(3, 0.2), error(8, 0.01)]);
        errors.extend(&[error(3, 0.25), error(4, f64::NAN)]);
        let around = errors.around(2, width(3), &menu);
        assert_eq!(around.narrower, Some((width(1), 0.9)));
        assert_eq!(around.own, Some((width(3), 0.25)));
        assert_eq!(around.wider, None, "not known at 4 bits");
        let at_the_end = errors.around(2, BitWidth::FLOAT, &menu);
        assert_eq!(at_the_end.narrower, Some((width(8), 0.01)));
        assert_eq!((at_the_end.own, at_the_end.wider), (None, None));
        assert_eq!(errors.around(1, width(3), &menu).own, None);
    }
}
