//! The example that trains networks.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aq4svit::checkpoint;
use aq4svit::profile::Profile;

#[path = "../../examples/train.rs"]
#[allow(dead_code, reason = "its main")]
mod train;

/// The sizes of a tiny network of each family, below those that all have.
const FAMILIES: [&str; 7] = [
    "family = 'spikformer'\nlayout = 'cifar'\nembed_dims = 16\ndepths = 1",
    "family = 'spikingformer'\nlayout = 'cifar'\nembed_dims = 16\ndepths = 1",
    "family = 'qkformer'\nlayout = 'cifar'\nembed_dims = 16\ndepths = 3",
    "family = 'sdt-v1'\npooling = '1010'\nembed_dims = 16\ndepths = 1",
    "family = 'sdt-v2'\nembed_dims = [8, 16, 24, 32]\nstrides = [1, 2, 2, 1, 1]\nkd = true",
    "family = 'sdt-v3'\nsize = 'base'\nembed_dims = [8, 16, 24, 32]\nstrides = [1, 2, 2, 1, 1]",
    "family = 'sdt-v3'\nsize = 'large'\nembed_dims = [8, 16, 24]\nstrides = [1, 2, 2, 1]\ndepths = 1",
];

/// The arguments of a training on the 5,000 images of the program, of which few are trained on.
fn arguments(folder: &Path, family: &str) -> train::Args {
    let profile = folder.join("profile.toml");
    let steps = if family.contains("v3") { 1 } else { 2 };
    let text = format!(
        "[model]\n{family}\ncheckpoint = 'weights.safetensors'\nimage_size = 28\nin_channels = 1\n\
         num_classes = 10\nnum_heads = 2\nmlp_ratio = 2\ntime_steps = {steps}\n\
         [data]\nsource = 'builtin:fashion-mnist'\nmean = [0.286]\nstd = [0.353]\n"
    );
    fs::write(&profile, text).unwrap();
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    train::Args {
        profile,
        images: assets.join("fashion-mnist-train-last5000-images.idx.gz"),
        labels: assets.join("fashion-mnist-train-last5000-labels.idx.gz"),
        out: folder.join("weights.safetensors"),
        held_back: 4600,
        warm_up: 0,
        epochs: 0,
        batch: 20,
        rate: 5e-3,
        seed: 1,
        threads: 1,
        check: 8,
    }
}

/// Untrained networks, so that the graph's operations are those of the program's executor.
#[test]
fn the_trainers_logits_are_the_programs_for_every_family() {
    let _alone = alone();
    for family in FAMILIES {
        let folder = tempfile::tempdir().unwrap();
        let trained = train::run(&arguments(folder.path(), family)).unwrap();
        assert_eq!((trained.losses.len(), trained.checked), (0, 8));
        let difference = trained.difference;
        assert!(difference < 1e-9, "{family}: {difference}");
    }
}

/// libtorch has one generator of random numbers for all threads, so one training runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TRAINING: Mutex<()> = Mutex::new(());
    TRAINING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn the_loss_falls_and_what_is_written_is_what_was_trained() {
    let _alone = alone();
    for family in [FAMILIES[0], FAMILIES[3]] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = train::Args {
            warm_up: 12,
            // How fast it falls depends on how libtorch rounds: one network is at 0.914 of chance
            // after six epochs on a processor of 512-bit units, and lower on others.
            epochs: 14,
            ..arguments(folder.path(), family)
        };
        let trained = train::run(&arguments).unwrap();
        // An epoch has 20 steps.
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let end = trained.losses.len() - 20;
        let (first, last) = (mean(&trained.losses[..20]), mean(&trained.losses[end..]));
        assert!(last < 0.9 * first, "{family}: {first} {last}");
        let difference = trained.difference;
        assert!(difference < 1e-9, "{family}: {difference}");
        let graph = Profile::load(&arguments.profile).unwrap().graph();
        let written = checkpoint::load(&arguments.out).unwrap();
        written.check(&graph).unwrap();
    }
}

#[test]
fn the_seed_decides_the_weights() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let weights = |seed| {
        let arguments = train::Args {
            warm_up: 1,
            seed,
            ..arguments(folder.path(), FAMILIES[3])
        };
        train::run(&arguments).unwrap();
        fs::read(&arguments.out).unwrap()
    };
    let first = weights(1);
    assert!(first == weights(1));
    assert!(first != weights(2));
}

#[test]
fn too_few_images_are_refused() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let arguments = train::Args {
        held_back: 4990,
        ..arguments(folder.path(), FAMILIES[0])
    };
    let error = train::run(&arguments).unwrap_err().to_string();
    assert!(
        error.contains("10 images") && error.contains("4990"),
        "{error}"
    );
    assert!(!arguments.out.exists());
}
