use std::collections::{BTreeSet, HashMap};

use toml_edit::DocumentMut;

use super::*;
use crate::network::{GRAPH_KEY, write_graph};
use crate::profile::keys::{KEYS, dotted};
use crate::profile::kind::Kind;
use crate::profile::{Checkpoint, Screen};
use crate::quant::{Correction, Method};

/// A library in a folder of its own.
fn library() -> (tempfile::TempDir, Library) {
    let folder = tempfile::tempdir().unwrap();
    let library = Library {
        folder: folder.path().join("profiles"),
        current: folder.path().join("here"),
    };
    fs::create_dir_all(&library.folder).unwrap();
    fs::create_dir_all(&library.current).unwrap();
    (folder, library)
}

fn demo() -> String {
    shipped("demo").unwrap().1.to_owned()
}

#[test]
fn shipped_profiles_build_the_published_networks() {
    let published = [
        ("demo", 190_850),
        ("reference", 190_850),
        ("max-former-cifar10-4-384", 6_568_282),
        ("max-former-cifar100-4-384", 6_602_932),
        ("max-former-cifar10dvs-256", 1_455_626),
        ("max-former-dvs128-256", 1_455_883),
        ("max-former-imagenet-10-384", 16_237_240),
        ("max-former-imagenet-10-512", 28_653_480),
        ("max-former-imagenet-10-512-t1", 28_653_480),
        ("max-former-imagenet-10-768", 63_992_200),
        ("max-former-imagenet-10-768-t1", 63_992_200),
        ("ms-qkformer-cifar10-4-384", 6_706_234),
        ("ms-qkformer-cifar100-4-384", 6_740_884),
        ("ms-qkformer-cifar10dvs-256", 1_504_138),
        ("ms-qkformer-dvs128-256", 1_504_395),
        ("ms-qkformer-imagenet-10-384", 16_473_688),
        ("ms-qkformer-imagenet-10-512", 29_079_336),
        ("ms-qkformer-imagenet-10-768", 64_962_760),
        ("qkformer-cifar10-4-384", 6_706_234),
        ("qkformer-cifar100-4-384", 6_740_884),
        ("qkformer-cifar10dvs-256", 1_504_138),
        ("qkformer-dvs128-256", 1_999_371),
        ("qkformer-imagenet-10-384", 16_473_688),
        ("qkformer-imagenet-10-512", 29_079_336),
        ("qkformer-imagenet-10-768", 64_962_760),
        ("sdt-v1-cifar10-2-256", 2_567_082),
        ("sdt-v1-cifar10-2-512", 10_233_546),
        ("sdt-v1-cifar100-2-256", 2_590_212),
        ("sdt-v1-cifar100-2-512", 10_279_716),
        ("sdt-v1-cifar10dvs-2-256", 2_566_794),
        ("sdt-v1-gesture-2-256", 2_567_051),
        ("sdt-v1-imagenet-10-512", 36_006_056),
        ("sdt-v1-imagenet-6-512", 23_373_736),
        ("sdt-v1-imagenet-8-384", 16_816_536),
        ("sdt-v1-imagenet-8-512", 29_689_896),
        ("sdt-v1-imagenet-8-768", 66_339_144),
        ("sdt-v2-imagenet-15m", 15_112_208),
        ("sdt-v2-imagenet-31m", 31_333_864),
        ("sdt-v2-imagenet-55m", 55_350_248),
        ("sdt-v2-imagenet-55m-kd", 55_991_248),
        ("sdt-v2-imagenet-55m-kd-t4", 55_991_248),
        ("sdt-v3-imagenet-172m", 171_740_714),
        ("sdt-v3-imagenet-83m", 83_015_952),
        ("sdt-v3-imagenet-l", 18_987_504),
        ("sdt-v3-imagenet-m", 10_023_112),
        ("sdt-v3-imagenet-s", 5_105_608),
        ("sdt-v3-imagenet-t", 2_702_048),
        ("spikformer-cifar10-2-384", 5_768_122),
        ("spikformer-cifar10-4-256", 4_159_274),
        ("spikformer-cifar10-4-384", 9_330_874),
        ("spikformer-cifar100-2-384", 5_802_772),
        ("spikformer-cifar100-4-256", 4_182_404),
        ("spikformer-cifar100-4-384", 9_365_524),
        ("spikformer-cifar10dvs-2-256", 2_585_610),
        ("spikformer-dvs128-2-256", 2_585_867),
        ("spikformer-imagenet-10-512", 36_025_896),
        ("spikformer-imagenet-6-512", 23_385_640),
        ("spikformer-imagenet-8-384", 16_828_312),
        ("spikformer-imagenet-8-512", 29_705_768),
        ("spikformer-imagenet-8-768", 66_363_208),
        ("spikingformer-cifar10-2-384", 5_765_818),
        ("spikingformer-cifar10-4-256", 4_156_202),
        ("spikingformer-cifar10-4-384", 9_326_266),
        ("spikingformer-cifar100-2-384", 5_800_468),
        ("spikingformer-cifar100-4-256", 4_179_332),
        ("spikingformer-cifar100-4-384", 9_360_916),
        ("spikingformer-cifar10dvs-2-256", 2_568_714),
        ("spikingformer-dvs128-2-256", 2_568_971),
        ("spikingformer-imagenet-8-384", 16_828_312),
        ("spikingformer-imagenet-8-512", 29_705_768),
        ("spikingformer-imagenet-8-768", 66_363_208),
        ("spikingresformer-cifar10-s-transfer", 17_306_944),
        ("spikingresformer-cifar10-ti", 10_793_152),
        ("spikingresformer-cifar100-ti", 10_827_712),
        ("spikingresformer-cifar10dvs-ti", 10_793_152),
        ("spikingresformer-dvs128-dvsg", 2_709_830),
        ("spikingresformer-imagenet-l", 60_375_680),
        ("spikingresformer-imagenet-m", 35_601_472),
        ("spikingresformer-imagenet-s", 17_813_824),
        ("spikingresformer-imagenet-ti", 11_180_992),
    ];
    let (_folder, library) = library();
    let names: Vec<&str> = SHIPPED.iter().map(|(n, _)| *n).collect();
    assert_eq!(names, published.map(|(n, _)| n));
    for (name, parameters) in published {
        let resolved = library.resolve(name, &Overrides::none()).unwrap();
        assert_eq!(resolved.origin, ProfileOrigin::Shipped(name));
        assert_eq!(resolved.profile.graph().parameters(), parameters, "{name}");
        // The comment at the top says the same.
        let text = resolved.text.replace(',', "");
        assert!(
            name == "reference" || text.contains(&format!("{parameters} parameters")),
            "{name}"
        );
        if !["demo", "reference"].contains(&name) {
            let profile = resolved.profile;
            assert_eq!(profile.name, name);
            let published = profile.published;
            assert!(published.weights.is_some() && published.accuracy.is_some());
            assert!(profile.checkpoint.is_some() && profile.data.is_some());
        }
    }
}

/// Keys that a text sets, and those in its lines `# key = ...`, with their tables.
fn keys_of(text: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut table = String::new();
    for line in text.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.split_once(']')) {
            table = name.0.to_owned();
            keys.insert(table.clone());
        } else if let Some((key, _)) = line.split_once(" = ")
            && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            && !["pins", "bits", "ties"].contains(&table.as_str())
        {
            keys.insert(dotted(&table, key));
        }
    }
    keys
}

/// All keys of a document's tables, and the tables.
fn flat(text: &str) -> BTreeSet<String> {
    let document: DocumentMut = text.parse().unwrap();
    let mut keys = BTreeSet::new();
    for (name, item) in document.iter() {
        keys.insert(name.to_owned());
        let table = item
            .as_table()
            .filter(|_| !["pins", "bits", "ties"].contains(&name));
        for (key, _) in table.into_iter().flatten() {
            keys.insert(dotted(name, key));
        }
    }
    keys
}

fn profile_graph() -> crate::network::Graph {
    let demo = Profile::parse(&demo(), Path::new("/demo.toml")).unwrap();
    (*demo.graph()).clone()
}

#[test]
fn the_reference_has_every_key_and_every_default() {
    let text = shipped("reference").unwrap().1;
    let known: BTreeSet<String> = KEYS
        .iter()
        .flat_map(|k| [k.table.to_owned(), dotted(k.table, k.name)])
        .filter(|k| !k.is_empty())
        .collect();
    assert_eq!(keys_of(text), known);

    // Every key that a typed setting is written with is in the table of known keys, and the other
    // way round.
    let source = |keys: &str| demo().replace("source = \"builtin:fashion-mnist\"", keys);
    let everything = [
        demo(),
        source(
            "kind = \"idx\"\ntrain_images = \"a\"\ntrain_labels = \"b\"\ntest_images = \"c\"\ntest_labels = \"d\"",
        ),
        source("kind = \"cifar\"\ntrain = [\"a\"]\ntest = [\"b\"]\nrecipe = \"none\""),
        source(
            "kind = \"image-folder\"\npath = \"a\"\nlabels = \"b\"\ntest_path = \"c\"\ntest_labels = \"d\"",
        ),
        source(
            "kind = \"event-frames\"\npath = \"a\"\ntrain_ratio = 0.9\nlabels = \"b\"\ntest_path = \"c\"\n\
             test_labels = \"d\"",
        ),
        source("kind = \"safetensors\"\nfile = \"a\"\ntest_file = \"b\""),
    ];
    let sets = [
        "constraint.max_memory=1",
        "search.screening=sequential",
        "search.alpha=0.1",
        "search.beta=0.1",
        "search.indifference=1",
        "constraint.target=gap9",
        "ties.qkv=true",
        "constraint.confidence=0.95",
        "data.certify=100",
        "data.proxy=100",
        "constraint.max_evaluations=1",
        "constraint.max_seconds=1",
        "gate.proxy_images=8",
        "bits.head=8",
        "pins.head=8",
        "data.mean=[0.5]",
        "data.std=[0.5]",
        "published.weights=nowhere",
        "published.accuracy=none",
        "quantizer.weighting=threshold",
        "quantizer.damping=0.5",
        "quantizer.correction=sequential",
        "quantizer.affine=fixed",
        "quantizer.membrane_bits=12",
        "quantizer.codes=p.codes.safetensors",
        "quantizer.calibration_hash=abc",
        "model.weights=ema",
        "evidence.run=r",
        "evidence.search={ images = 4, correct = 3, float_correct = 4, accuracy = 75.0, low = 30.1, high = 95.4 }",
        "evidence.test={ images = 4, correct = 3, float_correct = 4, accuracy = 75.0, low = 30.1, high = 95.4 }",
        "evidence.certify={ images = 4, correct = 3, float_correct = 4, accuracy = 75.0, low = 30.1, high = 95.4 }",
        "evidence.test_seen=true",
        "evidence.bound=1.5",
        "evidence.hash=abc",
    ];
    // The demo with another family's network.
    let with_model = |own: &str| {
        let demo = demo();
        let (start, rest) = demo.split_once("[model]").unwrap();
        let (_, rest) = rest.split_once("[data]").unwrap();
        format!(
            "{start}[model]\ncheckpoint = \"a\"\nimage_size = 32\nin_channels = 1\nnum_classes = 10\n\
             num_heads = 2\nmlp_ratio = 2\ntime_steps = 1\n{own}\n[data]{rest}"
        )
    };
    let families = [
        "family = \"spikformer\"\nlayout = \"dvs\"\nembed_dims = 16\ndepths = 1\ntau = 3.0",
        "family = \"sdt-v1\"\npooling = \"0011\"\nembed_dims = 16\ndepths = 1",
        "family = \"sdt-v2\"\nembed_dims = [4, 4, 4, 4]",
        "family = \"sdt-v3\"\nembed_dims = [4, 4, 4]\nsize = \"large\"",
    ];
    let resformer = "family = \"spikingresformer\"\nlayout = \"cifar\"\nembed_dims = [4, 4, 4]\n\
                     patch_sizes = [4, 2, 1]\ngroup_size = 4\ndepths = [1, 1, 1]";
    let resformer = with_model(resformer).replace("num_heads = 2", "num_heads = [1, 2, 2]");
    let everything = everything.into_iter().chain(families.map(with_model));
    let overrides = Overrides::parse(sets, PathBuf::from("/")).unwrap();
    let mut written = BTreeSet::new();
    for text in everything {
        let (profile, _) = Profile::parse_with(&text, Path::new("/p.toml"), &overrides).unwrap();
        written.extend(flat(&profile.to_toml().unwrap()));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.aq4.safetensors");
    let own = HashMap::from([(GRAPH_KEY.to_owned(), write_graph(&profile_graph()).unwrap())]);
    let none: [(&str, safetensors::tensor::TensorView<'_>); 0] = [];
    safetensors::serialize_to_file(none, Some(own), &file).unwrap();
    let beside = "[model]\ngraph = \"a.aq4.safetensors\"\n";
    let profile = Profile::parse(beside, &file.with_extension("toml")).unwrap();
    assert_eq!(profile.checkpoint, Some(Checkpoint::File(file)));
    written.extend(flat(&profile.to_toml().unwrap()));
    // Its last layer has another name than the pins above.
    let profile = Profile::parse(&resformer, Path::new("/p.toml")).unwrap();
    written.extend(flat(&profile.to_toml().unwrap()));
    // Known, but with one value only in this version.
    written.extend(["search.beam_width", "search.draws"].map(str::to_owned));
    assert_eq!(written, known);

    // What the reference gives as defaults is what a profile without these keys has.
    let reference = Profile::parse(text, Path::new("/reference.toml")).unwrap();
    let model: String = text
        .lines()
        .skip_while(|l| !l.starts_with("[model]"))
        .take_while(|l| !l.starts_with("[data]"))
        .map(|l| format!("{l}\n"))
        .collect();
    let bare = Profile::parse(&format!("{model}[data]\n"), Path::new("/reference.toml")).unwrap();
    assert_eq!(reference, bare);
    let choices = KEYS.iter().filter(|k| matches!(k.kind, Kind::Choice(_)));
    for (key, line) in choices.filter_map(|k| {
        let start = format!("{} = ", k.name);
        text.lines().find(|l| l.starts_with(&start)).map(|l| (k, l))
    }) {
        let Kind::Choice(words) = key.kind else {
            continue;
        };
        let told = words.iter().filter(|w| line.contains(&format!("\"{w}\"")));
        assert_eq!(told.count(), words.len(), "{line}");
    }
}

#[test]
fn the_demo_is_the_default_and_as_documented() {
    let (_folder, library) = library();
    let demo = library
        .resolve(DEFAULT, &Overrides::none())
        .unwrap()
        .profile;
    let drop = crate::profile::AccuracyDrop::Points(1.5);
    assert_eq!(demo.constraint.max_accuracy_drop, drop);
    assert_eq!(
        (demo.search.screen, demo.search.seed),
        (Screen::First(500), 0)
    );
    assert_eq!(demo.menu.len(), 7);
    assert!(demo.pins.is_empty() && demo.bits.is_empty());
    let data = demo.data.unwrap();
    assert_eq!((data.calibration, data.search), (256, 1700));
    assert_eq!(demo.scheme.method, Method::Calibrated);
    assert_eq!(demo.scheme.correction, Correction::Local);
}

#[test]
fn files_come_first_then_saved_then_shipped() {
    let (_folder, library) = library();
    let origin = |name: &str| library.find(name).unwrap();
    assert_eq!(origin("demo"), ProfileOrigin::Shipped("demo"));

    let name: ProfileName = "demo".parse().unwrap();
    fs::write(
        library.path(&name),
        demo().replace("qkformer on", "mine on"),
    )
    .unwrap();
    assert_eq!(origin("demo"), ProfileOrigin::Saved(library.path(&name)));
    let resolved = library.resolve("demo", &Overrides::none()).unwrap();
    assert!(resolved.hides_shipped);
    assert_eq!(resolved.profile.name, "mine on fashion-mnist");
    assert_eq!(library.list()[0].0, "demo");
    assert_eq!(library.list().len(), SHIPPED.len() + 1);

    // A folder is no profile; a file is.
    let here = library.current.join("demo");
    fs::create_dir(&here).unwrap();
    assert_eq!(origin("demo"), ProfileOrigin::Saved(library.path(&name)));
    fs::remove_dir(&here).unwrap();
    fs::write(&here, demo()).unwrap();
    assert_eq!(origin("demo"), ProfileOrigin::File(here));

    let error = |name: &str| library.find(name).unwrap_err().to_string();
    assert_eq!(
        error("demos"),
        "there is no profile \"demos\", neither as a file nor saved or shipped; did you mean `demo`?"
    );
    assert!(
        error("nets/qkformer-cifar-4-384.toml").contains("did you mean `qkformer-cifar10-4-384`")
    );
    assert!(error("zzz").ends_with("; `aq4svit profiles list` names them"));
    assert!(error("../demo").starts_with("there is no profile \"../demo\""));
}

#[test]
fn overrides_are_in_the_text_that_is_saved() {
    let (_folder, library) = library();
    let sets = ["search.screen=250", "model.checkpoint=w.safetensors"];
    let overrides = Overrides::parse(sets, library.current.clone()).unwrap();
    let resolved = library.resolve("demo", &overrides).unwrap();
    assert_eq!(resolved.profile.search.screen, Screen::First(250));
    let again = Profile::parse(&resolved.text, Path::new("/elsewhere/demo.toml")).unwrap();
    assert_eq!(again, resolved.profile);
    let error = |set: &str| {
        let overrides = Overrides::parse([set], PathBuf::from("/")).unwrap();
        library.resolve("demo", &overrides).unwrap_err().to_string()
    };
    assert_eq!(
        error("search.scren=250"),
        "--set search.scren=250: unknown key `scren` in [search]; did you mean `screen` or `screening`?"
    );
    assert_eq!(
        error("quantizer.bits=[9]"),
        "--set quantizer.bits=[9]: quantizer.bits = [9]: expected a list of bit-widths: 1 to 8, 16, \"float\""
    );
    assert!(error("pins.haed=8").starts_with("--set pins.haed=8: pin \"haed\" matches no layer"));
}

#[test]
fn what_is_no_text_is_no_profile() {
    let (folder, library) = library();
    let file = folder.path().join("weights.safetensors");
    fs::write(&file, [0u8, 255, 254, 1]).unwrap();
    let read = |wanted: &Path| {
        library
            .resolve(wanted.to_str().unwrap(), &Overrides::none())
            .unwrap_err()
            .to_string()
    };
    assert!(read(&file).ends_with(
        "weights.safetensors is not a profile: it is not text (weights go into model.checkpoint of a profile)"
    ));
    fs::write(&file, vec![b'#'; 5 << 20]).unwrap();
    assert!(read(&file).contains("larger than 4 MiB"));
}

#[test]
fn saved_profiles_are_renamed_and_deleted() {
    let (_folder, library) = library();
    let name = |n: &str| n.parse::<ProfileName>().unwrap();
    let text = "# mine\nname = \"old\" # title\n";
    fs::write(library.path(&name("old")), text).unwrap();
    fs::write(library.path(&name("other")), "x").unwrap();

    let error = library.rename("old", &name("other")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is already a saved profile \"other\"; delete it first or choose another name"
    );
    let new = library.rename("old", &name("new")).unwrap();
    assert_eq!(
        fs::read_to_string(new).unwrap(),
        "# mine\nname = \"new\" # title\n"
    );
    assert!(!library.path(&name("old")).exists());

    let error = library.delete("nwe").unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no saved profile \"nwe\"; did you mean `new`?"
    );
    let error = library.delete("demo").unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no saved profile \"demo\"; the shipped one stays as it is"
    );
    library.delete("new").unwrap();
    assert_eq!(library.saved().len(), 1);
}

#[test]
fn the_file_of_quantized_layers_follows_its_profile() {
    let (_folder, library) = library();
    let name = |n: &str| n.parse::<ProfileName>().unwrap();
    let file = |n: &str| codes_file(&library.path(&name(n)));
    let text = |codes: &str| format!("name = \"old\"\n[quantizer]\ncodes = \"{codes}\" # its\n");
    let own = text("old.codes.safetensors");
    fs::write(library.path(&name("old")), &own).unwrap();
    fs::write(file("old"), "layers").unwrap();

    library.rename("old", &name("new")).unwrap();
    let renamed = own.replace("old", "new");
    assert_eq!(
        fs::read_to_string(library.path(&name("new"))).unwrap(),
        renamed
    );
    assert_eq!(fs::read_to_string(file("new")).unwrap(), "layers");
    assert!(!file("old").exists());
    library.delete("new").unwrap();
    assert!(!file("new").exists());

    // Another profile's file stays where it is, whoever names it; one that is gone is no error.
    fs::write(file("other"), "layers").unwrap();
    fs::write(library.path(&name("old")), text("other.codes.safetensors")).unwrap();
    library.rename("old", &name("new")).unwrap();
    library.delete("new").unwrap();
    assert!(file("other").exists());
    fs::write(library.path(&name("old")), &own).unwrap();
    library.delete("old").unwrap();
}

#[test]
fn names_stay_in_their_folder() {
    for bad in [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        ".hidden",
        "-x",
        "a b",
        "a\n",
        "a.toml",
        &"a".repeat(101),
    ] {
        assert!(bad.parse::<ProfileName>().is_err(), "{bad:?}");
    }
    for good in ["a", "demo-4bit", "Näme_1.2"] {
        assert!(good.parse::<ProfileName>().is_ok(), "{good:?}");
    }
}
