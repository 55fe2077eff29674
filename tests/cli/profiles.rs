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
    let text = home.ok(&["inspect", "demo"]);
    assert!(
        text.contains("demo.toml, saved, instead of the shipped one)"),
        "{text}"
    );

    let message = home.refused(&["inspect", "demo", "--set", "model.num_head=8"]);
    assert!(message.contains("did you mean `num_heads`"), "{message}");
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
    assert_eq!(home.run(&["completions", "tcl"]).code, 2);
}
