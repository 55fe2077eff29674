//! Neurons of any charge, firing and reset, unrolled over time steps.

use super::builder::{Builder, Dtype, Value, op};
use super::neurons::Leak;
use crate::export::manifest::operation::{self, Charge, Firing, Reset};

/// The dynamics of a population.
pub(super) struct Membrane {
    pub charge: Charge,
    pub threshold: f32,
    pub firing: Firing,
    pub reset: Reset,
}

/// What a time step leaves to the next one.
struct State {
    potential: Value,
    /// 1 where the neuron fired, where the next step needs it.
    fired: Value,
}

impl Membrane {
    /// The spikes of every time step.
    pub(super) fn unroll(&self, builder: &mut Builder, site: &str, inputs: &[Value]) -> Vec<Value> {
        let scope = builder.scope.clone();
        let mut spikes: Vec<Value> = Vec::with_capacity(inputs.len());
        let mut state: Option<State> = None;
        for (t, x) in inputs.iter().enumerate() {
            builder.scope = format!("{scope}/t{t}");
            let name = |what: &str| format!("t{t}.{what}.{site}");
            let before = state.as_ref().map(|s| &s.potential);
            let mut potential = self.charged(builder, before, x, &name);
            if let (Some(State { fired, .. }), Reset::SoftNext) = (&state, self.reset) {
                potential = self.less(builder, &potential, fired, name("reset"), &name);
            }
            let spike = self.spike(builder, &potential, &name);
            if t + 1 < inputs.len() {
                state = Some(State {
                    potential: self.after(builder, &potential, &spike, &name),
                    fired: spike.clone(),
                });
            }
            spikes.push(spike);
        }
        builder.scope = scope;
        spikes
    }

    fn rest(&self) -> f32 {
        match self.reset {
            Reset::Hard(rest) => rest as f32,
            Reset::Soft | Reset::SoftNext => 0.0,
        }
    }

    /// The potential with the input; without a state it begins with the rest.
    fn charged(
        &self,
        builder: &mut Builder,
        state: Option<&Value>,
        x: &Value,
        name: &impl Fn(&str) -> String,
    ) -> Value {
        let rest = builder.constant(self.rest());
        let v = match state {
            Some(v) => v.clone(),
            // Of the input's shape: the rest, once for every neuron.
            None => {
                let zero = builder.constant(0.0);
                let nothing = builder.same("Mul", &[x, &zero], name("nothing"));
                builder.same("Add", &[&nothing, &rest], name("begin"))
            }
        };
        let leak = |leak: operation::Leak| match leak {
            operation::Leak::Over(tau) => Leak::of(tau),
            operation::Leak::Times(rate) => Leak::Times(rate as f32),
        };
        let above = |builder: &mut Builder| match self.rest() == 0.0 {
            true => v.clone(),
            false => builder.same("Sub", &[&v, &rest], name("above_rest")),
        };
        let potential = name("potential");
        match self.charge {
            Charge::Integrate => builder.same("Add", &[&v, x], potential),
            Charge::DecayInput(rate) => {
                let above = above(builder);
                let difference = builder.same("Sub", &[x, &above], name("difference"));
                let change = leak(rate).apply(builder, &difference, name("change"));
                builder.same("Add", &[&v, &change], potential)
            }
            Charge::Leak(rate) => {
                let above = above(builder);
                let leaked = leak(rate).apply(builder, &above, name("leaked"));
                let kept = builder.same("Sub", &[&v, &leaked], name("kept"));
                builder.same("Add", &[&kept, x], potential)
            }
            Charge::Retain(kept) => {
                let factor = builder.constant(kept as f32);
                let kept = builder.same("Mul", &[&v, &factor], name("kept"));
                builder.same("Add", &[&kept, x], potential)
            }
        }
    }

    /// 1 where the potential fires.
    fn spike(
        &self,
        builder: &mut Builder,
        potential: &Value,
        name: &impl Fn(&str) -> String,
    ) -> Value {
        let threshold = builder.constant(self.threshold);
        let bools = |what: &str| (name(what), Dtype::Bool);
        let fires = match self.firing {
            Firing::Above => {
                let (name, dtype) = bools("fires");
                let to = (name, dtype, &potential.dims[..]);
                builder.node(op("Greater"), &[potential, &threshold], to)
            }
            Firing::AtLeast => {
                let (below, dtype) = bools("below");
                let to = (below, dtype, &potential.dims[..]);
                let below = builder.node(op("Less"), &[potential, &threshold], to);
                let (fires, dtype) = bools("fires");
                builder.node(op("Not"), &[&below], (fires, dtype, &potential.dims[..]))
            }
        };
        builder.cast(&fires, Dtype::F32, name("spike"))
    }

    /// The potential less the threshold where it fired.
    fn less(
        &self,
        builder: &mut Builder,
        potential: &Value,
        fired: &Value,
        to: String,
        name: &impl Fn(&str) -> String,
    ) -> Value {
        let threshold = builder.constant(self.threshold);
        let taken = builder.same("Mul", &[fired, &threshold], name("taken"));
        builder.same("Sub", &[potential, &taken], to)
    }

    /// The potential after the reset.
    fn after(
        &self,
        builder: &mut Builder,
        potential: &Value,
        spike: &Value,
        name: &impl Fn(&str) -> String,
    ) -> Value {
        match self.reset {
            Reset::SoftNext => potential.clone(),
            Reset::Soft => self.less(builder, potential, spike, name("state"), name),
            Reset::Hard(_) => {
                let one = builder.constant(1.0);
                let silent = (name("silent"), Dtype::F32, &spike.dims[..]);
                let silent = builder.node(op("Sub"), &[&one, spike], silent);
                if self.rest() == 0.0 {
                    return builder.same("Mul", &[potential, &silent], name("state"));
                }
                let kept = builder.same("Mul", &[potential, &silent], name("unreset"));
                let rest = builder.constant(self.rest());
                let rest = builder.same("Mul", &[spike, &rest], name("rest"));
                builder.same("Add", &[&kept, &rest], name("state"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::export::manifest::operation::Leak as Part;

    /// Spikes of one neuron, by the nodes one after the other.
    fn spikes(membrane: &Membrane, inputs: &[f32]) -> Vec<f32> {
        let mut builder = Builder::new(11);
        let of_step = |t: usize| Value {
            name: format!("x{t}"),
            dtype: Dtype::F32,
            dims: vec![1],
        };
        let steps: Vec<Value> = (0..inputs.len()).map(of_step).collect();
        let outputs = membrane.unroll(&mut builder, "site", &steps);
        let graph = builder.finish("neurons", &steps[0], &outputs);
        let named = steps
            .iter()
            .map(|v| v.name.clone())
            .zip(inputs.iter().copied());
        let mut values: HashMap<String, f32> = named.collect();
        for tensor in &graph.initializer {
            let bytes: [u8; 4] = tensor.raw_data.as_ref().unwrap()[..].try_into().unwrap();
            values.insert(tensor.name.clone().unwrap(), f32::from_le_bytes(bytes));
        }
        for node in &graph.node {
            let x = |i: usize| values[&node.input[i]];
            let bit = |b: bool| if b { 1.0 } else { 0.0 };
            let y = match node.op_type.as_deref().unwrap() {
                "Add" => x(0) + x(1),
                "Sub" => x(0) - x(1),
                "Mul" => x(0) * x(1),
                "Div" => x(0) / x(1),
                "Less" => bit(x(0) < x(1)),
                "Greater" => bit(x(0) > x(1)),
                "Not" => 1.0 - x(0),
                "Cast" => x(0),
                other => panic!("{other}"),
            };
            let known = values.insert(node.output[0].clone(), y);
            assert!(known.is_none(), "{} is made twice", node.output[0]);
        }
        outputs.iter().map(|v| values[&v.name]).collect()
    }

    #[test]
    fn courses_by_hand() {
        let with = |charge, firing, reset| Membrane {
            charge,
            threshold: 1.0,
            firing,
            reset,
        };
        let cases = [
            // 0.25, 1, 0.5, 1 from -0.5 on.
            (
                with(Charge::Integrate, Firing::AtLeast, Reset::Hard(-0.5)),
                [0.75, 0.75, 1.0, 0.5],
                [0.0, 1.0, 0.0, 1.0],
            ),
            // 1, 2.5, 1.5, 0.5.
            (
                with(Charge::Integrate, Firing::Above, Reset::Soft),
                [1.0, 1.5, 0.0, 0.0],
                [0.0, 1.0, 1.0, 0.0],
            ),
            // 0, 1.25, -0.5, 1.
            (
                with(
                    Charge::DecayInput(Part::Over(2.0)),
                    Firing::AtLeast,
                    Reset::Hard(-0.5),
                ),
                [1.0, 3.0, 0.0, 3.0],
                [0.0, 1.0, 0.0, 1.0],
            ),
            // 0.5, 1, -0.5, 1.
            (
                with(
                    Charge::Leak(Part::Times(0.5)),
                    Firing::AtLeast,
                    Reset::Hard(-0.5),
                ),
                [1.0, 1.0, 0.0, 1.5],
                [0.0, 1.0, 0.0, 1.0],
            ),
            // 2, 1, 0.75, 1.375.
            (
                with(Charge::Retain(0.5), Firing::Above, Reset::SoftNext),
                [2.0, 1.0, 0.25, 1.0],
                [1.0, 0.0, 0.0, 1.0],
            ),
        ];
        for (membrane, inputs, expected) in cases {
            assert_eq!(spikes(&membrane, &inputs), expected);
        }
    }
}
