//! Input and output of `predict` as the bytes of safetensors files.
#![forbid(unsafe_code)]

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::predict::{Images, Precision, Prediction};
use crate::network::Graph;

/// What is wrong with a `predict` file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictFileError {
    /// Not a safetensors file.
    #[error("not a safetensors file: {0}")]
    Format(String),
    /// No tensor of the name `input`.
    #[error("there is no tensor `input`; the file has {0}")]
    NoInput(String),
    /// `input` has another type.
    #[error("tensor `input` is {0}, expected F32")]
    Type(String),
    /// `input` has another shape.
    #[error("tensor `input` has shape {found:?}, expected {expected} with B at least 1{what}")]
    Shape {
        /// The shape found.
        found: Vec<usize>,
        /// The shape that the network takes.
        expected: String,
        /// What it takes, where that is no image.
        what: &'static str,
    },
    /// `input` holds NaN or infinity.
    #[error("tensor `input` holds {value} at index {index:?}; inputs must be finite numbers")]
    NotFinite {
        /// Where: image, (frame,) channel, row, column.
        index: Vec<usize>,
        /// What.
        value: f32,
    },
    /// The result cannot be written in the format.
    #[error("writing safetensors: {0}")]
    Write(String),
}

/// Reads tensor `input`, `[B, C, H, W]` in f32, already normalised, or `[B, T, C, H, W]` where the
/// network reads frames; other tensors are ignored.
///
/// # Errors
/// [`PredictFileError`] says what is wrong with the file.
pub fn read_images(bytes: &[u8], graph: &Graph) -> Result<Images, PredictFileError> {
    let (frames, shape) = (graph.frames(), graph.input);
    let one: Vec<usize> = frames
        .into_iter()
        .chain([shape.channels, shape.height, shape.width])
        .collect();
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| PredictFileError::Format(error.to_string()))?;
    let input = match file.tensor("input") {
        Ok(input) => input,
        Err(SafeTensorError::TensorNotFound(_)) => {
            let mut names: Vec<&str> = file.names();
            names.sort_unstable();
            let names = match names.len() {
                0 => "no tensor".to_owned(),
                1..=8 => names.join(", "),
                n => format!("{}, and {} more", names[..8].join(", "), n - 8),
            };
            return Err(PredictFileError::NoInput(names));
        }
        Err(error) => return Err(PredictFileError::Format(error.to_string())),
    };
    if input.dtype() != Dtype::F32 {
        return Err(PredictFileError::Type(format!("{:?}", input.dtype())));
    }
    let batch = match input.shape() {
        [batch, rest @ ..] if *batch > 0 && rest == one => *batch,
        found => {
            let sizes: Vec<String> = one.iter().map(ToString::to_string).collect();
            return Err(PredictFileError::Shape {
                found: found.to_vec(),
                expected: format!("[B, {}]", sizes.join(", ")),
                what: match frames {
                    Some(_) => " (frames, one for each time step)",
                    None => "",
                },
            });
        }
    };
    let values: Vec<f32> = input
        .data()
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    if let Some((mut at, &value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        let mut index = vec![0; one.len() + 1];
        for (place, &size) in index.iter_mut().skip(1).zip(&one).rev() {
            (*place, at) = (at % size, at / size);
        }
        index[0] = at;
        return Err(PredictFileError::NotFinite { index, value });
    }
    Ok(Images {
        batch,
        frames,
        shape,
        values,
    })
}

/// Writes `logits` in the prediction's precision and, with a trace, `block.<name>` (f32),
/// `spikes.<site>` (i64), `membrane_mean.<site>` and `membrane_sq_mean.<site>` (f64).
///
/// # Errors
/// [`PredictFileError::Write`] when a name cannot be written.
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
    let failed = |error: SafeTensorError| PredictFileError::Write(error.to_string());
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
    use super::*;
    use crate::network::{BlockId, Node, Op, Shape, ValueRange};
    use crate::torch::{BlockTrace, SiteTrace, Trace};

    /// A network for images of one channel, two rows and three columns.
    fn graph(frames: bool) -> Graph {
        let shape = Shape {
            channels: 1,
            height: 2,
            width: 3,
        };
        Graph {
            nodes: vec![Node {
                op: Op::Input,
                inputs: Vec::new(),
                block: BlockId(0),
                shape,
                range: ValueRange::Real,
                scale: 1.0,
                time_invariant: !frames,
            }],
            layers: Vec::new(),
            sites: Vec::new(),
            blocks: Vec::new(),
            stages: Vec::new(),
            tensors: Vec::new(),
            input: shape,
            time_steps: 4,
            classes: 1,
        }
    }

    fn file(tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
        let views = tensors.iter().map(|(name, dtype, shape, data)| {
            (*name, TensorView::new(*dtype, shape.clone(), data).unwrap())
        });
        safetensors::serialize(views, None).unwrap()
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        bytes(values, f32::to_le_bytes)
    }

    fn error(bytes: &[u8]) -> String {
        read_images(bytes, &graph(false)).unwrap_err().to_string()
    }

    #[test]
    fn input_is_read_and_other_tensors_are_ignored() {
        let values: Vec<f32> = (0..12).map(|i| i as f32 - 4.5).collect();
        let bytes = file(&[
            ("input", Dtype::F32, vec![2, 1, 2, 3], floats(&values)),
            ("other", Dtype::I64, vec![1], vec![0; 8]),
        ]);
        let images = read_images(&bytes, &graph(false)).unwrap();
        assert_eq!(
            (images.batch, images.frames, images.shape),
            (2, None, graph(false).input)
        );
        assert_eq!(images.values, values);
    }

    #[test]
    fn frames_have_a_dimension_of_their_own() {
        let values: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let with = |shape: &[usize]| {
            let bytes = file(&[("input", Dtype::F32, shape.to_vec(), floats(&values))]);
            read_images(&bytes, &graph(true)).map_err(|e| e.to_string())
        };
        let images = with(&[1, 4, 1, 2, 3]).unwrap();
        assert_eq!((images.batch, images.frames), (1, Some(4)));
        assert_eq!(
            with(&[4, 1, 2, 3]).unwrap_err(),
            "tensor `input` has shape [4, 1, 2, 3], expected [B, 4, 1, 2, 3] with B at least 1 (frames, one \
             for each time step)"
        );
        assert!(with(&[2, 2, 1, 2, 3]).is_err());
    }

    #[test]
    fn bad_input_is_named() {
        assert!(error(b"").starts_with("not a safetensors file"));
        assert!(error(&[255; 64]).starts_with("not a safetensors file"));
        let other = file(&[("inputs", Dtype::F32, vec![1], floats(&[1.0]))]);
        assert_eq!(
            error(&other),
            "there is no tensor `input`; the file has inputs"
        );
        let wide = file(&[("input", Dtype::F64, vec![1, 1, 2, 3], vec![0; 48])]);
        assert_eq!(error(&wide), "tensor `input` is F64, expected F32");
        for shape in [vec![6], vec![1, 1, 3, 2], vec![0, 1, 2, 3], vec![1, 2, 3]] {
            let n = shape.iter().product();
            let bytes = file(&[("input", Dtype::F32, shape, floats(&vec![0.0; n]))]);
            let text = error(&bytes);
            assert!(text.contains("expected [B, 1, 2, 3]"), "{text}");
        }
        let mut values = [0.0; 12];
        values[10] = f32::NAN;
        let bytes = file(&[("input", Dtype::F32, vec![2, 1, 2, 3], floats(&values))]);
        assert_eq!(
            error(&bytes),
            "tensor `input` holds NaN at index [1, 0, 1, 1]; inputs must be finite numbers"
        );
    }

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
