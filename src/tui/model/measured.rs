//! What was measured of a node, also where the constraint in force leaves its verdict open.

use super::Model;
use crate::search::{Candidate, Judgement};

/// A measured accuracy drop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasuredDrop {
    /// The drop in points.
    pub drop: f64,
    /// The images it was measured on.
    pub images: usize,
    /// The verdict; none where these images do not decide it.
    pub judgement: Option<Judgement>,
}

impl Model {
    /// The accuracy drop of a node on the images it was judged by, or where it is not judged on
    /// those it was evaluated on.
    pub fn measured_drop(&self, node: &Candidate) -> Option<MeasuredDrop> {
        if let Some(judgement) = node.judgement().filter(|j| j.images > 0) {
            return Some(MeasuredDrop {
                drop: judgement.drop(),
                images: judgement.images,
                judgement: Some(*judgement),
            });
        }
        let float = &self.tree.float;
        let images = node.bits.len().min(float.len());
        let lost = float.correct_in(0, images) as f64 - node.bits.correct_in(0, images) as f64;
        (images > 0).then(|| MeasuredDrop {
            drop: 100.0 * lost / images as f64,
            images,
            judgement: None,
        })
    }
}
