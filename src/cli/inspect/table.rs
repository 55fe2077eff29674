//! The inspection as text.

use std::fmt::Write as _;

use super::report::{ByWidth, Inspection, LayerRow, RepConvChains};
use crate::quant::BitWidth;
use crate::text::numbers::{bytes_in_full as bytes, compact, count};
use crate::text::table::columns;

/// How wide the narrow table may be.
const NARROW: usize = 80;

/// The whole text. Narrow: at most 80 columns, names within their block, rounded numbers, as many bit-widths as fit.
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

/// The widths whose columns fit into the narrow table: float goes first, then from the middle of the menu.
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

fn layers(report: &Inspection, wide: bool, widths: &[BitWidth]) -> String {
    let has_bits = report.allocation.is_some();
    let mut titles: Vec<String> = match wide {
        true => [
            "stage",
            "block",
            "layer",
            "kind",
            "shape",
            "parameters",
            "share",
            "MACs",
        ]
        .map(str::to_owned)
        .into(),
        false => ["layer", "shape", "par.", "%", "MACs"]
            .map(str::to_owned)
            .into(),
    };
    let left = titles.len() - 3;
    if has_bits {
        titles.push("bits".to_owned());
    }
    titles.extend(widths.iter().map(ToString::to_string));
    let mut rows = vec![titles];
    let mut block = "";
    for layer in &report.layers {
        if !wide && block != layer.block {
            block = &layer.block;
            rows.push(vec![block_title(layer)]);
        }
        rows.push(cells(layer, wide, widths));
    }
    rows.push(total(report, wide, widths));
    columns(&rows, " ", |column| column >= left)
}

fn block_title(layer: &LayerRow) -> String {
    match layer.stage == layer.block {
        true => layer.block.clone(),
        false => format!("{}: {}", layer.stage, layer.block),
    }
}

fn cells(layer: &LayerRow, wide: bool, widths: &[BitWidth]) -> Vec<String> {
    let shape: Vec<String> = layer.shape.iter().map(ToString::to_string).collect();
    let shape = shape.join("x");
    let number = |n: u64| if wide { count(n) } else { compact(n) };
    let mut cells = match wide {
        true => vec![
            layer.stage.clone(),
            layer.block.clone(),
            layer.layer.clone(),
            layer.kind.to_owned(),
            shape,
        ],
        false => {
            let within = layer.layer.strip_prefix(&layer.block);
            let within = within.and_then(|n| n.strip_prefix('.'));
            vec![format!(" {}", within.unwrap_or(&layer.layer)), shape]
        }
    };
    let share = match wide {
        true => format!("{:.2} %", layer.share_percent),
        false => format!("{:.1}", layer.share_percent),
    };
    cells.extend([number(layer.parameters), share, number(layer.macs)]);
    cells.extend(layer.bits.map(|b| b.to_string()));
    cells.extend(widths.iter().map(|width| {
        let bytes = layer.bytes.get(&width.to_string()).copied().unwrap_or(0);
        let exact = layer.integer_exact.contains(&width.bits());
        format!("{}{}", number(bytes), if exact { ' ' } else { '~' })
    }));
    cells
}

fn total(report: &Inspection, wide: bool, widths: &[BitWidth]) -> Vec<String> {
    let number = |n: u64| if wide { count(n) } else { compact(n) };
    let parameters = report.layers.iter().map(|l| l.parameters).sum();
    let mut cells = vec!["all layers".to_owned()];
    cells.resize(if wide { 5 } else { 2 }, String::new());
    let share = if wide { "100 %" } else { "100" };
    cells.extend([number(parameters), share.to_owned(), number(report.macs)]);
    if report.allocation.is_some() {
        cells.push(String::new());
    }
    cells.extend(widths.iter().map(|width| {
        let bytes = report.uniform_bytes.get(&width.to_string());
        format!("{} ", number(bytes.copied().unwrap_or(0)))
    }));
    cells
}

fn footer(out: &mut String, report: &Inspection, wide: bool, left_out: usize) {
    let _ = writeln!(
        out,
        "\nLast columns: bytes at each bit-width (packed weights, two numbers per channel).\n\
         {} is a layer's share of the parameters of all layers.",
        if wide { "share" } else { "%" }
    );
    let _ = writeln!(out, "~ sums that are not exact integers at this width");
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

/// What the RepConv chains take as they are and merged.
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
            let within = site.site.strip_prefix(block);
            let within = within.and_then(|n| n.strip_prefix('.'));
            let name = within.unwrap_or(&site.site);
            if line.chars().count() + 1 + name.chars().count() > NARROW {
                let _ = writeln!(out, "{line}");
                line = "   ".to_owned();
            }
            let _ = write!(line, " {name}");
        }
        let _ = writeln!(out, "{line}");
    }
}
