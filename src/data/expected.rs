//! What a model takes, and how its data is prepared.

use super::config::DataConfig;
use super::error::DataError;
use super::images::Normalisation;
use super::recipe::Recipe;
use crate::network::{NetworkInput, Shape};

/// What a model takes, and how its data is prepared.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) shape: Shape,
    /// Frames of each input; none for still images.
    pub(super) frames: Option<usize>,
    pub(super) classes: usize,
    pub(super) recipe: &'static Recipe,
    mean: Option<Vec<f64>>,
    std: Option<Vec<f64>>,
}

impl Expected {
    /// Of a model under a section.
    pub(super) fn new(config: &DataConfig, model: NetworkInput) -> Expected {
        Expected {
            shape: model.shape,
            frames: model.frames,
            classes: model.classes,
            recipe: config.recipe_for(model),
            mean: config.mean.clone(),
            std: config.std.clone(),
        }
    }

    /// Numbers that are stored in `unit`s, normalised: by the section's own mean and deviation,
    /// else the recipe's.
    pub(super) fn normalisation(&self, unit: f32) -> Result<Normalisation, DataError> {
        let channels = self.shape.channels;
        let chosen = |key, own: &Option<Vec<f64>>, recipe: &[f64], plain: f64| {
            let values = match own {
                Some(own) => own.clone(),
                None if recipe.is_empty() => vec![plain; channels],
                None => recipe.to_vec(),
            };
            let found = values.len();
            if found == channels {
                return Ok(values.into_iter().map(|v| v as f32).collect());
            }
            Err(DataError::Mismatch(match own {
                Some(_) => format!(
                    "data.{key} has {found} numbers, but the images have {channels} channel(s): give one number \
                     per channel"
                ),
                None => format!(
                    "recipe \"{}\" has mean and deviation of {found} channels, but the model takes {channels} \
                     (model.in_channels): give data.mean and data.std, or data.recipe = \"none\"",
                    self.recipe.name
                ),
            }))
        };
        Ok(Normalisation {
            unit,
            mean: chosen("mean", &self.mean, self.recipe.mean, 0.0)?,
            std: chosen("std", &self.std, self.recipe.std, 1.0)?,
        })
    }
}

/// Images or frames in words.
pub(super) fn words(shape: Shape, frames: Option<usize>) -> String {
    let Shape {
        channels,
        height,
        width,
    } = shape;
    match frames {
        None => format!("{channels} channel(s) of {height}x{width} pixels"),
        Some(frames) => {
            format!("{frames} frames of {channels} channel(s) of {height}x{width} pixels")
        }
    }
}
