//! `profiles`, `inspect` and `completions` as a person uses them.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

struct Home(TempDir);

struct Told {
    code: i32,
    out: String,
    err: String,
}

impl Home {
    fn new() -> Home {
        let home = Home(tempfile::tempdir().unwrap());
        fs::create_dir(home.path().join("profiles")).unwrap();
        home
    }
    fn path(&self) -> &Path {
        self.0.path()
    }
    fn run(&self, args: &[&str]) -> Told {
        let output = Command::cargo_bin("aq4svit")
            .unwrap()
            .args(args)
            .current_dir(self.path())
            .env("AQ4SVIT_CONFIG", self.path())
            .env("AQ4SVIT_DATA", self.path())
            .output()
            .unwrap();
        Told {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
    fn ok(&self, args: &[&str]) -> String {
        let told = self.run(args);
        assert_eq!(
            (told.code, told.err.as_str()),
            (0, ""),
            "{args:?}: {}",
            told.out
        );
        told.out
    }
    fn refused(&self, args: &[&str]) -> String {
        let told = self.run(args);
        assert_eq!(
            (told.code, told.out.as_str()),
            (1, ""),
            "{args:?}: {}",
            told.err
        );
        told.err
    }
    fn demo(&self, set: &[&str], name: &str) {
        let mut args = vec!["profiles", "show", "demo"];
        args.extend(set.iter().flat_map(|s| ["--set", s]));
        let text = self.ok(&args);
        fs::write(self.path().join(name), text).unwrap();
    }
}

#[test]
fn profiles_are_listed_shown_compared_renamed_and_deleted() {
    let home = Home::new();
    home.demo(
        &["pins.head=8", "search.screen=250", "name=small"],
        "profiles/small.toml",
    );
    fs::write(home.path().join("profiles/broken.toml"), "[model\n").unwrap();

    let list = home.ok(&["profiles", "list"]);
    let row = |list: &str, name: &str| -> String {
        let line = list.lines().find(|l| l.starts_with(&format!("{name} ")));
        let words: Vec<&str> = line.unwrap().split_whitespace().collect();
        words.join(" ")
    };
    assert!(
        row(&list, "broken").starts_with("broken saved cannot be used: "),
        "{list}"
    );
    assert_eq!(row(&list, "small"), "small saved 191k inside inside");
    // What a profile names is looked for: a shipped one's files in the current folder.
    let name = "spikingformer-cifar10-4-384";
    let expected = |weights, data| format!("{name} shipped 9.33M {weights} {data} 95.61 % top-1");
    assert_eq!(row(&list, name), expected("missing", "missing"));
    fs::write(home.path().join(format!("{name}.pth.tar")), "").unwrap();
    fs::create_dir(home.path().join("cifar-10-batches-bin")).unwrap();
    let batch = |file: &str| home.path().join("cifar-10-batches-bin").join(file);
    fs::write(batch("data_batch_5.bin"), "").unwrap();
    let list = home.ok(&["profiles", "list"]);
    assert_eq!(row(&list, name), expected("found", "missing"));
    fs::write(batch("test_batch.bin"), "").unwrap();
    let list = home.ok(&["profiles", "list"]);
    assert_eq!(row(&list, name), expected("found", "found"));

    assert!(
        home.ok(&["profiles", "show", "reference"])
            .starts_with("# Every key")
    );
    assert_eq!(home.ok(&["profiles", "show", "broken"]), "[model\n");
    let file = home.path().join("profiles/small.toml");
    assert_eq!(
        home.ok(&["profiles", "path", "small"]),
        format!("{}\n", file.display())
    );
    let folder = home.path().join("profiles");
    assert_eq!(
        home.ok(&["profiles", "path"]),
        format!("{}\n", folder.display())
    );
    assert!(
        home.refused(&["profiles", "path", "demo"])
            .contains("profiles show demo > demo.toml")
    );

    let diff = home.ok(&["profiles", "diff", "demo", "small"]);
    let rows: Vec<Vec<&str>> = diff
        .lines()
        .map(|l| {
            l.split("  ")
                .map(str::trim)
                .filter(|c| !c.is_empty())
                .collect()
        })
        .collect();
    assert_eq!(rows[0], ["demo", "small"]);
    assert_eq!(
        rows[1],
        ["name", "\"qkformer on fashion-mnist\"", "\"small\""]
    );
    assert_eq!(rows[2], ["pins.\"head\"", "(not set)", "8"]);
    assert_eq!(rows[3], ["search.screen", "500", "250"]);
    assert_eq!(rows.len(), 4);
    assert_eq!(
        home.ok(&["profiles", "diff", "demo", "demo"]),
        "demo and demo are equal\n"
    );

    home.ok(&["profiles", "rename", "small", "smaller"]);
    assert!(
        home.ok(&["profiles", "show", "smaller"])
            .contains("name = \"smaller\"\n")
    );
    assert!(
        home.refused(&["profiles", "rename", "smaller", "broken"])
            .contains("already")
    );
    assert!(
        home.refused(&["profiles", "rename", "smaller", "../x"])
            .contains("cannot name a profile")
    );
    home.ok(&["profiles", "delete", "smaller"]);
    assert!(
        home.refused(&["profiles", "show", "smaller"])
            .starts_with("error: there is no profile \"smaller\"")
    );
}

#[test]
fn inspect_shows_the_layers_and_checks_the_checkpoint() {
    let home = Home::new();
    assert!(home.ok(&["inspect", "demo"]).contains("190,850 parameters"));
    let json = home.ok(&[
        "inspect",
        "demo",
        "--json",
        "--set",
        "quantizer.bits=[1, 4]",
    ]);
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json.lines().count(), 1);
    assert_eq!(object["type"], "inspection");
    assert_eq!(object["checkpoint_fits"], true);
    assert_eq!(object["layers"].as_array().unwrap().len(), 32);

    // Weights of another network are an error, weights that are not there a note: the table needs
    // none.
    home.demo(&["model.embed_dims=128"], "wide.toml");
    let told = home.run(&["inspect", "wide.toml"]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains("of another shape"), "{}", told.err);
    home.demo(&["model.checkpoint=nothing.safetensors"], "bare.toml");
    let told = home.run(&["inspect", "bare.toml"]);
    assert_eq!(told.code, 0);
    assert!(
        told.err.starts_with("note: there is no checkpoint"),
        "{}",
        told.err
    );
    assert!(told.out.contains("nothing.safetensors, not there\n"));

    home.demo(&[], "profiles/demo.toml");
    let told = home.run(&["inspect", "demo"]);
    assert_eq!(told.code, 0, "{}", told.err);
    let text = told.out;
    assert!(
        text.contains("demo.toml, saved, instead of the shipped one)"),
        "{text}"
    );
    assert!(
        told.err.contains("`aq4svit profiles rename demo my-demo`"),
        "{}",
        told.err
    );

    let message = home.refused(&["inspect", "demo", "--set", "model.num_head=8"]);
    assert!(message.contains("did you mean `num_heads`"), "{message}");
}

#[test]
fn names_of_shipped_profiles_are_reserved() {
    let home = Home::new();
    home.demo(&["name=mine"], "profiles/mine.toml");
    for name in ["demo", "reference", "sdt-v3-imagenet-s"] {
        let err = home.refused(&["profiles", "rename", "mine", name]);
        assert!(
            err.contains("comes with the program") && err.contains(&format!("my-{name}")),
            "{err}"
        );
    }
    assert!(home.path().join("profiles/mine.toml").exists());
    // One that hides a shipped one already is found, and named as the error says.
    home.demo(&["name=hides"], "profiles/demo.toml");
    let told = home.run(&["profiles", "show", "demo", "--table"]);
    assert_eq!(told.code, 0);
    assert!(told.out.starts_with("hides: ") && told.err.contains("hides the shipped profile demo"));
    home.ok(&["profiles", "rename", "demo", "my-demo"]);
    let told = home.run(&["profiles", "show", "demo", "--table"]);
    assert_eq!(told.err, "");
    assert!(
        told.out
            .starts_with("qkformer on fashion-mnist: shipped profile demo")
    );
}

#[test]
fn layers_are_shown_and_compared_with_their_bytes() {
    let home = Home::new();
    home.demo(&["bits.head=8", "name=a"], "profiles/a.toml");
    home.demo(
        &["bits.head=2", "name=b", "search.seed=3"],
        "profiles/b.toml",
    );
    // On a pipe the text, so that it can be written into a file.
    assert!(
        home.ok(&["profiles", "show", "a"])
            .contains("[bits]\nhead = 8")
    );
    assert_eq!(
        home.ok(&["profiles", "show", "a", "--toml"]),
        home.ok(&["profiles", "show", "a"])
    );
    let table = home.ok(&["profiles", "show", "a", "--table"]);
    let row = |text: &str, name: &str| -> Vec<String> {
        let line = text
            .lines()
            .find(|l| l.split_whitespace().any(|w| w == name));
        let line = line.unwrap_or_else(|| panic!("{name} is not in\n{text}"));
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(row(&table, "search.seed"), ["search.seed", "0"]);
    assert_eq!(row(&table, "head")[..4], ["head", "head", "head", "8"]);
    assert!(table.contains("% saved (weights alone"), "{table}");

    let json: serde_json::Value =
        serde_json::from_str(&home.ok(&["profiles", "show", "a", "--json"])).unwrap();
    assert_eq!(json["type"], "profile");
    assert_eq!(json["settings"]["search.seed"], 0);
    let layers = json["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 32);
    let head = layers.last().unwrap();
    assert_eq!(head["bits"], 8);
    assert_eq!(json["evidence"], serde_json::Value::Null);

    let diff = home.ok(&["profiles", "diff", "a", "b"]);
    assert_eq!(row(&diff, "search.seed"), ["search.seed", "0", "3"]);
    assert!(!diff.contains("bits.\"head\""), "{diff}");
    let bytes = |bits: u64| 640 * bits / 8 + 4 * 10;
    let expected = [
        "head".to_owned(),
        "8".to_owned(),
        "2".to_owned(),
        bytes(8).to_string(),
        bytes(2).to_string(),
        format!("-{}", bytes(8) - bytes(2)),
    ];
    assert_eq!(row(&diff, "head"), expected);
    assert!(row(&diff, "layers")[4].starts_with('-'), "{diff}");
    let json: serde_json::Value =
        serde_json::from_str(&home.ok(&["profiles", "diff", "a", "b", "--json"])).unwrap();
    assert_eq!(json["layers"].as_array().unwrap().len(), 1);
    assert_eq!(json["layers"][0]["bytes_b"], bytes(2));
    let a = json["memory_bytes_a"].as_u64().unwrap();
    let b = json["memory_bytes_b"].as_u64().unwrap();
    assert_eq!(a - b, bytes(8) - bytes(2));
}

#[test]
fn earlier_formats_are_upgraded_with_a_sentence_and_newer_ones_refused() {
    let home = Home::new();
    home.demo(&["name=old"], "new.toml");
    let text = fs::read_to_string(home.path().join("new.toml")).unwrap();
    fs::write(
        home.path().join("old.toml"),
        text.replace("format = 1", "format = 0"),
    )
    .unwrap();
    fs::write(
        home.path().join("newer.toml"),
        text.replace("format = 1", "format = 9"),
    )
    .unwrap();
    let told = home.run(&["inspect", "old.toml"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(
        told.err
            .contains("it is of format 0 and is read as format 1")
    );
    let diff = home.run(&["profiles", "diff", "new.toml", "old.toml"]);
    assert!(
        diff.out.contains("(not set)") && diff.out.contains("\"drift\""),
        "{}",
        diff.out
    );
    let err = home.refused(&["inspect", "newer.toml"]);
    assert!(
        err.contains("a newer aq4svit wrote this profile") && err.contains("update it"),
        "{err}"
    );
}

/// What the script of bash asks the program for behind these words.
fn completed(home: &Home, words: &[&str]) -> Vec<String> {
    let output = Command::cargo_bin("aq4svit")
        .unwrap()
        .args([&["--", "aq4svit"], words].concat())
        .current_dir(home.path())
        .env("AQ4SVIT_CONFIG", home.path())
        .env("AQ4SVIT_DATA", home.path())
        .env("AQ4SVIT_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn names_of_profiles_and_runs_are_completed() {
    let home = Home::new();
    home.demo(&[], "profiles/mine.toml");
    home.demo(&[], "midway.toml");
    for id in ["2026-a", "2026-b"] {
        let run = home.path().join("runs").join(id);
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join("journal.jsonl"), "").unwrap();
    }
    fs::create_dir_all(home.path().join("runs/2026-none")).unwrap();
    assert_eq!(completed(&home, &["search", "mi"]), ["mine", "midway.toml"]);
    assert_eq!(completed(&home, &["evaluate", "demo"]), ["demo"]);
    assert_eq!(
        completed(&home, &["profiles", "diff", "demo", "mine"]),
        ["mine"]
    );
    assert_eq!(
        completed(&home, &["profiles", "rename", ""])
            .first()
            .unwrap(),
        "mine"
    );
    assert_eq!(
        completed(&home, &["profiles", "delete", "dem"]),
        Vec::<String>::new()
    );
    for command in ["resume", "watch", "report", "solve"] {
        assert_eq!(
            completed(&home, &[command, "2026"]),
            ["2026-b", "2026-a"],
            "{command}"
        );
    }
    // What is exported is either.
    assert_eq!(completed(&home, &["export", "min"]), ["mine"]);
    assert_eq!(completed(&home, &["export", "2026"]), ["2026-b", "2026-a"]);
    assert_eq!(
        completed(&home, &["report", "--compare", "2026-a"]),
        ["2026-a"]
    );
    assert_eq!(completed(&home, &["insp"]), ["inspect"]);
}

#[test]
fn completions_know_the_commands() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            home.ok(&["completions", shell]).contains("inspect"),
            "{shell}"
        );
    }
    // zsh loads a file of `fpath` at the first completion, which must be answered, too.
    let zsh = home.ok(&["completions", "zsh"]);
    assert!(zsh.starts_with("#compdef aq4svit\n"), "{zsh}");
    let call = "if [ \"$funcstack[1]\" = _aq4svit ]; then\n    _clap_dynamic_completer_aq4svit";
    assert!(zsh.contains(call) && zsh.contains("function _clap_dynamic_completer_aq4svit()"));
    assert_eq!(home.run(&["completions", "tcl"]).code, 2);
}
