use std::path::Path;

use super::*;
use crate::profile::{Overrides, Save, relocated};
use crate::quant::{Allocation, BitWidth};

const TEXT: &str = "name = 'mine'\n[model]\nfamily = 'qkformer'\nlayout = 'cifar'\n\
                    checkpoint = 'w.safetensors'\nimage_size = 28\nin_channels = 1\nnum_classes = 10\n\
                    embed_dims = 64\nnum_heads = 8\nmlp_ratio = 4\ndepths = 4\ntime_steps = 4\n\
                    [data]\nsource = 'builtin:fashion-mnist'\n[quantizer]\nscale = 'mse'\n";

fn counts(images: u64, correct: u64) -> SplitEvidence {
    SplitEvidence {
        images,
        correct,
        float_correct: images,
        accuracy: 100.0 * correct as f64 / images as f64,
        low: 70.0,
        high: 99.0,
    }
}

fn measured() -> Evidence {
    Evidence {
        run: String::from("a <run> & \"more\""),
        version: String::from("0.1.0"),
        weights: String::from("355d3a1727d1d446"),
        memory_bytes: 77_016,
        memory_float_bytes: 759_216,
        search: Some(counts(200, 180)),
        test: Some(counts(100, 91)),
        bound: Some(1.25),
        ..Evidence::default()
    }
}

/// The text of the profile saved with four bits everywhere, and evidence where it is given.
fn saved(text: &str, evidence: Option<&Evidence>) -> String {
    let profile = Profile::parse(text, Path::new("/a/p.toml")).expect("a profile");
    let graph = profile.graph();
    let layers: Vec<&str> = graph.layers.iter().map(|l| l.name.as_str()).collect();
    let width = BitWidth::new(4).expect("a width");
    let save = Save {
        text,
        folder: Path::new("/a"),
        name: Some("smaller"),
        layers: &layers,
        allocation: &Allocation::uniform(layers.len(), width),
        pins: &[],
        constraint: None,
        codes: None,
        evidence,
    };
    save.text_for(Path::new("/b/q.toml")).expect("it is saved")
}

fn read(text: &str) -> Profile {
    Profile::parse(text, Path::new("/b/q.toml")).expect("a profile")
}

#[test]
fn evidence_is_saved_and_read_again() {
    let text = saved(TEXT, Some(&measured()));
    let profile = read(&text);
    let found = profile.valid_evidence().expect("valid");
    assert_eq!(
        Evidence {
            hash: String::new(),
            ..found.clone()
        },
        measured()
    );
    let splits: Vec<String> = found
        .splits()
        .map(|(name, split)| format!("{name} {split}"))
        .collect();
    assert_eq!(splits.len(), 2);
    assert_eq!(
        splits[1],
        "test 91.00 % of 100 images (95 %: 70.00 to 99.00), drop 9.00 points"
    );
    // Written out in full it is the same profile, and its evidence is as valid.
    let whole = read(&profile.to_toml().expect("TOML"));
    assert_eq!(whole, profile);
    assert!(whole.valid_evidence().is_some());
}

#[test]
fn other_bits_quantizer_model_or_data_make_it_stale() {
    let text = saved(TEXT, Some(&measured()));
    let changes = [
        ("\nhead = 4\n", "\nhead = 3\n"),
        ("scale = 'mse'", "scale = 'max'"),
        ("time_steps = 4", "time_steps = 2"),
        ("w.safetensors", "v.safetensors"),
        (
            "source = 'builtin:fashion-mnist'\n",
            "source = 'builtin:fashion-mnist'\nsearch = 1000\n",
        ),
        ("correct = 180", "correct = 190"),
        ("memory_bytes = 77016", "memory_bytes = 7016"),
        ("bound = 1.25", "bound = 0.25"),
        ("hash = \"", "hash = \"0"),
    ];
    for (old, new) in changes {
        let changed = text.replacen(old, new, 1);
        assert_ne!(changed, text, "{old} is not in\n{text}");
        let profile = read(&changed);
        assert!(
            profile.evidence.is_some() && profile.valid_evidence().is_none(),
            "{new}"
        );
    }
    let set = Overrides::parse(["bits.head=8"], "/".into()).expect("an override");
    let (profile, _) = Profile::parse_with(&text, Path::new("/b/q.toml"), &set).expect("a profile");
    assert!(profile.valid_evidence().is_none());
    // What says nothing of accuracy may be changed, and so may the place of all files together.
    let other = text.replace("smaller", "renamed") + "\n[search]\nseed = 3\n";
    assert!(read(&other).valid_evidence().is_some());
    let moved = relocated(&text, Path::new("/b"), Path::new("/c/d/q.toml")).expect("it is moved");
    let moved = Profile::parse(&moved, Path::new("/c/d/q.toml")).expect("a profile");
    assert!(moved.valid_evidence().is_some());
}

#[test]
fn evidence_of_another_allocation_is_not_saved_along() {
    let text = saved(TEXT, Some(&measured()));
    assert_eq!(read(&saved(&text, None)).evidence, None);
    let other = Evidence {
        run: String::from("b"),
        ..measured()
    };
    let again = read(&saved(&text, Some(&other)));
    assert_eq!(again.valid_evidence().expect("valid").run, "b");
}

#[test]
fn impossible_evidence_is_an_error_with_its_place() {
    let text = saved(TEXT, Some(&measured()));
    for (old, new) in [
        ("correct = 180", "correct = 201"),
        ("correct = 180", "correct = -1"),
        ("accuracy = 90.0", "accuracy = nan"),
        ("accuracy = 90.0", "more = 1"),
    ] {
        let changed = text.replacen(old, new, 1);
        assert_ne!(changed, text, "{old} is not in\n{text}");
        let error = Profile::parse(&changed, Path::new("/q.toml"))
            .expect_err("impossible")
            .to_string();
        assert!(
            error.contains("evidence.search") && error.contains("leave [evidence] out"),
            "{error}"
        );
    }
}
