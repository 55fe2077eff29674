//! Checkpoints as a person meets them: looked into, taken for a search, and wrong in every way.

use std::path::{Path, PathBuf};

use crate::common::demo::Demo;
use serde_json::{Value, json};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn fixture(path: &str) -> String {
    let path = tests().join("fixtures").join(path);
    path.to_str().expect("Unicode").to_owned()
}

fn sample(name: &str) -> String {
    let path = tests().join("data/pytorch").join(name);
    path.to_str().expect("Unicode").to_owned()
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn inspect_tells_the_network_and_a_section_that_is_ready() {
    let demo = Demo::new();
    for file in [
        "qkformer-cifar/checkpoint.pth",
        "spikformer-cifar/checkpoint.pth.tar",
    ] {
        let file = fixture(file);
        let (out, err) = demo.expect(0, &["inspect", &file]);
        assert_eq!(err, "");
        says(
            &out,
            &[
                "every key and shape fits",
                "num_heads = 8",
                "# assumed: ",
                "in_channels = 3\n",
            ],
        );
        assert!(!out.contains("in_channels = 3 "), "{out}");
        // The section makes a profile as it is.
        let section = &out[out.find("[model]").expect("a section")..];
        let section = &section[..section.find("\n\n").expect("its end")];
        demo.write("p.toml", format!("format = 1\n\n{section}\n").as_bytes());
        let (out, err) = demo.expect(0, &["inspect", "p.toml"]);
        assert_eq!(err, "");
        says(&out, &[&file, "has this network's tensors"]);
    }
}

#[test]
fn inspect_gives_one_object() {
    let demo = Demo::new();
    let file = fixture("spikformer-cifar/checkpoint.pth.tar");
    let (out, _) = demo.expect(0, &["inspect", &file, "--json"]);
    let object: Value = serde_json::from_str(&out).expect("one object");
    assert_eq!(object["type"], "inspection");
    assert_eq!(object["family"], "spikformer");
    assert_eq!(object["under"], "state_dict");
    assert_eq!(object["unused"], json!([]));
    assert_eq!(object["checkpoint_fits"], true);
    assert_eq!(object["candidates"].as_array().map(Vec::len), Some(1));
    assert_eq!(object["layers"][0]["layer"], "patch_embed.proj_conv");
    assert_eq!(object["tensors"].as_array().map(Vec::len), Some(107));
    assert_eq!(object["matches"], json!([]));
    let (out, _) = demo.expect(0, &["inspect", &sample("timm.pth.tar"), "--json"]);
    let object: Value = serde_json::from_str(&out).expect("one object");
    assert_eq!(object["type"], "inspection");
    assert_eq!(object["unused"], json!(["state_dict_ema"]));
    assert_eq!(object["candidates"], json!([]));
    assert!(object["layers"].is_null());
}

#[test]
fn inspect_says_what_it_does_not_know() {
    let demo = Demo::new();
    let (out, _) = demo.expect(0, &["inspect", &sample("timm.pth.tar")]);
    says(
        &out,
        &[
            "under `state_dict`",
            "also has tensors under `state_dict_ema`, which are not read",
            "head.weight      [2, 3]",
            "No network is recognised.",
            "profiles show reference",
        ],
    );
    let (out, _) = demo.expect(0, &["inspect", "builtin:qkformer-fashion-mnist"]);
    says(&out, &["authors' evaluation: demo", "image_size = 28"]);
    assert!(!out.contains("head.weight"), "{out}");
    let (out, _) = demo.expect(0, &["inspect", "builtin:qkformer-fashion-mnist", "--wide"]);
    says(&out, &["head.weight"]);
    // What a person sets is not assumed any more.
    let set = [
        "inspect",
        "builtin:qkformer-fashion-mnist",
        "--set",
        "model.num_heads=4",
    ];
    let (out, _) = demo.expect(0, &set);
    says(&out, &["num_heads = 4\n"]);
    let (_, err) = demo.expect(
        1,
        &[
            "inspect",
            "builtin:qkformer-fashion-mnist",
            "--set",
            "model.num_heads=7",
        ],
    );
    says(&err, &["--set model.num_heads=7", "must divide 16"]);
}

/// The tensors of a fixture, changed, as a file.
fn changed(
    name: &str,
    change: impl Fn(&mut std::collections::BTreeMap<String, (safetensors::Dtype, Vec<usize>, Vec<u8>)>),
) -> Vec<u8> {
    let bytes = std::fs::read(fixture(name)).expect("a fixture");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("tensors");
    let owned = file.tensors().into_iter().map(|(key, view)| {
        let parts = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        (key, parts)
    });
    let mut tensors = owned.collect();
    change(&mut tensors);
    let views = tensors.iter().map(|(key, (dtype, shape, data))| {
        let view = safetensors::tensor::TensorView::new(*dtype, shape.clone(), data);
        (key.clone(), view.expect("a tensor"))
    });
    safetensors::serialize(views, None).expect("a file")
}

#[test]
fn inspect_names_the_few_that_differ() {
    let demo = Demo::new();
    let weights = "spikformer-cifar/weights.safetensors";
    for (file, missing, unexpected) in [
        ("missing", Some("block.0.attn.k_bn.bias"), None),
        ("first", Some("patch_embed.proj_conv.weight"), None),
        ("head", Some("head.weight"), None),
        ("unknown", None, Some("block.0.attn.gate")),
        ("renamed", Some("head.bias"), Some("head.offset")),
    ] {
        let bytes = changed(weights, |tensors| {
            let taken = missing.map(|key| tensors.remove(key).expect("a key"));
            if let Some(key) = unexpected {
                let more = taken.unwrap_or((safetensors::Dtype::F32, vec![2], vec![0; 8]));
                tensors.insert(key.to_owned(), more);
            }
        });
        demo.write(file, &bytes);
        let (out, err) = demo.expect(0, &["inspect", file]);
        assert_eq!(err, "");
        says(
            &out,
            &["No network is recognised. The nearest is spikformer, layout cifar"],
        );
        let lists = [("missing", missing), ("unexpected", unexpected)];
        for (what, key) in lists {
            let line = key.map(|key| format!("\n  1 {what}: {key}\n"));
            assert_eq!(out.contains(what), line.is_some(), "{out}");
            assert!(line.is_none_or(|line| out.contains(&line)), "{out}");
        }
        assert!(!out.contains("block.0.mlp.fc1_linear.weight"), "{out}");
        let (out, _) = demo.expect(0, &["inspect", file, "--wide"]);
        says(&out, &["block.0.mlp.fc1_linear.weight"]);
        let (out, _) = demo.expect(0, &["inspect", file, "--json"]);
        let object: Value = serde_json::from_str(&out).expect("one object");
        assert_eq!(object["nearest"]["name"], "spikformer, layout cifar");
        let keys = |key: Option<&str>| json!(key.into_iter().collect::<Vec<_>>());
        assert_eq!(object["nearest"]["missing"], keys(missing));
        assert_eq!(object["nearest"]["unexpected"], keys(unexpected));
    }
}

/// One sentence says that the file fits, or that it does not, never both.
#[test]
fn tensors_of_other_types_are_no_part_of_what_fits() {
    let demo = Demo::new();
    let weights = "spikformer-cifar/weights.safetensors";
    let with = |key: &str, shape: Vec<usize>, numbers: usize| {
        changed(weights, |tensors| {
            let more = (safetensors::Dtype::I64, shape.clone(), vec![0; 8 * numbers]);
            tensors.insert(key.to_owned(), more);
        })
    };
    demo.write("counted", &with("n_averaged", vec![], 1));
    let (out, err) = demo.expect(0, &["inspect", "counted"]);
    assert_eq!(err, "");
    says(
        &out,
        &["every key and shape fits", "is left out: n_averaged."],
    );
    let (out, _) = demo.expect(0, &["inspect", "counted", "--json"]);
    let object: Value = serde_json::from_str(&out).expect("one object");
    assert_eq!(object["left_out"], json!(["n_averaged"]));
    assert_eq!(object["checkpoint_fits"], true);
    demo.write("indexed", &with("block.0.attn.index", vec![4], 4));
    let (out, err) = demo.expect(1, &["inspect", "indexed"]);
    assert!(!out.contains("every key and shape fits"), "{out}");
    says(&out, &["but the file does not fit"]);
    says(&err, &["1 unexpected: block.0.attn.index"]);
}

#[test]
fn files_are_known_by_their_content() {
    let demo = Demo::new();
    let file = std::fs::read(fixture("spikformer-cifar/checkpoint.pth.tar")).expect("a fixture");
    for name in ["last.ckpt", "pytorch_model.bin", "weights", "epoch=7.best"] {
        demo.write(name, &file);
        let (out, err) = demo.expect(0, &["inspect", name]);
        assert_eq!(err, "");
        says(
            &out,
            &["Network: spikformer, layout cifar; every key and shape fits"],
        );
        let profile = fixture("spikformer-cifar/profile.toml");
        let path = demo.path(name);
        let set = format!("model.checkpoint={}", path.to_str().expect("Unicode"));
        let (out, _) = demo.expect(0, &["inspect", &profile, "--set", &set]);
        says(&out, &["has this network's tensors"]);
    }
    let (_, err) = demo.expect(1, &["inspect", "nowhere.ckpt"]);
    says(&err, &["there is no checkpoint at nowhere.ckpt"]);
}

#[test]
fn the_average_is_chosen_by_a_key() {
    let demo = Demo::new();
    let file = sample("timm.pth.tar");
    let (out, _) = demo.expect(0, &["inspect", &file]);
    says(
        &out,
        &[
            "under `state_dict`\n",
            "under `state_dict_ema`: model.weights = \"ema\" takes it.",
        ],
    );
    let set = ["inspect", &file, "--set", "model.weights=ema"];
    let (out, _) = demo.expect(0, &set);
    says(
        &out,
        &[
            "under `state_dict_ema`\n",
            "It also has tensors under `state_dict`, which are not read.",
            "the moving average under `state_dict_ema`.",
        ],
    );
    let bare = sample("bare.pth");
    let (_, err) = demo.expect(1, &["inspect", &bare, "--set", "model.weights=ema"]);
    says(&err, &["bare.pth has no moving average of the weights"]);
    let (_, err) = demo.expect(1, &["inspect", "small.toml", "--set", "model.weights=emma"]);
    says(&err, &["model.weights", "\"model\", \"ema\""]);
}

/// STAtten has the keys and shapes of `sdt-v1` and another forward pass.
#[test]
fn what_keys_cannot_tell_is_said() {
    let demo = Demo::new();
    let weights = fixture("sdt-v1/weights.safetensors");
    let sentence = "the keys and shapes fit sdt-v1, but they do not tell the forward pass: STAtten (arXiv 2409.19764)";
    let advice = "compare the float accuracy with the published one, or give golden data";
    let (out, err) = demo.expect(0, &["inspect", &weights]);
    assert_eq!(err, "");
    says(&out, &[sentence, advice]);
    let (out, _) = demo.expect(0, &["inspect", &weights, "--json"]);
    let object: Value = serde_json::from_str(&out).expect("one object");
    let told = object["cannot_tell"][0].as_str().expect("a sentence");
    says(told, &[sentence]);
    // Loading says it, too.
    let profile = fixture("sdt-v1/profile.toml");
    let (_, err) = demo.expect(0, &["inspect", &profile]);
    says(&err, &["note: ", sentence]);
    // Of other families less is known: in general.
    let (out, _) = demo.expect(
        0,
        &["inspect", &fixture("spikformer-cifar/checkpoint.pth.tar")],
    );
    says(
        &out,
        &["the keys and shapes fit spikformer; they do not tell the forward pass"],
    );
    let (_, err) = demo.expect(0, &["inspect", &fixture("spikformer-cifar/profile.toml")]);
    assert_eq!(err, "");
}

#[test]
fn damaged_checkpoints_are_named() {
    let demo = Demo::new();
    demo.write("bad.safetensors", &[7; 20]);
    let (_, err) = demo.expect(1, &["inspect", "bad.safetensors"]);
    says(&err, &["bad.safetensors", "begins like neither"]);
    let (_, err) = demo.expect(1, &["inspect", "no.pth"]);
    says(&err, &["there is no checkpoint at no.pth"]);
    for (name, part) in [
        ("refused-whole-model.pth", "model.state_dict()"),
        ("refused-no-weights.pth", "no tensors under"),
        ("refused-program.pt", "TorchScript"),
        ("refused-compressed.pth", "compressed"),
    ] {
        let (out, err) = demo.expect(1, &["inspect", &sample(name)]);
        assert_eq!(out, "");
        says(&err, &[name, part]);
    }
    // The network is known, and its numbers are useless: both are said.
    let good = std::fs::read(fixture("spikformer-cifar/weights.safetensors")).expect("a fixture");
    let mut nan = good.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    demo.write("nan.safetensors", &nan);
    let (out, err) = demo.expect(1, &["inspect", "nan.safetensors"]);
    says(&out, &["spikformer, layout cifar", "not usable"]);
    says(
        &err,
        &[
            "nan.safetensors",
            "1 of ",
            "NaN or infinite",
            "use another one",
        ],
    );
    let cut = &good[..good.len() / 2];
    demo.write("cut.safetensors", cut);
    let (_, err) = demo.expect(1, &["inspect", "cut.safetensors"]);
    says(&err, &["cut.safetensors", "truncated"]);
    let whole = std::fs::read(fixture("spikformer-cifar/checkpoint.pth.tar")).expect("a fixture");
    demo.write("cut.pth.tar", &whole[..whole.len() / 2]);
    let (_, err) = demo.expect(1, &["inspect", "cut.pth.tar"]);
    says(&err, &["cut.pth.tar", "truncated"]);
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_terminal() {
    let demo = Demo::new();
    let header = r#"{"\u001b]0;mine\u0007.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
        "b\u009b2J\u007f":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    demo.write(
        "hostile.safetensors",
        &[&length[..], header.as_bytes(), &[0; 8]].concat(),
    );
    let profile =
        "format = 1\nname = \"a\\u001b[2Jb\"\n[model]\ngraph = \"\\u001b[31m.aq4.safetensors\"\n";
    demo.write("hostile.toml", profile.as_bytes());
    for arguments in [
        &["inspect", "hostile.safetensors"][..],
        &["inspect", "hostile.safetensors", "--json"],
        &["inspect", "hostile.toml"],
        &["inspect", "\x1b[31m.toml"],
    ] {
        let output = demo.run(arguments);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).expect("UTF-8");
        let control = |c: &char| c.is_control() && *c != '\n' && *c != '\t';
        let found: Vec<char> = said.chars().filter(control).collect();
        assert!(
            found.is_empty() && !said.is_empty(),
            "{arguments:?}: {said:?}"
        );
    }
}

#[test]
fn the_wrong_profile_is_told_what_to_set() {
    let demo = Demo::new();
    let file = fixture("qkformer-cifar/checkpoint.pth");
    let set = format!("model.checkpoint={file}");
    let wide = ["--set", "model.embed_dims=64"];
    let (_, err) = demo.expect(
        1,
        &[&["inspect", "small.toml", "--set", &set][..], &wide].concat(),
    );
    says(
        &err,
        &[
            "the file is of qkformer, layout cifar: in [model], set in_channels = 3, embed_dims = 32;",
            &format!("aq4svit inspect {file}"),
        ],
    );
    let (_, err) = demo.expect(1, &["inspect", "spikformer-cifar10-4-384", "--set", &set]);
    says(&err, &["set family = \"qkformer\", embed_dims = 32;"]);
}

#[test]
fn searches_from_a_checkpoint_need_data_and_a_known_network() {
    let demo = Demo::new();
    let from = |file: &str, more: &[&str]| {
        let arguments = [
            "search",
            "--headless",
            "--run-dir",
            "run",
            "--model-from",
            file,
        ];
        let (_, err) = demo.expect(1, &[&arguments, more].concat());
        assert!(!demo.path("run").join("journal.jsonl").exists());
        err
    };
    let file = fixture("qkformer-cifar/checkpoint.pth");
    let err = from(&file, &[]);
    says(
        &err,
        &[
            "[data] is missing",
            "note: the weights do not determine model.num_heads, 8 is assumed",
        ],
    );
    let err = from(&file, &["--set", "model.num_heads=4"]);
    assert!(!err.contains("model.num_heads"), "{err}");
    let err = from(&sample("bare.pth"), &[]);
    says(
        &err,
        &[
            "bare.pth",
            "no network that is recognised",
            "profiles show reference",
        ],
    );
    let err = from(&file, &["--set", "model.family=spikformer"]);
    says(&err, &["holds qkformer, layout cifar, not what --set says"]);
    let err = from("nowhere.pth", &[]);
    says(&err, &["there is no checkpoint at nowhere.pth"]);
    // Pins of a profile that the network does not have.
    let err = from(
        &fixture("spikformer-cifar/checkpoint.pth.tar"),
        &["demo", "--set", "pins.stage1.*=4"],
    );
    says(&err, &["stage1.*"]);
}

#[cfg(feature = "torch")]
mod with_libtorch {
    use super::*;

    /// What `predict` writes for a fixture with a checkpoint.
    fn predicted(demo: &Demo, name: &str, checkpoint: &str) -> Vec<u8> {
        let profile = fixture(&format!("{name}/profile.toml"));
        let set = format!(
            "model.checkpoint={}",
            fixture(&format!("{name}/{checkpoint}"))
        );
        let input = fixture(&format!("{name}/reference.safetensors"));
        let arguments = [
            "predict", &profile, "--input", &input, "--output", "out", "--set", &set,
        ];
        demo.expect(0, &arguments);
        std::fs::read(demo.path("out")).expect("an output")
    }

    #[test]
    fn pytorch_files_give_the_logits_of_their_safetensors() {
        let demo = Demo::new();
        for (name, checkpoint) in [
            ("qkformer-cifar", "checkpoint.pth"),
            ("spikformer-cifar", "checkpoint.pth.tar"),
        ] {
            let expected = predicted(&demo, name, "weights.safetensors");
            assert_eq!(predicted(&demo, name, checkpoint), expected, "{name}");
        }
    }

    /// A search from weights alone decides as one from a whole profile.
    #[test]
    fn a_search_takes_its_network_from_a_checkpoint() {
        let demo = Demo::new();
        let text = std::fs::read_to_string(demo.path("small.toml")).expect("a profile");
        // As many as are assumed of weights alone.
        let text = text.replace("time_steps = 2", "time_steps = 4");
        demo.write("small.toml", text.as_bytes());
        let (model, rest) = (text.find("[model]"), text.find("[data]"));
        let (model, rest) = (model.expect("a section"), rest.expect("a section"));
        // Of another network, which is not used.
        let other = "[model]\nfamily = \"spikformer\"\nlayout = \"cifar\"\nimage_size = 32\nin_channels = 3\n\
                     num_classes = 10\nembed_dims = 64\nnum_heads = 8\nmlp_ratio = 4\ndepths = 4\ntime_steps = 4\n\n";
        demo.write(
            "data.toml",
            [&text[..model], other, &text[rest..]].concat().as_bytes(),
        );
        let last = |out: &str| -> Value {
            serde_json::from_str(out.lines().last().expect("lines")).expect("JSON")
        };
        let levels = "search.levels=[\"network\", \"stage\"]";
        let fresh = "--no-result-cache";
        let options = ["--headless", "--json", fresh, "--set", levels, "--run-dir"];
        let (out, _) = demo.expect(
            0,
            &[&["search", "small.toml"], &options[..], &["a"]].concat(),
        );
        let expected = last(&out);
        let from = ["search", "data.toml", "--model-from", "small.safetensors"];
        let (out, err) = demo.expect(0, &[&from, &options[..], &["b"]].concat());
        let found = last(&out);
        says(&err, &["time_steps, 4 is assumed"]);
        for field in [
            "accuracy",
            "memory_bytes",
            "evaluations",
            "layer_forwards_plain",
        ] {
            assert_eq!(found[field], expected[field], "{field}");
        }
        // The run's profile stands on its own.
        let profile = found["profile"].as_str().expect("a path");
        let (out, _) = demo.expect(0, &["evaluate", profile, "--split", "search", "--json"]);
        assert_eq!(last(&out)["accuracy"], expected["accuracy"]);
    }
}
