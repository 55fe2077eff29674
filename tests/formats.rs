//! ONNX files, memories and headers of every family, read back without running them.

use std::collections::{HashMap, HashSet};

use aq4svit::export::manifest::OperationKind;
use aq4svit::export::onnx::proto::{ModelProto, NodeProto, TensorProto};
use aq4svit::export::onnx::{Flavour, Outputs, model, write};
use aq4svit::export::rtl::{self, TextFormat, Words};
use aq4svit::export::{Codes, ExportFile, Package, PackageLayer};
use aq4svit::quant::{BitWidth, pack};

use crate::export::{fixtures, package};

/// All widths, float too.
const WIDTHS: &[u8] = &[4, 1, 32, 8, 16, 3, 2, 5];

fn packages() -> impl Iterator<Item = Package> {
    let folders = fixtures().into_iter();
    folders.map(|folder| package(&folder, WIDTHS, &[]).unwrap())
}

fn text(part: Option<&String>) -> &str {
    part.expect("it is set")
}

/// Every tensor is made once, before it is read, and has its type and shape.
fn check(model: &ModelProto) {
    let graph = model.graph.as_ref().unwrap();
    let infos = graph.input.iter().chain(&graph.value_info);
    let infos: Vec<&str> = infos
        .chain(&graph.output)
        .map(|v| text(v.name.as_ref()))
        .collect();
    let with_info: HashSet<&str> = infos.iter().copied().collect();
    assert_eq!(infos.len(), with_info.len(), "a tensor is described twice");
    let inputs = graph.input.iter().map(|v| text(v.name.as_ref()));
    let mut known: HashSet<&str> = inputs.collect();
    for tensor in &graph.initializer {
        assert!(known.insert(text(tensor.name.as_ref())));
        let numbers: i64 = tensor.dims.iter().product();
        let bits = match tensor.data_type.unwrap() {
            1 => 32,
            3 => 8,
            5 => 16,
            7 | 11 => 64,
            22 => 4,
            other => panic!("type {other}"),
        };
        let bytes = tensor.raw_data.as_ref().unwrap().len() as i64;
        assert_eq!(bytes, (numbers * bits + 7) / 8, "{:?}", tensor.name);
    }
    let mut names = HashSet::new();
    for node in &graph.node {
        assert!(names.insert(text(node.name.as_ref())));
        for input in &node.input {
            assert!(known.contains(&input[..]), "{:?} reads {input}", node.name);
        }
        for output in &node.output {
            assert!(known.insert(output) && with_info.contains(&output[..]));
        }
    }
    assert!(
        graph
            .output
            .iter()
            .all(|o| known.contains(text(o.name.as_ref())))
    );
}

fn by_name(model: &ModelProto) -> (HashMap<&str, &TensorProto>, HashMap<&str, &NodeProto>) {
    let graph = model.graph.as_ref().unwrap();
    let tensors = graph.initializer.iter();
    let nodes = graph.node.iter();
    (
        tensors.map(|t| (text(t.name.as_ref()), t)).collect(),
        nodes.map(|n| (&n.output[0][..], n)).collect(),
    )
}

fn floats(tensor: &TensorProto) -> Vec<f32> {
    let bytes = tensor.raw_data.as_ref().unwrap().chunks_exact(4);
    bytes
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

#[test]
fn every_family_is_a_graph_of_onnx() {
    for package in packages() {
        for flavour in [Flavour::Qonnx, Flavour::Qdq] {
            let made = model(&package, flavour, Outputs::Spikes).unwrap();
            check(&made);
            let graph = made.graph.as_ref().unwrap();
            let outputs: Vec<&str> = graph.output.iter().map(|o| text(o.name.as_ref())).collect();
            let sites = package.manifest.sites.iter();
            let sites = sites.map(|s| format!("spikes.{}", s.name));
            let expected: Vec<String> = ["logits".to_owned()].into_iter().chain(sites).collect();
            assert_eq!(outputs, expected);
            let read: ModelProto =
                prost::Message::decode(&write(&package, flavour, Outputs::Spikes).unwrap()[..])
                    .unwrap();
            assert_eq!(read, made);
            let alone = model(&package, flavour, Outputs::Logits).unwrap();
            check(&alone);
            assert_eq!(alone.graph.unwrap().output.len(), 1);
        }
    }
}

#[test]
fn qonnx_holds_integers_their_widths_and_affines() {
    for package in packages() {
        let made = model(&package, Flavour::Qonnx, Outputs::Spikes).unwrap();
        let (tensors, nodes) = by_name(&made);
        let graph = made.graph.as_ref().unwrap();
        let annotations: HashMap<&str, &str> = graph
            .quantization_annotation
            .iter()
            .map(|a| {
                let entry = &a.quant_parameter_tensor_names[0];
                assert_eq!(text(entry.key.as_ref()), "finn_datatype");
                (text(a.tensor_name.as_ref()), text(entry.value.as_ref()))
            })
            .collect();
        for (entry, layer) in package.manifest.layers.iter().zip(&package.layers) {
            let weight = format!("weight.{}", layer.name);
            let Codes::Integers(codes) = &layer.codes else {
                assert!(!nodes.contains_key(&weight[..]));
                continue;
            };
            let node = nodes[&weight[..]];
            let numbers = floats(tensors[&node.input[0][..]]);
            assert!(numbers.iter().zip(codes).all(|(&x, &q)| x == f32::from(q)));
            assert_eq!(floats(tensors[&node.input[1][..]]), [1.0]);
            let (op, datatype) = match entry.bits {
                1 => ("BipolarQuant", "BIPOLAR".to_owned()),
                bits => ("IntQuant", format!("INT{bits}")),
            };
            assert_eq!(text(node.op_type.as_ref()), op);
            assert_eq!(annotations[&weight[..]], datatype);
            if entry.bits > 1 {
                let bits = floats(tensors[&node.input[3][..]]);
                assert_eq!(bits, [f32::from(entry.bits)]);
            }
            assert_eq!(
                floats(tensors[&format!("factor.{}", layer.name)[..]]),
                layer.factor
            );
            assert_eq!(
                floats(tensors[&format!("summand.{}", layer.name)[..]]),
                layer.summand
            );
        }
        for site in &package.manifest.sites {
            let datatype = annotations[&format!("spikes.{}", site.name)[..]];
            assert!(
                datatype == "BINARY" || datatype.starts_with("UINT"),
                "{datatype}"
            );
        }
    }
}

#[test]
fn qdq_stores_4_8_and_16_bits() {
    for package in packages() {
        let made = model(&package, Flavour::Qdq, Outputs::Spikes).unwrap();
        let (tensors, nodes) = by_name(&made);
        for (entry, layer) in package.manifest.layers.iter().zip(&package.layers) {
            let Codes::Integers(codes) = &layer.codes else {
                continue;
            };
            let tensor = tensors[&format!("integers.{}", layer.name)[..]];
            let raw = tensor.raw_data.as_ref().unwrap();
            let stored: Vec<i16> = match entry.bits {
                1..=4 => {
                    assert_eq!(tensor.data_type, Some(22));
                    let halves = raw
                        .iter()
                        .flat_map(|&b| [(b << 4) as i8 >> 4, b as i8 >> 4]);
                    halves.take(codes.len()).map(i16::from).collect()
                }
                5..=8 => raw.iter().map(|&b| i16::from(b as i8)).collect(),
                _ => {
                    let words = raw.chunks_exact(2);
                    words.map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
                }
            };
            assert_eq!(&stored, codes, "{}", layer.name);
            let scale = floats(tensors[&format!("scale.{}", layer.name)[..]]);
            let rest = floats(tensors[&format!("factor.{}", layer.name)[..]]);
            let both = scale.iter().zip(&rest).map(|(s, r)| s * r);
            assert_eq!(both.collect::<Vec<f32>>(), layer.factor);
            let node = nodes[&format!("weight.{}", layer.name)[..]];
            assert_eq!(text(node.op_type.as_ref()), "DequantizeLinear");
        }
    }
}

/// Operations that the fixtures have between them: none is left untested.
#[test]
fn the_fixtures_have_every_operation() {
    let mut found = HashSet::new();
    for package in packages() {
        for operation in &package.manifest.operations {
            found.insert(std::mem::discriminant(&operation.op));
            if let OperationKind::Layer(_) = operation.op {
                assert_eq!(operation.inputs.len(), 1);
            }
        }
    }
    // Average pooling is in none of the families.
    assert_eq!(found.len(), 19);
}

fn file<'a>(files: &'a [ExportFile], path: &str) -> &'a str {
    let found = files.iter().find(|f| f.path == path);
    std::str::from_utf8(&found.unwrap_or_else(|| panic!("{path}")).bytes).unwrap()
}

/// The words of a memory, read as a simulator does.
fn words(text: &str, word_bits: u32, lanes: usize) -> Vec<Vec<u32>> {
    let lines = text.lines().filter(|l| !l.starts_with("//"));
    let bit = |line: &str, at: usize| {
        let digit = line.as_bytes()[line.len() - 1 - at / 4] as char;
        digit.to_digit(16).unwrap() >> (at % 4) & 1
    };
    lines
        .map(|line| {
            assert_eq!(line.len(), (word_bits as usize * lanes).div_ceil(4));
            let word = |lane: usize| {
                let bits =
                    (0..word_bits).map(|b| bit(line, lane * word_bits as usize + b as usize) << b);
                bits.sum()
            };
            (0..lanes).map(word).collect()
        })
        .collect()
}

fn check_memory(layer: &PackageLayer, text: &str, word_bits: u32, lanes: usize) {
    let lines = words(text, word_bits, lanes);
    let out = layer.factor.len();
    let per_channel = lines.len() / out;
    let channels = lines.chunks(per_channel).map(<[Vec<u32>]>::concat);
    let fan_in = match &layer.codes {
        Codes::Integers(codes) => codes.len() / out,
        Codes::Floats(weights) => weights.len() / out,
    };
    for (channel, words) in channels.enumerate() {
        assert!(words[fan_in..].iter().all(|&w| w == 0));
        for (i, &word) in words[..fan_in].iter().enumerate() {
            let at = channel * fan_in + i;
            match &layer.codes {
                Codes::Floats(weights) => assert_eq!(word, weights[at].to_bits()),
                Codes::Integers(codes) if word_bits == 1 => {
                    assert_eq!(codes[at], 2 * word as i16 - 1);
                }
                Codes::Integers(codes) => {
                    let signed = (word << (32 - word_bits)) as i32 >> (32 - word_bits);
                    assert_eq!(signed, i32::from(codes[at]));
                }
            }
        }
    }
}

#[test]
fn memories_hold_the_weights() {
    for package in packages() {
        for (bits, lanes) in [(None, 1), (None, 7), (Some(16), 4), (Some(32), 1)] {
            let options = Words {
                bits,
                lanes,
                packed: false,
            };
            let formats = [TextFormat::Mem, TextFormat::Coe];
            let files = rtl::write(&package, &formats, options).unwrap();
            for (entry, layer) in package.manifest.layers.iter().zip(&package.layers) {
                let own = bits.unwrap_or(u32::from(entry.bits));
                let word_bits = if entry.bits == 32 { 32 } else { own };
                let mem = file(&files, &format!("layers/{}.mem", layer.name));
                check_memory(layer, mem, word_bits, lanes);
                let coe = file(&files, &format!("layers/{}.coe", layer.name));
                let (_, vector) = coe.split_once("vector=\n").unwrap();
                let vector = vector.strip_suffix(";\n").unwrap();
                assert!(vector.split(",\n").eq(mem.lines().skip(1)));
                let affine = file(&files, &format!("layers/{}.affine.mem", layer.name));
                let affine = words(affine, 32, 1).concat();
                let numbers = layer.factor.iter().chain(&layer.summand);
                assert!(affine.into_iter().eq(numbers.map(|x| x.to_bits())));
            }
            let table = file(&files, "layers/layers.tsv");
            assert_eq!(table.lines().count(), package.layers.len() + 1);
        }
    }
}

/// Affines of half precision are words of 16 bits, those of float layers still of 32.
#[test]
fn affines_have_the_format_of_the_package() {
    let half = ["quantizer.affine=f16"];
    let package = package(&fixtures()[0], &[4, 32], &half).unwrap();
    let files = rtl::write(&package, &[TextFormat::Mem], Words::default()).unwrap();
    for (entry, layer) in package.manifest.layers.iter().zip(&package.layers) {
        let affine = file(&files, &format!("layers/{}.affine.mem", layer.name));
        let numbers = layer.factor.iter().chain(&layer.summand);
        let expected: Vec<u32> = match entry.bits {
            32 => numbers.map(|x| x.to_bits()).collect(),
            _ => numbers
                .map(|&x| u32::from(half::f16::from_f32(x).to_bits()))
                .collect(),
        };
        let bits = if entry.bits == 32 { 32 } else { 16 };
        assert_eq!(words(affine, bits, 1).concat(), expected);
    }
}

#[test]
fn words_that_do_not_fit_are_refused() {
    let package = package(&fixtures()[0], &[4, 8], &[]).unwrap();
    let error = |bits, lanes| {
        let options = Words {
            bits,
            lanes,
            packed: false,
        };
        let made = rtl::write(&package, &[TextFormat::Mem], options);
        made.unwrap_err().to_string()
    };
    let second = &package.layers[1].name;
    assert_eq!(
        error(Some(7), 1),
        format!("{second}: --word-bits 7: it has 8 bits; choose 8 to 32")
    );
    assert!(error(Some(33), 1).contains("choose 4 to 32"));
    assert!(error(None, 0).contains("--lanes 0: choose 1 to 4096"));
}

#[test]
fn packed_headers_hold_the_bytes_of_the_package() {
    let package = package(&fixtures()[0], &[3, 1, 16], &[]).unwrap();
    let options = Words {
        packed: true,
        ..Words::default()
    };
    let files = rtl::write(&package, &[TextFormat::Header], options).unwrap();
    for (entry, layer) in package.manifest.layers.iter().zip(&package.layers) {
        let Codes::Integers(codes) = &layer.codes else {
            unreachable!()
        };
        let header = file(&files, &format!("layers/{}.h", layer.name));
        let (_, array) = header.split_once("_packed[").unwrap();
        let (_, array) = array.split_once("{\n").unwrap();
        let (array, _) = array.split_once('}').unwrap();
        let bytes = array.split(',').map(str::trim).filter(|b| !b.is_empty());
        let bytes = bytes.map(|b| u8::from_str_radix(b.trim_start_matches("0x"), 16).unwrap());
        let width = BitWidth::new(entry.bits).unwrap();
        assert_eq!(bytes.collect::<Vec<u8>>(), pack(codes, width).unwrap());
    }
}

/// Names come from files of others: nothing is written elsewhere, and no comment ends early.
#[test]
fn hostile_names_stay_in_the_folder() {
    let mut package = package(&fixtures()[0], &[4], &[]).unwrap();
    let hostile = [
        "../../x",
        "/etc/x",
        "a*/ int main(",
        "b\nendmodule",
        "A",
        "a",
    ];
    for (i, name) in hostile.into_iter().enumerate() {
        package.layers[i].name = name.to_owned();
        package.manifest.layers[i].name = name.to_owned();
    }
    let formats = [TextFormat::Mem, TextFormat::Coe, TextFormat::Header];
    let files = rtl::write(&package, &formats, Words::default()).unwrap();
    let mut paths = HashSet::new();
    for file in &files {
        let name = file.path.strip_prefix("layers/").unwrap();
        assert!(
            !name.contains(['/', '\\', '\n']) && !name.starts_with('.'),
            "{name}"
        );
        assert!(paths.insert(name.to_lowercase()), "{name} twice");
        let text = std::str::from_utf8(&file.bytes).unwrap();
        // A table has no comments.
        let is_table = name == "layers.tsv";
        assert!(is_table || !text.contains("*/ int"));
        assert!(!text.contains("\nendmodule"));
    }
    assert_eq!(files.len(), 5 * package.layers.len() + 2);
}
