//! Tensors on their way into a `.safetensors` file.

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::error::ExportError;
use super::manifest::TensorRef;

/// A named tensor.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Tensor {
    pub(super) fn new(name: String, dtype: Dtype, shape: Vec<usize>, bytes: Vec<u8>) -> Self {
        Tensor {
            name,
            dtype,
            shape,
            bytes,
        }
    }

    pub(super) fn f64(name: String, shape: Vec<usize>, numbers: &[f64]) -> Self {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        Tensor::new(name, Dtype::F64, shape, bytes)
    }

    pub(super) fn f32(name: String, shape: Vec<usize>, numbers: &[f32]) -> Self {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        Tensor::new(name, Dtype::F32, shape, bytes)
    }

    /// Its numbers, where it is F32.
    pub(super) fn numbers(&self) -> Vec<f32> {
        let numbers = self.bytes.as_chunks::<4>().0.iter();
        numbers.map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// How a manifest refers to it; its place in the file is filled in later.
    pub(super) fn reference(&self) -> TensorRef {
        TensorRef {
            tensor: self.name.clone(),
            dtype: format!("{:?}", self.dtype),
            shape: self.shape.clone(),
            bytes: [0, 0],
        }
    }
}

/// The bytes of a file of tensors: the same tensors always give the same bytes.
pub(super) fn serialize(tensors: &[Tensor]) -> Result<Vec<u8>, ExportError> {
    let failed = |e: safetensors::SafeTensorError| ExportError::Tensors(e.to_string());
    let views = tensors.iter().map(|t| {
        TensorView::new(t.dtype, t.shape.clone(), &t.bytes)
            .map(|view| (t.name.as_str(), view))
            .map_err(failed)
    });
    let views: Vec<_> = views.collect::<Result<_, _>>()?;
    safetensors::serialize(views, None).map_err(failed)
}
