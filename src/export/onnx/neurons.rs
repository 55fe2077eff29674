//! Populations of neurons over all time steps.

use super::builder::{Builder, Dtype, Value, op};
use super::membrane;
use crate::export::manifest::operation::{Halves, Site, SiteNeuron};

/// What a site emits: `[T, C, H, W]`.
pub(super) fn neurons(
    builder: &mut Builder,
    site: &Site,
    x: &Value,
    time_steps: usize,
    dims: &[usize],
) -> Value {
    let output = format!("spikes.{}", site.name);
    match site.neuron {
        SiteNeuron::Lif { tau, threshold, .. } => {
            let inputs = steps(builder, site, x, time_steps);
            let lif = Lif {
                leak: Leak::of(tau),
                threshold: threshold as f32,
            };
            let spikes = lif.unroll(builder, site, &inputs);
            join(builder, &spikes, (output, dims))
        }
        SiteNeuron::Spiking {
            charge,
            threshold,
            firing,
            reset,
        } => {
            let inputs = steps(builder, site, x, time_steps);
            let membrane = membrane::Membrane {
                charge,
                threshold: threshold as f32,
                firing,
                reset,
            };
            let spikes = membrane.unroll(builder, &site.name, &inputs);
            join(builder, &spikes, (output, dims))
        }
        SiteNeuron::Integer { max, halves, .. } => {
            let zero = builder.constant(0.0);
            let most = builder.constant(max as f32);
            let name = |what: &str| format!("{what}.{}", site.name);
            let clipped = builder.same("Clip", &[x, &zero, &most], name("clipped"));
            let still = x.dims != dims;
            let rounded = match still {
                true => name("levels"),
                false => output.clone(),
            };
            let levels = match halves {
                Halves::ToEven => builder.same("Round", &[&clipped], rounded),
                Halves::Up => {
                    let half = builder.constant(0.5);
                    let raised = builder.same("Add", &[&clipped, &half], name("raised"));
                    builder.same("Floor", &[&raised], rounded)
                }
            };
            match still {
                true => join(builder, &vec![levels; time_steps], (output, dims)),
                false => levels,
            }
        }
    }
}

/// The input at every time step, `[1, C, H, W]` each.
fn steps(builder: &mut Builder, site: &Site, x: &Value, time_steps: usize) -> Vec<Value> {
    let times = x.dims.first().copied().unwrap_or(1);
    if times == 1 {
        return vec![x.clone(); time_steps];
    }
    let rest = x.dims.iter().skip(1).copied();
    let dims: Vec<usize> = [1].into_iter().chain(rest).collect();
    let values: Vec<Value> = (0..times)
        .map(|t| Value {
            name: format!("t{t}.input.{}", site.name),
            dtype: Dtype::F32,
            dims: dims.clone(),
        })
        .collect();
    builder.split(x, &values);
    values
}

/// One value of all time steps.
fn join(builder: &mut Builder, steps: &[Value], (name, dims): (String, &[usize])) -> Value {
    let steps: Vec<&Value> = steps.iter().collect();
    let kind = op("Concat").int("axis", 0);
    builder.node(kind, &steps, (name, Dtype::F32, dims))
}

/// Leaky integrate-and-fire.
struct Lif {
    leak: Leak,
    threshold: f32,
}

/// The leak per time step.
pub(super) enum Leak {
    /// By the inverse of a power of two.
    Times(f32),
    /// By anything else.
    Over(f32),
}

impl Leak {
    pub(super) fn of(tau: f64) -> Self {
        // A power of two has no digits behind its first one.
        match tau.to_bits() << 12 == 0 && tau.is_normal() {
            true => Leak::Times((1.0 / tau) as f32),
            false => Leak::Over(tau as f32),
        }
    }

    pub(super) fn apply(&self, builder: &mut Builder, x: &Value, name: String) -> Value {
        match *self {
            Leak::Times(k) => {
                let k = builder.constant(k);
                builder.same("Mul", &[x, &k], name)
            }
            Leak::Over(tau) => {
                let tau = builder.constant(tau);
                builder.same("Div", &[x, &tau], name)
            }
        }
    }
}

impl Lif {
    /// The spikes of every time step.
    fn unroll(&self, builder: &mut Builder, site: &Site, inputs: &[Value]) -> Vec<Value> {
        let threshold = builder.constant(self.threshold);
        let scope = builder.scope.clone();
        let mut spikes = Vec::with_capacity(inputs.len());
        let mut state: Option<Value> = None;
        for (t, x) in inputs.iter().enumerate() {
            builder.scope = format!("{scope}/t{t}");
            let name = |what: &str| format!("t{t}.{what}.{}", site.name);
            let potential = match &state {
                // The state begins with 0: the leaked difference is that of the input alone.
                None => self.leak.apply(builder, x, name("potential")),
                Some(v) => {
                    let difference = builder.same("Sub", &[x, v], name("difference"));
                    let change = self.leak.apply(builder, &difference, name("change"));
                    builder.same("Add", &[v, &change], name("potential"))
                }
            };
            let below = (name("below"), Dtype::Bool, &x.dims[..]);
            let below = builder.node(op("Less"), &[&potential, &threshold], below);
            let fires = (name("fires"), Dtype::Bool, &x.dims[..]);
            let fires = builder.node(op("Not"), &[&below], fires);
            spikes.push(builder.cast(&fires, Dtype::F32, name("spike")));
            if t + 1 < inputs.len() {
                let kept = builder.cast(&below, Dtype::F32, name("kept"));
                state = Some(builder.same("Mul", &[&potential, &kept], name("state")));
            }
        }
        builder.scope = scope;
        spikes
    }
}
