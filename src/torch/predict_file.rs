//! Output of `predict` as the bytes of a safetensors file.
#![forbid(unsafe_code)]

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError};

use super::predict::{Precision, Prediction};

/// The error of a prediction that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("writing safetensors: {0}")]
pub struct PredictFileError(String);

/// Writes `logits` in the prediction's precision and, with a trace, `block.<name>` (f32),
/// `spikes.<site>` (i64), `membrane_mean.<site>` and `membrane_sq_mean.<site>` (f64).
///
/// # Errors
/// [`PredictFileError`] when a name cannot be written.
pub fn write_prediction(prediction: &Prediction) -> Result<Vec<u8>, PredictFileError> {
    let mut tensors = vec![match prediction.precision {
        Precision::F32 => Tensor {
            name: "logits".to_owned(),
            dtype: Dtype::F32,
            shape: vec![prediction.batch, prediction.classes],
            bytes: bytes(&prediction.logits, |x| (x as f32).to_le_bytes()),
        },
        Precision::F64 => Tensor {
            name: "logits".to_owned(),
            dtype: Dtype::F64,
            shape: vec![prediction.batch, prediction.classes],
            bytes: bytes(&prediction.logits, f64::to_le_bytes),
        },
    }];
    if let Some(trace) = &prediction.trace {
        tensors.extend(trace.blocks.iter().map(|block| Tensor {
            name: format!("block.{}", block.name),
            dtype: Dtype::F32,
            shape: block.shape.clone(),
            bytes: bytes(&block.values, f32::to_le_bytes),
        }));
        for site in &trace.sites {
            let mut per_step = |what: &str, dtype: Dtype, bytes: Vec<u8>| {
                tensors.push(Tensor {
                    name: format!("{what}.{}", site.name),
                    dtype,
                    shape: vec![site.spikes.len()],
                    bytes,
                });
            };
            per_step("spikes", Dtype::I64, bytes(&site.spikes, i64::to_le_bytes));
            let mean = bytes(&site.membrane_mean, f64::to_le_bytes);
            per_step("membrane_mean", Dtype::F64, mean);
            let square = bytes(&site.membrane_sq_mean, f64::to_le_bytes);
            per_step("membrane_sq_mean", Dtype::F64, square);
        }
    }
    let failed = |error: SafeTensorError| PredictFileError(error.to_string());
    let views = tensors.iter().map(|t| {
        TensorView::new(t.dtype, t.shape.clone(), &t.bytes)
            .map(|view| (t.name.as_str(), view))
            .map_err(failed)
    });
    let views: Vec<_> = views.collect::<Result<_, _>>()?;
    safetensors::serialize(views, None).map_err(failed)
}

struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

fn bytes<T: Copy, const N: usize>(values: &[T], one: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&x| one(x)).collect()
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;
    use crate::torch::{BlockTrace, SiteTrace, Trace};

    #[test]
    fn a_prediction_is_written_as_the_references_are() {
        let mut prediction = Prediction {
            batch: 1,
            classes: 2,
            precision: Precision::F64,
            logits: vec![0.1, -2.0],
            trace: Some(Trace {
                blocks: vec![BlockTrace {
                    name: "stage1.0".to_owned(),
                    shape: vec![1, 1, 1, 2],
                    values: vec![1.0, 2.0],
                }],
                sites: vec![SiteTrace {
                    name: "a.lif".to_owned(),
                    spikes: vec![3],
                    membrane_mean: vec![0.25],
                    membrane_sq_mean: vec![0.5],
                }],
            }),
        };
        let bytes = write_prediction(&prediction).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let mut names = file.names();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "block.stage1.0",
                "logits",
                "membrane_mean.a.lif",
                "membrane_sq_mean.a.lif",
                "spikes.a.lif"
            ]
        );
        let logits = file.tensor("logits").unwrap();
        assert_eq!((logits.dtype(), logits.shape()), (Dtype::F64, &[1, 2][..]));
        assert_eq!(logits.data()[..8], 0.1f64.to_le_bytes());
        let spikes = file.tensor("spikes.a.lif").unwrap();
        assert_eq!((spikes.dtype(), spikes.shape()), (Dtype::I64, &[1][..]));
        assert_eq!(spikes.data(), 3i64.to_le_bytes());

        (prediction.precision, prediction.trace) = (Precision::F32, None);
        let bytes = write_prediction(&prediction).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let logits = file.tensor("logits").unwrap();
        assert_eq!((file.len(), logits.dtype()), (1, Dtype::F32));
        assert_eq!(logits.data()[..4], 0.1f32.to_le_bytes());
    }
}
