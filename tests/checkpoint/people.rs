//! Checkpoints as people have them: wrapped, profiled, averaged, nested, of subclasses.

use std::collections::BTreeMap;

use aq4svit::checkpoint::{Contents, StateDict, WeightsChoice};
use aq4svit::network::Graph;
use safetensors::tensor::{Dtype, TensorView};

use super::graph;
use super::pickles::{Pickle, View, f32s, legacy, modern};

pub const MODEL: &str = r#"
    family = "spikformer"
    layout = "cifar"
    image_size = 32
    in_channels = 3
    num_classes = 10
    embed_dims = 16
    num_heads = 2
    mlp_ratio = 2
    depths = 1
    time_steps = 4
"#;

/// Keys and shapes of a graph's tensors.
pub fn tensors(graph: &Graph) -> BTreeMap<String, Vec<usize>> {
    let specs = graph.tensors.iter();
    specs.map(|t| (t.key.clone(), t.shape.clone())).collect()
}

/// A file of PyTorch under construction.
struct Saved {
    pickle: Pickle,
    storages: Vec<Vec<u8>>,
}

impl Saved {
    fn new() -> Self {
        Saved {
            pickle: Pickle::new().raw(b"}"),
            storages: Vec::new(),
        }
    }
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.pickle = self.pickle.raw(bytes);
        self
    }
    fn text(mut self, text: &str) -> Self {
        self.pickle = self.pickle.text(text);
        self
    }
    fn global(mut self, module: &str, name: &str) -> Self {
        self.pickle = self.pickle.global(module, name);
        self
    }
    /// A tensor of one number throughout.
    fn tensor(mut self, shape: &[usize], value: f32) -> Self {
        let count: usize = shape.iter().product();
        let bytes = f32s(&vec![value; count]);
        self.push("FloatStorage", shape, &bytes);
        self
    }
    fn push(&mut self, class: &str, shape: &[usize], bytes: &[u8]) {
        let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
        let mut strides = vec![1; shape.len()];
        for i in (1..shape.len()).rev() {
            strides[i - 1] = strides[i] * shape[i];
        }
        let view = View {
            start: 0,
            shape: &shape,
            strides: &strides,
        };
        let key = self.storages.len().to_string();
        let count = shape.iter().product();
        self.pickle = self.pickle.clone().tensor(class, &key, count, view);
        self.storages.push(bytes.to_vec());
    }
    /// Sets a key of the dict on top to a tensor of another type.
    fn other(mut self, key: &str, class: &str, shape: &[usize], bytes: &[u8]) -> Self {
        self.pickle = self.pickle.text(key);
        self.push(class, shape, bytes);
        self.raw(b"s")
    }
    /// Sets a key of the dict on top to one that `inside` fills.
    fn dict(self, key: &str, inside: impl FnOnce(Self) -> Self) -> Self {
        inside(self.text(key).raw(b"}")).raw(b"s")
    }
    /// Sets keys of the dict on top to tensors.
    fn all(self, tensors: &BTreeMap<String, Vec<usize>>, value: f32) -> Self {
        self.named(tensors, value, str::to_owned)
    }
    fn named(
        self,
        tensors: &BTreeMap<String, Vec<usize>>,
        value: f32,
        name: impl Fn(&str) -> String,
    ) -> Self {
        let set = |saved: Self, (key, shape): (&String, &Vec<usize>)| {
            saved.text(&name(key)).tensor(shape, value).raw(b"s")
        };
        tensors.iter().fold(self, set)
    }
    fn storages(&self) -> Vec<(String, &[u8])> {
        let all = self.storages.iter().enumerate();
        all.map(|(i, bytes)| (i.to_string(), bytes.as_slice()))
            .collect()
    }
    fn modern(self) -> Vec<u8> {
        let storages = self.storages();
        let storages: Vec<_> = storages.iter().map(|(k, b)| (k.as_str(), *b)).collect();
        modern(&self.pickle.clone().stop(), &storages)
    }
    fn legacy(self) -> Vec<u8> {
        let storages = self.storages();
        let storages: Vec<_> = storages.iter().map(|(k, b)| (k.as_str(), *b)).collect();
        legacy(&self.pickle.clone().stop(), &storages)
    }
}

fn open(bytes: &[u8]) -> Contents<'_> {
    Contents::of_bytes(bytes, "some.pth").unwrap_or_else(|e| panic!("{e}"))
}

/// Reads a file for the small network; the number that its weights are of.
#[track_caller]
fn read(bytes: &[u8]) -> (StateDict, f32) {
    let dict = open(bytes).read_for(&graph(MODEL));
    let dict = dict.unwrap_or_else(|e| panic!("{e}"));
    let value = dict.get("head.weight").unwrap().values[0];
    (dict, value)
}

#[test]
fn what_no_network_has_is_left_out_and_said() {
    let graph = graph(MODEL);
    let own = tensors(&graph);
    let double = 3.0f64.to_le_bytes();
    let mut saved = Saved::new().all(&own, 0.5);
    // As thop leaves them, in every module and at the root; as averages count.
    for key in [
        "total_ops",
        "total_params",
        "block.0.attn.total_ops",
        "head.total_params",
    ] {
        saved = saved.other(key, "DoubleStorage", &[1], &double);
    }
    saved = saved.other("n_averaged", "LongStorage", &[], &7u64.to_le_bytes());
    saved = saved.other("block.0.steps", "IntStorage", &[], &7u32.to_le_bytes());
    let bytes = saved.modern();
    let (dict, _) = read(&bytes);
    let expected = [
        "block.0.attn.total_ops",
        "block.0.steps",
        "head.total_params",
        "n_averaged",
        "total_ops",
        "total_params",
    ];
    assert_eq!(open(&bytes).left_out(), expected);
    let [note] = dict.notes() else {
        panic!("{:?}", dict.notes());
    };
    assert!(
        note.contains("6 tensors of some.pth that no network has are left out"),
        "{note}"
    );
    assert!(
        note.contains("block.0.steps") && note.contains("and 2 more"),
        "{note}"
    );
    // The average of a network: its counter stands beside the wrapped names.
    let bytes = Saved::new()
        .named(&own, 0.5, |key| format!("module.{key}"))
        .other("n_averaged", "LongStorage", &[], &7u64.to_le_bytes())
        .modern();
    let (dict, _) = read(&bytes);
    assert_eq!(open(&bytes).left_out(), ["n_averaged"]);
    assert_eq!(dict.notes().len(), 1);
    // A number that a network might compute with is not left out.
    for key in ["block.0.attn.scale", "block.0.attn.attn_lif.w"] {
        let bytes = Saved::new()
            .all(&own, 0.5)
            .text(key)
            .tensor(&[], 1.0)
            .raw(b"s")
            .modern();
        let message = open(&bytes).read_for(&graph).unwrap_err().to_string();
        assert!(
            message.contains(&format!("1 unexpected: {key}")),
            "{message}"
        );
    }
}

#[test]
fn a_common_prefix_is_left_out_and_said() {
    let graph = graph(MODEL);
    let own = tensors(&graph);
    for prefix in [
        "module.",
        "_orig_mod.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "model.",
        "model._orig_mod.",
        "net.",
        "backbone.encoder.",
    ] {
        let saved = Saved::new().dict("state_dict", |saved| {
            saved
                .named(&own, 0.5, |key| format!("{prefix}{key}"))
                .other(
                    &format!("{prefix}total_ops"),
                    "DoubleStorage",
                    &[1],
                    &[0; 8],
                )
        });
        let bytes = saved.modern();
        let (dict, value) = read(&bytes);
        assert_eq!(value, 0.5);
        let contents = open(&bytes);
        let plain = prefix.replace("model._orig_mod.", "model.");
        assert_eq!(contents.prefix(), Some(plain.as_str()), "{prefix}");
        assert_eq!(contents.left_out(), [format!("{prefix}total_ops")]);
        let said = dict
            .notes()
            .iter()
            .any(|note| note.contains(&format!("begin with `{plain}`")));
        assert_eq!(said, prefix != "module.", "{prefix}");
    }
    // Parts that were compiled alone.
    let inner = |key: &str| key.replace("block.0.", "block.0._orig_mod.");
    let (dict, _) = read(&Saved::new().named(&own, 0.5, inner).modern());
    assert!(dict.notes().is_empty());
    // Nearly a network: the prefix is no reason to find nothing.
    let mut part = own;
    part.remove("head.bias");
    let bytes = Saved::new()
        .named(&part, 0.5, |key| format!("net.{key}"))
        .modern();
    let message = open(&bytes).read_for(&graph).unwrap_err().to_string();
    assert!(message.contains("1 missing: head.bias"), "{message}");
    assert!(!message.contains("unexpected"), "{message}");
    // What is no network of this program keeps its names.
    let foreign = BTreeMap::from([
        ("layer.conv.weight".to_owned(), vec![2, 2]),
        ("layer.conv.bias".to_owned(), vec![2]),
    ]);
    let bytes = Saved::new().all(&foreign, 0.5).modern();
    assert_eq!(open(&bytes).prefix(), None);
    assert!(open(&bytes).shapes().contains_key("layer.conv.bias"));
    // With and without it, it is two.
    let bytes = Saved::new()
        .all(&foreign, 0.5)
        .text("_orig_mod.layer.conv.bias")
        .tensor(&[2], 1.0)
        .raw(b"s")
        .modern();
    let message = Contents::of_bytes(&bytes, "x").unwrap_err().to_string();
    assert!(
        message.contains("with and without `_orig_mod.`"),
        "{message}"
    );
}

#[test]
fn weights_are_found_below_other_keys() {
    let own = tensors(&graph(MODEL));
    for places in [
        &["net"][..],
        &["model_state"],
        &["model_state_dict"],
        &["checkpoint", "net"],
        &["results", "best", "state_dict"],
        &["anything"],
    ] {
        let mut saved = Saved::new()
            // An optimizer that names its parameters has tensors under texts, too.
            .dict("optimizer", |s| {
                s.dict("state", |s| s.dict("head.weight", |s| s.all(&own, 9.0)))
            })
            .dict("hyper", |s| s.text("mean").tensor(&[3], 1.0).raw(b"s"));
        saved = saved.text("loss").tensor(&[], 0.1).raw(b"s");
        for place in places {
            saved = saved.text(place).raw(b"}");
        }
        saved = saved.all(&own, 0.5);
        for _ in places {
            saved = saved.raw(b"s");
        }
        let modern = saved.modern();
        assert_eq!(read(&modern).1, 0.5);
        assert_eq!(open(&modern).under(), Some(places.join(".").as_str()));
        assert!(
            open(&modern).unused().is_empty(),
            "{:?}",
            open(&modern).unused()
        );
    }
    // Teacher and student: the student, and the other one is named.
    let bytes = Saved::new()
        .dict("teacher", |s| s.all(&own, 0.25))
        .dict("student", |s| s.all(&own, 0.5))
        .modern();
    assert_eq!(
        (read(&bytes).1, open(&bytes).under()),
        (0.5, Some("student"))
    );
    assert_eq!(open(&bytes).unused(), ["teacher"]);
    // Tensors of the root beside a dict of a few others.
    let bytes = Saved::new()
        .all(&own, 0.5)
        .dict("extra", |s| s.text("mean").tensor(&[3], 1.0).raw(b"s"))
        .modern();
    assert_eq!((read(&bytes).1, open(&bytes).under()), (0.5, None));
}

#[test]
fn a_moving_average_is_chosen_and_said() {
    let graph = graph(MODEL);
    let own = tensors(&graph);
    let choose = |bytes: &[u8], choice| {
        let contents = Contents::of_bytes_with(bytes, "some.pth", choice)?;
        let dict = contents.read_for(&graph)?;
        let value = dict.get("head.weight").unwrap().values[0];
        Ok::<_, aq4svit::checkpoint::CheckpointError>((value, dict.notes().to_vec()))
    };
    let place = |saved: Saved, path: &str, value: f32| {
        let keys: Vec<&str> = path.split('.').collect();
        let mut saved = saved;
        for key in &keys {
            saved = saved.text(key).raw(b"}");
        }
        saved = saved.all(&own, value);
        keys.iter().fold(saved, |saved, _| saved.raw(b"s"))
    };
    for (model, average) in [
        ("state_dict", "state_dict_ema"),
        ("model", "model_ema"),
        ("net", "ema"),
        ("net", "ema_model.module"),
        ("state_dict", "averaged_model"),
    ] {
        for old in [false, true] {
            // Averages first in the file, too.
            let saved = place(Saved::new(), average, 0.25);
            let saved = place(saved, model, 0.5);
            let bytes = if old { saved.legacy() } else { saved.modern() };
            let (value, notes) = choose(&bytes, WeightsChoice::Model).unwrap();
            assert_eq!(value, 0.5, "{average}");
            let told = format!("under `{average}`: model.weights = \"ema\" takes it");
            assert!(notes.iter().any(|n| n.contains(&told)), "{notes:?}");
            let (value, notes) = choose(&bytes, WeightsChoice::Ema).unwrap();
            assert_eq!(value, 0.25, "{average}");
            let told = format!("the weights of some.pth are the moving average under `{average}`");
            assert_eq!(notes, [told]);
        }
    }
    // Nothing else is there: taken, and said.
    let bytes = place(Saved::new(), "model_ema.state_dict", 0.25).modern();
    for choice in [WeightsChoice::Model, WeightsChoice::Ema] {
        let (value, notes) = choose(&bytes, choice).unwrap();
        assert_eq!(value, 0.25);
        assert!(
            notes[0].contains("the moving average under `model_ema.state_dict`"),
            "{notes:?}"
        );
    }
    let bytes = place(Saved::new(), "model", 0.5).modern();
    let message = choose(&bytes, WeightsChoice::Ema).unwrap_err().to_string();
    assert!(
        message.contains("no moving average") && message.contains("leave out"),
        "{message}"
    );
    assert!(choose(&bytes, WeightsChoice::Model).unwrap().1.is_empty());
}

/// Lightning keeps losses, averages and the network in one dict.
#[test]
fn a_network_is_found_among_others_in_one_dict() {
    let own = tensors(&graph(MODEL));
    let bytes = Saved::new()
        .dict("state_dict", |saved| {
            saved
                .named(&own, 0.25, |key| format!("ema_model.{key}"))
                .named(&own, 0.5, |key| format!("model.{key}"))
                .text("criterion.weight")
                .tensor(&[10], 1.0)
                .raw(b"s")
        })
        .modern();
    let (dict, value) = read(&bytes);
    assert_eq!((value, open(&bytes).prefix()), (0.5, Some("model.")));
    assert_eq!(open(&bytes).left_out().len(), own.len() + 1);
    let notes = dict.notes().join("\n");
    assert!(
        notes.contains("under `ema_model.`: model.weights = \"ema\" takes it"),
        "{notes}"
    );
    assert!(notes.contains("criterion.weight"), "{notes}");
    let contents = Contents::of_bytes_with(&bytes, "some.pth", WeightsChoice::Ema).unwrap();
    let dict = contents.read_for(&graph(MODEL)).unwrap();
    assert_eq!(dict.get("head.weight").unwrap().values[0], 0.25);
    let notes = dict.notes().join("\n");
    assert!(
        notes.contains("the moving average under `ema_model.`"),
        "{notes}"
    );
}

/// `_rebuild_from_type_v2(call, class, (arguments of the call), state)`.
fn of_type(saved: Saved, call: impl FnOnce(Saved) -> Saved) -> Saved {
    let saved = saved
        .global("torch._tensor", "_rebuild_from_type_v2")
        .raw(b"(");
    call(saved).raw(b"}tR")
}

/// A storage and a view of it, as arguments of `_rebuild_tensor_v2`.
fn arguments(mut saved: Saved, shape: &[u64]) -> Saved {
    let key = saved.storages.len().to_string();
    let count: u64 = shape.iter().product();
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    saved.pickle = saved
        .pickle
        .raw(b"(")
        .storage("FloatStorage", &key, count)
        .int(0)
        .ints(shape)
        .ints(&strides)
        .raw(b"\x89Nt");
    saved.storages.push(f32s(&vec![0.5; count as usize]));
    saved
}

#[test]
fn subclasses_and_parameters_with_attributes_are_tensors() {
    let graph = graph(MODEL);
    let own = tensors(&graph);
    let with_head = |head: &dyn Fn(Saved) -> Saved| {
        let mut rest = own.clone();
        rest.remove("head.weight").unwrap();
        head(Saved::new().all(&rest, 0.25).text("head.weight"))
            .raw(b"s")
            .modern()
    };
    let shape = [10, 16];
    let sizes = [10usize, 16];
    // A parameter with attributes.
    let bytes = with_head(&|saved| {
        saved
            .global("torch._utils", "_rebuild_parameter_with_state")
            .raw(b"(")
            .tensor(&sizes, 0.5)
            .raw(b"\x88})tR")
    });
    assert_eq!(read(&bytes).1, 0.5);
    // A subclass of tensors, and one whose inside is a parameter.
    let bytes = with_head(&|saved| {
        of_type(saved, |saved| {
            let saved = saved.global("torch._utils", "_rebuild_tensor_v2");
            arguments(saved.global("timm.layers", "Weight"), &shape)
        })
    });
    assert_eq!(read(&bytes).1, 0.5);
    let bytes = with_head(&|saved| {
        of_type(saved, |saved| {
            saved
                .global("torch._utils", "_rebuild_parameter")
                .global("my.module", "Parameter")
                .raw(b"(")
                .tensor(&sizes, 0.5)
                .raw(b"\x88}t")
        })
    });
    assert_eq!(read(&bytes).1, 0.5);
    // A subclass within a subclass.
    let bytes = with_head(&|saved| {
        of_type(saved, |saved| {
            let saved = saved
                .global("torch._tensor", "_rebuild_from_type")
                .global("a", "B")
                .raw(b"(")
                .global("torch._utils", "_rebuild_tensor_v2")
                .global("c", "D");
            arguments(saved, &shape).raw(b"}t")
        })
    });
    assert_eq!(read(&bytes).1, 0.5);
    // What only its class can build is named with what to do, and is no damage.
    let bytes = with_head(&|saved| {
        of_type(saved, |saved| {
            saved
                .global("torchao.dtypes", "_rebuild")
                .global("torchao.dtypes", "AffineQuantizedTensor")
                .raw(b"(t")
        })
    });
    let message = open(&bytes).read_for(&graph).unwrap_err().to_string();
    for part in [
        "head.weight is made by torchao.dtypes._rebuild",
        "detach().clone()",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("failed training"), "{message}");
}

/// `_rebuild_tensor_v3` of a type that has no class of storages.
fn typed(mut saved: Saved, key: &str, number: &str, bytes: usize, shape: &[u64]) -> Saved {
    let storage = saved.storages.len().to_string();
    let count: u64 = shape.iter().product();
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    saved.pickle = saved
        .pickle
        .text(key)
        .global("torch._utils", "_rebuild_tensor_v3")
        .raw(b"((")
        .text("storage")
        .global("torch.storage", "UntypedStorage")
        .text(&storage)
        .text("cpu")
        .int(count * bytes as u64)
        .raw(b"tQ")
        .int(0)
        .ints(shape)
        .ints(&strides)
        .raw(b"\x89}")
        .global("torch", number)
        .raw(b"}tRs");
    saved.storages.push(vec![0x3c; count as usize * bytes]);
    saved
}

#[test]
fn types_that_are_no_weights_get_the_advice_that_helps() {
    let graph = graph(MODEL);
    let own = tensors(&graph);
    let mut rest = own.clone();
    rest.remove("head.weight").unwrap();
    let said = |bytes: &[u8]| open(bytes).read_for(&graph).unwrap_err().to_string();
    for (number, bytes, shown, part) in [
        ("float8_e4m3fn", 1, "F8_E4M3", "tensor.float()"),
        ("float8_e5m2", 1, "F8_E5M2", "need scales"),
        ("uint16", 2, "U16", "quantized or packed already"),
    ] {
        let saved = Saved::new().all(&rest, 0.5);
        let file = typed(saved, "head.weight", number, bytes, &[10, 16]).modern();
        let message = said(&file);
        assert!(
            message.contains(&format!("head.weight is {shown}")),
            "{message}"
        );
        assert!(message.contains(part), "{message}");
        assert!(!message.contains("failed training"), "{message}");
    }
    for (class, size, part) in [
        ("CharStorage", 1, "quantized or packed already"),
        (
            "QInt8Storage",
            1,
            "PyTorch has quantized this network already",
        ),
        ("ComplexFloatStorage", 8, "complex numbers"),
    ] {
        let saved = Saved::new().all(&rest, 0.5);
        let file = saved
            .other("head.weight", class, &[10, 16], &vec![0; 160 * size])
            .modern();
        let message = said(&file);
        assert!(message.contains(part), "{message}");
        assert!(!message.contains("failed training"), "{message}");
    }
    // A type that the storage does not tell, but that is read: bytes of f32.
    let saved = Saved::new().all(&rest, 0.5);
    let file = typed(saved, "head.weight", "float32", 4, &[10, 16]).modern();
    assert_eq!(read(&file).1, f32::from_le_bytes([0x3c; 4]));
    // The same of .safetensors.
    let numbers = vec![0; 4 * 16 * 10 * 100];
    let views = own.iter().map(|(key, shape)| {
        let (dtype, size) = match key.as_str() {
            "head.weight" => (Dtype::F8_E4M3, 1),
            _ => (Dtype::F32, 4),
        };
        let bytes = size * shape.iter().product::<usize>();
        let view = TensorView::new(dtype, shape.clone(), &numbers[..bytes]).unwrap();
        (key.clone(), view)
    });
    let file = safetensors::serialize(views, None).unwrap();
    let message = said(&file);
    assert!(
        message.contains("head.weight is F8_E4M3") && message.contains("tensor.float()"),
        "{message}"
    );
}
