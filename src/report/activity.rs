//! Synaptic operations, energy and membrane potentials of the float network and of the result,
//! where they were measured for the report.

use serde::Serialize;

use crate::evaluate::{EnergyEstimate, Potentials};
use crate::network::Graph;
use crate::run::Activity;

/// What the networks do, or why it is not known.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ActivityReport {
    /// Why nothing was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_measured: Option<String>,
    /// Operations and energy.
    pub energy: Option<EnergyComparison>,
    /// The potentials, for the figure.
    #[serde(skip)]
    pub measured: Option<Seen>,
}

/// The potentials of both networks.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Of the float network.
    pub float: Potentials,
    /// Of the result.
    pub result: Potentials,
}

/// Operations and energy per image of the float network and of the result.
#[derive(Clone, Debug, Serialize)]
pub struct EnergyComparison {
    /// Images of the calibration split that were counted on.
    pub images: usize,
    /// The float network.
    pub float: Energy,
    /// The result.
    pub result: Energy,
    /// By layer, in execution order.
    pub layers: Vec<LayerEnergy>,
}

/// Operations per image and the estimate that the field quotes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Energy {
    /// Multiply-accumulates.
    pub macs: f64,
    /// Synaptic operations, attention included.
    pub synaptic_operations: f64,
    /// Those of attention.
    pub attention_operations: f64,
    /// Joules.
    pub energy_joules: f64,
}

/// What a layer does per image.
#[derive(Clone, Debug, Serialize)]
pub struct LayerEnergy {
    /// The name.
    pub layer: String,
    /// Multiply-accumulates, of both networks.
    pub macs: f64,
    /// Synaptic operations of the float network.
    pub synaptic_operations_float: f64,
    /// Synaptic operations of the result.
    pub synaptic_operations: f64,
    /// The mean input, of spikes their rate, in the float network.
    pub input_mean_float: f64,
    /// The mean input under the result.
    pub input_mean: f64,
}

impl Energy {
    fn of(estimate: &EnergyEstimate) -> Self {
        Energy {
            macs: estimate.macs(),
            synaptic_operations: estimate.synaptic_operations(),
            attention_operations: estimate.attention,
            energy_joules: estimate.joules(),
        }
    }
}

impl ActivityReport {
    /// Of networks that were not looked into, and why.
    pub fn not_measured(why: impl Into<String>) -> Self {
        ActivityReport {
            not_measured: Some(why.into()),
            ..ActivityReport::default()
        }
    }

    /// Of what was measured of the networks of a graph.
    pub fn new(graph: &Graph, measured: Activity) -> Self {
        let float = EnergyEstimate::new(graph, &measured.float);
        let result = EnergyEstimate::new(graph, &measured.result);
        let pairs = float.layers.iter().zip(&result.layers);
        let layers = pairs.map(|(float, result)| LayerEnergy {
            layer: graph.layer(float.layer).name.clone(),
            macs: float.macs,
            synaptic_operations_float: float.synaptic_operations,
            synaptic_operations: result.synaptic_operations,
            input_mean_float: float.input_mean,
            input_mean: result.input_mean,
        });
        ActivityReport {
            not_measured: None,
            energy: Some(EnergyComparison {
                images: measured.float.images,
                float: Energy::of(&float),
                result: Energy::of(&result),
                layers: layers.collect(),
            }),
            measured: measured
                .potentials
                .map(|(float, result)| Seen { float, result }),
        }
    }
}
