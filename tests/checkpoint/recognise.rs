//! Which network a checkpoint is of, and what is said about one that is not the model's.

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use aq4svit::checkpoint::{
    self, Candidate, Contents, Evidence, Shapes, StateDict, TensorData, recognise,
};
use aq4svit::network::{Graph, ModelConfig};
use aq4svit::profile::{Profile, SHIPPED};
use proptest::prelude::*;

use super::graph;
use super::pickles::archive;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Keys and shapes of a graph's floating-point tensors.
fn shapes(graph: &Graph) -> Shapes {
    let floats = graph.tensors.iter();
    let floats = floats.filter(|t| !t.key.ends_with("num_batches_tracked"));
    floats.map(|t| (t.key.clone(), t.shape.clone())).collect()
}

/// The authors' state dicts: name and tensors.
fn listings() -> Vec<(String, Shapes)> {
    let files = fs::read_dir(root().join("keys")).unwrap();
    let mut listings: Vec<(String, Shapes)> = files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().filter(|l| !l.starts_with('#'));
            let tensors = lines.filter_map(|line| {
                let mut parts = line.split('\t');
                let key = parts.next()?.to_owned();
                let shape = serde_json::from_str(parts.next()?).unwrap();
                (!key.ends_with("num_batches_tracked")).then_some((key, shape))
            });
            (name, tensors.collect())
        })
        .collect();
    listings.sort();
    assert!(listings.len() > 10);
    listings
}

fn names(candidates: &[Candidate]) -> Vec<String> {
    candidates.iter().map(Candidate::name).collect()
}

#[track_caller]
fn only(shapes: &Shapes) -> Candidate {
    let mut found = recognise(shapes).candidates;
    assert_eq!(found.len(), 1, "{:?}", names(&found));
    found.remove(0)
}

#[test]
fn the_authors_networks_are_recognised() {
    for (name, shapes) in listings() {
        let found = recognise(&shapes);
        let family = name.split('_').next().unwrap();
        let family = match family {
            "maxformer" => "max-former".to_owned(),
            "msqkformer" => "ms-qkformer".to_owned(),
            other => other.replace("sdtv", "sdt-v"),
        };
        let events = name.contains("dvs") || name.contains("gesture");
        let layout = match (events, name.contains("imagenet")) {
            // Tensors of images, whatever they are read from.
            _ if name == "spikingresformer_cifar10_s_transfer" => "imagenet",
            _ if name == "spikingresformer_cifar10dvs_ti" => "cifar",
            (true, _) => "dvs",
            (false, true) => "imagenet",
            (false, false) => "cifar",
        };
        // Two input channels could be images of two channels, where the tensors are the same.
        let several = ["spikingformer", "sdt-v1"].contains(&family.as_str()) && events;
        assert_eq!(found.candidates.len(), 1 + usize::from(several), "{name}");
        let fits = found.candidates.iter().find(|c| {
            let has = c.get("layout").and_then(|v| v.as_str());
            has.is_none_or(|l| l == layout) && (has.is_some() || !events)
        });
        let fits = fits.unwrap_or_else(|| panic!("{name}: {:?}", names(&found.candidates)));
        assert_eq!(
            fits.get("family").unwrap().as_str(),
            Some(family.as_str()),
            "{name}"
        );
        // What is told of sizes in the name.
        let classes = if name.contains("cifar100") { 100 } else { 10 };
        if !name.contains("imagenet") && family != "sdt-v2" && family != "sdt-v3" && !events {
            assert_eq!(
                fits.get("num_classes").unwrap().as_integer(),
                Some(classes),
                "{name}"
            );
        }
        let heads = fits.settings.iter().find(|s| s.key == "num_heads").unwrap();
        let told = matches!(heads.known, Evidence::Tensor(_));
        let tells = ["sdt-v1", "spikingresformer"].contains(&family.as_str());
        assert_eq!(told, tells, "{name}: {:?}", heads.known);
        let steps = fits
            .settings
            .iter()
            .find(|s| s.key == "time_steps")
            .unwrap();
        assert!(matches!(steps.known, Evidence::Assumed(_)), "{name}");
    }
}

/// What is assumed where the tensors do not tell is what the shipped profiles say of the published
/// networks.
#[test]
fn assumptions_are_those_of_the_shipped_profiles() {
    for (name, text) in SHIPPED.iter().filter(|(name, _)| *name != "reference") {
        let profile = Profile::parse(text, name.as_ref()).unwrap();
        let mut expected = profile.model.config().unwrap().clone();
        if *name == "sdt-v2-imagenet-55m-kd" || name.ends_with("-t1") {
            // Published with one time step and with four: the latter are assumed.
            expected.time_steps = 4;
        }
        if *name == "spikingresformer-cifar10dvs-ti" {
            // It has the tensors of the network for CIFAR-10, which is assumed.
            let images = SHIPPED
                .iter()
                .find(|(n, _)| *n == "spikingresformer-cifar10-ti");
            let (name, text) = images.unwrap();
            let images = Profile::parse(text, name.as_ref()).unwrap();
            expected = images.model.config().unwrap().clone();
        }
        let found = recognise(&shapes(&profile.graph()));
        let models: Vec<&ModelConfig> = found.candidates.iter().map(|c| &c.model).collect();
        assert!(models.contains(&&expected), "{name}: {models:?}");
    }
}

#[test]
fn fixtures_are_recognised_by_what_their_tensors_tell() {
    let mut checked = 0;
    for folder in fs::read_dir(root().join("fixtures")).unwrap() {
        let folder = folder.unwrap().path();
        // The demo has none; families of later versions are not read yet.
        let Ok(profile) = Profile::load(&folder.join("profile.toml")) else {
            continue;
        };
        let contents = Contents::open(&folder.join("weights.safetensors")).unwrap();
        let text = fs::read_to_string(folder.join("profile.toml")).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        let is_told = |found: &Candidate, key: &str| {
            let (given, told) = (table["model"].get(key), found.get(key));
            given == told || (given.is_none() && ["kd", "size"].contains(&key))
        };
        let agrees = |found: &&Candidate| {
            found.told().all(|s| is_told(found, s.key)) && is_told(found, "layout")
        };
        let candidates = recognise(&contents.shapes()).candidates;
        let fitting = candidates.iter().filter(agrees).count();
        assert_eq!(fitting, 1, "{folder:?}: {:?}", names(&candidates));
        contents.read_for(&profile.graph()).unwrap();
        same_network(&folder, &names(&candidates));
        checked += 1;
    }
    assert!(checked >= 4);
}

/// The published files of Max-Former name their embeddings as an earlier version of the code did,
/// and as MS-QKFormer still does. Here the pickle of a fixture has such names, of the same lengths.
#[test]
fn older_names_of_embeddings_are_told_by_their_order() {
    let folder = root().join("fixtures/max-former-imagenet");
    let path = folder.join("checkpoint.pth.tar");
    let graph = Profile::load(&folder.join("profile.toml")).unwrap().graph();
    let today = Contents::open(&path).unwrap();
    assert!(today.renamed().is_empty());
    let today = today.read_for(&graph).unwrap();

    // In the order of their modules; those of `patch_embed3` are today's.
    let old = [
        ("1.embed1.embed_", "1.proj_"),
        ("1.embed2.embed_", "1.proj1_"),
        ("1.embed3.embed_", "1.proj2_"),
        ("1.embed4.embed_", "1.rpe_"),
        ("2.max_embed1.embed_", "2.proj3_"),
        ("2.embed1.embed_", "2.proj4_"),
        ("2.max_embed2.embed_", "2.proj_res_"),
    ];
    let bytes = renamed(&fs::read(&path).unwrap(), &old);
    let contents = Contents::of_bytes(&bytes, "old").unwrap();
    assert_eq!(contents.renamed(), ["patch_embed1", "patch_embed2"]);
    let name = only(&contents.shapes()).name();
    assert_eq!(name, "max-former, layout imagenet");
    let dict = contents.read_for(&graph).unwrap();
    assert_eq!(dict.fingerprint(&graph), today.fingerprint(&graph));

    // Where a tensor is another part of its module, nothing is guessed.
    let other = [old[0], ("1.embed2.embed_bn.bias", "1.proj1_bn.gain")];
    let bytes = renamed(&fs::read(&path).unwrap(), &other);
    let contents = Contents::of_bytes(&bytes, "other").unwrap();
    assert!(contents.renamed().is_empty());
    let message = contents.check(&graph).unwrap_err().to_string();
    assert!(message.contains("proj1_bn.gain"), "{message}");
}

/// A PyTorch file with other keys in its pickle: each begins with `patch_embed` and one of the
/// first names, which becomes the second.
fn renamed(bytes: &[u8], names: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = Vec::new();
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.push((file.name().unwrap().into_owned(), content));
    }
    let (_, pickle) = files
        .iter_mut()
        .find(|(name, _)| name.ends_with("data.pkl"))
        .unwrap();
    for (from, to) in names {
        let from = format!("patch_embed{from}");
        let found: Vec<usize> = (5..pickle.len())
            .filter(|&at| pickle[at..].starts_with(from.as_bytes()))
            .collect();
        assert!(!found.is_empty(), "{from}");
        for at in found.into_iter().rev() {
            // A text is its length in four bytes, then its bytes.
            let length = at - 4..at;
            let before = u32::from_le_bytes(pickle[length.clone()].try_into().unwrap());
            let to = format!("patch_embed{to}");
            let after = before as usize - from.len() + to.len();
            pickle.splice(at..at + from.len(), to.bytes());
            pickle[length].copy_from_slice(&(after as u32).to_le_bytes());
        }
    }
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, content)| (name.as_str(), content.as_slice()))
        .collect();
    archive(&files)
}

/// The PyTorch file beside a fixture is the same network.
fn same_network(folder: &Path, expected: &[String]) {
    for name in ["checkpoint.pth", "checkpoint.pth.tar"] {
        if let Ok(contents) = Contents::open(&folder.join(name)) {
            let found = recognise(&contents.shapes()).candidates;
            assert_eq!(names(&found), expected);
        }
    }
}

const SMALL: &str = r#"
    family = "spikformer"
    layout = "cifar"
    image_size = 32
    in_channels = 3
    num_classes = 10
    embed_dims = 64
    num_heads = 8
    mlp_ratio = 4
    depths = 4
    time_steps = 4
"#;

#[test]
fn heads_divide_the_width() {
    let small = graph(
        &SMALL
            .replace("embed_dims = 64", "embed_dims = 40")
            .replace("num_heads = 8", "num_heads = 5"),
    );
    let found = only(&shapes(&small));
    assert_eq!(found.get("num_heads").unwrap().as_integer(), Some(8));
    // Published: 6 for a width that 6 does not divide.
    let odd = r#"
        family = "qkformer"
        layout = "imagenet"
        image_size = 64
        in_channels = 3
        num_classes = 20
        embed_dims = 32
        num_heads = 2
        mlp_ratio = 4
        depths = 5
        time_steps = 4
    "#;
    let found = only(&shapes(&graph(odd)));
    let heads = found
        .settings
        .iter()
        .find(|s| s.key == "num_heads")
        .unwrap();
    assert_eq!(heads.value.as_integer(), Some(8));
    let Evidence::Assumed(why) = &heads.known else {
        panic!("{heads:?}");
    };
    assert!(why.contains("divides"), "{why}");
}

/// A checkpoint of a graph; `change` may rename or drop tensors.
fn dict(graph: &Graph, change: impl Fn(&str) -> Option<String>) -> StateDict {
    let mut dict = StateDict::new("some.pth");
    for (key, shape) in shapes(graph) {
        let values = vec![0.5; shape.iter().product()];
        if let Some(key) = change(&key) {
            dict.insert(key, TensorData { shape, values });
        }
    }
    dict
}

fn whole(graph: &Graph) -> StateDict {
    dict(graph, |key| Some(key.to_owned()))
}

/// What is said about a checkpoint that is not the model's: the last line.
#[track_caller]
fn advice(dict: &StateDict, model: &str) -> String {
    let message = dict.check(&graph(model)).unwrap_err().to_string();
    assert!(message.starts_with("the tensors of some.pth are not those of the model:\n"));
    message.lines().last().unwrap().trim().to_owned()
}

#[test]
fn another_network_is_named_with_what_to_set() {
    let other = |from: &str, to: &str| advice(&whole(&graph(&SMALL.replace(from, to))), SMALL);
    let said = other("num_classes = 10", "num_classes = 100");
    assert!(
        said.starts_with(
            "the file is of spikformer, layout cifar: in [model], set num_classes = 100;"
        ),
        "{said}"
    );
    assert!(said.contains("`aq4svit inspect some.pth`"), "{said}");
    let said = other("layout = \"cifar\"", "layout = \"imagenet\"");
    assert!(said.contains("set layout = \"imagenet\";"), "{said}");
    let said = other("family = \"spikformer\"", "family = \"qkformer\"");
    assert!(
        said.contains(
            "the file is of qkformer, layout cifar: in [model], set family = \"qkformer\""
        ),
        "{said}"
    );
    let said = other("embed_dims = 64", "embed_dims = 48");
    assert!(said.contains("set embed_dims = 48;"), "{said}");
    let said = other("depths = 4", "depths = 3");
    assert!(said.contains("set depths = 3;"), "{said}");
}

#[test]
fn an_incomplete_checkpoint_is_called_that() {
    let part = dict(&graph(SMALL), |key| {
        (!key.starts_with("head.")).then(|| key.to_owned())
    });
    let said = advice(&part, SMALL);
    for part in [
        "no network of this program has exactly these tensors",
        "the nearest is spikformer, layout cifar",
        "2 are missing",
        "not whole",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // The class count of a checkpoint without a head is not held against the profile.
    assert!(!said.contains("num_classes"), "{said}");
}

#[test]
fn mixed_checkpoints_are_called_mixed() {
    let narrow = graph(SMALL);
    let wide = graph(&SMALL.replace("embed_dims = 64", "embed_dims = 48"));
    // One block of another width.
    let mut mixed = whole(&narrow);
    for (key, tensor) in whole(&wide).iter() {
        if key.starts_with("block.1.") {
            mixed.insert(key.to_owned(), tensor.clone());
        }
    }
    let said = advice(&mixed, SMALL);
    assert!(
        said.contains("are of other shapes: a mixture of checkpoints"),
        "{said}"
    );
    // Two networks in one dict.
    let other = graph(&SMALL.replace("spikformer", "qkformer"));
    let mut both = whole(&narrow);
    for (key, tensor) in whole(&other)
        .iter()
        .filter(|(key, _)| !key.starts_with("head."))
    {
        both.insert(key.to_owned(), tensor.clone());
    }
    let said = advice(&both, SMALL);
    assert!(
        said.contains("are too many: a mixture of checkpoints"),
        "{said}"
    );
}

#[test]
fn foreign_tensors_are_called_foreign() {
    let mut foreign = StateDict::new("some.pth");
    let values = vec![0.0; 4];
    foreign.insert(
        "layer1.0.conv1.weight".into(),
        TensorData {
            shape: vec![4],
            values,
        },
    );
    let said = advice(&foreign, SMALL);
    assert!(
        said.contains("no network of this program has such tensors"),
        "{said}"
    );
    assert_eq!(
        recognise(&Shapes::new()),
        checkpoint::Recognition::default()
    );
}

/// The published file of `sdt-v3` of 83M holds tensors of a branch that cannot run, of shapes that
/// fit no branch.
#[test]
fn shapes_of_unused_tensors_do_not_matter() {
    let mut odd = whole(&graph(SMALL));
    let (shape, values) = (vec![7], vec![0.5; 7]);
    odd.insert("block.0.norm1.weight".into(), TensorData { shape, values });
    odd.check(&graph(SMALL)).unwrap();
    assert_eq!(only(&odd.shapes()).name(), "spikformer, layout cifar");
    // Where something else is wrong they are told as well.
    let (shape, values) = (vec![7], vec![0.5; 7]);
    odd.insert("head.bias".into(), TensorData { shape, values });
    let message = odd.check(&graph(SMALL)).unwrap_err().to_string();
    assert!(
        message.contains("norm1.weight is [7], should be [64]; head.bias is [7]"),
        "{message}"
    );
}

/// Values that are not finite are no matter of the network.
#[test]
fn damaged_numbers_are_no_matter_of_sizes() {
    let mut damaged = whole(&graph(SMALL));
    let (shape, values) = (vec![10], vec![f32::INFINITY; 10]);
    damaged.insert("head.bias".into(), TensorData { shape, values });
    let said = advice(&damaged, SMALL);
    assert!(said.contains("failed training"), "{said}");
}

proptest! {
    /// Networks of any size are recognised by their tensors.
    #[test]
    fn sizes_are_recognised(
        qkformer: bool,
        cifar: bool,
        (channels, classes, width, ratio) in (1usize..5, 1usize..30, 1usize..6, 1usize..5),
        (heads, depths) in (0u32..3, 4usize..7),
    ) {
        let family = if qkformer { "qkformer" } else { "spikformer" };
        let layout = if cifar { "cifar" } else { "imagenet" };
        let model = format!(
            "family = {family:?}\nlayout = {layout:?}\nimage_size = 32\nin_channels = {channels}\n\
             num_classes = {classes}\nembed_dims = {}\nnum_heads = {}\nmlp_ratio = {ratio}\ndepths = {depths}\n\
             time_steps = 2", 32 * width, 1 << heads,
        );
        let graph = graph(&model);
        let found = recognise(&shapes(&graph));
        prop_assert_eq!(found.candidates.len(), 1);
        let table: toml::Table = toml::from_str(&model).unwrap();
        for setting in found.candidates[0].told() {
            prop_assert_eq!(&setting.value, &table[setting.key], "{}", setting.key);
        }
    }

    /// Any shapes under the keys that are looked at.
    #[test]
    fn no_shapes_panic(sizes in prop::collection::vec(
        prop::collection::vec(prop_oneof![0usize..70, any::<usize>()], 0..5), 8,
    ), more in 0usize..300) {
        let keys = ["head.weight", "patch_embed.proj_conv.weight", "patch_embed1.proj_conv.weight",
            "block.0.mlp.fc1_linear.weight", "block.0.mlp.fc1_conv.weight", "stage1.0.mlp.mlp1_conv.weight",
            "downsample1_1.encode_conv.weight", "pos_embed"];
        let mut shapes: Shapes = keys.iter().map(|k| (*k).to_owned()).zip(sizes).collect();
        shapes.extend((0..more).map(|i| (format!("block.{i}.x"), vec![])));
        let _ = recognise(&shapes);
    }
}
