//! A forward pass with gradients: the graph's operations as differentiable tensor operations.
//!
//! Values are `[T, B, C, H, W]` with T = 1 where they are the same at every time step.

use anyhow::{Result, anyhow, bail};
use aq4svit::network::{Graph, Halves, Layer, Neuron, Node, Op, Site, Tokens, WeightSource};
use tch::{Kind, Tensor};

use super::weights::Weights;

/// The purpose of a pass.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch norms use the batch's statistics and update their own; spikes have a surrogate
    /// gradient.
    Training,
    /// Batch norms use their own statistics; nothing has a gradient.
    Evaluation,
}

/// The distance from the threshold within which a spike's surrogate gradient is 1; else it is 0.
const WINDOW: f64 = 0.5;
/// Batch norm: the weight of a batch in the running statistics, and the term of the square root.
const MOMENTUM: f64 = 0.1;
const EPSILON: f64 = 1e-5;

/// The logits `[B, classes]` of images `[B, C, H, W]`.
///
/// # Errors
/// For networks that this trainer does not train: frames of event cameras, RepConv chains, neurons
/// whose state runs on from image to image.
pub fn logits(graph: &Graph, weights: &Weights, images: &Tensor, mode: Mode) -> Result<Tensor> {
    if graph.frames().is_some() {
        bail!("only networks that read images are trained, not those that read frames");
    }
    let pass = Pass {
        graph,
        weights,
        mode,
    };
    let mut values: Vec<Tensor> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let inputs: Vec<&Tensor> = node.inputs.iter().map(|i| &values[i.index()]).collect();
        let value = match (&node.op, inputs.as_slice()) {
            (Op::Input, _) => images.unsqueeze(0),
            (_, inputs) => pass.apply(node, inputs)?,
        };
        values.push(value);
    }
    match values.pop() {
        Some(logits) => Ok(logits.flatten(0, 1).flatten(1, -1)),
        None => bail!("the network has no output"),
    }
}

struct Pass<'a> {
    graph: &'a Graph,
    weights: &'a Weights,
    mode: Mode,
}

impl Pass<'_> {
    fn apply(&self, node: &Node, inputs: &[&Tensor]) -> Result<Tensor> {
        Ok(match (&node.op, inputs) {
            (Op::Layer(id), [x]) => {
                let scale = node
                    .inputs
                    .first()
                    .map_or(1.0, |&i| self.graph.node(i).scale);
                self.layer(self.graph.layer(*id), x, scale)?
            }
            (Op::BatchNorm(name), [x]) => self.batch_norm(name, x)?,
            (Op::ChannelScale(key), [x]) => {
                let scale = self.weights.get(key)?;
                *x * scale.reshape([1, 1, -1, 1, 1])
            }
            (Op::Neuron(site), [x]) => self.neuron(self.graph.site(*site), x)?,
            (
                Op::MaxPool {
                    kernel,
                    stride,
                    padding,
                },
                [x],
            ) => {
                let [kernel, stride, padding] = [*kernel, *stride, *padding].map(|n| n as i64);
                by_image(x, |x| x.max_pool2d(kernel, stride, padding, 1, false))
            }
            (Op::Add, [a, b]) => *a + *b,
            (Op::Average, [a, b]) => (*a + *b) * 0.5,
            (Op::Multiply | Op::ChannelMask, [a, b]) => *a * *b,
            (
                Op::Attention {
                    heads,
                    scale,
                    tokens: Tokens::All,
                },
                [q, k, v],
            ) => attention([q, k, v], *heads, *scale),
            (Op::HeadSum { heads }, [x]) => {
                let sum = by_head(x, *heads).sum_dim_intlist(3, false, None::<Kind>);
                let (steps, images, _, height, width) = x.size5()?;
                sum.reshape([steps, images, *heads as i64, height, width])
            }
            (Op::HeadMask { heads }, [mask, x]) => {
                let masked = by_head(x, *heads) * by_head(mask, *heads);
                masked.reshape(x.size())
            }
            (Op::HeadErode { heads }, [x]) => {
                // [rows, heads, tokens, channels of a head]
                let tokens = by_head(x, *heads).flatten(0, 1).transpose(2, 3);
                let largest = tokens.max_pool2d(3, 1, 1, 1, false);
                largest.transpose(2, 3).reshape(x.size())
            }
            (Op::TokenSum, [x]) => x.sum_dim_intlist([3i64, 4].as_slice(), true, None::<Kind>),
            (Op::TokenMean, [x]) => x.mean_dim([3i64, 4].as_slice(), true, None::<Kind>),
            (Op::TokenTimeSum, [x]) => {
                x.sum_dim_intlist([0i64, 3, 4].as_slice(), true, None::<Kind>)
            }
            (op, inputs) => bail!("{op:?} of {} values is not trained here", inputs.len()),
        })
    }

    /// A layer on values whose unit is `scale`.
    fn layer(&self, layer: &Layer, x: &Tensor, scale: f64) -> Result<Tensor> {
        if layer.kind.is_1d() {
            bail!(
                "{} is a 1-D convolution, which is not trained here",
                layer.name
            );
        }
        if layer.source != WeightSource::Stored {
            bail!(
                "{} is a chain of layers, which is not trained here",
                layer.name
            );
        }
        let (kernel, stride, padding, groups) = layer.kind.window();
        let [kernel, stride, padding, groups] = [kernel, stride, padding, groups].map(|n| n as i64);
        let weight = self.weights.get(&format!("{}.weight", layer.name))?;
        let channels = layer.channels() as i64;
        let weight = weight.reshape([channels, -1, kernel, kernel]);
        let bias = match layer.bias {
            true => Some(self.weights.get(&format!("{}.bias", layer.name))?),
            false => None,
        };
        let scaled = match scale == 1.0 {
            true => x.shallow_clone(),
            false => x * scale,
        };
        Ok(by_image(&scaled, |x| {
            x.conv2d(&weight, bias, [stride; 2], [padding; 2], [1; 2], groups)
        }))
    }

    fn batch_norm(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let part = |part: &str| self.weights.get(&format!("{name}.{part}"));
        let (weight, bias) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let training = self.mode == Mode::Training;
        let norm = |x: &Tensor| {
            let (weight, bias) = (Some(weight), Some(bias));
            let (mean, variance) = (Some(mean), Some(variance));
            x.batch_norm(
                weight, bias, mean, variance, training, MOMENTUM, EPSILON, false,
            )
        };
        Ok(by_image(x, norm))
    }

    fn neuron(&self, site: &Site, x: &Tensor) -> Result<Tensor> {
        if site.batch_leak {
            bail!(
                "{}: its state runs on through a batch; set batch_leak = false",
                site.name
            );
        }
        let steps = self.graph.time_steps as i64;
        let now = |t: i64| x.select(0, if x.size()[0] == 1 { 0 } else { t });
        let unknown = |key: &str| anyhow!("{}: {key} is not trained here", site.name);
        Ok(match site.neuron.dynamics(|key| Err(unknown(key)))? {
            Neuron::Spiking(spiking) => {
                let Some((tau, threshold)) = spiking.as_lif() else {
                    bail!("{}: neurons of {spiking:?} are not trained here", site.name);
                };
                let mut membrane: Option<Tensor> = None;
                let spikes = (0..steps).map(|t| {
                    let potential = match &membrane {
                        None => now(t) / tau,
                        Some(v) => v.lerp(&now(t), 1.0 / tau),
                    };
                    let fired = potential.detach().ge(threshold).to_kind(x.kind());
                    let near = || potential.clamp(threshold - WINDOW, threshold + WINDOW);
                    let spikes = self.with_gradient(&fired, near);
                    membrane = Some(potential * (1.0 - fired));
                    spikes
                });
                Tensor::stack(&spikes.collect::<Vec<_>>(), 0)
            }
            Neuron::Integer { max, halves, .. } => {
                let clamped = x.clamp(0.0, max as f64);
                let levels = match halves {
                    Halves::ToEven => clamped.detach().round(),
                    Halves::Up => (clamped.detach() + 0.5).floor(),
                };
                let levels = self.with_gradient(&levels, || clamped);
                levels.expand([steps, -1, -1, -1, -1], false)
            }
        })
    }

    /// Numbers with the gradient of others. The difference added is exactly 0.
    fn with_gradient(&self, numbers: &Tensor, smooth: impl FnOnce() -> Tensor) -> Tensor {
        match self.mode {
            Mode::Evaluation => numbers.shallow_clone(),
            Mode::Training => {
                let smooth = smooth();
                (&smooth - smooth.detach()) + numbers
            }
        }
    }
}

/// An operation on `[T B, C, H, W]`, for all time steps at once.
fn by_image(x: &Tensor, operation: impl FnOnce(&Tensor) -> Tensor) -> Tensor {
    let (steps, images) = (x.size()[0], x.size()[1]);
    {
        let y = operation(&x.flatten(0, 1));
        let size = [&[steps, images], &y.size()[1..]].concat();
        y.reshape(size)
    }
}

/// `[T, B, C, H, W]` as `[T, B, heads, C / heads, H W]`.
fn by_head(x: &Tensor, heads: usize) -> Tensor {
    let size = x.size();
    x.reshape([size[0], size[1], heads as i64, size[2] / heads as i64, -1])
}

/// `scale * q (k^T v)` per head.
fn attention(qkv: [&Tensor; 3], heads: usize, scale: f64) -> Tensor {
    let size = qkv[2].size();
    // Channels of a head before tokens: v k^T, then that times q.
    let [q, k, v] = qkv.map(|x| by_head(x, heads));
    let state = v.matmul(&k.transpose(3, 4));
    (state.matmul(&q) * scale).reshape(size)
}
