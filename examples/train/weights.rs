//! The trained tensors of a graph, by their state-dict keys.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use aq4svit::network::{Graph, TensorKind, TensorSpec};
use tch::nn::{self, Init};
use tch::{Device, Kind, Tensor};

/// The parameters and batch-norm statistics of a network.
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// Fresh tensors for a graph: uniform weights bounded by the inverse root of their fan-in
    /// (PyTorch's default), batch norms that change nothing. Parameters are entered in `store`, for
    /// an optimizer. They depend on libtorch's seed.
    pub fn fresh(graph: &Graph, store: &nn::VarStore) -> Self {
        let root = store.root();
        let needed = |t: &&TensorSpec| !t.dead && !t.key.ends_with(".num_batches_tracked");
        let entries = graph.tensors.iter().filter(needed).enumerate();
        let tensors = entries.map(|(i, spec)| {
            let size: Vec<i64> = spec.shape.iter().map(|&n| n as i64).collect();
            // Dots have a meaning in a store, so its names are numbers.
            let name = i.to_string();
            let tensor = match spec.kind {
                TensorKind::Param => root.var(&name, &size, initial(spec)),
                TensorKind::Buffer => {
                    let value = f64::from(spec.key.ends_with(".running_var"));
                    root.var(&name, &size, Init::Const(value))
                        .set_requires_grad(false)
                }
            };
            (spec.key.clone(), tensor)
        });
        Weights {
            tensors: tensors.collect(),
        }
    }

    /// The tensor of a key.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, key: &str) -> Result<&Tensor> {
        match self.tensors.get(key) {
            Some(tensor) => Ok(tensor),
            None => bail!("the network has no tensor {key}"),
        }
    }

    /// The same numbers in f64, without gradients.
    pub fn in_f64(&self) -> Self {
        let wide = |(key, tensor): (&String, &Tensor)| {
            let tensor = tensor.detach().to_kind(Kind::Double);
            (key.clone(), tensor)
        };
        Weights {
            tensors: self.tensors.iter().map(wide).collect(),
        }
    }

    /// Writes a `.safetensors` file.
    ///
    /// # Errors
    /// Whatever libtorch or the file system reports.
    pub fn write(&self, file: &Path) -> Result<()> {
        let tensors = self.tensors.iter();
        let tensors = tensors.map(|(key, t)| (key, t.detach().to_device(Device::Cpu)));
        let tensors: Vec<(&String, Tensor)> = tensors.collect();
        Ok(Tensor::write_safetensors(&tensors, file)?)
    }
}

/// The initial values of a parameter.
fn initial(spec: &TensorSpec) -> Init {
    let fan_in: usize = spec.shape.iter().skip(1).product();
    match (spec.shape.len(), spec.key.ends_with(".weight")) {
        (2.., _) => {
            let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
            Init::Uniform {
                lo: -bound,
                up: bound,
            }
        }
        (_, true) => Init::Const(1.0),
        (_, false) => Init::Const(0.0),
    }
}
