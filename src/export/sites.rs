//! From a graph's neuron sites to those of a manifest.

use super::manifest::operation::{
    Charge, Factor, Firing, Halves, Leak, Reset, Site, SiteFixed, SiteNeuron,
};
use super::operations::sizes;
use crate::network::{self, Dynamics, Graph, Neuron, Rate, SiteId, Spiking};
use crate::quant::fixed::{self, FixedReset, Membrane, SiteGrid};

/// A site, without what depends on tensors.
pub(super) fn site(
    graph: &Graph,
    (id, dynamics): (SiteId, &Dynamics),
    layer: Option<String>,
    rounding: bool,
) -> Site {
    let site = graph.site(id);
    Site {
        name: site.name.clone(),
        block: graph.blocks[site.block.index()].name.clone(),
        shape: sizes(site.shape),
        neuron: neuron(dynamics),
        input_layer: layer,
        accumulator_units: None,
        fixed: None,
        depends_on_rounding: rounding,
        potential: None,
    }
}

fn neuron(dynamics: &Dynamics) -> SiteNeuron {
    match *dynamics {
        Neuron::Spiking(spiking) => match spiking.as_lif() {
            Some((tau, threshold)) => SiteNeuron::Lif {
                tau,
                threshold,
                reset: 0.0,
            },
            None => other(&spiking),
        },
        Neuron::Integer { max, norm, halves } => SiteNeuron::Integer {
            max,
            norm,
            halves: match halves {
                network::Halves::ToEven => Halves::ToEven,
                network::Halves::Up => Halves::Up,
            },
        },
    }
}

/// Neurons of another charge, firing or reset than leaky integrate-and-fire ones.
fn other(spiking: &Spiking<Rate>) -> SiteNeuron {
    let leak = |rate: Rate| match rate {
        Rate::OverTau(tau) => Leak::Over(tau),
        other => Leak::Times(other.leak()),
    };
    SiteNeuron::Spiking {
        charge: match spiking.charge {
            network::Charge::Integrate => Charge::Integrate,
            network::Charge::DecayInput(rate) => Charge::DecayInput(leak(rate)),
            network::Charge::Leak(rate) => Charge::Leak(leak(rate)),
            network::Charge::Retain(rate) => Charge::Retain(rate.kept()),
        },
        threshold: spiking.threshold,
        firing: match spiking.firing {
            network::Firing::AtLeast => Firing::AtLeast,
            network::Firing::Above => Firing::Above,
        },
        reset: match spiking.reset {
            network::Reset::Hard(rest) => Reset::Hard(rest),
            network::Reset::Soft => Reset::Soft,
            network::Reset::SoftNext => Reset::SoftNext,
        },
    }
}

/// A site with its dynamics in integers.
pub(super) fn in_integers(site: Site, known: Option<SiteGrid>, membrane: Option<Membrane>) -> Site {
    let leak = |leak: &fixed::Leak| Factor {
        multiplier: leak.multiplier.into(),
        shift: leak.shift.into(),
    };
    let is_plain = matches!(site.neuron, SiteNeuron::Lif { .. });
    let reset = membrane.map(|m| m.reset).filter(|_| !is_plain);
    let fixed = known.map(|known| SiteFixed {
        bits: known.grid.bits,
        fraction: known.grid.fraction,
        input: known.input.map(|word| Factor {
            multiplier: word.multiplier.into(),
            shift: word.shift.into(),
        }),
        leak: membrane.and_then(|m| m.charge.rate().map(leak)),
        threshold: membrane.map(|m| m.threshold),
        rest: match reset {
            Some(FixedReset::Hard(rest)) => Some(rest),
            _ => None,
        },
        subtracted: match reset {
            Some(FixedReset::Soft(threshold) | FixedReset::SoftNext(threshold)) => Some(threshold),
            _ => None,
        },
    });
    Site { fixed, ..site }
}
