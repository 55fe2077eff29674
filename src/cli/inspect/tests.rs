use super::*;
use crate::checkpoint::WeightsChoice;
use crate::profile::{Overrides, Paths, SHIPPED};

fn report(name: &str, sets: &[&str]) -> report::Inspection {
    let nowhere = Paths {
        config: "/nowhere".into(),
        data: "/nowhere".into(),
    };
    let overrides = Overrides::parse(sets, "/".into()).unwrap();
    let resolved = Library::new(&nowhere).resolve(name, &overrides).unwrap();
    let graph = resolved.profile.graph();
    report::Inspection::of(&resolved, &graph, true)
}

#[test]
fn the_demo_reads_well() {
    insta::assert_snapshot!(table::text(&report("demo", &[]), false));
}

#[test]
fn narrow_tables_fit_80_columns_and_wide_ones_leave_nothing_out() {
    let long = "quantizer.bits=[1, 2, 3, 4, 5, 6, 7, 8, 16, \"float\"]";
    for (name, text) in SHIPPED {
        let profile = Profile::parse(text, Path::new("/p.toml")).unwrap();
        let last = format!("bits.\"{}\"=8", profile.graph().layers.last().unwrap().name);
        for sets in [vec![], vec![long, last.as_str()]] {
            let report = report(name, &sets);
            let narrow = table::text(&report, false);
            // The header has paths and the footer a sentence or two, which may be longer.
            let table = narrow.split("\n\n").nth(1).unwrap();
            let sites = narrow
                .lines()
                .skip_while(|l| !l.starts_with("neuron sites"));
            for line in table
                .lines()
                .chain(sites.skip(1).take_while(|l| l.starts_with(' ')))
            {
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
            let wide = table::text(&report, true);
            assert!(report.layers.iter().all(|l| wide.contains(&l.layer)));
            assert!(report.sites.iter().all(|s| wide.contains(&s.site)));
            assert!(report.dead.iter().all(|key| wide.contains(key)));
        }
    }
}

#[test]
fn the_json_object_has_the_promised_columns() {
    let report = report("demo", &["bits.head=4"]);
    let json: serde_json::Value = serde_json::to_value(&report).unwrap();
    assert_eq!(json["type"], "inspection");
    assert_eq!(json["parameters"], 190_850);
    let head = json["layers"].as_array().unwrap().last().unwrap();
    assert_eq!(head["stage"], "head");
    assert_eq!(head["block"], "head");
    assert_eq!(head["layer"], "head");
    assert_eq!(head["shape"], serde_json::json!([10, 64]));
    assert_eq!(head["parameters"], 650);
    let share = |l: &serde_json::Value| l["share_percent"].as_f64().unwrap();
    let shares: f64 = json["layers"].as_array().unwrap().iter().map(share).sum();
    assert!((shares - 100.0).abs() < 1e-9 && share(head) > 0.3 && share(head) < 0.4);
    assert_eq!(json["sites"].as_array().unwrap().len(), 35);
    assert_eq!(head["bits"], 4);
    // 640 weights of 4 bits and ten affines of two f16; float layers have f32.
    assert_eq!(head["bytes"]["4"], 320 + 40);
    assert_eq!(head["bytes"]["float"], 2560 + 80);
    // The first layer sees real pixels, the head counts spikes.
    assert_eq!(json["layers"][0]["integer_exact"], serde_json::json!([]));
    assert_eq!(
        head["integer_exact"],
        serde_json::json!([1, 2, 3, 4, 5, 6, 8])
    );
}

/// The chains of the 15M network, merged: dense 3x3 kernels instead of two 1x1 and a depthwise one.
#[test]
fn merging_repconv_is_shown_in_bytes() {
    let kept = report("sdt-v2-imagenet-15m", &[]);
    let merged = report("sdt-v2-imagenet-15m", &["model.merge_repconv=true"]);
    for report in [&kept, &merged] {
        let chains = report.repconv.as_ref().unwrap();
        assert_eq!(chains.factored_bytes, kept.uniform_bytes);
        assert_eq!(chains.merged_bytes, merged.uniform_bytes);
        let text = table::text(report, false);
        let line = text.lines().find(|l| l.starts_with("RepConv")).unwrap();
        assert!(line.ends_with("float"), "{line}");
    }
    assert!(!kept.repconv.as_ref().unwrap().merged && merged.repconv.as_ref().unwrap().merged);
    // Six blocks of 256 channels and two of 360, four chains each: 9 C^2 weights instead of 2 C^2 +
    // 9 C.
    let [dense, chain] = [|c: u64| 9 * c * c, |c: u64| 2 * c * c + 9 * c];
    let more = 24 * (dense(256) - chain(256)) + 8 * (dense(360) - chain(360));
    assert_eq!(merged.weights - kept.weights, more);
    let text = table::text(&kept, false);
    let chains = text.lines().skip_while(|l| !l.starts_with("RepConv"));
    assert!(chains.take(3).all(|l| l.chars().count() <= 80), "{text}");
    assert!(report("demo", &[]).repconv.is_none());
}

#[test]
fn bare_checkpoints_are_told_from_profiles_and_recognised() {
    for target in [
        "a/w.safetensors",
        "W.PTH",
        "model.pth.tar",
        "last.ckpt",
        "pytorch_model.bin",
        "builtin:x",
    ] {
        assert!(bare_checkpoint(target).is_some(), "{target}");
    }
    for target in ["demo", "p.toml", "safetensors"] {
        assert!(bare_checkpoint(target).is_none(), "{target}");
    }
}

fn bare(builtin: &str) -> (bare::Bare, Recognition) {
    let checkpoint = Checkpoint::Builtin(builtin.to_owned());
    let contents = checkpoint.open(WeightsChoice::Model).unwrap();
    let shapes = contents.shapes();
    let recognition = recognise(&shapes);
    let left: Vec<&Candidate> = recognition.candidates.iter().collect();
    let bare = bare::Bare::of(&checkpoint, &contents, &shapes, &recognition, &left);
    (bare, recognition)
}

#[test]
fn bare_checkpoints_say_what_they_are() {
    let (bare, recognition) = bare("qkformer-fashion-mnist");
    assert_eq!(bare.matches, ["demo"]);
    assert!(bare.profiles().contains("evaluation: demo\n"));
    assert!(
        bare.head()
            .starts_with("builtin:qkformer-fashion-mnist: 169 floating-point tensors, "),
        "{}",
        bare.head()
    );
    assert!(bare.list().contains("patch_embed1.proj_conv.weight"));
    assert_eq!(recognition.candidates.len(), 1);
    let json: serde_json::Value = serde_json::from_str(&bare.json(None).unwrap()).unwrap();
    assert_eq!(json["type"], "inspection");
    assert_eq!(json["candidates"][0]["name"], "qkformer, layout cifar");
    let settings = json["candidates"][0]["settings"].as_array().unwrap();
    let of = |key: &str| settings.iter().find(|s| s["key"] == key).unwrap();
    assert_eq!(of("embed_dims")["value"], 64);
    assert_eq!(of("embed_dims")["tensor"], "head.weight");
    assert_eq!(of("num_heads")["assumed"], "as published");
    assert!(of("family")["assumed"].is_null());
}
