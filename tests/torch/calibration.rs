//! Calibrated quantization of whole networks, against plain loops over the graph's definition.

use std::sync::{Arc, Mutex};

use aq4svit::data::Splits;
use aq4svit::evaluate::{
    Cancel, EvaluateError, Evaluator, Job, Optimizations, Outcome, OutputError, Question, Split,
};
use aq4svit::network::{
    Architecture, Graph, Layer, LayerId, Layout, ModelConfig, Neuron, NodeId, Op, QkFormer, SdtV2,
    SdtV3, Spikformer,
};
use aq4svit::quant::calibrated::{InputMoments, InputStatistics, OutputMoments};
use aq4svit::quant::{
    Allocation, BitWidth, Correction, DAMPING, LayerWeights, Method, Nearest, QuantError,
    Quantized, QuantizedLayer, QuantizedStore, Quantizer, Resources, Scheme, Weighting,
};
use aq4svit::torch::{Model, TorchEvaluator, TorchOptions};

use super::naive::{Map, Naive, Random, splits, weights};

fn calibrated(correction: Correction) -> Scheme {
    Scheme {
        method: Method::Calibrated,
        correction,
        ..Scheme::default()
    }
}

/// Small networks of all kinds of layers: depthwise, dense from a chain, on images, on levels.
fn networks() -> Vec<ModelConfig> {
    let sdt_v2 = |merge_repconv| {
        Architecture::SdtV2(SdtV2 {
            embed_dims: [4, 6, 8, 12],
            strides: [2, 1, 2, 1, 1],
            kd: true,
            merge_repconv,
        })
    };
    let layout = Layout::Cifar;
    let all = [
        Architecture::Spikformer(Spikformer {
            layout,
            embed_dims: 16,
            depths: 1,
        }),
        Architecture::QkFormer(QkFormer {
            layout,
            embed_dims: 16,
            depths: 4,
            batch_leak: false,
        }),
        sdt_v2(false),
        sdt_v2(true),
        Architecture::SdtV3(SdtV3::Base {
            embed_dims: [4, 6, 8, 12],
            strides: [2, 1, 2, 1, 1],
            max_spike: 4,
        }),
    ];
    let config = |architecture: Architecture| ModelConfig {
        time_steps: match architecture {
            Architecture::SdtV3(SdtV3::Base { .. }) => 1,
            _ => 3,
        },
        architecture,
        image_size: 16,
        in_channels: 2,
        num_classes: 3,
        num_heads: 2,
        mlp_ratio: 2,
    };
    all.map(config).to_vec()
}

fn random_network(config: &ModelConfig, seed: u64, scheme: Scheme) -> (Model, Arc<Splits>) {
    let graph = config.graph().unwrap();
    let mut random = Random(seed);
    let model = Model {
        weights: weights(&graph, &mut random),
        graph: graph.into(),
        scheme,
    };
    let splits = splits(config, model.graph.input, &mut random);
    (model, Arc::new(splits))
}

fn evaluator(model: &Model, splits: &Arc<Splits>, threads: usize, cached: bool) -> TorchEvaluator {
    let options = TorchOptions {
        threads: Some(threads),
        optimizations: match cached {
            true => Optimizations::ALL,
            false => Optimizations::NONE,
        },
        cache_memory: 64 << 20,
        proxy_images: Some(3),
        ..TorchOptions::default()
    };
    TorchEvaluator::new(model.clone(), Arc::clone(splits), options).unwrap()
}

/// Every layer another width, float among them.
fn mixed(layers: usize) -> Allocation {
    let widths = [3, 2, 32, 4, 1, 8].into_iter().cycle().take(layers);
    Allocation(widths.map(|b| BitWidth::new(b).unwrap()).collect())
}

/// By sample the weight of how near the neurons are that directly follow a layer; none where there
/// are none.
fn nearness(graph: &Graph, naive: &Naive<'_>, layer: NodeId, steps: usize) -> Option<Vec<f64>> {
    let to = graph.node(layer).shape;
    let mut at = layer;
    let site = loop {
        let mut readers = graph.consumers(at);
        let (Some(next), None) = (readers.next(), readers.next()) else {
            return None;
        };
        match graph.node(next).op {
            Op::BatchNorm(_) | Op::ChannelScale(_) | Op::MaxPool { .. } => at = next,
            Op::Neuron(site) => break site,
            _ => return None,
        }
    };
    let from = graph.site(site).shape;
    let Neuron::Spiking(spiking) = &graph.site(site).neuron else {
        return None;
    };
    let threshold = spiking.threshold;
    let potentials = &naive.potentials[site.index()];
    let of = |step: usize, image: usize, y: usize, x: usize| {
        let at = y * from.height / to.height * from.width + x * from.width / to.width;
        let positions = from.height * from.width;
        let near = |c: usize| {
            let u = potentials[step][image][c * positions + at] / threshold;
            1.0 / (1.0 + (std::f64::consts::PI * (u - 1.0)).powi(2))
        };
        (0..from.channels).map(near).sum::<f64>() / from.channels as f64
    };
    let mut weights = Vec::new();
    for step in 0..steps {
        for image in 0..potentials[0].len() {
            for (y, x) in (0..to.height).flat_map(|y| (0..to.width).map(move |x| (y, x))) {
                weights.push(match steps {
                    1 => {
                        let all = (0..potentials.len()).map(|step| of(step, image, y, x));
                        all.sum::<f64>() / potentials.len() as f64
                    }
                    _ => of(step, image, y, x),
                });
            }
        }
    }
    Some(weights)
}

/// The moments of a layer's input by their definition, in the order of the weights.
fn moments(
    layer: &Layer,
    from: (usize, usize),
    to: (usize, usize),
    x: &[&Map],
    sample_weights: Option<&[f64]>,
) -> Vec<InputMoments> {
    let (kernel, stride, padding, groups) = layer.kind.window();
    let n = layer.fan_in();
    let share = n / (kernel * kernel);
    let samples = match sample_weights {
        Some(weights) => weights.iter().sum(),
        None => (x.len() * to.0 * to.1) as f64,
    };
    let mut all = Vec::new();
    for group in 0..groups {
        let (mut mean, mut gram) = (vec![0.0; n], vec![0.0; n * n]);
        for (row, map) in x.iter().enumerate() {
            for at in 0..to.0 * to.1 {
                let weight = sample_weights.map_or(1.0, |w| w[row * to.0 * to.1 + at]) / samples;
                let column: Vec<f64> = (0..n)
                    .map(|i| {
                        let (c, ky, kx) = (i / (kernel * kernel), i / kernel % kernel, i % kernel);
                        let y = (at / to.1 * stride + ky).checked_sub(padding);
                        let x = (at % to.1 * stride + kx).checked_sub(padding);
                        match (y, x) {
                            (Some(y), Some(x)) if y < from.0 && x < from.1 => {
                                map[((group * share + c) * from.0 + y) * from.1 + x]
                            }
                            _ => 0.0,
                        }
                    })
                    .collect();
                for i in 0..n {
                    mean[i] += weight * column[i];
                    for j in 0..n {
                        gram[i * n + j] += weight * column[i] * column[j];
                    }
                }
            }
        }
        all.push(InputMoments { mean, gram });
    }
    all
}

/// Integers, scales and moments of every layer follow from the inputs that plain loops compute.
#[test]
fn layers_are_quantized_by_the_inputs_of_the_definition() {
    let kinds = [Weighting::None, Weighting::Threshold];
    for (seed, config) in networks().iter().enumerate() {
        for weighting in kinds {
            compare(config, seed as u64 + 5, weighting);
        }
    }
}

fn compare(config: &ModelConfig, seed: u64, weighting: Weighting) {
    {
        let scheme = Scheme {
            weighting,
            ..calibrated(Correction::Local)
        };
        let (model, splits) = random_network(config, seed, scheme);
        let graph = &model.graph;
        let layers = graph.layers.len();
        let images: Vec<Vec<Map>> = (0..splits.calibration.len())
            .map(|i| {
                let mut pixels = vec![0.0; splits.calibration.numbers()];
                splits.calibration.fill(i, &mut pixels).unwrap();
                vec![pixels.iter().map(|&x| f64::from(x)).collect()]
            })
            .collect();
        let float = Allocation::uniform(layers, BitWidth::FLOAT);
        let mut naive = Naive {
            model: &model,
            allocation: &float,
            values: Vec::new(),
            potentials: Vec::new(),
        };
        naive.run(&images);
        let evaluator = evaluator(&model, &splits, 2, true);
        let allocation = mixed(layers);
        let found = evaluator
            .quantized_layers(&allocation, &Cancel::default())
            .unwrap();
        for (at, node) in graph.nodes.iter().enumerate() {
            let Op::Layer(id) = node.op else { continue };
            let (layer, width) = (graph.layer(id), allocation.get(id));
            let Some(found) = found[id.index()].as_deref() else {
                assert!(width.is_float());
                continue;
            };
            let input = graph.node(node.inputs[0]);
            let steps = if input.time_invariant {
                1
            } else {
                graph.time_steps
            };
            let values = &naive.values[node.inputs[0].index()];
            let x: Vec<&Map> = values.iter().take(steps).flatten().collect();
            let sizes = |s: aq4svit::network::Shape| (s.height, s.width);
            let near = match weighting {
                Weighting::None => None,
                Weighting::Threshold => nearness(graph, &naive, NodeId(at as u32), steps),
            };
            let sizes = (sizes(input.shape), sizes(node.shape));
            let moments = moments(layer, sizes.0, sizes.1, &x, near.as_deref());
            let statistics = InputStatistics::new(moments, DAMPING).unwrap();
            let weight: Vec<f32> = naive
                .weight_and_bias(layer)
                .0
                .iter()
                .map(|&w| w as f32)
                .collect();
            let weights = LayerWeights {
                name: &layer.name,
                channels: layer.channels(),
                values: &weight,
            };
            let quantizer = model.scheme.quantizer();
            let expected = quantizer
                .quantize(weights, width, Some(&statistics), Resources::threads(1))
                .unwrap();
            let text = format!("{:?} {} {width}", config.architecture, layer.name);
            // Rounding in the last digit may turn single integers where inputs are equally good.
            let error = |q| statistics.errors(&weight, q).iter().sum::<f64>();
            let (ours, theirs) = (error(&found.quantized), error(&expected));
            let of = |m: &OutputMoments| m.float_spread * m.float_spread;
            let variance: f64 = found.moments.iter().map(of).sum();
            assert!(
                (ours - theirs).abs() <= 0.25 * theirs + 1e-5 * variance + 1e-12,
                "{text}: {ours} {theirs}"
            );
            let expected = OutputMoments::of(&statistics, &weight, &found.quantized);
            for (a, b) in found.moments.iter().zip(&expected) {
                let near = |a: f64, b: f64| (a - b).abs() <= 1e-5 * (1.0 + b.abs());
                assert!(
                    near(a.float_mean, b.float_mean) && near(a.mean, b.mean),
                    "{text}"
                );
                // A spread is a difference of squares.
                let near = |a: f64, b: f64, mean: f64| {
                    (a * a - b * b).abs() <= 1e-6 * (1.0 + b * b + mean * mean)
                };
                assert!(near(a.float_spread, b.float_spread, b.float_mean), "{text}");
                assert!(near(a.spread, b.spread, b.mean), "{text}");
            }
        }
    }
}

fn ask(evaluator: &mut TorchEvaluator, allocation: &Allocation) -> [Outcome; 2] {
    let accuracy = Question::Accuracy {
        split: Split::Search,
        from: 0,
        to: 3,
        stop: None,
    };
    [Question::Drift { images: None }, accuracy].map(|question| {
        let job = Job {
            allocation: allocation.clone(),
            question,
        };
        evaluator
            .evaluate(&job, &Cancel::default(), &mut |_| ())
            .unwrap()
            .0
    })
}

/// Threads and caches change nothing, whatever was asked before.
#[test]
fn answers_depend_on_the_allocation_alone() {
    for (seed, config) in networks().iter().enumerate() {
        for correction in [Correction::None, Correction::Local, Correction::Sequential] {
            let scheme = calibrated(correction);
            let (model, splits) = random_network(config, seed as u64 + 50, scheme);
            let layers = model.graph.layers.len();
            let mut other = mixed(layers);
            other.set(LayerId(layers as u32 / 2), BitWidth::new(5).unwrap());
            let mut warm = evaluator(&model, &splits, 3, true);
            let warmed = [ask(&mut warm, &other), ask(&mut warm, &mixed(layers))];
            let mut cold = evaluator(&model, &splits, 1, false);
            let answers = [ask(&mut cold, &mixed(layers)), ask(&mut cold, &other)];
            assert_eq!(warmed[0], answers[1], "{config:?} {correction:?}");
            assert_eq!(warmed[1], answers[0], "{config:?} {correction:?}");
        }
    }
}

/// The first layer sees the same input in both networks; behind it the corrections differ.
#[test]
fn the_sequential_correction_begins_like_the_local_one() {
    let config = &networks()[1];
    let layers = config.graph().unwrap().layers.len();
    let two = Allocation::uniform(layers, BitWidth::new(2).unwrap());
    let (model, splits) = random_network(config, 9, calibrated(Correction::Sequential));
    let evaluator = evaluator(&model, &splits, 2, true);
    let found = evaluator
        .quantized_layers(&two, &Cancel::default())
        .unwrap();
    let first = found[0].as_deref().unwrap();
    let local = aq4svit::quant::ChannelAffine::identity(first.quantized.channels);
    let local = local.corrected(&first.quantized.scales, &first.moments);
    let fitted = first.affine.as_ref().unwrap();
    // Both are relative to the float affine, whose factor divides out.
    let ratio = |i: usize| fitted.scale[i] / local.scale[i];
    let norm = "patch_embed1.proj_bn";
    let of = |part: &str| {
        model
            .weights
            .get(&format!("{norm}.{part}"))
            .unwrap()
            .values
            .clone()
    };
    let (gamma, variance) = (of("weight"), of("running_var"));
    for i in 0..first.quantized.channels {
        let a = f64::from(gamma[i]) / (f64::from(variance[i]) + 1e-5).sqrt();
        assert!((ratio(i) - a).abs() < 1e-5 * a.abs(), "{} {a}", ratio(i));
    }
    assert!(found.iter().flatten().all(|layer| layer.affine.is_some()));
}

/// Layers that never see a spike, weights that are all zero: everything stays finite.
#[test]
fn dead_layers_are_evaluated() {
    let config = &networks()[0];
    for correction in [Correction::Local, Correction::Sequential] {
        let (mut model, splits) = random_network(config, 3, calibrated(correction));
        let layers = model.graph.layers.len();
        for (i, layer) in model.graph.layers.clone().iter().enumerate() {
            let key = format!("{}.weight", layer.name);
            let mut tensor = model.weights.get(&key).unwrap().clone();
            if i % 3 == 1 {
                tensor.values.fill(0.0);
            }
            model.weights.insert(key, tensor);
        }
        for bits in [1, 2, 8] {
            let width = BitWidth::new(bits).unwrap();
            let mut evaluator = evaluator(&model, &splits, 2, true);
            let [drift, _] = ask(&mut evaluator, &Allocation::uniform(layers, width));
            let Outcome::Drift { drift, .. } = drift else {
                unreachable!()
            };
            assert!(drift.is_finite());
        }
    }
}

/// Activations that are not finite are named, not quantized.
#[test]
fn activations_that_are_not_finite_are_an_error() {
    let config = &networks()[0];
    let (mut model, splits) = random_network(config, 3, calibrated(Correction::Local));
    let layer = model.graph.layers[0].name.clone();
    let key = format!("{layer}.weight");
    let mut tensor = model.weights.get(&key).unwrap().clone();
    tensor.values[0] = f32::NAN;
    model.weights.insert(key, tensor);
    let layers = model.graph.layers.len();
    let four = Allocation::uniform(layers, BitWidth::new(4).unwrap());
    let evaluator = evaluator(&model, &splits, 1, true);
    let error = evaluator
        .quantized_layers(&four, &Cancel::default())
        .unwrap_err();
    assert!(
        error.to_string().contains(&layer) || error.to_string().contains("finite"),
        "{error}"
    );
}

/// A store that counts what is kept, and forgets it.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<(String, u8)>>);

impl QuantizedStore for Kept {
    fn load(&self, _: &str, _: BitWidth) -> Option<QuantizedLayer> {
        None
    }
    fn keep(&self, layer: &str, quantized: &QuantizedLayer) {
        let kept = (layer.to_owned(), quantized.quantized.width.bits());
        self.0.lock().unwrap().push(kept);
    }
}

/// Ahead of need every layer is quantized at the widths next to its own, once and until it is
/// cancelled; answers stay the same, and the errors that are told are those of the layers.
#[test]
fn layers_are_quantized_ahead_of_need() {
    let config = &networks()[1];
    let (model, splits) = random_network(config, 21, calibrated(Correction::Local));
    let layers = model.graph.layers.len();
    let menu = [1, 3, 4, 8].map(|b| BitWidth::new(b).unwrap());
    let uniform = |bits| Allocation::uniform(layers, BitWidth::new(bits).unwrap());
    let of = |ahead| {
        let optimizations = Optimizations {
            quantize_ahead: ahead,
            ..Optimizations::ALL
        };
        let options = TorchOptions {
            threads: Some(2),
            optimizations,
            cache_memory: 64 << 20,
            menu: menu.to_vec(),
            ..TorchOptions::default()
        };
        let store = Arc::new(Kept::default());
        let made = TorchEvaluator::new(model.clone(), Arc::clone(&splits), options).unwrap();
        (made.with_store(Arc::clone(&store) as _), store)
    };
    let go_on = Cancel::default();
    let (mut plain, store) = of(false);
    let expected = [3, 1, 4].map(|bits| ask(&mut plain, &uniform(bits)));
    assert!(!plain.work_ahead(&go_on));
    assert_eq!(store.0.lock().unwrap().len(), 3 * layers);

    let (mut ahead, store) = of(true);
    assert!(!ahead.work_ahead(&go_on), "nothing is in use yet");
    assert_eq!(ask(&mut ahead, &uniform(3)), expected[0]);
    let told = ahead.latest_output_errors();
    assert_eq!(told.len(), layers);
    let cancelled = Cancel::default();
    cancelled.cancel();
    assert!(!ahead.work_ahead(&cancelled));
    assert_eq!(store.0.lock().unwrap().len(), layers);
    while ahead.work_ahead(&go_on) {}
    let kept = store.0.lock().unwrap().clone();
    let mut bits: Vec<u8> = kept.iter().map(|(_, bits)| *bits).collect();
    bits.dedup();
    assert_eq!(
        (kept.len(), bits),
        (3 * layers, vec![3, 1, 4]),
        "narrower ones first"
    );

    let told = ahead.latest_output_errors();
    let errors = ahead.output_errors(&uniform(4), &go_on).unwrap();
    for (layer, error) in errors.iter().enumerate() {
        let of_layer = |e: &&OutputError| e.layer == layer && e.width.bits() == 4;
        let told = told.iter().find(of_layer).unwrap();
        assert_eq!(Some(told.error), error.map(f64::sqrt));
    }
    for (bits, expected) in [1, 4].into_iter().zip(&expected[1..]) {
        assert_eq!(&ask(&mut ahead, &uniform(bits)), expected);
    }
    assert_eq!(
        store.0.lock().unwrap().len(),
        3 * layers,
        "nothing is made twice"
    );
}

/// Rounds to the nearest, and refuses statistics that it does not need.
#[derive(Debug)]
struct WithoutImages;

impl Quantizer for WithoutImages {
    fn id(&self) -> String {
        "without images".to_owned()
    }
    fn needs_statistics(&self, _: BitWidth) -> bool {
        false
    }
    fn quantize(
        &self,
        layer: LayerWeights<'_>,
        width: BitWidth,
        statistics: Option<&InputStatistics>,
        _: Resources<'_>,
    ) -> Result<Quantized, QuantError> {
        assert!(statistics.is_none(), "nothing is to be measured");
        Nearest(Scheme::default()).quantize(layer, width, None, Resources::threads(1))
    }
}

/// A quantizer that needs no statistics is given none; its answers are those of rounding.
#[test]
fn statistics_are_measured_only_where_they_are_needed() {
    let config = &networks()[0];
    let (model, splits) = random_network(config, 22, Scheme::default());
    let layers = model.graph.layers.len();
    let options = TorchOptions {
        quantizer: Some(Arc::new(WithoutImages)),
        ..TorchOptions::default()
    };
    let mut own = TorchEvaluator::new(model.clone(), Arc::clone(&splits), options).unwrap();
    let plain = TorchOptions::default();
    let mut plain = TorchEvaluator::new(model, splits, plain).unwrap();
    let allocation = mixed(layers);
    let [own_drift, own_accuracy] = ask(&mut own, &allocation);
    let [drift, accuracy] = ask(&mut plain, &allocation);
    assert_eq!(own_accuracy, accuracy);
    let sites = |outcome| match outcome {
        Outcome::Drift { sites, .. } => sites,
        Outcome::Accuracy { .. } | Outcome::LayerErrors { .. } | Outcome::Statistics(_) => {
            Vec::new()
        }
    };
    // The proxy split has the calibration images here, in another order.
    for (own, plain) in sites(own_drift).into_iter().zip(sites(drift)) {
        assert!((own - plain).abs() <= 1e-12 * plain, "{own} {plain}");
    }
    assert_eq!(own.latest_output_errors(), []);
}

/// Who cancels does not wait for a layer to be solved.
#[test]
fn calibration_is_given_up_at_once() {
    let config = &networks()[1];
    let (model, splits) = random_network(config, 23, calibrated(Correction::Local));
    let layers = model.graph.layers.len();
    let evaluator = evaluator(&model, &splits, 2, true);
    let cancelled = Cancel::default();
    cancelled.cancel();
    let three = Allocation::uniform(layers, BitWidth::new(3).unwrap());
    let given_up = evaluator.quantized_layers(&three, &cancelled);
    assert_eq!(given_up, Err(EvaluateError::Cancelled));
    assert!(
        evaluator
            .quantized_layers(&three, &Cancel::default())
            .is_ok()
    );
}
