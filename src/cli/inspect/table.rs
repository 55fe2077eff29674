//! The inspection as text.

use std::fmt::Write as _;

use super::report::{ByWidth, Inspection, LayerRow, RepConvChains};
use crate::quant::BitWidth;
use crate::text::numbers::{bytes_in_full as bytes, compact, count};
use crate::text::table::columns;

/// The columns of the narrow table.
const NARROW: usize = 80;

/// The inspection as text. The narrow form has at most 80 columns: names within their block,
/// rounded numbers, as many bit-widths as fit.
pub fn text(report: &Inspection, wide: bool) -> String {
    let mut out = String::new();
    header(&mut out, report);
    let widths = match wide {
        true => report.widths.clone(),
        false => fitting(report),
    };
    out.push('\n');
    out.push_str(&layers(report, wide, &widths));
    footer(&mut out, report, wide, report.widths.len() - widths.len());
    out + &output_errors(report)
}

/// The relative errors of the layers' outputs, where they were asked for.
fn output_errors(report: &Inspection) -> String {
    let widths: Vec<&String> = match report.layers.first().and_then(|l| l.output_error.as_ref()) {
        Some(errors) => errors.keys().collect(),
        None => return String::new(),
    };
    let title = ["layer".to_owned()].into_iter();
    let mut rows = vec![
        title
            .chain(widths.iter().map(|w| (*w).clone()))
            .collect::<Vec<_>>(),
    ];
    for layer in &report.layers {
        let error = |width: &&String| {
            let known = layer.output_error.as_ref().and_then(|e| *e.get(*width)?);
            known.map_or("-".to_owned(), |e| format!("{:.1}", 100.0 * e))
        };
        let name = [layer.layer.clone()].into_iter();
        rows.push(name.chain(widths.iter().map(error)).collect());
    }
    format!(
        "\nError of each layer's output over the calibration images at each bit-width, in % of the output's\n\
         standard deviation (root mean square; calibrated integers, corrected affine):\n{}",
        columns(&rows, " ", |column| column >= 1)
    )
}

fn header(out: &mut String, report: &Inspection) {
    let [channels, rows, columns] = report.input;
    let plural = if channels == 1 { "" } else { "s" };
    let layout = report
        .layout
        .map_or(String::new(), |l| format!(", layout {l}"));
    let _ = writeln!(out, "{} ({})", report.profile, report.origin);
    let _ = writeln!(
        out,
        "{}{layout}: {rows}x{columns} pixels, {channels} channel{plural}, {} classes, T = {}",
        report.family, report.classes, report.time_steps
    );
    let _ = writeln!(
        out,
        "{} parameters, {} of them weights of {} layers; {} MACs per image",
        count(report.parameters),
        count(report.weights),
        report.layers.len(),
        compact(report.macs)
    );
    let remark = match (report.checkpoint_missing, report.checkpoint_fits) {
        (true, _) => ", not there",
        (false, true) => ", has this network's tensors",
        (false, false) => ", not usable",
    };
    let checkpoint = report
        .checkpoint
        .as_ref()
        .map(|path| format!("{path}{remark}"));
    let checkpoint = checkpoint.as_deref().unwrap_or("none given");
    let _ = writeln!(out, "checkpoint: {checkpoint}");
}

/// The bit-widths whose columns fit into the narrow table: float goes first, then from the middle
/// of the menu.
fn fitting(report: &Inspection) -> Vec<BitWidth> {
    let mut widths = report.widths.clone();
    let too_wide = |widths: &[BitWidth]| {
        let table = layers(report, false, widths);
        table.lines().any(|line| line.chars().count() > NARROW)
    };
    while widths.len() > 2 && too_wide(&widths) {
        let last = widths.len() - 1;
        let is_float = widths[last].is_float();
        widths.remove(if is_float { last } else { widths.len() / 2 });
    }
    widths
}

/// A column of the table of layers.
struct Column<'a> {
    title: String,
    cell: Box<dyn Fn(&LayerRow) -> String + 'a>,
    /// The cell of the last row.
    total: String,
}

impl<'a> Column<'a> {
    fn new(title: &str, cell: impl Fn(&LayerRow) -> String + 'a, total: String) -> Self {
        Column {
            title: title.to_owned(),
            cell: Box::new(cell),
            total,
        }
    }

    /// A column of names, without a total.
    fn name(title: &str, cell: impl Fn(&LayerRow) -> String + 'a) -> Self {
        Column::new(title, cell, String::new())
    }
}

fn layers(report: &Inspection, wide: bool, widths: &[BitWidth]) -> String {
    let (all, left) = layer_columns(report, wide, widths);
    let mut rows = vec![all.iter().map(|c| c.title.clone()).collect()];
    for layers in report.layers.chunk_by(|a, b| a.block == b.block) {
        let first = layers.first().filter(|_| !wide);
        rows.extend(first.map(|layer| vec![block_title(layer)]));
        let cells = |layer| all.iter().map(|c| (c.cell)(layer)).collect();
        rows.extend(layers.iter().map(cells));
    }
    let mut totals: Vec<String> = all.into_iter().map(|c| c.total).collect();
    totals[0] = "all layers".to_owned();
    rows.push(totals);
    columns(&rows, " ", |column| column >= left)
}

/// The columns of the table of layers, and how many of them are aligned to the left.
fn layer_columns<'a>(
    report: &'a Inspection,
    wide: bool,
    widths: &'a [BitWidth],
) -> (Vec<Column<'a>>, usize) {
    let number = move |n: u64| if wide { count(n) } else { compact(n) };
    let mut all = match wide {
        true => vec![
            Column::name("stage", |l| l.stage.clone()),
            Column::name("block", |l| l.block.clone()),
            Column::name("layer", |l| l.layer.clone()),
            Column::name("kind", |l| l.kind.to_owned()),
        ],
        false => vec![Column::name("layer", |l| {
            format!(" {}", within(&l.block, &l.layer))
        })],
    };
    all.push(Column::name("shape", |l| {
        let shape: Vec<String> = l.shape.iter().map(ToString::to_string).collect();
        shape.join("x")
    }));
    let left = all.len();
    let parameters = number(report.layers.iter().map(|l| l.parameters).sum());
    let macs = number(report.macs);
    let own = move |l: &LayerRow| number(l.parameters);
    all.extend(match wide {
        true => [
            Column::new("parameters", own, parameters),
            Column::new(
                "share",
                |l| format!("{:.2} %", l.share_percent),
                "100 %".into(),
            ),
        ],
        false => [
            Column::new("par.", own, parameters),
            Column::new("%", |l| format!("{:.1}", l.share_percent), "100".into()),
        ],
    });
    all.push(Column::new("MACs", move |l| number(l.macs), macs));
    if report.allocation.is_some() {
        all.push(Column::name("bits", |l| {
            l.bits.map_or_else(String::new, |b| b.to_string())
        }));
    }
    for width in widths {
        let title = width.to_string();
        let of = move |bytes: &ByWidth| number(bytes.get(&width.to_string()).copied().unwrap_or(0));
        let cell = move |l: &LayerRow| {
            let is_exact = l.integer_exact.contains(&width.bits());
            of(&l.bytes) + if is_exact { " " } else { "~" }
        };
        let total = of(&report.uniform_bytes) + " ";
        all.push(Column::new(&title, cell, total));
    }
    (all, left)
}

/// The name of a part within its block.
fn within<'a>(block: &str, name: &'a str) -> &'a str {
    let rest = name.strip_prefix(block).and_then(|n| n.strip_prefix('.'));
    rest.unwrap_or(name)
}

fn block_title(layer: &LayerRow) -> String {
    match layer.stage == layer.block {
        true => layer.block.clone(),
        false => format!("{}: {}", layer.stage, layer.block),
    }
}

fn footer(out: &mut String, report: &Inspection, wide: bool, left_out: usize) {
    let _ = writeln!(
        out,
        "\nLast columns: bytes at each bit-width (packed weights, two numbers per channel).\n\
         {} is a layer's share of the parameters of all layers.",
        if wide { "share" } else { "%" }
    );
    let _ = writeln!(out, "~ sums that are not exact integers at this bit-width");
    if !wide {
        let more = match left_out {
            0 => String::new(),
            1 => ", one more bit-width".to_owned(),
            n => format!(", {n} more bit-widths"),
        };
        let _ = writeln!(out, "k = 1000; --wide shows full numbers and names{more}");
    }
    let float = |by_width: &ByWidth| bytes(by_width.get("float").copied().unwrap_or(0));
    let (all, weights) = (
        float(&report.uniform_bytes),
        float(&report.uniform_weight_bytes),
    );
    let _ = writeln!(out, "\nfloat: {all}, weights alone {weights}");
    if report.fixed_bytes > 0 {
        let fixed = bytes(report.fixed_bytes);
        let _ = writeln!(
            out,
            "in every total: {fixed} of tensors that belong to no layer"
        );
    }
    if let Some(found) = &report.allocation {
        let _ = writeln!(
            out,
            "[bits]: {}, {:.2} % less than float (weights alone {:.2} %)",
            bytes(found.memory_bytes),
            found.memory_saving_percent,
            found.weights_saving_percent
        );
    }
    if let Some(chains) = &report.repconv {
        repconv(out, chains, report, wide);
    }
    let _ = writeln!(out, "neuron sites: {}", report.sites.len());
    match wide {
        true => wide_sites(out, report),
        false => narrow_sites(out, report),
    }
    dead_tensors(out, &report.dead, wide);
}

fn dead_tensors(out: &mut String, dead: &[String], wide: bool) {
    let all = dead.len();
    let _ = writeln!(
        out,
        "dead tensors (in the state dict, never used, not counted): {all}"
    );
    let shown = if wide { all } else { all.min(4) };
    for key in dead.iter().take(shown) {
        let _ = writeln!(out, "  {key}");
    }
    if all > shown {
        let _ = writeln!(out, "  and {} more", all - shown);
    }
}

/// The bytes of the RepConv chains as stored and merged.
fn repconv(out: &mut String, chains: &RepConvChains, report: &Inspection, wide: bool) {
    let (kept, merged) = match chains.merged {
        false => ("(as here)", "(model.merge_repconv)"),
        true => ("", "(as here)"),
    };
    let number = |n: u64| if wide { count(n) } else { compact(n) };
    let line = |name: &str, remark: &str, by_width: &ByWidth| {
        let widths = report.widths.iter().map(ToString::to_string);
        let mut cells = vec![format!(" {name} {remark}")];
        cells.extend(widths.map(|w| number(by_width.get(&w).copied().unwrap_or(0))));
        cells
    };
    let mut titles = vec!["RepConv chains: total bytes".to_owned()];
    titles.extend(report.widths.iter().map(ToString::to_string));
    let rows = [
        titles,
        line("kept", kept, &chains.factored_bytes),
        line("merged", merged, &chains.merged_bytes),
    ];
    out.push_str(&columns(&rows, " ", |column| column >= 1));
}

fn wide_sites(out: &mut String, report: &Inspection) {
    for site in &report.sites {
        let ([c, h, w], name) = (site.shape, &site.site);
        let _ = writeln!(out, "  {name}  {c}x{h}x{w}  threshold {}", site.threshold);
    }
}

/// By block, names within it.
fn narrow_sites(out: &mut String, report: &Inspection) {
    let blocks = report.sites.chunk_by(|a, b| a.block == b.block);
    for sites in blocks {
        let block = sites.first().map_or("", |s| s.block.as_str());
        let mut line = format!("  {block}:");
        for site in sites {
            let name = within(block, &site.site);
            if line.chars().count() + 1 + name.chars().count() > NARROW {
                let _ = writeln!(out, "{line}");
                line = "   ".to_owned();
            }
            let _ = write!(line, " {name}");
        }
        let _ = writeln!(out, "{line}");
    }
}
