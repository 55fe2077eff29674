//! What packages are made of.

use aq4svit::checkpoint::StateDict;
use aq4svit::export::Source;
use aq4svit::export::manifest::Provenance;
use aq4svit::profile::Profile;
use aq4svit::quant::Allocation;

/// What a package of a profile is made of.
pub fn source<'a>(
    (profile, text): (&'a Profile, String),
    weights: &'a StateDict,
    allocation: &'a Allocation,
) -> Source<'a> {
    Source {
        profile,
        profile_text: text,
        weights,
        allocation,
        layers: &[],
        accuracy: Vec::new(),
        provenance: Provenance {
            profile: profile.name.clone(),
            run: None,
            checkpoint: weights.fingerprint(&profile.graph()),
            data: None,
            quantizer: profile.scheme.quantizer().id(),
            calibration: None,
            numerics: String::new(),
        },
    }
}
