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
        let float = &self.tree.float;
        let images = node.bits.len().min(float.len());
        // A verdict may need fewer images than are known, under another limit: all of them say
        // more than those.
        let is_known = images > 0 && images == float.len();
        if let Some(judgement) = node.judgement().filter(|j| j.images > 0) {
            let lost = float.correct() as f64 - node.bits.correct_in(0, images) as f64;
            let (drop, images) = match is_known && judgement.images < images {
                true => (100.0 * lost / images as f64, images),
                false => (judgement.drop(), judgement.images),
            };
            return Some(MeasuredDrop {
                drop,
                images,
                judgement: Some(*judgement),
            });
        }
        let lost = float.correct_in(0, images) as f64 - node.bits.correct_in(0, images) as f64;
        (images > 0).then(|| MeasuredDrop {
            drop: 100.0 * lost / images as f64,
            images,
            judgement: None,
        })
    }
}
