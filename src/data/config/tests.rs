use super::*;
use crate::network::ModelConfig;

/// The demo's.
const MODEL: &str = "family = 'qkformer'\nlayout = 'cifar'\nimage_size = 28\nin_channels = 1\nnum_classes = 10\n\
         embed_dims = 64\nnum_heads = 8\nmlp_ratio = 4\ndepths = 4\ntime_steps = 4";

fn model() -> ModelConfig {
    toml::from_str(MODEL).unwrap()
}

fn error(text: &str) -> String {
    toml::from_str::<DataConfig>(text)
        .unwrap_err()
        .message()
        .to_owned()
}

#[test]
fn an_empty_section_is_the_built_in_data() {
    let config: DataConfig = toml::from_str("").unwrap();
    assert_eq!(config, DataConfig::default());
    assert_eq!(
        (config.calibration, config.search, config.split_seed),
        (64, 2000, 0)
    );
    assert_eq!(config.recipe_for(&model()).name, "fashion-mnist");
}

#[test]
fn own_files_are_not_shifted_unless_asked() {
    let config: DataConfig =
        toml::from_str("kind = 'idx'\ntrain_images = 'a'\ntrain_labels = '/b'").unwrap();
    assert_eq!(config.recipe_for(&model()).name, "none");
    assert!(config.mean.is_none() && config.std.is_none());
    let DataSource::Idx(files) = config.resolved(Path::new("/p")).source else {
        panic!("not idx")
    };
    assert_eq!(files.train_images, Path::new("/p/a"));
    assert_eq!(files.train_labels, Path::new("/b"));
    assert_eq!(files.test, None);
}

#[test]
fn sections_survive_writing() {
    for text in [
        "",
        "search = 7\nsplit_seed = 3\nmean = [0.5]",
        "proxy = 9\ncertify = 4",
        "kind = 'idx'\ntrain_images = 'a'\ntrain_labels = 'b'\ntest_images = 'c'\ntest_labels = 'd'\nstd = [0.25]",
        "kind = 'cifar'\ntrain = ['a', 'b']\nrecipe = 'cifar100'",
        "kind = 'cifar'\ntrain = ['a']\ntest = ['b']",
        "kind = 'image-folder'\npath = 'a'\nlabels = 'b'\ntest_path = 'c'\non_corrupt = 'skip'\ncache = false",
        "kind = 'safetensors'\nfile = 'a'\ntest_file = 'b'",
    ] {
        let config: DataConfig = toml::from_str(text).unwrap();
        let written = toml::to_string(&config).unwrap();
        assert_eq!(
            toml::from_str::<DataConfig>(&written).unwrap(),
            config,
            "{written}"
        );
    }
}

#[test]
fn every_kind_names_its_files() {
    for (text, paths) in [
        (
            "kind = 'cifar'\ntrain = ['a', 'b']\ntest = 'c'",
            vec![("train", "/p/a"), ("train", "/p/b"), ("test", "/p/c")],
        ),
        (
            "kind = 'image-folder'\npath = 'a'\nlabels = 'b'\ntest_path = '/c'\ntest_labels = 'd'",
            vec![
                ("path", "/p/a"),
                ("labels", "/p/b"),
                ("test_path", "/c"),
                ("test_labels", "/p/d"),
            ],
        ),
        (
            "kind = 'safetensors'\nfile = 'a'\ntest_file = 'b'",
            vec![("file", "/p/a"), ("test_file", "/p/b")],
        ),
    ] {
        let config: DataConfig = toml::from_str(text).unwrap();
        assert!(config.has_test());
        let mut config = config.resolved(Path::new("/p"));
        let found = config.paths_mut();
        let found: Vec<_> = found
            .iter()
            .map(|(k, p)| (*k, p.to_str().unwrap()))
            .collect();
        assert_eq!(found, paths);
    }
}

#[test]
fn recipes_follow_the_family_unless_given() {
    let recipe = |text: &str, model: &ModelConfig| {
        toml::from_str::<DataConfig>(text)
            .unwrap()
            .recipe_for(model)
            .name
    };
    let imagenet: ModelConfig = toml::from_str(&MODEL.replace("cifar", "imagenet")).unwrap();
    let folder = "kind = 'image-folder'\npath = 'a'\n";
    assert_eq!(recipe(folder, &imagenet), "imagenet-256");
    assert_eq!(recipe(folder, &model()), "cifar10");
    assert_eq!(
        recipe(&format!("{folder}recipe = 'imagenet-224'"), &imagenet),
        "imagenet-224"
    );
    assert_eq!(recipe("kind = 'cifar'\ntrain = 'a'", &imagenet), "cifar10");
    assert_eq!(
        recipe("kind = 'safetensors'\nfile = 'a'", &imagenet),
        "none"
    );
}

#[test]
fn mistakes_are_named() {
    let idx = "kind = 'idx'\ntrain_images = 'a'\ntrain_labels = 'b'\n";
    for (text, part) in [
        ("source = 'builtin:mnist'", "\"builtin:mnist\""),
        ("kind = 'tfrecord'", "\"tfrecord\" is unknown"),
        (
            "kind = 'idx'\nsource = 'builtin:fashion-mnist'",
            "both `source` and `kind`",
        ),
        (
            "kind = 'idx'\ntrain_images = 'a'",
            "data.train_labels is missing",
        ),
        ("train_images = 'a'", "say `kind = \"idx\"`"),
        (
            &format!("{idx}test_images = 'c'"),
            "data.test_labels is missing",
        ),
        (
            &format!("{idx}test_labels = 'c'"),
            "data.test_images is missing",
        ),
        (
            &format!("{idx}test_file = 'c'"),
            "data.test_file does not belong to kind = \"idx\"",
        ),
        (
            "kind = 'cifar'",
            "data.train is missing: kind = \"cifar\" needs train",
        ),
        ("kind = 'cifar'\ntrain = []", "data.train is missing"),
        ("kind = 'image-folder'", "data.path is missing"),
        (
            "kind = 'image-folder'\npath = 'a'\ntest_labels = 'b'",
            "data.test_path is missing",
        ),
        ("kind = 'safetensors'", "data.file is missing"),
        (
            "kind = 'safetensors'\nfile = 'a'\ncache = true",
            "data.cache does not belong to kind = \"safetensors\"",
        ),
        (
            "recipe = 'imagenet'",
            "data.recipe = \"imagenet\" is unknown; the recipes are none, ",
        ),
        ("calibration = 0", "data.calibration = 0"),
        ("search = 0", "data.search = 0"),
        ("proxy = 0", "data.proxy = 0"),
        ("certify = 0", "data.certify = 0"),
        ("std = [0.0]", "data.std = 0"),
        ("std = [1e-60]", "above 0"),
        ("std = [nan]", "data.std = NaN"),
        ("mean = [inf]", "data.mean = inf"),
        ("sarch = 5", "unknown field `sarch`"),
    ] {
        let message = error(text);
        assert!(message.contains(part), "{text}: {message}");
    }
}
