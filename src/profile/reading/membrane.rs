//! The width of membrane potentials, which goes with the number format of affines.

use crate::quant::{Affine, Scheme};

/// What is wrong with the two: the key, and what is expected of it.
pub(super) fn wrong(scheme: &Scheme) -> Option<(&'static str, &'static str)> {
    match (scheme.affine, scheme.membrane_bits) {
        (Affine::Fixed, None) => Some((
            "affine",
            "it needs quantizer.membrane_bits = 4 to 16, such as 12: the bits of results and of membrane potentials",
        )),
        (Affine::F32 | Affine::F16, Some(_)) => Some((
            "membrane_bits",
            "it needs quantizer.affine = \"fixed\": behind f32 and f16 affines potentials are f32",
        )),
        _ => None,
    }
}
