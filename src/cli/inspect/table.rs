//! The inspection as text.

use std::fmt::Write as _;

use super::report::{ByWidth, Inspection, LayerRow, RepConvChains};
use crate::quant::BitWidth;
use crate::text::numbers::{bytes_in_full as bytes, compact, count};
use crate::text::table::columns;

/// The columns of the narrow table.
const NARROW: usize = 80;

/// The inspection as text. The narrow form has at most 80 columns: names within their block, rounded numbers, as many
/// bit-widths as fit.
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
    out
}

fn header(out: &mut String, report: &Inspection) {
    let [channels, rows, columns] = report.input;
    let channels = match channels {
        1 => "1 channel".to_owned(),
        n => format!("{n} channels"),
    };
    let layout = match report.layout {
        Some(layout) => format!(", layout {layout}"),
        None => String::new(),
    };
    let _ = writeln!(out, "{} ({})", report.profile, report.origin);
    let _ = writeln!(
        out,
        "{}{layout}: {rows}x{columns} pixels, {channels}, {} classes, T = {}",
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
    let checkpoint = match (&report.checkpoint, report.checkpoint_fits) {
        (Some(path), _) if report.checkpoint_missing => format!("{path}, not there"),
        (None, _) => "none given".to_owned(),
        (Some(path), true) => format!("{path}, has this network's tensors"),
        (Some(path), false) => format!("{path}, not usable"),
    };
    let _ = writeln!(out, "checkpoint: {checkpoint}");
}

/// The bit-widths whose columns fit into the narrow table: float goes first, then from the middle of the menu.
fn fitting(report: &Inspection) -> Vec<BitWidth> {
    let mut widths = report.widths.clone();
    let too_wide = |widths: &[BitWidth]| {
        let table = layers(report, false, widths);
        table.lines().any(|line| line.chars().count() > NARROW)
    };
    while widths.len() > 2 && too_wide(&widths) {
        let last = widths.len() - 1;
        let at = match widths[last].is_float() {
            true => last,
            false => widths.len() / 2,
        };
        widths.remove(at);
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
    let number = |n: u64| if wide { count(n) } else { compact(n) };
    let titles = match wide {
        true => ["parameters", "share", "MACs"],
        false => ["par.", "%", "MACs"],
    };
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
    let parameters = report.layers.iter().map(|l| l.parameters).sum();
    let share = |l: &LayerRow| match wide {
        true => format!("{:.2} %", l.share_percent),
        false => format!("{:.1}", l.share_percent),
    };
    let whole = String::from(if wide { "100 %" } else { "100" });
    all.push(Column::new(
        titles[0],
        |l| number(l.parameters),
        number(parameters),
    ));
    all.push(Column::new(titles[1], share, whole));
    all.push(Column::new(
        titles[2],
        |l| number(l.macs),
        number(report.macs),
    ));
    if report.allocation.is_some() {
        let bits = |l: &LayerRow| l.bits.map_or_else(String::new, |b| b.to_string());
        all.push(Column::name("bits", bits));
    }
    for width in widths {
        let title = width.to_string();
        let of = move |bytes: &ByWidth| number(bytes.get(&width.to_string()).copied().unwrap_or(0));
        let exact = |l: &LayerRow| {
            if l.integer_exact.contains(&width.bits()) {
                ' '
            } else {
                '~'
            }
        };
        let cell = move |l: &LayerRow| format!("{}{}", of(&l.bytes), exact(l));
        let total = format!("{} ", of(&report.uniform_bytes));
        all.push(Column::new(&title, cell, total));
    }
    let mut rows = vec![all.iter().map(|c| c.title.clone()).collect()];
    for layers in report.layers.chunk_by(|a, b| a.block == b.block) {
        rows.extend(
            layers
                .first()
                .filter(|_| !wide)
                .map(|l| vec![block_title(l)]),
        );
        let cells = |layer| all.iter().map(|c| (c.cell)(layer)).collect();
        rows.extend(layers.iter().map(cells));
    }
    let mut totals: Vec<String> = all.into_iter().map(|c| c.total).collect();
    totals[0] = "all layers".to_owned();
    rows.push(totals);
    columns(&rows, " ", |column| column >= left)
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
    let float = report.uniform_bytes.get("float").copied().unwrap_or(0);
    let weights = report
        .uniform_weight_bytes
        .get("float")
        .copied()
        .unwrap_or(0);
    let _ = writeln!(
        out,
        "\nfloat: {}, weights alone {}",
        bytes(float),
        bytes(weights)
    );
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
    let _ = writeln!(
        out,
        "dead tensors (in the state dict, never used, not counted): {}",
        report.dead.len()
    );
    let shown = if wide { report.dead.len() } else { 4 };
    for key in report.dead.iter().take(shown) {
        let _ = writeln!(out, "  {key}");
    }
    if report.dead.len() > shown {
        let _ = writeln!(out, "  and {} more", report.dead.len() - shown);
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
        let [c, h, w] = site.shape;
        let _ = writeln!(
            out,
            "  {}  {c}x{h}x{w}  threshold {}",
            site.site, site.threshold
        );
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
