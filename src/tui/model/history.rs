//! The course of the search: the drop of every evaluation, and the incumbent after it.

use crate::evaluate::Verdict;
use crate::search::{CandidateId, Event, Judgement, Tree};

/// An evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluated {
    /// The node.
    pub id: CandidateId,
    /// Its memory.
    pub bytes: u64,
    /// Its accuracy drop in points on the images looked at.
    pub drop: f64,
    /// True where it met the constraint of that moment.
    pub met: bool,
    /// The memory of the incumbent afterwards.
    pub incumbent: Option<u64>,
}

/// All evaluations in the order in which they were decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History(Vec<Evaluated>);

impl History {
    /// Folds an event in; `tree` knows it already.
    pub fn apply(&mut self, event: &Event, tree: &Tree) {
        match event {
            Event::Screened {
                candidate,
                judgement,
                ..
            }
            | Event::Confirmed {
                candidate,
                judgement,
                ..
            } => self.evaluated(*candidate, judgement, tree),
            Event::IncumbentChanged { .. } => {
                if let Some(last) = self.0.last_mut() {
                    last.incumbent = tree.best().map(|c| c.bytes);
                }
            }
            _ => {}
        }
    }

    fn evaluated(&mut self, id: CandidateId, judgement: &Judgement, tree: &Tree) {
        self.0.push(Evaluated {
            id,
            bytes: tree.get(id).map_or(0, |c| c.bytes),
            drop: judgement.drop(),
            met: judgement.verdict == Verdict::Met,
            incumbent: tree.best().map(|c| c.bytes),
        });
    }

    /// The evaluations.
    pub fn all(&self) -> &[Evaluated] {
        &self.0
    }

    /// The memory of the incumbent over the evaluations, from the first incumbent on, in at most
    /// `most` steps: the last value of each.
    pub fn incumbents(&self, most: usize) -> Vec<u64> {
        let all: Vec<u64> = self.0.iter().filter_map(|e| e.incumbent).collect();
        let steps = all.len().min(most);
        let last = |step: usize| ((step + 1) * all.len() / steps).saturating_sub(1);
        let values = (0..steps).filter_map(|step| all.get(last(step)));
        values.copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_incumbent_is_the_last_step() {
        let evaluated = |incumbent| Evaluated {
            id: CandidateId(0),
            bytes: 1,
            drop: 0.0,
            met: true,
            incumbent,
        };
        let incumbents = [None, Some(9), Some(9), Some(7), Some(5), Some(4)];
        let history = History(incumbents.map(evaluated).to_vec());
        assert_eq!(history.incumbents(20), [9, 9, 7, 5, 4]);
        assert_eq!(history.incumbents(2), [9, 4]);
        assert_eq!(history.incumbents(0), [0_u64; 0]);
        assert_eq!(History::default().incumbents(5), [0_u64; 0]);
    }
}
