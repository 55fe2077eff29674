//! The libtorch evaluator on the demo.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use aq4svit::checkpoint;
use aq4svit::data::{self, DataConfig, InputBatch, Splits};
use aq4svit::evaluate::{
    BINS, Cancel, CorrectBits, EvaluateError, Evaluator, Job, Optimizations, Outcome, Prober,
    Progress, Question, Split, StopRule, Work,
};
use aq4svit::network::{Architecture, Layout, ModelConfig, Op, QkFormer, Spikformer};
use aq4svit::profile::Profile;
use aq4svit::quant::{Allocation, BitWidth, Scheme};
use aq4svit::torch::{
    Device, Model, Precision, PredictOptions, TorchEvaluator, TorchOptions, predict,
};
use safetensors::SafeTensors;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn demo() -> &'static (Model, Arc<Splits>) {
    static DEMO: OnceLock<(Model, Arc<Splits>)> = OnceLock::new();
    DEMO.get_or_init(|| {
        let profile = Profile::load(&root().join("profiles/demo.toml")).unwrap();
        let data = DataConfig {
            calibration: 21,
            search: 200,
            ..profile.data.clone().unwrap()
        };
        let model = Model {
            graph: profile.graph(),
            weights: checkpoint::builtin("qkformer-fashion-mnist").unwrap(),
            scheme: Scheme::default(),
        };
        let splits = data::load(&data, root(), &profile.model).unwrap();
        (model, Arc::new(splits))
    })
}

fn evaluator(threads: usize, plain: bool) -> TorchEvaluator {
    let optimizations = if plain {
        Optimizations::NONE
    } else {
        Optimizations::ALL
    };
    with_optimizations(threads, optimizations, 64 << 20)
}

/// One that runs everything that is asked.
fn forgetful(threads: usize) -> TorchEvaluator {
    let optimizations = Optimizations {
        prefix_cache: false,
        ..Optimizations::ALL
    };
    with_optimizations(threads, optimizations, 64 << 20)
}

fn with_optimizations(
    threads: usize,
    optimizations: Optimizations,
    cache_memory: u64,
) -> TorchEvaluator {
    with_proxies(threads, optimizations, cache_memory, 13)
}

fn with_proxies(
    threads: usize,
    optimizations: Optimizations,
    cache_memory: u64,
    proxy_images: usize,
) -> TorchEvaluator {
    let (model, splits) = demo();
    let options = TorchOptions {
        device: "cpu".to_owned(),
        threads: Some(threads),
        others: 0,
        optimizations,
        cache_memory,
        proxy_images: Some(proxy_images),
        ..TorchOptions::default()
    };
    TorchEvaluator::new(model.clone(), Arc::clone(splits), options).unwrap()
}

fn layers() -> usize {
    demo().0.graph.layers.len()
}

fn uniform(bits: u8) -> Allocation {
    Allocation::uniform(layers(), BitWidth::new(bits).unwrap())
}

/// Every layer another width, float and 16 bits among them.
fn mixed() -> Allocation {
    let widths = [4, 3, 32, 8, 16, 2, 5, 6];
    let widths = widths.iter().cycle().take(layers());
    Allocation(widths.map(|&b| BitWidth::new(b).unwrap()).collect())
}

fn accuracy(split: Split, from: usize, to: usize, stop: Option<StopRule>) -> Question {
    Question::Accuracy {
        split,
        from,
        to,
        stop,
    }
}

fn ask(
    evaluator: &mut TorchEvaluator,
    allocation: &Allocation,
    question: Question,
) -> (Outcome, Work) {
    let job = Job {
        allocation: allocation.clone(),
        question,
    };
    let answer = evaluator.evaluate(&job, &Cancel::default(), &mut |_| ());
    answer.unwrap()
}

fn bits(outcome: Outcome) -> CorrectBits {
    match outcome {
        Outcome::Accuracy { correct } => correct,
        Outcome::Drift { .. } | Outcome::LayerErrors { .. } | Outcome::Statistics(_) => {
            panic!("not an accuracy")
        }
    }
}

fn reference<T, const N: usize>(name: &str, one: fn([u8; N]) -> T) -> Vec<T> {
    let bytes = std::fs::read(root().join("tests/fixtures/demo/reference.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor(name).unwrap();
    let numbers = tensor.data().chunks(N);
    numbers.map(|b| one(b.try_into().unwrap())).collect()
}

#[test]
fn the_demo_says_what_it_said_in_pytorch() {
    let test = demo().1.test.as_ref().unwrap();
    let expected: Vec<bool> = reference("test_predictions", |[class]: [u8; 1]| u32::from(class))
        .iter()
        .enumerate()
        .map(|(i, class)| *class == test.label(i))
        .collect();
    assert_eq!(expected.iter().filter(|c| **c).count(), 8681);
    let question = accuracy(Split::Test, 0, 400, None);
    let (outcome, work) = ask(&mut evaluator(2, false), &uniform(32), question);
    let found = bits(outcome);
    assert_eq!(found.len(), 400);
    assert_eq!(
        (work.images, work.layer_forwards),
        (400, 400 * layers() as u64)
    );
    // Another order of sums may change an image or two.
    let changed = found.iter().zip(&expected).filter(|(a, b)| a != *b).count();
    assert!(changed <= 2, "{changed} images changed");
}

#[test]
fn the_demos_first_logits() {
    let (model, splits) = demo();
    let test = splits.test.as_ref().unwrap();
    let mut values = vec![0.0; 64 * 28 * 28];
    for (i, pixels) in values.chunks_mut(28 * 28).enumerate() {
        test.fill(i, pixels).unwrap();
    }
    let images = InputBatch {
        batch: 64,
        frames: None,
        shape: test.shape(),
        values,
    };
    let expected = reference("test_logits_first64", f64::from_le_bytes);
    let far = |precision, allowed: f64| {
        let options = PredictOptions {
            precision,
            trace: false,
            device: Device::CPU,
            threads: 1,
        };
        let found = predict(model, &uniform(32), &images, options).unwrap();
        let rows = found.logits.chunks(10).zip(expected.chunks(10));
        rows.filter(|(a, b)| a.iter().zip(*b).any(|(a, b)| (a - b).abs() > allowed))
            .count()
    };
    assert_eq!(far(Precision::F64, 1e-9), 0);
    // In f32 a spike next to its threshold may flip, and then the image's logits move.
    assert!(far(Precision::F32, 1e-4) <= 4);
}

#[test]
fn threads_change_nothing() {
    let questions = [
        Question::Drift { images: None },
        accuracy(Split::Search, 0, 40, None),
        accuracy(Split::Search, 5, 22, None),
        accuracy(Split::Calibration, 0, 21, None),
    ];
    for allocation in [uniform(32), mixed()] {
        let answers = [1, 2, 3].map(|threads| {
            let mut evaluator = forgetful(threads);
            questions
                .clone()
                .map(|q| ask(&mut evaluator, &allocation, q))
        });
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0], answers[2]);
    }
}

#[test]
fn an_image_does_not_depend_on_what_was_asked_for_with_it() {
    let mut evaluator = forgetful(2);
    for allocation in [uniform(32), mixed()] {
        let mut of = |from, to| {
            bits(
                ask(
                    &mut evaluator,
                    &allocation,
                    accuracy(Split::Search, from, to, None),
                )
                .0,
            )
        };
        let whole = of(0, 60);
        let mut parts = CorrectBits::new();
        for (from, to) in [(0, 1), (1, 1), (1, 13), (13, 29), (29, 60)] {
            let part = of(from, to);
            assert_eq!(part.len(), to - from);
            parts.extend(&part);
        }
        assert_eq!(whole, parts);
    }
}

#[test]
fn stopping_early_changes_the_work_and_not_the_answer() {
    let question = |allowed_loss, lost_before, float: &CorrectBits| {
        let stop = StopRule {
            lost_before,
            allowed_loss,
            stop_when_met: true,
            float: float.clone(),
            sequential: None,
        };
        accuracy(Split::Search, 8, 128, Some(stop))
    };
    let mut stopping = forgetful(2);
    let mut plain = evaluator(1, true);
    let all = accuracy(Split::Search, 8, 128, None);
    let float = bits(ask(&mut stopping, &uniform(32), all.clone()).0);
    let mut saved = 0;
    for (allocation, allowed_loss, lost_before) in [
        (uniform(2), 3, 0),
        (uniform(8), 20, 0),
        (mixed(), 0, 0),
        (uniform(4), 1, 5_000),
    ] {
        let rule = question(allowed_loss, lost_before, &float);
        let (short, less) = ask(&mut stopping, &allocation, rule.clone());
        let (same, more) = ask(&mut plain, &allocation, rule);
        assert_eq!(short, same);
        assert_eq!(
            (more.images, more.layer_forwards),
            (128, 128 * layers() as u64)
        );
        let short = bits(short);
        assert!(short.len() < 120);
        // Never more than a few batches of 8 beyond what was needed.
        let needed = short.len() as u64;
        assert!(less.images >= needed && less.images <= needed + 5 * 8);
        saved += 120 - less.images;
        let full = bits(ask(&mut plain, &allocation, all.clone()).0);
        assert!(short.iter().eq(full.iter().take(short.len())));
    }
    assert!(saved > 120);
}

#[test]
fn cancelling_is_answered_at_the_next_batch() {
    let mut evaluator = forgetful(2);
    for question in [
        Question::Drift { images: None },
        accuracy(Split::Search, 0, 200, None),
    ] {
        let job = Job {
            allocation: uniform(4),
            question,
        };
        let cancel = Cancel::default();
        let mut last = 0;
        let mut progress = |p: Progress| {
            assert!(p.done > last && p.done <= p.total);
            last = p.done;
            cancel.cancel();
        };
        let answer = evaluator.evaluate(&job, &cancel, &mut progress);
        assert_eq!(answer, Err(EvaluateError::Cancelled));
        assert!(last > 0 && last < 200);
        // What was done is told, and told once.
        let spent = evaluator.wasted_work();
        assert!(spent.images >= last as u64 && spent.images < 200);
        assert_eq!(spent.layer_forwards, spent.images * layers() as u64);
        assert_eq!(evaluator.wasted_work(), Work::default());
        let answer = evaluator.evaluate(&job, &cancel, &mut |_| panic!("no batch may run"));
        assert_eq!(answer, Err(EvaluateError::Cancelled));
        assert_eq!(evaluator.wasted_work(), Work::default());
        // And it still works.
        let again = evaluator.evaluate(&job, &Cancel::default(), &mut |_| ());
        assert!(again.is_ok());
    }
}

#[test]
fn drift_is_zero_for_float_and_grows_as_widths_shrink() {
    let mut evaluator = forgetful(2);
    let mut drift = |bits| match ask(
        &mut evaluator,
        &uniform(bits),
        Question::Drift { images: None },
    ) {
        (Outcome::Drift { drift, sites, .. }, work) => (drift, sites, work),
        _ => panic!("not a drift"),
    };
    let (eight, sites, work) = drift(8);
    assert_eq!(sites.len(), demo().0.graph.sites.len() + 1);
    let mean = sites.iter().sum::<f64>() / sites.len() as f64;
    assert!((eight - mean).abs() < 1e-12);
    // The float network runs once, on first need.
    assert_eq!(work.images, 2 * 21);
    let (three, _, work) = drift(3);
    assert_eq!(work.images, 21);
    let (float, sites, _) = drift(32);
    assert_eq!(float, 0.0);
    assert!(sites.iter().all(|&s| s == 0.0));
    assert!(0.0 < eight && eight < 0.05 && eight < three && three < 1.0);
}

/// What is measured beside the drift costs no layer, is the same in every mode, and leaves the
/// drift as it is.
#[test]
fn proxies_are_the_same_in_every_mode_and_cost_no_layer() {
    let allocations = [uniform(4), mixed(), uniform(32), uniform(4)];
    let answers = |evaluator: &mut TorchEvaluator| -> Vec<(Outcome, Work)> {
        let ask = |a: &Allocation| ask(evaluator, a, Question::Drift { images: None });
        allocations.iter().map(ask).collect()
    };
    let plain = answers(&mut with_optimizations(1, Optimizations::NONE, 0));
    for (threads, cache) in [(2, 300_000), (3, 1 << 30)] {
        let found = answers(&mut with_optimizations(threads, Optimizations::ALL, cache));
        for ((a, _), (b, _)) in found.iter().zip(&plain) {
            assert_eq!(a, b, "{threads} threads, {cache} bytes");
        }
    }
    // Calibration has 21 images.
    for (images, same) in [
        (0, false),
        (8, false),
        (21, false),
        (500, false),
        (13, true),
    ] {
        let found = answers(&mut with_proxies(2, Optimizations::NONE, 0, images));
        for ((a, work), (b, plain_work)) in found.iter().zip(&plain) {
            assert_eq!(work, plain_work, "{images}");
            let (
                Outcome::Drift {
                    drift,
                    sites,
                    proxies: Some(found),
                },
                Outcome::Drift {
                    drift: d,
                    sites: s,
                    proxies: Some(whole),
                },
            ) = (a, b)
            else {
                panic!("not a drift with proxies");
            };
            assert_eq!((drift, sites), (d, s));
            assert_eq!(found.spike_flips.is_some(), images > 0);
            assert_eq!(found.divergence.is_some(), images > 0);
            assert_eq!(
                (found.max_drift, found.weight_error),
                (whole.max_drift, whole.weight_error)
            );
            assert!(*drift == 0.0 || (found == whole) == same, "{images}");
        }
    }
}

#[test]
fn every_image_of_a_batch_that_is_run_counts() {
    let mut evaluator = forgetful(2);
    for (from, to, images) in [(0, 8, 8), (5, 9, 16), (13, 29, 24), (196, 200, 8)] {
        let (_, work) = ask(
            &mut evaluator,
            &uniform(4),
            accuracy(Split::Search, from, to, None),
        );
        assert_eq!(work.images, images, "{from}..{to}");
        assert_eq!(work.layer_forwards, images * layers() as u64);
    }
    // The last batch is filled up with copies, which are no images.
    let (_, work) = ask(
        &mut evaluator,
        &uniform(4),
        accuracy(Split::Calibration, 17, 21, None),
    );
    assert_eq!(work.images, 5);
}

#[test]
fn without_tricks_every_answer_is_the_same() {
    let (mut fast, mut plain) = (evaluator(2, false), evaluator(2, true));
    for allocation in [uniform(32), mixed(), uniform(3)] {
        for question in [
            Question::Drift { images: None },
            accuracy(Split::Search, 0, 60, None),
        ] {
            let (a, _) = ask(&mut fast, &allocation, question.clone());
            let (b, _) = ask(&mut plain, &allocation, question);
            assert_eq!(a, b);
        }
    }
}

#[test]
fn numbers_that_overflow_are_an_error_that_names_the_place() {
    let (model, splits) = demo();
    let error = |key: &str, question: Question| {
        let mut model = model.clone();
        let mut tensor = model.weights.get(key).unwrap().clone();
        tensor.values.fill(f32::MAX);
        model.weights.insert(key.to_owned(), tensor);
        let mut evaluator =
            TorchEvaluator::new(model, Arc::clone(splits), TorchOptions::default()).unwrap();
        let job = Job {
            allocation: uniform(8),
            question,
        };
        let answer = evaluator.evaluate(&job, &Cancel::default(), &mut |_| ());
        let error = answer.unwrap_err();
        assert!(matches!(error, EvaluateError::NotFinite { .. }), "{error}");
        error.to_string()
    };
    let stem = "patch_embed1.proj_bn.weight";
    let text = error(stem, Question::Drift { images: None });
    assert!(
        text.contains("site patch_embed1") && text.contains("checkpoint"),
        "{text}"
    );
    let text = error("head.weight", Question::Drift { images: None });
    assert!(text.contains("the logits"), "{text}");
    let text = error("head.weight", accuracy(Split::Search, 0, 16, None));
    assert!(text.contains("the logits of image"), "{text}");
}

#[test]
fn what_cannot_be_answered_is_an_error() {
    let (model, splits) = demo();
    let options = |device: &str| TorchOptions {
        device: device.to_owned(),
        ..TorchOptions::default()
    };
    let refuse = |model: Model, device: &str| {
        TorchEvaluator::new(model, Arc::clone(splits), options(device)).unwrap_err()
    };
    let error = refuse(model.clone(), "gpu").to_string();
    assert!(error.contains("cpu or cuda:N"), "{error}");
    let mut other = model.clone();
    std::sync::Arc::make_mut(&mut other.graph).input.channels = 3;
    assert!(matches!(refuse(other, "cpu"), EvaluateError::Setup(_)));

    let mut evaluator = evaluator(1, false);
    let mut error = |allocation: &Allocation, question: Question| {
        let job = Job {
            allocation: allocation.clone(),
            question,
        };
        let answer = evaluator.evaluate(&job, &Cancel::default(), &mut |_| ());
        answer.unwrap_err()
    };
    let short = Allocation::uniform(3, BitWidth::FLOAT);
    assert!(matches!(
        error(&short, Question::Drift { images: None }),
        EvaluateError::WrongLayers { got: 3, .. }
    ));
    for (from, to) in [(0, 201), (5, 4)] {
        assert!(matches!(
            error(&uniform(4), accuracy(Split::Search, from, to, None)),
            EvaluateError::OutOfRange { len: 200, .. }
        ));
    }
}

/// The authors' QKFormer lets a state run on from image to image: batches of 32 in the split's
/// order, the last one as short as it is, are part of the result, whatever is asked for.
#[test]
fn a_batch_leak_has_fixed_batches() {
    let profile = Profile::load(&root().join("profiles/demo.toml")).unwrap();
    let mut config = profile.model.config().unwrap().clone();
    let Architecture::QkFormer(QkFormer { batch_leak, .. }) = &mut config.architecture else {
        panic!("the demo is a QKFormer");
    };
    *batch_leak = true;
    let (plain, splits) = demo();
    let model = Model {
        graph: config.graph().unwrap().into(),
        ..plain.clone()
    };
    let data = DataConfig {
        calibration: 40,
        search: 42,
        ..profile.data.unwrap()
    };
    let leaking = Arc::new(data::load(&data, root(), &config).unwrap());
    let options = TorchOptions {
        threads: Some(2),
        ..TorchOptions::default()
    };
    let mut evaluator = TorchEvaluator::new(model.clone(), Arc::clone(&leaking), options).unwrap();
    let search = &leaking.search;
    let mut expected = CorrectBits::new();
    for batch in [0..32, 32..42] {
        let mut values = vec![0.0; batch.len() * 28 * 28];
        for (i, pixels) in batch.clone().zip(values.chunks_mut(28 * 28)) {
            search.fill(i, pixels).unwrap();
        }
        let images = InputBatch {
            batch: batch.len(),
            frames: None,
            shape: search.shape(),
            values,
        };
        let options = PredictOptions {
            precision: Precision::F32,
            trace: false,
            device: Device::CPU,
            threads: 1,
        };
        let logits = predict(&model, &uniform(4), &images, options)
            .unwrap()
            .logits;
        let classes = logits.chunks(10).map(|row| {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter().position(|x| *x == largest).unwrap()
        });
        let correct = batch
            .zip(classes)
            .map(|(i, c)| c == search.label(i) as usize);
        expected.extend(&correct.collect());
    }
    let whole = bits(
        ask(
            &mut evaluator,
            &uniform(4),
            accuracy(Split::Search, 0, 42, None),
        )
        .0,
    );
    assert_eq!(whole, expected);
    let mut parts = CorrectBits::new();
    for (from, to) in [(0, 7), (7, 33), (33, 42)] {
        let question = accuracy(Split::Search, from, to, None);
        parts.extend(&bits(ask(&mut evaluator, &uniform(4), question).0));
    }
    assert_eq!(parts, expected);
    let cancel = Cancel::default();
    let counted = evaluator.statistics(&uniform(4), Split::Search, &cancel, &mut |_| ());
    assert_eq!(counted.unwrap().correct(), expected.correct());
    let (drift, _) = ask(
        &mut evaluator,
        &uniform(32),
        Question::Drift { images: None },
    );
    assert!(matches!(drift, Outcome::Drift { drift, .. } if drift == 0.0));

    // Networks that read frames need data of frames.
    let frames = ModelConfig {
        architecture: Architecture::Spikformer(Spikformer {
            layout: Layout::Dvs { tau: 2.0 },
            embed_dims: 16,
            depths: 1,
        }),
        image_size: 32,
        ..config
    };
    let model = Model {
        graph: frames.graph().unwrap().into(),
        ..plain.clone()
    };
    let refused = TorchEvaluator::new(model, Arc::clone(splits), TorchOptions::default());
    let message = refused.err().unwrap().to_string();
    assert!(message.contains("the network takes 4 frames"), "{message}");
}

#[test]
fn statistics_count_what_the_network_does() {
    let (model, splits) = demo();
    let (evaluator, allocation) = (evaluator(2, false), uniform(4));
    let count = |evaluator: &TorchEvaluator, split| {
        let cancel = Cancel::default();
        evaluator
            .statistics(&allocation, split, &cancel, &mut |_| ())
            .unwrap()
    };
    // 21 images: the last batch is filled up, and what fills it does not count.
    let counted = count(&evaluator, Split::Calibration);
    assert_eq!((counted.images, splits.calibration.len()), (21, 21));
    let mut judge = self::evaluator(1, false);
    let job = Job {
        allocation: allocation.clone(),
        question: accuracy(Split::Calibration, 0, 21, None),
    };
    let (outcome, _) = judge
        .evaluate(&job, &Cancel::default(), &mut |_| ())
        .unwrap();
    let Outcome::Accuracy { correct } = outcome else {
        panic!("another question")
    };
    assert_eq!(counted.correct(), correct.correct());
    assert!(counted.top5 >= counted.correct());

    // A value that is a population's spikes has their sum.
    let graph = &model.graph;
    let mut compared = 0;
    for (node, sum) in graph.nodes.iter().zip(&counted.sums) {
        if let Op::Neuron(site) = node.op
            && *sum != 0.0
        {
            assert_eq!(
                *sum,
                counted.spikes[site.index()] as f64,
                "{}",
                graph.site(site).name
            );
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");

    // The same as a trace of the same images as one batch.
    let mut values = vec![0.0; 21 * 28 * 28];
    for (i, pixels) in values.chunks_mut(28 * 28).enumerate() {
        splits.calibration.fill(i, pixels).unwrap();
    }
    let images = InputBatch {
        batch: 21,
        frames: None,
        shape: splits.calibration.shape(),
        values,
    };
    let options = PredictOptions {
        precision: Precision::F32,
        trace: true,
        device: Device::CPU,
        threads: 1,
    };
    let trace = predict(model, &allocation, &images, options)
        .unwrap()
        .trace
        .unwrap();
    for (site, spikes) in trace.sites.iter().zip(&counted.spikes) {
        let expected: i64 = site.spikes.iter().sum();
        // Another batch may flip a spike of the first layer, whose input is real.
        let off = (expected - *spikes as i64).unsigned_abs();
        assert!(
            off as f64 <= 0.001 * expected as f64 + 2.0,
            "{}: {off}",
            site.name
        );
    }
    assert_eq!(
        count(&self::evaluator(1, false), Split::Calibration),
        counted
    );
}

/// Whatever was asked before, whatever may be kept, whoever runs: the answers of an evaluator that
/// keeps nothing.
#[test]
fn what_is_kept_changes_no_answer() {
    let steps = [
        (0, 4, Question::Drift { images: None }),
        (5, 3, accuracy(Split::Search, 0, 16, None)),
        (5, 3, Question::Drift { images: None }),
        (31, 2, accuracy(Split::Search, 3, 24, None)),
        (31, 2, accuracy(Split::Search, 16, 40, None)),
        (12, 8, Question::Drift { images: None }),
        (12, 8, accuracy(Split::Calibration, 0, 21, None)),
        (5, 4, accuracy(Split::Search, 0, 16, None)),
        (30, 3, accuracy(Split::Test, 0, 8, None)),
        (30, 3, Question::Drift { images: None }),
    ];
    let walk = || {
        let mut allocation = uniform(4);
        steps.iter().map(move |(layer, width, question)| {
            allocation.0[*layer] = BitWidth::new(*width).unwrap();
            (allocation.clone(), question.clone())
        })
    };
    // Where a question begins is no matter of what is kept.
    let without = Optimizations {
        stored_bits: true,
        ..Optimizations::NONE
    };
    let mut plain = with_optimizations(2, without, 0);
    let expected: Vec<_> = walk().map(|(a, q)| ask(&mut plain, &a, q)).collect();
    let all: u64 = expected.iter().map(|(_, work)| work.layer_forwards).sum();
    for (threads, budget) in [(1, 0), (2, 300_000), (2, 4 << 20), (3, 1 << 30)] {
        let mut keeping = with_optimizations(threads, Optimizations::ALL, budget);
        let found: Vec<_> = walk().map(|(a, q)| ask(&mut keeping, &a, q)).collect();
        for ((a, _), (b, _)) in found.iter().zip(&expected) {
            assert_eq!(a, b, "{budget} bytes");
        }
        let ran: u64 = found.iter().map(|(_, work)| work.layer_forwards).sum();
        match budget {
            0 => assert_eq!(ran, all),
            _ => assert!(ran < all, "{budget} bytes: {ran} of {all}"),
        }
        if budget == 1 << 30 {
            assert!(4 * ran < 3 * all, "{ran} of {all}");
        }
    }
}

/// Histograms count every potential once; their spikes are those of the statistics, and with every
/// optimization off they are the same but for rounding at the edges of bins.
#[test]
fn potentials_are_counted_once_and_spike_where_the_statistics_say() {
    let (model, splits) = demo();
    let graph = &model.graph;
    let images = splits.calibration.len();
    let allocation = mixed();
    let mut fast = evaluator(2, false);
    let seen = fast.potentials(&allocation, &Cancel::default()).unwrap();
    let counted = fast
        .statistics(
            &allocation,
            Split::Calibration,
            &Cancel::default(),
            &mut |_| {},
        )
        .unwrap();
    let plain = evaluator(1, true)
        .prober()
        .unwrap()
        .potentials(&allocation, &Cancel::default())
        .unwrap();
    assert_eq!(seen.sites.len(), graph.sites.len());
    for (i, (site, of)) in graph.sites.iter().zip(&seen.sites).enumerate() {
        let neurons = (site.shape.channels * site.shape.height * site.shape.width) as u64;
        let all = neurons * images as u64 * graph.time_steps as u64;
        assert_eq!(of.bins.len(), BINS);
        assert_eq!(of.bins.iter().sum::<u64>(), all, "{}", site.name);
        let spikes = of.rates.iter().sum::<f64>() * (neurons * images as u64) as f64;
        assert!(
            (spikes - counted.spikes[i] as f64).abs() < 1e-3,
            "{}",
            site.name
        );
        // The threshold is an edge of bins: what lies at or above it has spiked.
        let above: u64 = of.bins[of.bin(1.0)..].iter().sum();
        assert_eq!(above, counted.spikes[i], "{}", site.name);
        let slow = &plain.sites[i];
        assert_eq!(slow.rates, of.rates, "{}", site.name);
        let moved = of.bins.iter().zip(&slow.bins).map(|(a, b)| a.abs_diff(*b));
        assert!(moved.sum::<u64>() <= 2 + all / 10_000, "{}", site.name);
        for (a, b) in of.means.iter().zip(&slow.means) {
            assert!((a - b).abs() < 1e-5, "{}: {a} {b}", site.name);
        }
    }
    assert!(matches!(
        fast.potentials(&Allocation(vec![]), &Cancel::default()),
        Err(EvaluateError::WrongLayers { .. })
    ));
}
