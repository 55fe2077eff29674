//! aq4svit_export.py: published networks, networks in many styles and of own design, and what it
//! refuses.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use aq4svit::profile::Profile;

use super::graph::{
    agrees_with_reference, canonical, fixture, graph_of, last_line, numbers, root, text,
    write_profile,
};
use crate::common::demo::Demo;
use crate::common::python;

/// Runs the networks of the tests; what they print.
fn networks(python: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(python);
    command
        .arg("-B")
        .arg(root().join("tests/data/exporter/networks.py"));
    let output = command.args(arguments).output().expect("Python");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(error),
    }
}

#[test]
fn networks_in_plain_pytorch_become_the_built_in_graphs() {
    let python = match python::torch() {
        Ok(python) => python,
        Err(why) => return python::not_run("aq4svit_export.py", &why),
    };
    let demo = Demo::new();
    for name in [
        "spikformer-cifar",
        "sdt-v1",
        "spikingresformer-cifar",
        "spikingresformer-imagenet",
        "spikingresformer-dvs",
        "max-former-cifar",
        "max-former-imagenet",
        "max-former-dvs",
        "ms-qkformer-cifar",
        "ms-qkformer-imagenet",
    ] {
        let weights = fixture(name).join("weights.safetensors");
        let file = demo.path(&format!("{name}.aq4.safetensors"));
        networks(&python, &["export", name, text(&weights), text(&file)]).expect("an export");
        let built = Profile::load(&fixture(name).join("profile.toml"))
            .expect("a profile")
            .graph();
        assert_eq!(
            canonical(graph_of(&file)),
            canonical((*built).clone()),
            "{name}"
        );
        write_profile(&demo, "p.toml", text(&file));
        agrees_with_reference(&demo, "p.toml", name);
    }
}

#[test]
fn networks_of_own_design_are_exported_and_searched() {
    let python = match python::torch() {
        Ok(python) => python,
        Err(why) => return python::not_run("aq4svit_export.py", &why),
    };
    let demo = Demo::new();
    for kind in ["plain", "clock-driven", "activation-based"] {
        let file = demo.path(&format!("{kind}.aq4.safetensors"));
        match networks(&python, &["own", kind, text(&file)]) {
            Ok(_) => {}
            Err(error) if kind != "plain" && error.contains("ModuleNotFoundError") => {
                let why = error.lines().last().unwrap_or_default();
                python::not_run(&format!("aq4svit_export.py on {kind} neurons"), why);
                continue;
            }
            Err(error) => panic!("{kind}: {error}"),
        }
        let profile = std::fs::read_to_string(demo.path("small.toml")).expect("a profile");
        let (start, rest) = profile.split_once("[model]").expect("a section");
        let (_, rest) = rest.split_once("[data]").expect("a section");
        let graph = format!("graph = \"{kind}.aq4.safetensors\"");
        demo.write(
            "own.toml",
            format!("{start}[model]\n{graph}\n\n[data]{rest}").as_bytes(),
        );
        let folder = format!("run-{kind}");
        let arguments = [
            "search",
            "own.toml",
            "--headless",
            "--json",
            "--run-dir",
            &folder,
        ];
        let limits = ["--set", "constraint.max_accuracy_drop=20"];
        let finished = last_line(&demo.expect(0, &[&arguments[..], &limits].concat()).0);
        let bytes = |key: &str| finished[key].as_u64().expect("bytes");
        assert!(
            bytes("memory_bytes") < bytes("memory_float_bytes") / 3,
            "{finished}"
        );
        demo.expect(0, &["export", &folder, "--out", &format!("package-{kind}")]);
        demo.expect(0, &["verify", &format!("package-{kind}")]);
    }
}

#[test]
fn what_a_graph_file_cannot_say_is_refused_by_its_place() {
    let python = match python::torch() {
        Ok(python) => python,
        Err(why) => return python::not_run("aq4svit_export.py", &why),
    };
    let out = networks(&python, &["refused"]).expect("an answer");
    let said: HashMap<&str, &str> = out.lines().filter_map(|l| l.split_once(": ")).collect();
    for (name, expected) in [
        (
            "transposed",
            "a convolution in second (Conv2d) reads positions in another order",
        ),
        ("flipped", "flip, which is no known operation"),
        (
            "written out",
            "neurons that are written out become a module",
        ),
        (
            "relu",
            "linear in fc (Linear) reads what cannot be written: relu",
        ),
        ("batch mean", "a mean over images"),
        ("factor", "conv in second (Conv2d) reads a value times 0.3"),
        ("next step", "roll, which is no known operation"),
        ("twice", "lif (LIF) is called for two different values"),
        (
            "unknown neurons",
            "told by register(CLASS, fn)), in unknown (Unknown)",
        ),
        ("data", "its control flow depends on data"),
        ("told 0.5", "'kind': 'lif', 'beta': 0.5"),
        ("told 0.9", "are not those of neurons"),
        (
            "class token",
            "cat of a value and a constant (a class token)",
        ),
        (
            "layer norm",
            "layer_norm, which is no known operation, in norm (LayerNorm)",
        ),
        ("softmax", "softmax, which is no known operation"),
        ("shared", "layers that share weights cannot be written"),
        ("oblong", "second (Conv2d): kernel (1, 3) is not square"),
        (
            "one-sided",
            "second (Conv2d): padding=\"same\" of an even kernel",
        ),
        (
            "computed weight",
            "the weight of conv2d is computed, and no tensor NAME.weight",
        ),
        (
            "windows",
            "attention among 36 tokens that are neither all of a time step",
        ),
        (
            "thresholds",
            "threshold of lif2 has 8 numbers; one for all neurons",
        ),
        (
            "time mean",
            "a mean over time steps of a map that is not averaged",
        ),
    ] {
        let found = said
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in: {out}"));
        assert!(found.contains(expected), "{name}: {found}");
    }
}

/// Networks in the styles of several libraries: what the module itself computes comes out of the
/// file.
#[test]
fn networks_in_many_styles_are_exported_as_they_are() {
    let python = match python::torch() {
        Ok(python) => python,
        Err(why) => return python::not_run("aq4svit_export.py", &why),
    };
    let demo = Demo::new();
    let folder = demo.path("");
    let out = networks(&python, &["designs", text(&folder)]).expect("exports");
    let mut compared = 0;
    for line in out.lines().filter(|l| !l.starts_with("aq4svit_export")) {
        let (name, said) = line.split_once(": ").expect("a name");
        let Some(near) = said.strip_prefix("exported ") else {
            python::not_run(&format!("aq4svit_export.py on {name}"), said);
            continue;
        };
        let near: f64 = near.parse().expect("a number");
        write_profile(&demo, "p.toml", &format!("{name}.aq4.safetensors"));
        let own = format!("{name}.safetensors");
        let fixed = ["--output", "out.safetensors", "--precision", "f64"];
        let arguments = ["predict", "p.toml", "--input", &own];
        demo.expect(0, &[&arguments[..], &fixed].concat());
        let expected = numbers(&demo.path(&own), "logits");
        let found = numbers(&demo.path("out.safetensors"), "logits");
        assert_eq!(found.len(), expected.len(), "{name}");
        assert!(expected.iter().any(|&x| x != 0.0), "{name}");
        for (found, expected) in found.iter().zip(&expected) {
            let close = (found - expected).abs() <= near * expected.abs().max(1.0);
            assert!(close, "{name}: {found} {expected}");
        }
        compared += 1;
    }
    assert!(compared >= 7, "{out}");
}
