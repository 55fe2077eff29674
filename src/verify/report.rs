//! What a verification found.

use std::fmt::{self, Write as _};

use serde::Serialize;

/// The result of a verification: a package that is in order, and how far what it computes agrees
/// with its golden data.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "verification")]
pub struct Report {
    /// True when everything agrees.
    pub agrees: bool,
    /// Golden images.
    pub images: usize,
    /// Those of a margin below 1e-4, which go on with the stored sums of layers that are not exact.
    pub from_stored_sums: usize,
    /// The first things that differ.
    pub differences: Vec<String>,
    /// Every layer.
    pub layers: Vec<LayerReport>,
    /// Every site.
    pub sites: Vec<SiteReport>,
    /// The logits.
    pub logits: LogitsReport,
    /// Bits of the accumulator that sums were tried in.
    pub accumulator_bits: Option<u32>,
    /// Sums that do not fit it, over all layers.
    pub overflows: Option<u64>,
}

/// One layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LayerReport {
    /// Its name.
    pub layer: String,
    /// Bits of a weight.
    pub bits: u8,
    /// Whether its sums are exact.
    pub exact: bool,
    /// Sums that were compared.
    pub sums: u64,
    /// Sums that differ: at all where they are exact, else by more than the tolerance.
    pub differ: u64,
    /// The largest difference.
    pub largest_difference: f64,
    /// The least and the largest sum; null where nothing was computed.
    pub peak: Option<[f64; 2]>,
    /// Bits of a two's complement accumulator that holds them; null for real numbers.
    pub peak_bits: Option<u32>,
    /// Bits that hold the sums of any input; null for real numbers.
    pub worst_bits: Option<u32>,
    /// Sums that do not fit the accumulator that was asked for; null for real numbers.
    pub overflows: Option<u64>,
}

/// One site.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SiteReport {
    /// Its name.
    pub site: String,
    /// Spikes (of integer neurons: levels) that were compared, silent ones included.
    pub spikes: u64,
    /// Those that differ.
    pub differ: u64,
}

/// The logits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LogitsReport {
    /// Logits that were compared.
    pub logits: u64,
    /// Those that differ: at all where no rounding can reach them, else by more than the tolerance.
    pub differ: u64,
    /// The largest difference.
    pub largest_difference: f64,
}

impl fmt::Display for Report {
    /// A table of layers, then the sites that differ, and what holds for all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = self.layers.iter().map(|l| l.layer.chars().count());
        let width = widest.max().unwrap_or(0).max(5);
        writeln!(
            f,
            "{:width$}  bits  {:>12}  {:>8}  {:>10}  accumulator bits{}",
            "layer",
            "sums",
            "differ",
            "by up to",
            match self.accumulator_bits {
                Some(bits) => format!("  beyond {bits} bits"),
                None => String::new(),
            }
        )?;
        for layer in &self.layers {
            writeln!(f, "{}", layer.line(width))?;
        }
        for site in self.sites.iter().filter(|s| s.differ > 0) {
            writeln!(
                f,
                "{}: {} of {} spikes differ",
                site.site, site.differ, site.spikes
            )?;
        }
        let spikes: u64 = self.sites.iter().map(|s| s.spikes).sum();
        let wrong: u64 = self.sites.iter().map(|s| s.differ).sum();
        writeln!(
            f,
            "{} golden image(s), {} of them from the stored sums of layers that are not exact (margin below 1e-4)",
            self.images, self.from_stored_sums
        )?;
        writeln!(
            f,
            "{wrong} of {spikes} spikes differ, at {} sites",
            self.sites.len()
        )?;
        let l = &self.logits;
        let by = l.largest_difference;
        writeln!(
            f,
            "{} of {} logits differ, by up to {by:.1e}",
            l.differ, l.logits
        )?;
        for difference in &self.differences {
            writeln!(f, "differs: {difference}")?;
        }
        if let (Some(bits), Some(overflows)) = (self.accumulator_bits, self.overflows) {
            writeln!(
                f,
                "{overflows} sums do not fit an accumulator of {bits} bits"
            )?;
        }
        f.write_str(match self.agrees {
            true => "the package agrees with its golden data",
            false => "the package does not agree with its golden data",
        })
    }
}

impl LayerReport {
    fn line(&self, width: usize) -> String {
        let bits = match self.bits {
            32 => "float".to_owned(),
            bits => bits.to_string(),
        };
        let by = match self.exact {
            true => "exact".to_owned(),
            false => format!("{:.1e}", self.largest_difference),
        };
        let mut line = format!(
            "{:width$}  {bits:>4}  {:>12}  {:>8}  {by:>10}  ",
            self.layer, self.sums, self.differ
        );
        // Writing to a string does not fail.
        let _ = match (self.peak_bits, self.worst_bits) {
            (Some(peak), Some(worst)) => write!(line, "{:16}", format!("{peak} (worst {worst})")),
            _ => write!(line, "{:16}", "real numbers"),
        };
        if let Some(overflows) = self.overflows {
            let _ = write!(line, "  {overflows}");
        }
        line.trim_end().to_owned()
    }
}
