//! The bounds of everything that a document says.

use serde_json::Value;

use super::super::Shape;
use super::{MAX_NAME, MAX_NUMBERS, MAX_SIZE};

/// A size of anything is bounded, and so is a text.
pub(super) fn sound_value(value: &Value) -> Result<(), String> {
    match value {
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::INFINITY);
            match number.abs() <= MAX_SIZE as f64 {
                true => Ok(()),
                false => Err(format!("{number} is larger than {MAX_SIZE}")),
            }
        }
        Value::Array(values) => values.iter().try_for_each(sound_value),
        Value::Object(fields) => fields.values().try_for_each(sound_value),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

/// Checks a shape.
pub(super) fn sound_shape(shape: Shape) -> Result<(), String> {
    let sizes = [shape.channels, shape.height, shape.width];
    let numbers = sizes.iter().try_fold(1usize, |n, &k| n.checked_mul(k));
    match numbers {
        Some(1..=MAX_NUMBERS) => Ok(()),
        _ => Err(format!(
            "its shape {sizes:?} has no number or more than {MAX_NUMBERS}"
        )),
    }
}

/// Checks a name or key.
pub(super) fn sound_name(name: &str) -> Result<(), String> {
    let sound = !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control);
    match sound {
        true => Ok(()),
        false => {
            let start: String = name.chars().take(40).collect();
            Err(format!(
                "{start:?} is no name: one has 1 to {MAX_NAME} bytes and no control character"
            ))
        }
    }
}

/// Checks a number that is above 0.
pub(super) fn positive(what: &str, value: f64) -> Result<(), String> {
    match value.is_finite() && value > 0.0 && value <= 1e6 {
        true => Ok(()),
        false => Err(format!(
            "{what} = {value} must be above 0 and at most 1000000"
        )),
    }
}
