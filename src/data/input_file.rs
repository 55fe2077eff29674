//! Input of a network as the bytes of a safetensors file.

use safetensors::{Dtype, SafeTensorError, SafeTensors};

use crate::checkpoint::check_header;
use crate::network::{Graph, Shape};

/// Images as the network sees them: normalised, `[batch, channels, height, width]` row-major, or
/// `[batch, frames, channels, height, width]` for event cameras.
#[derive(Clone, Debug, PartialEq)]
pub struct InputBatch {
    /// Number of images.
    pub batch: usize,
    /// Frames of each; none for images.
    pub frames: Option<usize>,
    /// The shape of each.
    pub shape: Shape,
    /// The numbers.
    pub values: Vec<f32>,
}

/// What is wrong with a file of input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputFileError {
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
}

/// Reads tensor `input`, `[B, C, H, W]` in f32, already normalised, or `[B, T, C, H, W]` where the
/// network reads frames; other tensors are ignored.
///
/// # Errors
/// [`InputFileError`] says what is wrong with the file.
pub fn read_images(bytes: &[u8], graph: &Graph) -> Result<InputBatch, InputFileError> {
    let (frames, shape) = (graph.frames(), graph.input);
    let one: Vec<usize> = frames
        .into_iter()
        .chain([shape.channels, shape.height, shape.width])
        .collect();
    check_header(bytes).map_err(InputFileError::Format)?;
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| InputFileError::Format(error.to_string()))?;
    let input = match file.tensor("input") {
        Ok(input) => input,
        Err(SafeTensorError::TensorNotFound(_)) => {
            let mut names: Vec<&str> = file.names();
            names.sort_unstable();
            let names = match names.len() {
                0 => "no tensor".to_owned(),
                1..=8 => names.join(", "),
                n => format!(
                    "{}, and {} more",
                    names.get(..8).unwrap_or(&names).join(", "),
                    n - 8
                ),
            };
            return Err(InputFileError::NoInput(names));
        }
        Err(error) => return Err(InputFileError::Format(error.to_string())),
    };
    if input.dtype() != Dtype::F32 {
        return Err(InputFileError::Type(format!("{:?}", input.dtype())));
    }
    let batch = match input.shape() {
        [batch, rest @ ..] if *batch > 0 && rest == one => *batch,
        found => {
            let sizes: Vec<String> = one.iter().map(ToString::to_string).collect();
            return Err(InputFileError::Shape {
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
        if let Some(image) = index.first_mut() {
            *image = at;
        }
        return Err(InputFileError::NotFinite { index, value });
    }
    Ok(InputBatch {
        batch,
        frames,
        shape,
        values,
    })
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;
    use crate::network::{BlockId, Node, Op, ValueRange};

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
        values.iter().flat_map(|x| x.to_le_bytes()).collect()
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
}
