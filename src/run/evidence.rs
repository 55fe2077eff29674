//! What a run measured of an allocation, as the evidence of a saved profile.

use crate::evaluate::{CorrectBits, percent, wilson_95};
use crate::journal::Header;
use crate::profile::{Evidence, SplitEvidence};
use crate::quant::Allocation;
use crate::search::{Candidate, Certified, Tree};

/// The evidence of an allocation from the tree of a run and the first line of its journal; none
/// where its accuracy was not measured on any image.
pub fn evidence(tree: &Tree, header: &Header, allocation: &Allocation) -> Option<Evidence> {
    let settings = tree.settings.as_ref()?;
    let candidates = || tree.with(allocation);
    let searched = candidates().max_by_key(|candidate| candidate.bits.len())?;
    let search = of_bits(&searched.bits, &tree.float);
    let test = candidates().find_map(|candidate| tested(tree, candidate));
    let certified = candidates().find_map(|candidate| candidate.certify.as_ref());
    let certify = certified.and_then(|bits| of_bits(bits, &tree.certification.float));
    if search.is_none() && test.is_none() && certify.is_none() {
        return None;
    }
    let made = &header.fingerprint;
    Some(Evidence {
        run: header.run.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model: made.model.clone(),
        weights: made.weights.clone(),
        data: made.data.clone(),
        quantizer: made.quantizer.clone(),
        numerics: made.numerics.clone(),
        memory_bytes: settings.space.bytes(allocation),
        memory_float_bytes: settings.space.float_bytes(),
        search,
        test_seen: test.is_some() && tree.test_seen,
        test,
        certify,
        bound: candidates().find_map(|candidate| bound(tree, candidate)),
        hash: String::new(),
    })
}

/// The test split, of which a journal tells the counts of float and of the result.
fn tested(tree: &Tree, candidate: &Candidate) -> Option<SplitEvidence> {
    let (images, correct) = candidate.tested?;
    let (float_images, float_correct) = tree.tested_float?;
    (images == float_images).then(|| of_counts(images, correct, float_correct))?
}

/// The bound of the drop, of what was certified.
fn bound(tree: &Tree, candidate: &Candidate) -> Option<f64> {
    let is_certified = tree.certification.outcome == Some(Certified::Allocation(candidate.id));
    let (_, test) = tree.certification.ladder()?.held()?;
    is_certified.then(|| rounded(test.bound))
}

fn of_bits(bits: &CorrectBits, float: &CorrectBits) -> Option<SplitEvidence> {
    let images = bits.len();
    match images <= float.len() {
        true => of_counts(images, bits.correct(), float.correct_in(0, images)),
        false => None,
    }
}

fn of_counts(images: usize, correct: usize, float_correct: usize) -> Option<SplitEvidence> {
    if images == 0 || correct > images || float_correct > images {
        return None;
    }
    let (low, high) = wilson_95(correct, images);
    Some(SplitEvidence {
        images: images as u64,
        correct: correct as u64,
        float_correct: float_correct as u64,
        accuracy: rounded(percent(correct, images)),
        low: rounded(100.0 * low),
        high: rounded(100.0 * high),
    })
}

/// To four decimals: a file is read by people.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::run::Summary;

    #[test]
    fn a_steered_result_says_that_its_test_split_was_seen() {
        let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journals/format-1");
        let Summary {
            mut tree, header, ..
        } = Summary::read(&stored).unwrap();
        let result = tree.result().expect("a result").allocation.clone();
        let of = |tree: &Tree| evidence(tree, &header, &result).expect("it was measured");
        let unseen = of(&tree);
        assert!(unseen.test.is_some() && !unseen.test_seen);
        tree.test_seen = true;
        let seen = of(&tree);
        assert_eq!((seen.test_seen, seen.test), (true, unseen.test));
    }
}
