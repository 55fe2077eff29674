use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::network::{Graph, ModelConfig};

/// One of every family, small.
const FAMILIES: [&str; 15] = [
    "family = 'max-former'\nlayout = 'cifar'\nembed_dims = 48\ndepths = 4\nnum_heads = 2",
    "family = 'ms-qkformer'\nlayout = 'imagenet'\nembed_dims = 48\ndepths = 5\nnum_heads = 2",
    "family = 'spikingresformer'\nlayout = 'cifar'\nembed_dims = [16, 24, 32]\nnum_heads = [1, 3, 4]\n\
     patch_sizes = [4, 2, 1]\ngroup_size = 8\ndepths = [1, 1, 1]",
    "family = 'spikformer'\nlayout = 'cifar'\nembed_dims = 16\ndepths = 2",
    "family = 'spikformer'\nlayout = 'imagenet'\nembed_dims = 16\ndepths = 1",
    "family = 'spikformer'\nlayout = 'dvs'\nembed_dims = 16\ndepths = 1",
    "family = 'spikingformer'\nlayout = 'cifar'\nembed_dims = 16\ndepths = 1",
    "family = 'qkformer'\nlayout = 'cifar'\nembed_dims = 32\ndepths = 4",
    "family = 'qkformer'\nlayout = 'imagenet'\nembed_dims = 32\ndepths = 5\nbatch_leak = true",
    "family = 'sdt-v1'\npooling = '0011'\nembed_dims = 16\ndepths = 1",
    "family = 'sdt-v1'\nlayout = 'dvs'\npooling = '1111'\nembed_dims = 16\ndepths = 1",
    "family = 'sdt-v2'\nembed_dims = [8, 8, 16, 16]",
    "family = 'sdt-v2'\nembed_dims = [8, 8, 16, 16]\nmerge_repconv = true\nkd = true",
    "family = 'sdt-v3'\nembed_dims = [8, 8, 16, 16]",
    "family = 'sdt-v3'\nembed_dims = [8, 16, 16]\nsize = 'large'\ndepths = 1\nkd = true\nmax_spike = 3",
];

fn family(own: &str) -> Graph {
    let steps = if own.contains("sdt-v3") { 1 } else { 3 };
    let heads = if own.contains("num_heads") {
        ""
    } else {
        "num_heads = 2\n"
    };
    let text = format!(
        "image_size = 32\nin_channels = 2\nnum_classes = 5\nmlp_ratio = 2\ntime_steps = {steps}\n{heads}{own}"
    );
    toml::from_str::<ModelConfig>(&text)
        .unwrap()
        .graph()
        .unwrap()
}

/// The graph with its state dict in the order of keys, which a document does not keep.
fn sorted(mut graph: Graph) -> Graph {
    graph.tensors.sort_by(|a, b| a.key.cmp(&b.key));
    graph
}

#[test]
fn every_family_is_read_as_it_was_written() {
    for own in FAMILIES {
        let graph = family(own);
        let document = write_graph(&graph).unwrap();
        let read = read_graph(&document).unwrap_or_else(|e| panic!("{own}: {e}"));
        assert_eq!(write_graph(&read).unwrap(), document, "{own}");
        assert_eq!(sorted(read), sorted(graph), "{own}");
    }
}

/// So is every operation and every kind of neurons that no family has.
#[test]
fn random_networks_are_read_as_they_were_written() {
    use crate::network::sample;
    for seed in 0..400 {
        let graph = match seed {
            0..200 => sample::graph(seed).unwrap(),
            _ => sample::unusual_graph(seed).unwrap(),
        };
        let document = write_graph(&graph).unwrap();
        let read = read_graph(&document).unwrap_or_else(|e| panic!("{seed}: {e}\n{document}"));
        assert_eq!(sorted(read), sorted(graph), "{seed}");
    }
}

/// The published schema has every operation with every field that is written, and nothing is
/// written without the fields that it asks for.
#[test]
fn the_schema_describes_what_is_written() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/graph.schema.json")).unwrap();
    let fits = |value: &Value, schema: &Value| {
        let fields = value.as_object().unwrap();
        let known = schema["properties"].as_object().unwrap();
        let unknown = fields.keys().find(|key| !known.contains_key(*key));
        assert_eq!(unknown, None, "{value}");
        let mut required = schema["required"].as_array().unwrap().iter();
        assert!(
            required.all(|key| fields.contains_key(key.as_str().unwrap())),
            "{value}"
        );
    };
    let mut seen = std::collections::BTreeSet::new();
    for own in FAMILIES {
        let document: Value = serde_json::from_str(&write_graph(&family(own)).unwrap()).unwrap();
        fits(&document, &schema);
        for node in document["nodes"].as_array().unwrap() {
            let op = node["op"].as_str().unwrap();
            fits(node, &schema["$defs"][op]);
            seen.insert(op.to_owned());
        }
        for (list, items) in [("blocks", "blocks"), ("dead", "dead")] {
            for element in document[list].as_array().into_iter().flatten() {
                fits(element, &schema["properties"][items]["items"]);
            }
        }
    }
    let known = schema["$defs"].as_object().unwrap().keys().cloned();
    // No family has these.
    seen.extend(["concat", "conv1d", "average-pool", "add-constant"].map(str::to_owned));
    assert_eq!(seen, known.collect());
}

/// A small network by hand: a convolution, neurons, a pooling, a head.
fn small() -> Value {
    json!({
        "format": 1, "input": [1, 8, 8], "time_steps": 2, "frames": false, "classes": 3,
        "stages": ["stem", "head"],
        "blocks": [
            {"name": "stem", "stage": "stem", "output": 4},
            {"name": "head", "stage": "head"},
        ],
        "nodes": [
            {"op": "input", "in": [], "block": "stem"},
            {"op": "conv", "in": [0], "block": "stem", "name": "conv", "out": 4, "kernel": 3, "padding": 1},
            {"op": "batch-norm", "in": [1], "block": "stem", "name": "bn"},
            {"op": "neuron", "in": [2], "block": "stem", "name": "lif", "kind": "lif", "tau": 2.0, "threshold": 1.0},
            {"op": "max-pool", "in": [3], "block": "stem", "kernel": 2, "stride": 2, "padding": 0},
            {"op": "token-time-sum", "in": [4], "block": "head"},
            {"op": "linear", "in": [5], "block": "head", "name": "fc", "out": 3, "bias": true},
        ],
        "dead": [{"key": "unused", "shape": [2, 2]}],
    })
}

fn error(document: &Value) -> String {
    read_graph(&document.to_string()).unwrap_err().to_string()
}

/// The small network with one place changed.
fn changed(place: &str, value: Value) -> Value {
    let mut document = small();
    match document.pointer_mut(place) {
        Some(at) => *at = value,
        None => {
            let (parent, key) = place.rsplit_once('/').unwrap();
            document.pointer_mut(parent).unwrap()[key] = value;
        }
    }
    document
}

#[test]
fn what_follows_is_inferred() {
    let graph = read_graph(&small().to_string()).unwrap();
    assert_eq!(graph.layers[0].macs, 8 * 8 * 9 * 4);
    assert_eq!(graph.layers[1].macs, 3 * 4);
    assert!(graph.nodes[1].time_invariant && !graph.nodes[3].time_invariant);
    assert_eq!(
        graph.nodes[5].range,
        crate::network::ValueRange::Integer(2 * 16)
    );
    assert_eq!(graph.nodes[5].scale, 1.0 / 32.0);
    assert_eq!(graph.layers[0].absorbed.len(), 1);
    let dead: Vec<&str> = graph
        .tensors
        .iter()
        .filter(|t| t.dead)
        .map(|t| t.key.as_str())
        .collect();
    assert_eq!(dead, ["unused"]);
}

/// Each a document with one thing wrong, and what the error says of it.
#[test]
fn hostile_documents_are_refused_by_the_node() {
    let node = |i: usize, key: &str| format!("/nodes/{i}/{key}");
    let cases: Vec<(String, Value, &str)> = vec![
        (
            node(3, "in"),
            json!([4]),
            "node 3 (neuron \"lif\"): it reads node 4, which does not come before it",
        ),
        (
            node(3, "in"),
            json!([3]),
            "node 3 (neuron \"lif\"): it reads node 3, which does not come before it",
        ),
        (node(3, "in"), json!([999_999_999]), "node 3"),
        (
            node(3, "in"),
            json!([]),
            "node 3 (neuron \"lif\"): 0 inputs, not 1",
        ),
        (
            node(4, "in"),
            json!([3, 3]),
            "node 4 (max-pool): 2 inputs, not 1",
        ),
        (
            node(4, "op"),
            json!("softmax"),
            "node 4 (softmax): there is no operation \"softmax\"",
        ),
        (
            node(4, "op"),
            json!("layer"),
            "there is no operation \"layer\"",
        ),
        (node(4, "kernel"), json!(99), "node 4 (max-pool): kernel 99"),
        (
            node(4, "stride"),
            json!(0),
            "node 4 (max-pool): kernel 2, stride 0",
        ),
        (
            node(4, "kernel"),
            json!(1e18),
            "node 4 (max-pool): 1000000000000000000 is larger",
        ),
        (
            node(4, "colour"),
            json!(1),
            "operation \"max-pool\" has no field \"colour\"",
        ),
        (
            node(1, "out"),
            json!(0),
            "node 1 (conv \"conv\"): out, kernel, stride and groups are at least 1",
        ),
        (
            node(1, "out"),
            json!(-1),
            "node 1 (conv \"conv\"): invalid value",
        ),
        (
            node(1, "out"),
            json!(16_777_216),
            "node 1 (conv \"conv\"): its shape",
        ),
        (
            node(1, "out"),
            json!(u64::MAX),
            "node 1 (conv \"conv\"): 18446744073709552000 is larger",
        ),
        (
            node(1, "kernel"),
            json!(11),
            "node 1 (conv \"conv\"): its kernel 11 is larger",
        ),
        (
            node(1, "padding"),
            json!(9),
            "node 1 (conv \"conv\"): its padding 9",
        ),
        (
            node(1, "groups"),
            json!(3),
            "node 1 (conv \"conv\"): 3 groups do not divide",
        ),
        (
            node(1, "colour"),
            json!("red"),
            "node 1 (conv \"conv\"): unknown field `colour`",
        ),
        (node(1, "name"), json!(""), "node 1 (conv): \"\" is no name"),
        (node(1, "name"), json!("a\u{1b}[2J"), "is no name"),
        (node(1, "name"), json!("x".repeat(1000)), "is no name"),
        (
            node(6, "name"),
            json!("conv"),
            "node 6 (linear \"conv\"): another node has the tensor",
        ),
        (
            node(3, "tau"),
            json!(0.5),
            "node 3 (neuron \"lif\"): tau = 0.5",
        ),
        (node(3, "threshold"), json!(-1.0), "threshold = -1"),
        (
            node(3, "kind"),
            json!("perceptron"),
            "node 3 (neuron \"lif\"): unknown variant `perceptron`",
        ),
        (
            node(3, "block"),
            json!("nowhere"),
            "there is no block \"nowhere\"",
        ),
        (
            node(3, "block"),
            json!("head"),
            "node 4 (max-pool): block \"stem\" is not the next one",
        ),
        (
            node(5, "op"),
            json!("token-sum"),
            "node 6 (linear \"fc\"): it gives logits for every time step",
        ),
        (
            node(6, "in"),
            json!([4]),
            "node 6 (linear \"fc\"): it needs a vector",
        ),
        (
            node(6, "out"),
            json!(4),
            "it gives the logits of 3 classes, not 4x1x1",
        ),
        (
            node(2, "in"),
            json!([0]),
            "node 1 (conv \"conv\"): no other node reads it",
        ),
        (
            node(0, "op"),
            json!("add"),
            "node 0 (add): the first node, and no other, is the input",
        ),
        ("/input".into(), json!([1, 0, 8]), "input rows = 0"),
        (
            "/input".into(),
            json!([1, 8, 1u64 << 40]),
            "input columns = 1099511627776",
        ),
        (
            "/time_steps".into(),
            json!(1_000_000),
            "time_steps = 1000000",
        ),
        ("/classes".into(), json!(0), "classes = 0"),
        (
            "/format".into(),
            json!(2),
            "format 2 of a graph is not known",
        ),
        (
            "/stages".into(),
            json!(["stem", "stem"]),
            "there are two stages \"stem\"",
        ),
        (
            "/stages".into(),
            json!(["head", "stem"]),
            "not in the order of the stages",
        ),
        (
            "/stages".into(),
            json!(["stem", "head", "tail"]),
            "every stage needs a block",
        ),
        (
            "/blocks/1/name".into(),
            json!("stem"),
            "there are two blocks \"stem\"",
        ),
        (
            "/blocks/1/stage".into(),
            json!("nowhere"),
            "of a stage that is not listed",
        ),
        (
            "/blocks/0/output".into(),
            json!(5),
            "block \"stem\" names node 5 as its output",
        ),
        (
            "/dead/0/key".into(),
            json!("bn.bias"),
            "dead tensor \"bn.bias\": it is listed twice, or a node uses it",
        ),
        (
            "/dead/0/shape".into(),
            json!([1u64 << 40, 1u64 << 40]),
            "dead tensor \"unused\": its shape is absurd",
        ),
        ("/nodes".into(), json!([]), "block \"stem\" has no node"),
        ("/extra".into(), json!(1), "unknown field `extra`"),
    ];
    for (place, value, expected) in cases {
        let message = error(&changed(&place, value.clone()));
        assert!(message.contains(expected), "{place} = {value}: {message}");
    }
}

#[test]
fn names_are_used_once() {
    let mut document = small();
    let nodes = document["nodes"].as_array_mut().unwrap();
    let mut again = nodes[3].clone();
    again["in"] = json!([3]);
    nodes.insert(4, again);
    for (i, node) in nodes.iter_mut().enumerate().skip(5) {
        node["in"] = json!([i - 1]);
    }
    document["blocks"][0]["output"] = json!(5);
    assert_eq!(
        error(&document),
        "node 4 (neuron \"lif\"): another node is called \"lif\" too"
    );
}

/// A value for every time step is no result, and units that nobody takes into account are refused.
#[test]
fn results_and_units_are_checked() {
    let mut document = small();
    document["nodes"][5]["op"] = json!("token-mean");
    let message = error(&document);
    assert!(
        message.contains("it gives logits for every time step"),
        "{message}"
    );
    let mut document = small();
    let levels = json!({"op": "neuron", "in": [2], "block": "stem", "name": "lif", "kind": "integer", "max": 4,
        "norm": 4, "halves": "to-even"});
    document["nodes"][3] = levels;
    document["time_steps"] = json!(1);
    read_graph(&document.to_string()).unwrap();
    document["nodes"][4] = json!({"op": "multiply", "in": [3, 3], "block": "stem"});
    assert!(error(&document).contains("node 4 (multiply): it reads or makes numbers of a scale"));
}

#[test]
fn a_million_nodes_are_not_kept() {
    let mut text = small().to_string();
    let at = text
        .find("{\"block\":\"head\",\"in\":[4]")
        .unwrap_or_else(|| text.find("\"nodes\":[").unwrap() + 9);
    let one = "{\"op\":\"add\",\"in\":[0,0],\"block\":\"stem\"},";
    text.insert_str(at, &one.repeat(1_000_000));
    let message = read_graph(&text).unwrap_err().to_string();
    assert!(
        message.contains("node or element 20000: there are more than 20000 nodes"),
        "{message}"
    );
}

#[test]
fn deep_nesting_and_no_json_are_refused() {
    for text in [
        "",
        "null",
        "[]",
        "{",
        "{}",
        &"[".repeat(1_000_000),
        "{\"format\":1}",
    ] {
        assert!(read_graph(text).is_err());
    }
}

/// All places of a document.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(values) => {
            for (i, value) in values.iter().enumerate() {
                places(value, &format!("{at}/{i}"), found);
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                places(value, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is done to a valid document, reading gives a graph whose shapes and units agree, or
    /// an error.
    #[test]
    fn damaged_documents_never_panic(
        which in 0..FAMILIES.len(),
        damages in proptest::collection::vec((any::<prop::sample::Index>(), 0..9usize, any::<i64>()), 1..4),
    ) {
        let document = write_graph(&family(FAMILIES[which])).unwrap();
        let mut value: Value = serde_json::from_str(&document).unwrap();
        for (at, how, number) in damages {
            let mut all = Vec::new();
            places(&value, "", &mut all);
            let place = all[at.index(all.len())].clone();
            let Some(old) = value.pointer_mut(&place) else { continue };
            *old = match how {
                0 => json!(number),
                1 => json!(number.rem_euclid(64)),
                2 => json!(number as f64 / 3.0),
                3 => json!("add"),
                4 => Value::Null,
                5 => json!([number.rem_euclid(8), number.rem_euclid(3)]),
                6 => json!({}),
                7 => json!(u64::MAX),
                _ => json!(true),
            };
        }
        if let Ok(graph) = read_graph(&value.to_string()) {
            for i in 0..graph.nodes.len() {
                prop_assert_eq!(crate::network::check(&graph, i), Ok(()));
            }
            prop_assert_eq!(&sorted(read_graph(&write_graph(&graph).unwrap()).unwrap()), &sorted(graph));
        }
    }

    /// Any bytes of a document may be others.
    #[test]
    fn damaged_text_never_panics(at in any::<prop::sample::Index>(), with in "[ -~]{0,3}", cut in 0..20usize) {
        let mut text = small().to_string();
        let at = at.index(text.len());
        let end = (at + cut).min(text.len());
        if text.is_char_boundary(at) && text.is_char_boundary(end) {
            text.replace_range(at..end, &with);
            let _ = read_graph(&text);
        }
    }
}
