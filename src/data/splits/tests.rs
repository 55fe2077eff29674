use std::collections::HashSet;
use std::fs;

use super::super::config::IdxFiles;
use super::*;
use crate::network::ModelConfig;

fn model() -> ModelConfig {
    toml::from_str(
        "family = 'qkformer'\nlayout = 'cifar'\nimage_size = 28\nin_channels = 1\nnum_classes = 10\n\
         embed_dims = 64\nnum_heads = 8\nmlp_ratio = 4\ndepths = 4\ntime_steps = 4",
    )
    .unwrap()
}

fn demo() -> Splits {
    load(&DataConfig::default(), Path::new("."), &model()).unwrap()
}

#[test]
fn the_demo_splits() {
    let Splits {
        calibration,
        search,
        test,
        ..
    } = demo();
    let test = test.unwrap();
    assert_eq!(
        (calibration.len(), search.len(), test.len()),
        (64, 2000, 10_000)
    );
    let indices = |set: &ImageSet| {
        (0..set.len())
            .map(|i| set.source_index(i))
            .collect::<HashSet<_>>()
    };
    assert!(indices(&calibration).is_disjoint(&indices(&search)));
    assert_eq!(indices(&search).len(), 2000);
    assert!((0..10_000).all(|i| test.source_index(i) == i));
    // Of the last 5,000 training images, class 7 has 450 and class 4 has 527.
    let share = |class: u32, of: usize| (0..of).filter(|i| search.label(*i) == class).count();
    assert!(share(7, 500).abs_diff(45) <= 1 && share(4, 500).abs_diff(53) <= 1);
    assert!(share(7, 2000).abs_diff(180) <= 1 && share(4, 2000).abs_diff(211) <= 1);
}

/// Journals and saved profiles rely on these images in this order.
#[test]
fn the_demo_splits_never_change() {
    let Splits {
        calibration,
        search,
        ..
    } = demo();
    let start = |set: &ImageSet| [0, 1, 2, 3].map(|i| set.source_index(i));
    assert_eq!(start(&calibration), [1526, 4362, 3929, 2589]);
    assert_eq!(
        calibration.fingerprint().to_string(),
        "5e504562cd6b89b4ce50bb4e32b9aa4bcaf64e8f55854a0613a6afeb4eadb15b"
    );
    assert_eq!(
        search.fingerprint().to_string(),
        "837003c43e26f21325382af39034a560968fdfd8a1f45210725c189a53bdce7a"
    );
}

fn indices(set: &ImageSet) -> Vec<usize> {
    (0..set.len()).map(|i| set.source_index(i)).collect()
}

/// Proxy and certify images are drawn behind the others, so that these stay as they are.
#[test]
fn proxy_and_certify_images_are_disjoint_from_all_others() {
    let wide = DataConfig {
        calibration: 256,
        calibration_by_default: false,
        certify: Some(2400),
        ..DataConfig::default()
    };
    let splits = load(&wide, Path::new("."), &model()).unwrap();
    let certify = splits.certify.as_ref().unwrap();
    assert_eq!((splits.proxy.len(), certify.len()), (256, 2400));
    assert_eq!(splits.shared, 0);
    let sets = [&splits.calibration, &splits.search, &splits.proxy, certify];
    let all: HashSet<usize> = sets.into_iter().flat_map(indices).collect();
    assert_eq!(all.len(), 256 + 2000 + 256 + 2400);
    let plain = demo();
    assert_eq!(plain.search.fingerprint(), splits.search.fingerprint());
    assert_eq!(
        indices(&plain.calibration),
        indices(&splits.calibration)[..64]
    );
    assert!(plain.certify.is_none());
    // More for the proxies changes neither; fewer images of the certificate are its first ones.
    let fewer = DataConfig {
        certify: Some(100),
        ..wide
    };
    let fewer = load(&fewer, Path::new("."), &model()).unwrap();
    assert_eq!(fewer.proxy.fingerprint(), splits.proxy.fingerprint());
    assert_eq!(indices(&fewer.certify.unwrap()), indices(certify)[..100]);
}

#[test]
fn too_few_images_for_the_proxies_are_completed_from_calibration() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "train", &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let of = |proxy, certify| {
        let config = DataConfig {
            calibration_by_default: false,
            proxy,
            certify,
            ..config(false)
        };
        load(&config, folder.path(), &small())
    };
    let enough = of(4, None).unwrap();
    assert_eq!((enough.proxy.len(), enough.shared), (4, 0));
    let short = of(256, Some(3)).unwrap();
    assert_eq!((short.proxy.len(), short.shared), (1 + 2, 2));
    let calibration = indices(&short.calibration);
    assert_eq!(indices(&short.proxy)[1..], [calibration[1], calibration[0]]);
    assert_eq!(short.certify.unwrap().len(), 3);
    let error = of(256, Some(5)).unwrap_err().to_string();
    assert!(
        error.contains("data.certify = 5") && error.contains("holds 4 images"),
        "{error}"
    );
}

#[test]
fn another_split_seed_gives_other_images() {
    let other = DataConfig {
        split_seed: 1,
        ..DataConfig::default()
    };
    let other = load(&other, Path::new("."), &model()).unwrap();
    assert_ne!(other.search.fingerprint(), demo().search.fingerprint());
    assert_ne!(
        other.calibration.fingerprint(),
        demo().calibration.fingerprint()
    );
    assert_eq!(
        other.test.unwrap().fingerprint(),
        demo().test.unwrap().fingerprint()
    );
}

#[test]
fn the_demo_images_are_normalised_as_in_training() {
    let test = demo().test.unwrap();
    let mut out = vec![0.0; 784];
    test.fill(0, &mut out).unwrap();
    assert_eq!(out[0], (0.0_f32 - 0.286) / 0.353);
    // Every number is that of some pixel value.
    assert!(
        out.iter()
            .all(|v| (0..=255_u8).any(|p| *v == (f32::from(p) / 255.0 - 0.286) / 0.353))
    );
}

/// Writes an IDX data set of 2x2 images; image i is full of i, its label is `labels[i]`.
fn write(folder: &Path, name: &str, labels: &[u8]) {
    let count = (labels.len() as u32).to_be_bytes();
    let pixels: Vec<u8> = (0..labels.len()).flat_map(|i| [i as u8; 4]).collect();
    let images = [
        &[0, 0, 8, 3],
        &count[..],
        &[0, 0, 0, 2, 0, 0, 0, 2],
        &pixels,
    ]
    .concat();
    fs::write(folder.join(format!("{name}-images")), images).unwrap();
    fs::write(
        folder.join(format!("{name}-labels")),
        [&[0, 0, 8, 1], &count[..], labels].concat(),
    )
    .unwrap();
}

fn config(test: bool) -> DataConfig {
    let source = DataSource::Idx(IdxFiles {
        train_images: "train-images".into(),
        train_labels: "train-labels".into(),
        test: test.then(|| ("test-images".into(), "test-labels".into())),
    });
    DataConfig {
        calibration: 2,
        search: 4,
        ..DataConfig::with_source(source)
    }
}

fn small() -> ModelConfig {
    ModelConfig {
        image_size: 2,
        num_classes: 2,
        ..model()
    }
}

#[test]
fn own_files_beside_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "train", &[0, 1, 0, 1, 0, 1, 0, 1]);
    write(folder.path(), "test", &[1, 1, 0]);
    let splits = load(&config(true), folder.path(), &small()).unwrap();
    let test = splits.test.unwrap();
    assert_eq!([0, 1, 2].map(|i| test.label(i)), [1, 1, 0]);
    assert_eq!((splits.calibration.len(), splits.search.len()), (2, 4));
    assert_ne!(splits.calibration.label(0), splits.calibration.label(1));
    let mut out = [9.0; 4];
    splits.search.fill(0, &mut out).unwrap();
    assert_eq!(out, [splits.search.source_index(0) as f32 / 255.0; 4]);
    assert!(
        load(&config(false), folder.path(), &small())
            .unwrap()
            .test
            .is_none()
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let message = |config: &DataConfig, model: &ModelConfig| {
        load(config, folder.path(), model).unwrap_err().to_string()
    };
    let missing = message(&config(false), &small());
    assert!(
        missing.starts_with("cannot read ") && missing.contains("train-images"),
        "{missing}"
    );

    write(folder.path(), "train", &[0, 1, 0, 1, 0, 1]);
    write(folder.path(), "test", &[0, 1, 9]);
    let label = message(&config(true), &small());
    assert!(
        label.contains("test-labels: label 9 of image 2 is out of range"),
        "{label}"
    );
    assert!(label.contains("2 classes"), "{label}");

    let size = message(&config(false), &model());
    assert!(
        size.contains("train-images: the images have 1 channel(s) of 2x2 pixels"),
        "{size}"
    );
    assert!(size.contains("1 channel(s) of 28x28 pixels"), "{size}");
    let colour = ModelConfig {
        in_channels: 3,
        ..small()
    };
    assert!(message(&config(false), &colour).contains("takes 3 channel(s) of 2x2"));

    let many = DataConfig {
        search: 5,
        ..config(false)
    };
    let many = message(&many, &small());
    assert!(
        many.contains("data.calibration = 2 and data.search = 5 need 7 training images"),
        "{many}"
    );
    assert!(
        many.ends_with("train-images holds 6: lower one of them"),
        "{many}"
    );

    let means = DataConfig {
        mean: Some(vec![0.1; 3]),
        ..config(false)
    };
    assert!(
        message(&means, &small())
            .contains("data.mean has 3 numbers, but the images have 1 channel(s)")
    );

    fs::copy(
        folder.path().join("test-labels"),
        folder.path().join("train-labels"),
    )
    .unwrap();
    let count = message(&config(false), &small());
    assert!(
        count.contains("train-images holds 6 images")
            && count.contains("train-labels holds 3 labels"),
        "{count}"
    );
}
