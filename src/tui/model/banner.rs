//! What makes every number of a run doubtful, said at its top.

use super::Model;
use crate::evaluate::percent;
use crate::tui::text::{count, points};

/// The share of images on which two networks of nearly equal accuracy differ, in percent: it says
/// how finely a drop can be measured.
const DIFFER: f64 = 6.0;

impl Model {
    /// The most doubtful thing about the run, if there is any: the float network guesses, or the
    /// search split is too small for the limit.
    pub fn banner(&self) -> Option<String> {
        let (float, images) = (&self.tree.float, self.tree.float.len());
        if float.is_empty() {
            return None;
        }
        self.at_chance(percent(float.correct(), images), images)
            .or_else(|| self.too_coarse(images))
    }

    fn at_chance(&self, accuracy: f64, images: usize) -> Option<String> {
        let classes = self.run.classes.filter(|n| *n > 1)?;
        let chance = 100.0 / classes as f64;
        let error = (chance * (100.0 - chance) / images.max(1) as f64).sqrt();
        (accuracy <= chance + 2.0 * error).then(|| {
            format!(
                "float accuracy {} % is at chance for {classes} classes: check labels, mean and std, checkpoint",
                points(accuracy)
            )
        })
    }

    fn too_coarse(&self, images: usize) -> Option<String> {
        let limit = self.tree.max_drop();
        let error = 1.96 * (DIFFER * 100.0 / images.max(1) as f64).sqrt();
        (limit.is_finite() && error > limit.max(0.0) && limit > 0.0).then(|| {
            format!(
                "{} search images cannot resolve a limit of {} pp (about \u{b1}{error:.1} pp): use more (data.search)",
                count(images as u64),
                points(limit)
            )
        })
    }
}
