//! Constants that are added to values.

use std::collections::BTreeMap;

use super::super::engine::Step;
use super::super::error::VerifyError;
use super::super::tensors::Tensors;
use super::wrong;
use crate::export::manifest::operation::{ConstantOrder, OperationKind};
use crate::export::manifest::{Manifest, WEIGHTS};

/// Reads them into their steps, channels first. The bytes of their tensors, each counted once.
pub(super) fn read(
    manifest: &Manifest,
    tensors: &Tensors<'_>,
    steps: &mut [Step],
) -> Result<u64, VerifyError> {
    // Several operations may add one constant.
    let mut bytes: BTreeMap<&str, u64> = BTreeMap::new();
    for (i, (operation, step)) in manifest.operations.iter().zip(steps).enumerate() {
        let OperationKind::AddConstant { constant, order } = &operation.op else {
            continue;
        };
        let wrong = |why: String| wrong(format!("operations[{i}].op.constant"), why);
        let [channels, rows, columns] = step.shape;
        let positions = rows * columns;
        let (first, one_by_one) = match order {
            ConstantOrder::ChannelsFirst => {
                (vec![channels, positions], vec![channels, rows, columns])
            }
            ConstantOrder::PositionsFirst => (vec![positions, channels], Vec::new()),
        };
        let ones = constant.shape.iter().take_while(|n| **n == 1).count();
        let fits = (0..=ones).any(|ones| {
            let shape = constant.shape.get(ones..).unwrap_or_default();
            shape == first || shape == one_by_one
        });
        if constant.dtype != "F32" || !fits {
            let why = format!(
                "{} {:?} does not fit its value",
                constant.dtype, constant.shape
            );
            return Err(wrong(why));
        }
        if tensors.place(&constant.tensor) != Some(constant.bytes) {
            let why = format!("{} is not at those bytes of {WEIGHTS}", constant.tensor);
            return Err(wrong(why));
        }
        let numbers = tensors.f32(&constant.tensor, &constant.shape)?;
        step.constants = order.by_channel(numbers, channels);
        bytes.insert(&constant.tensor, 4 * step.constants.len() as u64);
    }
    Ok(bytes.values().fold(0, |all, n| all.saturating_add(*n)))
}
