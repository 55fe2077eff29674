//! A quantizer of one's own: rounding to the nearest at the scale of least *output* error.
//!
//! `cargo run --example own_quantizer` compares it with the two that come with the program, on a
//! layer whose inputs fire together. To evaluate a network with it, give it to
//! `aq4svit::torch::TorchOptions::quantizer`.

use aq4svit::quant::calibrated::{InputMoments, InputStatistics};
use aq4svit::quant::{
    BitWidth, DAMPING, LayerWeights, Method, QuantError, Quantized, Quantizer, Resources, Scheme,
};

/// Rounds to the nearest at every scale of a grid, and keeps for each channel the scale whose
/// integers change the layer's output least.
#[derive(Debug)]
struct LeastOutputError;

impl Quantizer for LeastOutputError {
    fn id(&self) -> String {
        "least-output-error 1".to_owned()
    }

    fn needs_statistics(&self, _: BitWidth) -> bool {
        true
    }

    fn quantize(
        &self,
        layer: LayerWeights<'_>,
        width: BitWidth,
        statistics: Option<&InputStatistics>,
        resources: Resources<'_>,
    ) -> Result<Quantized, QuantError> {
        let nearest = quantizer(Method::Nearest).quantize(layer, width, None, resources)?;
        let Some(statistics) = statistics else {
            return Ok(nearest);
        };
        let most = width.q_max().map_or(1.0, f64::from);
        let n = nearest.fan_in;
        let mut best = nearest.clone();
        let mut least = statistics.errors(layer.values, &best);
        for step in 0..29 {
            let ratio = 1.0 - 0.025 * f64::from(step);
            let mut tried = nearest.clone();
            let rows = layer.values.chunks(n).zip(tried.values.chunks_mut(n));
            for ((weights, codes), scale) in rows.zip(&mut tried.scales) {
                let largest = weights.iter().fold(0f32, |m, w| m.max(w.abs()));
                *scale = (ratio * f64::from(largest) / most).max(f64::MIN_POSITIVE);
                for (code, &w) in codes.iter_mut().zip(weights) {
                    let q = (f64::from(w) / *scale).round_ties_even();
                    *code = q.clamp(-most, most) as i16;
                }
            }
            let errors = statistics.errors(layer.values, &tried);
            for (channel, (error, least)) in errors.iter().zip(&mut least).enumerate() {
                if error < least {
                    *least = *error;
                    let own = channel * n..(channel + 1) * n;
                    best.values[own.clone()].copy_from_slice(&tried.values[own]);
                    best.scales[channel] = tried.scales[channel];
                }
            }
        }
        Ok(best)
    }
}

fn quantizer(method: Method) -> std::sync::Arc<dyn Quantizer> {
    let scheme = Scheme {
        method,
        ..Scheme::default()
    };
    scheme.quantizer()
}

/// Sums of the channels' output errors: to the nearest, by this quantizer, calibrated.
pub fn run() -> Result<[f64; 3], Box<dyn std::error::Error>> {
    let (channels, inputs) = (16usize, 48usize);
    // Neighbours fire together: their errors add up unless they are rounded in opposite directions.
    let rate = |i: usize| 0.1 + 0.3 * (i * 29 % 48) as f64 / 48.0;
    let gram = (0..inputs * inputs).map(|at| {
        let (i, j) = (at / inputs, at % inputs);
        let together = 0.8f64.powi(i.abs_diff(j) as i32);
        let spread = (rate(i) * (1.0 - rate(i)) * rate(j) * (1.0 - rate(j))).sqrt();
        rate(i) * rate(j) + together * spread
    });
    let moments = InputMoments {
        mean: (0..inputs).map(rate).collect(),
        gram: gram.collect(),
    };
    let statistics = InputStatistics::new(vec![moments], DAMPING)?;
    let wave = |i: usize| ((i * 7919 % 1009) as f32 / 1009.0 - 0.5) * (1.0 + (i % 3) as f32);
    let weights: Vec<f32> = (0..channels * inputs).map(wave).collect();
    let layer = LayerWeights {
        name: "layer",
        channels,
        values: &weights,
    };
    let width = BitWidth::new(3)?;
    let own: std::sync::Arc<dyn Quantizer> = std::sync::Arc::new(LeastOutputError);
    let all = [
        quantizer(Method::Nearest),
        own,
        quantizer(Method::Calibrated),
    ];
    let mut errors = [0.0; 3];
    for (quantizer, error) in all.iter().zip(&mut errors) {
        let made = quantizer.quantize(layer, width, Some(&statistics), Resources::threads(1))?;
        *error = statistics.errors(&weights, &made).iter().sum();
    }
    Ok(errors)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [nearest, own, calibrated] = run()?;
    println!(
        "output error at 3 bits: nearest {nearest:.4}, own {own:.4}, calibrated {calibrated:.4}"
    );
    Ok(())
}
