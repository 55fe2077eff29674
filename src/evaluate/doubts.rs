//! What makes the numbers of an evaluation doubtful, as sentences.

use super::{percent, wilson_95};
use crate::network::Graph;

/// Names of neuron sites that a sentence lists.
const SITES: usize = 3;

/// A float network whose accuracy cannot be told from guessing: chance lies within the 95 %
/// interval, or above.
pub fn at_chance(correct: usize, images: usize, classes: usize) -> Option<String> {
    let chance = 1.0 / classes as f64;
    let (low, _) = wilson_95(correct, images);
    (classes > 1 && images > 0 && low <= chance).then(|| {
        format!(
            "float accuracy {:.2} % is at chance for {classes} classes: check labels, mean and std, checkpoint",
            percent(correct, images)
        )
    })
}

/// Neuron sites of a network that never fire, or always do; `rates`: by site, mean spikes per
/// neuron and time step.
pub fn of_activity(graph: &Graph, rates: &[f64]) -> Vec<String> {
    let most = |site: &crate::network::Site| site.neuron.max_output() as f64;
    let sites = graph.sites.iter().zip(rates);
    sentences(sites.map(|(site, rate)| (site.name.as_str(), *rate, most(site))))
}

/// By name, rate and the largest rate possible.
fn sentences<'a>(sites: impl IntoIterator<Item = (&'a str, f64, f64)>) -> Vec<String> {
    let (mut all, mut silent, mut saturated) = (0, Vec::new(), Vec::new());
    for (name, rate, most) in sites {
        all += 1;
        if rate <= 0.0 {
            silent.push(name);
        } else if rate >= most {
            saturated.push(name);
        }
    }
    let say = |names: &[&str], what: &str| {
        let shown = names.get(..SITES).unwrap_or(names).join(", ");
        let more = if names.len() > SITES { ", ..." } else { "" };
        (!names.is_empty()).then(|| {
            format!(
                "{} of {all} neuron sites {what} ({shown}{more}): check checkpoint, mean and std, thresholds",
                names.len()
            )
        })
    };
    let silent = say(&silent, "never fire");
    let saturated = say(&saturated, "fire at every time step");
    silent.into_iter().chain(saturated).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_at_chance_is_told_from_one_above() {
        assert!(at_chance(10, 150, 10).is_some_and(|s| s.contains("6.67 % is at chance")));
        assert!(at_chance(20, 150, 10).is_some());
        assert_eq!(at_chance(40, 150, 10), None);
        assert_eq!(at_chance(0, 150, 1), None);
        assert_eq!(at_chance(0, 0, 10), None);
    }

    #[test]
    fn silent_and_saturated_sites_are_named() {
        let sites = [
            ("a", 0.0, 1.0),
            ("b", 0.2, 1.0),
            ("c", 1.0, 1.0),
            ("d", 1.0, 4.0),
        ];
        assert_eq!(
            sentences(sites),
            [
                "1 of 4 neuron sites never fire (a): check checkpoint, mean and std, thresholds",
                "1 of 4 neuron sites fire at every time step (c): check checkpoint, mean and std, thresholds",
            ]
        );
        let many = ["a", "b", "c", "d"].map(|name| (name, 0.0, 1.0));
        assert!(sentences(many)[0].contains("4 of 4 neuron sites never fire (a, b, c, ...)"));
        assert!(sentences([("b", 0.5, 1.0)]).is_empty());
    }
}
