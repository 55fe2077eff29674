//! The comparison of two evaluators' answers.

use crate::evaluate::{
    Cancel, EvaluateError, Evaluator, Job, Outcome, Potentials, Prober, Question, SitePotentials,
    Split,
};
use crate::quant::{Allocation, BitWidth};
use crate::run::RunError;

/// The float network, and the bit-widths of the search in turn over the layers.
pub(super) fn allocations(menu: &[BitWidth], layers: usize) -> Vec<Allocation> {
    let float = Allocation::uniform(layers, BitWidth::FLOAT);
    let quantized: Vec<BitWidth> = menu.iter().copied().filter(|b| !b.is_float()).collect();
    let mixed: Vec<BitWidth> = quantized.iter().copied().cycle().take(layers).collect();
    let mixed = (!mixed.is_empty()).then_some(Allocation(mixed));
    std::iter::once(float).chain(mixed).collect()
}

/// Asks both evaluators the same of the calibration images. Returns the potentials, where there are
/// any.
///
/// # Errors
/// [`RunError::SelfCheck`] names the first answer that differs.
pub(super) fn compare(
    fast: &mut dyn Evaluator,
    plain: &mut dyn Evaluator,
    (allocation, images): (&Allocation, usize),
    sites: &[&str],
) -> Result<Option<Potentials>, RunError> {
    let of = match allocation.is_float() {
        true => "the float network",
        false => "a quantized network",
    };
    let differs = |what: String| RunError::SelfCheck {
        what: format!("{what}, in {of}"),
    };
    let mut seen = None;
    // Potentials come first: they name the first place where anything differs.
    if let (Some(mut a), Some(mut b)) = (fast.prober(), plain.prober()) {
        let see = |prober: &mut dyn Prober| prober.potentials(allocation, &Cancel::default());
        match both(see(&mut *a), see(&mut *b)).map_err(differs)? {
            Some((a, b)) => {
                potentials(&a, &b, sites).map_err(differs)?;
                seen = Some(a);
            }
            None => return Ok(None),
        }
    }
    let accuracy = Question::Accuracy {
        split: Split::Calibration,
        from: 0,
        to: images,
        stop: None,
    };
    for question in [Question::Drift { images: None }, accuracy] {
        let job = Job {
            allocation: allocation.clone(),
            question,
        };
        let ask = |evaluator: &mut dyn Evaluator| {
            let answer = evaluator.evaluate(&job, &Cancel::default(), &mut |_| ());
            answer.map(|(outcome, _)| outcome)
        };
        match both(ask(fast), ask(plain)).map_err(differs)? {
            Some((a, b)) => outcomes(&a, &b, sites).map_err(differs)?,
            None => return Ok(seen),
        }
    }
    Ok(seen)
}

/// Both answers; none where neither could be given. (The search will meet the same error, and says
/// it better.)
fn both<T>(
    fast: Result<T, EvaluateError>,
    plain: Result<T, EvaluateError>,
) -> Result<Option<(T, T)>, String> {
    match (fast, plain) {
        (Ok(a), Ok(b)) => Ok(Some((a, b))),
        (Err(_), Err(_)) => Ok(None),
        (Err(why), Ok(_)) => Err(format!("only the optimized arithmetic fails: {why}")),
        (Ok(_), Err(why)) => Err(format!("only the plain arithmetic fails: {why}")),
    }
}

/// Compares counts of potentials and spikes; sums of potentials are compared as drift.
fn potentials(fast: &Potentials, plain: &Potentials, sites: &[&str]) -> Result<(), String> {
    let same = |a: &SitePotentials, b: &SitePotentials| a.bins == b.bins && a.rates == b.rates;
    let mut all = fast.sites.iter().zip(&plain.sites);
    match all.position(|(a, b)| !same(a, b)) {
        Some(at) => Err(format!("the membrane potentials of {}", site(sites, at))),
        None => Ok(()),
    }
}

fn outcomes(fast: &Outcome, plain: &Outcome, sites: &[&str]) -> Result<(), String> {
    if fast == plain {
        return Ok(());
    }
    if let (Outcome::Drift { sites: a, .. }, Outcome::Drift { sites: b, .. }) = (fast, plain) {
        let mut all = a.iter().zip(b).enumerate();
        return Err(match all.find(|(_, (a, b))| a != b) {
            Some((at, (a, b))) => {
                format!("the drift at {} ({a:e} and {b:e})", site(sites, at))
            }
            None => String::from("the evidence beside the drift"),
        });
    }
    if let (Outcome::Accuracy { correct: a }, Outcome::Accuracy { correct: b }) = (fast, plain) {
        return Err(format!(
            "the answers to images ({} and {} of {} are correct)",
            a.correct(),
            b.correct(),
            a.len()
        ));
    }
    Err(String::from("the kind of an answer"))
}

/// A neuron site by its number; the logits follow the last one.
fn site(sites: &[&str], at: usize) -> String {
    match sites.get(at) {
        Some(name) => format!("neuron site {name}"),
        None => String::from("the logits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{CorrectBits, Landscape};
    use crate::run::wrong_answers::Wrong;

    fn checked(change: fn(&mut Outcome)) -> Result<(), String> {
        let landscape = || Landscape::new(1, 6, 16, 800, 300);
        let inner = landscape();
        let mut fast = Wrong { inner, change };
        let sites = ["stem", "block1"];
        let menu = [2, 4, 8].map(|bits| BitWidth::new(bits).unwrap());
        let all = allocations(&menu, 6);
        assert_eq!(all.len(), 2);
        all.iter()
            .try_for_each(|a| compare(&mut fast, &mut landscape(), (a, 8), &sites).map(drop))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn equal_answers_pass() {
        assert_eq!(checked(|_| ()), Ok(()));
    }

    #[test]
    fn a_wrong_answer_is_named_with_advice() {
        let drift = checked(|outcome| {
            if let Outcome::Drift { sites, .. } = outcome {
                sites.iter_mut().skip(1).for_each(|s| *s += 1e-9);
            }
        });
        let why = drift.unwrap_err();
        assert!(why.contains("the drift at neuron site block1"), "{why}");
        for advice in ["--plain", "aq4svit doctor", "--no-self-check"] {
            assert!(why.contains(advice), "{why}");
        }
        let accuracy = checked(|outcome| {
            if let Outcome::Accuracy { correct } = outcome {
                *correct = (0..correct.len()).map(|_| false).collect::<CorrectBits>();
            }
        });
        let why = accuracy.unwrap_err();
        assert!(why.contains("the answers to images"), "{why}");
    }

    #[test]
    fn what_only_one_of_them_can_compute_is_a_difference() {
        let failed = || EvaluateError::Backend(String::from("no"));
        assert_eq!(both::<u8>(Err(failed()), Err(failed())), Ok(None));
        assert!(
            both(Err(failed()), Ok(1))
                .unwrap_err()
                .contains("optimized")
        );
        assert!(both(Ok(1), Err(failed())).unwrap_err().contains("plain"));
    }

    #[test]
    fn a_menu_of_float_alone_has_nothing_quantized() {
        assert_eq!(allocations(&[BitWidth::FLOAT], 3).len(), 1);
        assert_eq!(allocations(&[], 3).len(), 1);
    }
}
