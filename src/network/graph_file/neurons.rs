//! The form that neurons have in a document.

use serde::{Deserialize, Serialize};

use super::super::{Charge, Firing, Halves, Neuron, Reset, Spiking, TimeConstant};

/// The fields of a `neuron` node.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NeuronFields {
    /// The site's name.
    pub name: String,
    kind: Kind,
    /// Whether the state runs on from image to image of a batch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch_leak: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tau: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    beta: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tau_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    #[serde(default, skip_serializing_if = "is_default")]
    charge: ChargeField,
    #[serde(default, skip_serializing_if = "is_default")]
    fires: Fires,
    #[serde(default, skip_serializing_if = "is_default")]
    reset: ResetField,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    norm: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    halves: Option<Halves>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Lif,
    If,
    Integer,
}

/// How the potential takes in the input, where it leaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ChargeField {
    #[default]
    DecayInput,
    Leak,
    Retain,
}

/// Where neurons fire: from the threshold on, or above it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fires {
    #[default]
    Ge,
    Gt,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum ResetField {
    Hard(f64),
    Soft(Soft),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Soft {
    Soft,
    SoftNext,
}

impl Default for ResetField {
    fn default() -> Self {
        ResetField::Hard(0.0)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl NeuronFields {
    fn new(name: &str, kind: Kind) -> Self {
        NeuronFields {
            name: name.to_owned(),
            kind,
            batch_leak: false,
            tau: None,
            beta: None,
            tau_key: None,
            threshold: None,
            charge: ChargeField::default(),
            fires: Fires::default(),
            reset: ResetField::default(),
            max: None,
            norm: None,
            halves: None,
        }
    }

    /// The fields of neurons.
    pub(super) fn of(name: &str, neuron: &Neuron, batch_leak: bool) -> Self {
        let fields = match neuron {
            Neuron::Spiking(spiking) => {
                let (kind, charge) = match spiking.charge {
                    Charge::Integrate => (Kind::If, ChargeField::default()),
                    Charge::DecayInput(_) => (Kind::Lif, ChargeField::DecayInput),
                    Charge::Leak(_) => (Kind::Lif, ChargeField::Leak),
                    Charge::Retain(_) => (Kind::Lif, ChargeField::Retain),
                };
                let mut fields = NeuronFields {
                    threshold: Some(spiking.threshold),
                    charge,
                    fires: match spiking.firing {
                        Firing::AtLeast => Fires::Ge,
                        Firing::Above => Fires::Gt,
                    },
                    reset: match spiking.reset {
                        Reset::Hard(rest) => ResetField::Hard(rest),
                        Reset::Soft => ResetField::Soft(Soft::Soft),
                        Reset::SoftNext => ResetField::Soft(Soft::SoftNext),
                    },
                    ..NeuronFields::new(name, kind)
                };
                match spiking.charge.rate() {
                    Some(TimeConstant::Tau(tau)) => fields.tau = Some(*tau),
                    Some(TimeConstant::Beta(beta)) => fields.beta = Some(*beta),
                    Some(TimeConstant::Learned(key)) => fields.tau_key = Some(key.clone()),
                    None => {}
                }
                fields
            }
            &Neuron::Integer { max, norm, halves } => NeuronFields {
                max: Some(max),
                norm: Some(norm),
                halves: Some(halves),
                ..NeuronFields::new(name, Kind::Integer)
            },
        };
        NeuronFields {
            batch_leak,
            ..fields
        }
    }

    /// The neurons.
    ///
    /// # Errors
    /// Which field is missing, foreign or out of range.
    pub(super) fn neuron(&self) -> Result<Neuron, String> {
        let levels = [
            self.max.is_some(),
            self.norm.is_some(),
            self.halves.is_some(),
        ];
        let leaks = [
            self.tau.is_some(),
            self.beta.is_some(),
            self.tau_key.is_some(),
        ];
        let usual = (self.charge, self.fires, self.reset) == Default::default();
        if self.kind == Kind::Integer {
            if leaks.contains(&true) || self.threshold.is_some() || !usual {
                return Err("integer neurons have max, norm and halves alone".to_owned());
            }
            let (Some(max), Some(norm)) = (self.max, self.norm) else {
                return Err("integer neurons need max and norm".to_owned());
            };
            let neuron = Neuron::Integer {
                max,
                norm,
                halves: self.halves.unwrap_or(Halves::ToEven),
            };
            return neuron.check().map(|()| neuron);
        }
        if levels.contains(&true) {
            return Err("only integer neurons have max, norm and halves".to_owned());
        }
        let threshold = self.threshold.ok_or("threshold is missing")?;
        if !(threshold.is_finite() && threshold > 0.0 && threshold <= 1e6) {
            return Err(format!(
                "threshold = {threshold} must be above 0 and at most 1000000"
            ));
        }
        let rate = match (self.tau, self.beta, &self.tau_key) {
            (None, None, None) => None,
            (Some(tau), None, None) if (1.0..=1e6).contains(&tau) => Some(TimeConstant::Tau(tau)),
            (Some(tau), None, None) => {
                return Err(format!("tau = {tau} must be from 1 to 1000000"));
            }
            (None, Some(beta), None) => Some(TimeConstant::Beta(beta)),
            (None, None, Some(key)) => Some(TimeConstant::Learned(key.clone())),
            _ => return Err("one of tau, beta and tau_key says how neurons leak".to_owned()),
        };
        let charge = match (self.kind, rate, self.charge) {
            (Kind::If, None, ChargeField::DecayInput) => Charge::Integrate,
            (Kind::If, ..) => {
                return Err("neurons without a leak have no tau and no charge".to_owned());
            }
            (_, None, _) => return Err("leaky neurons need tau, beta or tau_key".to_owned()),
            (_, Some(rate), ChargeField::DecayInput) => Charge::DecayInput(rate),
            (_, Some(rate), ChargeField::Leak) => Charge::Leak(rate),
            (_, Some(rate), ChargeField::Retain) => Charge::Retain(rate),
        };
        let neuron = Neuron::Spiking(Spiking {
            charge,
            threshold,
            firing: match self.fires {
                Fires::Ge => Firing::AtLeast,
                Fires::Gt => Firing::Above,
            },
            reset: match self.reset {
                ResetField::Hard(rest) => Reset::Hard(rest),
                ResetField::Soft(Soft::Soft) => Reset::Soft,
                ResetField::Soft(Soft::SoftNext) => Reset::SoftNext,
            },
        });
        neuron.check().map(|()| neuron)
    }
}
