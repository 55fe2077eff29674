use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use super::*;
use crate::network::Graph;
use crate::profile::settings::layer_names;

const TEXT: &str = r#"# my network
format = 1
name = "mine"   # short

[model]
family = "qkformer"
layout = "cifar"
checkpoint = "w.safetensors" # trained in May
image_size = 28
in_channels = 1
num_classes = 10
embed_dims = 16
num_heads = 2
mlp_ratio = 4
depths = 3
time_steps = 4

[data]
kind = "idx"
train_images = "data/images.gz"
train_labels = "/elsewhere/labels.gz"

# how far it may go
[quantizer]
bits = [2, 4, 8, "float"]

[pins]
"head" = 8  # keep the head
# the end
"#;

fn width(bits: u8) -> BitWidth {
    BitWidth::new(bits).unwrap()
}

fn graph() -> Graph {
    let profile = Profile::parse(TEXT, Path::new("x.toml")).unwrap();
    Graph::clone(&profile.graph())
}

#[test]
fn comments_stay_and_paths_resolve_from_the_new_place() {
    let graph = graph();
    let names = layer_names(&graph);
    let mut allocation = Allocation::uniform(names.len(), width(4));
    allocation.0[0] = BitWidth::FLOAT;
    let pins = [
        Pin::fixed("head", width(8)),
        Pin::range("stage1.*", width(4), BitWidth::FLOAT),
    ];
    let save = Save {
        text: TEXT,
        folder: Path::new("/home/me/net"),
        name: Some("smaller"),
        layers: &names,
        allocation: &allocation,
        pins: &pins,
        constraint: None,
        codes: None,
        evidence: None,
    };
    let text = save
        .text_for(Path::new("/home/me/net/data/p.toml"))
        .unwrap();
    let expected = TEXT
        .replace("\"mine\"", "\"smaller\"")
        .replace("\"w.safetensors\"", "\"/home/me/net/w.safetensors\"")
        .replace("\"data/images.gz\"", "\"images.gz\"");
    let head = expected.split("# the end").next().unwrap();
    assert!(text.starts_with(head), "{text}");
    assert!(
        text.contains("\"stage1.*\" = { min = 4 }\n\n[bits]\n"),
        "{text}"
    );
    assert!(
        text.contains("\"patch_embed1.proj_conv\" = \"float\"\n"),
        "{text}"
    );
    assert!(text.ends_with("head = 4\n# the end\n"), "{text}");

    // Saving again replaces the widths and leaves everything else.
    allocation.0[0] = width(2);
    let again = Save {
        text: &text,
        folder: Path::new("/home/me/net/data"),
        name: None,
        layers: &names,
        allocation: &allocation,
        pins: &pins,
        constraint: None,
        codes: None,
        evidence: None,
    };
    assert_eq!(
        again
            .text_for(Path::new("/home/me/net/data/q.toml"))
            .unwrap(),
        text.replace(
            "\"patch_embed1.proj_conv\" = \"float\"",
            "\"patch_embed1.proj_conv\" = 2"
        )
    );
}

#[test]
fn quantized_layers_are_saved_beside_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("small.toml");
    let graph = graph();
    let names: Vec<&str> = graph.layers.iter().map(|l| l.name.as_str()).collect();
    let allocation = Allocation::uniform(names.len(), width(8));
    let save = |text: &str, codes: Option<&[u8]>| {
        let save = Save {
            text,
            folder: folder.path(),
            name: None,
            layers: &names,
            allocation: &allocation,
            pins: &[],
            constraint: None,
            codes,
            evidence: None,
        };
        save.write(&target, true).unwrap();
        fs::read_to_string(&target).unwrap()
    };
    let with = save(TEXT, Some(b"layers"));
    let file = codes_file(&target);
    assert_eq!(fs::read(&file).unwrap(), b"layers");
    let profile = Profile::load(&target).unwrap();
    assert_eq!(profile.codes, Some(file));
    // Another allocation without them does not claim them.
    let without = save(&with, None);
    assert!(with.contains("codes = \"small.codes.safetensors\"") && !without.contains("codes"));

    // What is to be calibrated anew names the images and no layers.
    let anew = calibrated_text(&with, &target, Some("abc")).unwrap();
    let anew = Profile::parse(&anew, &target).unwrap();
    let named = (anew.codes, anew.calibration_hash.as_deref());
    assert_eq!(named, (None, Some("abc")));
    // A profile elsewhere finds the file where it was.
    let moved = relocated(&with, folder.path(), Path::new("/elsewhere/p.toml")).unwrap();
    let moved = Profile::parse(&moved, Path::new("/elsewhere/p.toml")).unwrap();
    assert_eq!(moved.codes, Some(codes_file(&target)));
}

#[test]
fn a_changed_constraint_is_saved_and_an_unchanged_one_left_as_written() {
    let graph = graph();
    let names = layer_names(&graph);
    let allocation = Allocation::uniform(names.len(), width(4));
    let text = format!(
        "{TEXT}\n[constraint]\nmax_memory = \"2 KiB\" # of the chip\nmax_evaluations = 7\n"
    );
    let saved = |constraint: Constraint| {
        let save = Save {
            text: &text,
            folder: Path::new("/a"),
            name: None,
            layers: &names,
            allocation: &allocation,
            pins: &[],
            constraint: Some(&constraint),
            codes: None,
            evidence: None,
        };
        save.text_for(Path::new("/b/p.toml")).unwrap()
    };
    let said = Profile::parse(&text, Path::new("/a/p.toml"))
        .unwrap()
        .constraint;
    assert!(saved(said).contains("max_memory = \"2 KiB\" # of the chip\n"));
    let changed = Constraint {
        max_accuracy_drop: AccuracyDrop::Any,
        confidence: None,
        max_memory: Some(1000),
        max_evaluations: None,
        max_seconds: Some(5.0),
    };
    let text = saved(changed);
    assert!(text.contains("max_memory = 1000 # of the chip\n"), "{text}");
    let loaded = Profile::parse(&text, Path::new("/b/p.toml")).unwrap();
    assert_eq!(loaded.constraint, changed);
}

#[test]
fn a_target_of_ones_own_is_found_from_another_folder() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    fs::create_dir_all(&home).unwrap();
    fs::write(
        home.join("chip.toml"),
        "[weights]\nwidths = [2, 4, 8, \"float\"]\n",
    )
    .unwrap();
    let text = format!("{TEXT}\n[constraint]\ntarget = \"chip.toml\"\n");
    let moved = relocated(&text, &home, &folder.path().join("run/p.toml")).unwrap();
    let chip = home.join("chip.toml").display().to_string();
    assert!(moved.contains(&chip), "{moved}");
}

#[test]
fn what_would_not_load_again_is_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("p.toml");
    let graph = graph();
    let names = layer_names(&graph);
    let allocation = Allocation::uniform(names.len(), width(3));
    let save = Save {
        text: TEXT,
        folder: folder.path(),
        name: None,
        layers: &names,
        allocation: &allocation,
        pins: &[],
        constraint: None,
        codes: None,
        evidence: None,
    };
    let error = save.write(&target, false).unwrap_err().to_string();
    assert!(error.contains("would not load again"), "{error}");
    assert!(
        error.contains("= 3: not in the bit menu (2, 4, 8, float)"),
        "{error}"
    );
    assert!(!target.exists());
}

/// Texts that say the same in other ways, for what a rewriting could stumble over.
fn any_text() -> impl Strategy<Value = String> {
    let pins = prop::sample::select(vec![
        "",
        "[pins]\n",
        "[pins] # none\n\"*.q_conv\" = { min = 2, max = 8 } # q\nhead = \"float\"\n",
        "[pins.head]\nmin = 4\n",
        "pins = { head = 4 }\n",
    ]);
    let bits = prop::sample::select(vec![
        "",
        "[bits]\nhead = 2 # old\n",
        "[bits]\n# all of them\n\n\"patch_embed1.proj_conv\" = 8\n\n[gate]\naudit = 0.5\n",
        "bits = { head = 8 }\n",
        "bits.head = 8\n",
    ]);
    (pins, bits).prop_map(|(pins, bits)| {
        let base = TEXT.split("[pins]").next().unwrap();
        let (top, tables): (Vec<&str>, Vec<&str>) =
            [pins, bits].into_iter().partition(|t| !t.starts_with('['));
        format!("{}{base}{}", top.concat(), tables.concat())
    })
}

fn any_pins() -> impl Strategy<Value = Vec<Pin>> {
    let widths = || prop::sample::select(vec![1u8, 2, 4, 5, 8, 16, 32]);
    let one = |pattern: &'static str| {
        let list = prop::collection::vec(widths(), 1..4);
        (widths(), widths(), prop::option::of(list)).prop_map(move |(a, b, list)| match list {
            Some(list) => Pin::list(pattern, list.into_iter().map(width).collect()),
            None => Pin::range(pattern, width(a.min(b)), width(a.max(b))),
        })
    };
    (
        one("head"),
        one("*.q_conv"),
        prop::bool::ANY,
        prop::bool::ANY,
    )
        .prop_map(|(a, b, with_a, with_b)| {
            let pins = [(a, with_a), (b, with_b)].into_iter();
            pins.filter(|(_, with)| *with).map(|(p, _)| p).collect()
        })
}

fn by_pattern(pins: &[Pin]) -> BTreeMap<String, Pin> {
    pins.iter()
        .map(|p| (p.pattern.clone(), p.clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn saved_profiles_load_again_to_equal_settings(
        text in any_text(),
        pins in any_pins(),
        widths in prop::collection::vec(prop::sample::select(vec![2u8, 4, 8, 32]), 64),
        target in prop::sample::select(vec!["/home/me/net/p.toml", "/home/me/net/data/p.toml", "/home/me/p.toml", "/x/y.toml"]),
    ) {
        let source = Profile::parse(&text, Path::new("/home/me/net/source.toml")).unwrap();
        let graph = source.graph();
        let names = layer_names(&graph);
        let allocation = Allocation(widths.into_iter().take(names.len()).map(width).collect());
        let save = Save {
            text: &text,
            folder: Path::new("/home/me/net"),
            name: None,
            layers: &names,
            allocation: &allocation,
            pins: &pins,
        constraint: None,
        codes: None,
        evidence: None,
        };
        let Ok(saved) = save.text_for(Path::new(target)) else {
            let fits = Profile { pins: pins.clone(), ..source }.bounds(&graph);
            prop_assert!(fits.is_err(), "{pins:?}");
            return Ok(());
        };
        let loaded = Profile::parse(&saved, Path::new(target)).unwrap();
        prop_assert_eq!(loaded.allocation(&graph), Some(allocation));
        prop_assert_eq!(by_pattern(&loaded.pins), by_pattern(&pins));
        let without = |p: Profile| Profile { pins: Vec::new(), bits: BTreeMap::new(), ..p };
        prop_assert_eq!(without(loaded.clone()), without(source));

        let spelled = loaded.to_toml().unwrap();
        prop_assert_eq!(Profile::parse(&spelled, Path::new("/other/z.toml")).unwrap(), loaded);
    }
}
