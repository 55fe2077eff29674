//! Bounds of sizes, and what families ask of them.

use std::fmt::Display;

use super::keys::bounds;
use super::table::wrong;
use super::{Layout, ModelConfig, ModelError};

impl ModelConfig {
    /// Checks what every family asks of the sizes: from 1 to a bound that keeps all arithmetic on
    /// shapes far from overflow.
    pub(in crate::network) fn check(&self) -> Result<(), ModelError> {
        for (key, value) in self.common_sizes() {
            within(key, value)?;
        }
        if let Some(Layout::Dvs { tau }) = self.layout() {
            require((1.0..=1e6).contains(&tau), "tau", tau, || {
                "must be from 1 (no memory) to 1000000".to_owned()
            })?;
        }
        Ok(())
    }

    /// Checks a width: its bound, and that it is divisible where the family divides it.
    pub(in crate::network) fn check_width(
        &self,
        width: usize,
        divisor: usize,
    ) -> Result<(), ModelError> {
        within("embed_dims", width)?;
        require(width.is_multiple_of(divisor), "embed_dims", width, || {
            format!("must be divisible by {divisor}")
        })
    }

    /// Checks that the heads divide a width, which is called `what`.
    pub(in crate::network) fn check_heads(
        &self,
        width: usize,
        what: &str,
    ) -> Result<(), ModelError> {
        let heads = self.num_heads;
        require(width.is_multiple_of(heads), "num_heads", heads, || {
            format!("must divide {width} ({what})")
        })
    }

    /// Checks that the image can be halved this often. The authors' code halves sizes rounding down
    /// where the pooling rounds up, so it runs on no other sizes.
    pub(in crate::network) fn check_halvings(&self, halvings: usize) -> Result<(), ModelError> {
        let (size, factor) = (self.image_size, 1usize << halvings);
        require(size.is_multiple_of(factor), "image_size", size, || {
            format!(
                "must be a multiple of {factor} in this layout, which halves it {halvings} times"
            )
        })
    }

    /// Checks that there is only one time step: the integers of these neurons stand for several.
    pub(in crate::network) fn check_one_step(&self) -> Result<(), ModelError> {
        let steps = self.time_steps;
        require(steps == 1, "time_steps", steps, || {
            "must be 1: a neuron's integer stands for max_spike steps".to_owned()
        })
    }
}

/// Checks a number of blocks.
pub(in crate::network) fn check_depths(depths: usize, least: usize) -> Result<(), ModelError> {
    within("depths", depths)?;
    require(depths >= least, "depths", depths, || {
        format!("must be at least {least} in this layout, one block or more for every stage")
    })
}

/// Checks the strides of downsamplings.
pub(in crate::network) fn check_strides(strides: &[usize]) -> Result<(), ModelError> {
    let fit = strides.iter().all(|s| (1..=16).contains(s));
    require(fit, "strides", format!("{strides:?}"), || {
        "each must be from 1 to 16".to_owned()
    })
}

/// Checks the largest integer that a neuron emits: levels are counted in one byte.
pub(in crate::network) fn check_max_spike(max_spike: u64) -> Result<(), ModelError> {
    require(
        (1..=255).contains(&max_spike),
        "max_spike",
        max_spike,
        || "must be from 1 to 255".to_owned(),
    )
}

/// Checks the numbers of a list against their bounds.
pub(in crate::network) fn check_list(
    key: &'static str,
    values: &[usize],
) -> Result<(), ModelError> {
    values.iter().try_for_each(|&value| within(key, value))
}

fn within(key: &'static str, value: usize) -> Result<(), ModelError> {
    let (least, most) = bounds(key);
    let fits = u32::try_from(value).is_ok_and(|n| (least..=most).contains(&n));
    require(fits, key, value, || {
        format!("must be from {least} to {most}")
    })
}

/// The error of a key whose value does not hold what it must.
pub(in crate::network) fn require(
    holds: bool,
    key: &'static str,
    value: impl Display,
    why: impl FnOnce() -> String,
) -> Result<(), ModelError> {
    match holds {
        true => Ok(()),
        false => Err(wrong(key, value, &why())),
    }
}
