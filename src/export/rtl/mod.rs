//! Layers as text: memories for `$readmemh` (`.mem`) and for Xilinx tools (`.coe`), C headers.
//!
//! All files lie in `layers/`. `layers.tsv` lists the layers in execution order: how each is called
//! in names of files and in C, and how its words lie in memory.

mod header;
mod names;
mod words;

use self::words::Layout;
use super::error::ExportError;
use super::file::ExportFile;
use super::manifest::Layer;
use super::package::{Codes, Package, PackageLayer};

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// `$readmemh`: `layers/L.mem` and `layers/L.affine.mem`.
    Mem,
    /// `.coe` of radix 16.
    Coe,
    /// C99: `layers/L.h`, and `layers/layers.h` that includes all.
    Header,
}

/// The words of memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// Bits of a word; none for the bits of each layer.
    pub bits: Option<u32>,
    /// Words in a line. Every output channel begins with a line of its own, whose last one is
    /// filled with 0.
    pub lanes: usize,
    /// Whether C headers hold packed bytes and a function that reads them, instead of one number
    /// for each weight.
    pub packed: bool,
}

impl Default for Words {
    fn default() -> Self {
        Words {
            bits: None,
            lanes: 1,
            packed: false,
        }
    }
}

/// The files of some formats.
///
/// # Errors
/// [`ExportError`] names the layer that does not fit into its words.
pub fn write(
    package: &Package,
    formats: &[TextFormat],
    words: Words,
) -> Result<Vec<ExportFile>, ExportError> {
    let all = || package.layers.iter().map(|l| l.name.as_str());
    let (stems, identifiers) = (names::file_stems(all()), names::identifiers(all()));
    let layers = package.manifest.layers.iter().zip(&package.layers);
    let mut files = Vec::new();
    let mut table = String::from(
        "layer\tfile\tidentifier\tbits\ttype\tout\tin\trows\tcolumns\tword_bits\tlanes\tlines_per_channel\n",
    );
    for ((entry, layer), (stem, identifier)) in layers.zip(stems.iter().zip(&identifiers)) {
        let layout = Layout::of(entry, layer, words)?;
        table.push_str(&row((entry, layer), layout, (stem, identifier)));
        for format in formats {
            match format {
                TextFormat::Mem | TextFormat::Coe => {
                    let coe = *format == TextFormat::Coe;
                    files.extend(words::memories((entry, layer), (layout, stem), coe));
                }
                TextFormat::Header => {
                    let sites = &package.manifest.sites;
                    let mut fed = sites
                        .iter()
                        .filter(|s| s.input_layer.as_ref() == Some(&entry.name));
                    let names = (stem.as_str(), identifier.as_str());
                    let header = header::header((entry, layer), fed.next(), names, words.packed)?;
                    files.push(header);
                }
            }
        }
    }
    if formats.contains(&TextFormat::Header) {
        files.push(header::all(&stems));
    }
    files.push(ExportFile::text("layers/layers.tsv".to_owned(), table));
    Ok(files)
}

/// A layer's row of the table.
fn row(
    (entry, layer): (&Layer, &PackageLayer),
    layout: Layout,
    (stem, identifier): (&str, &str),
) -> String {
    let [out, inputs, rows, columns] = entry.shape;
    let kind = match layer.codes {
        Codes::Integers(_) => "integer",
        Codes::Floats(_) => "float",
    };
    let name = entry.name.replace(['\t', '\n', '\r'], " ");
    let (
        bits,
        Layout {
            word_bits,
            lanes,
            lines,
        },
    ) = (entry.bits, layout);
    format!(
        "{name}\t{stem}\t{identifier}\t{bits}\t{kind}\t{out}\t{inputs}\t{rows}\t{columns}\t{word_bits}\t{lanes}\t{lines}\n"
    )
}
