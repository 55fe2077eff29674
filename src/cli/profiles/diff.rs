//! `aq4svit profiles diff`: the settings in which two profiles differ, and their layers.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Result;
use serde::Serialize;

use super::layers::layers;
use super::settings;
use super::show::is_setting;
use crate::cli::source::say;
use crate::profile::{Library, Overrides, Profile};
use crate::quant::BitWidth;
use crate::report::LayerLine;
use crate::text::numbers::count;
use crate::text::table::{columns, or_dash};

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A path or name
    #[arg(add = crate::cli::complete::profiles())]
    a: String,
    /// Another
    #[arg(add = crate::cli::complete::profiles())]
    b: String,
    /// Print an object of JSON
    #[arg(long)]
    json: bool,
}

/// What two profiles differ in.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "profile_diff")]
struct Differences {
    a: String,
    b: String,
    settings: Vec<Setting>,
    layers: Vec<LayerPair>,
    /// Bytes of all layers and of what no bit-width changes; null without `[bits]`.
    memory_bytes_a: Option<u64>,
    memory_bytes_b: Option<u64>,
}

/// A setting, as TOML; null where it is not set.
#[derive(Clone, Debug, Serialize)]
struct Setting {
    key: String,
    a: Option<String>,
    b: Option<String>,
}

/// A layer; null where the profile has no `[bits]` or no such layer.
#[derive(Clone, Debug, Serialize)]
struct LayerPair {
    layer: String,
    bits_a: Option<BitWidth>,
    bits_b: Option<BitWidth>,
    bytes_a: Option<u64>,
    bytes_b: Option<u64>,
}

/// What is printed of the differences.
pub(super) fn diff(library: &Library, args: &Args) -> Result<String> {
    let read = |name: &str| -> Result<Profile> {
        let resolved = library.resolve(name, &Overrides::none())?;
        say(&resolved);
        Ok(resolved.profile)
    };
    let (left, right) = (read(&args.a)?, read(&args.b)?);
    let (of_left, of_right) = (layers(&left), layers(&right));
    let found = Differences {
        a: args.a.clone(),
        b: args.b.clone(),
        settings: differing(settings(&left)?, settings(&right)?),
        memory_bytes_a: of_left.as_ref().map(|(_, memory)| memory.memory_bytes),
        memory_bytes_b: of_right.as_ref().map(|(_, memory)| memory.memory_bytes),
        layers: pairs(
            &of_left.map_or_else(Vec::new, |(layers, _)| layers),
            &of_right.map_or_else(Vec::new, |(layers, _)| layers),
        ),
    };
    match args.json {
        true => Ok(serde_json::to_string(&found)? + "\n"),
        false => Ok(found.text()),
    }
}

fn differing(left: Vec<(String, String)>, right: Vec<(String, String)>) -> Vec<Setting> {
    let find = |list: &[(String, String)], key: &str| {
        let found = list.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.clone())
    };
    let all = left
        .iter()
        .chain(&right)
        .filter(|setting| is_setting(setting));
    let keys: BTreeSet<&String> = all.map(|(key, _)| key).collect();
    let of = |key: &String| Setting {
        key: key.clone(),
        a: find(&left, key),
        b: find(&right, key),
    };
    keys.into_iter().map(of).filter(|s| s.a != s.b).collect()
}

/// The layers of both that differ, in the order of the first one's network.
fn pairs(left: &[LayerLine], right: &[LayerLine]) -> Vec<LayerPair> {
    let find = |layers: &[LayerLine], name: &str| {
        let found = layers.iter().find(|line| line.layer == name);
        found.map(|line| (line.bits, line.memory_bytes))
    };
    let own = |line: &&LayerLine| find(left, &line.layer).is_none();
    let all = left.iter().chain(right.iter().filter(own));
    let of = |line: &LayerLine| {
        let (a, b) = (find(left, &line.layer), find(right, &line.layer));
        (a != b).then(|| LayerPair {
            layer: line.layer.clone(),
            bits_a: a.map(|a| a.0),
            bits_b: b.map(|b| b.0),
            bytes_a: a.map(|a| a.1),
            bytes_b: b.map(|b| b.1),
        })
    };
    all.filter_map(of).collect()
}

impl Differences {
    fn text(&self) -> String {
        let (a, b) = (&self.a, &self.b);
        if self.settings.is_empty() && self.layers.is_empty() {
            return format!("{a} and {b} are equal\n");
        }
        let mut text = String::new();
        if !self.settings.is_empty() {
            let mut rows = vec![vec![String::new(), a.clone(), b.clone()]];
            let told = |value: &Option<String>| value.clone().unwrap_or("(not set)".to_owned());
            rows.extend(
                self.settings
                    .iter()
                    .map(|s| vec![s.key.clone(), told(&s.a), told(&s.b)]),
            );
            text.push_str(&columns(&rows, "  ", |_| false));
        }
        if !self.layers.is_empty() {
            let between = if text.is_empty() { "" } else { "\n" };
            let _ = write!(text, "{between}{}", self.layer_table());
        }
        text
    }

    fn layer_table(&self) -> String {
        let (a, b) = (&self.a, &self.b);
        let mut rows = vec![vec![
            "layer".to_owned(),
            format!("bits, {a}"),
            format!("bits, {b}"),
            format!("bytes, {a}"),
            format!("bytes, {b}"),
            "change".to_owned(),
        ]];
        let row = |name: &str, bits: [Option<BitWidth>; 2], bytes: [Option<u64>; 2]| {
            let [x, y] = bits.map(|bits| or_dash(bits, |bits| bits.to_string()));
            let [p, q] = bytes.map(|bytes| or_dash(bytes, count));
            vec![name.to_owned(), x, y, p, q, change(bytes)]
        };
        rows.extend(self.layers.iter().map(|pair| {
            row(
                &pair.layer,
                [pair.bits_a, pair.bits_b],
                [pair.bytes_a, pair.bytes_b],
            )
        }));
        let mut total = row(
            "all layers",
            [None, None],
            [self.memory_bytes_a, self.memory_bytes_b],
        );
        for cell in total.iter_mut().skip(1).take(2) {
            cell.clear();
        }
        rows.push(total);
        columns(&rows, "  ", |column| column > 0)
    }
}

/// The change from one number of bytes to another, with its sign.
fn change(bytes: [Option<u64>; 2]) -> String {
    let [Some(a), Some(b)] = bytes else {
        return String::from("-");
    };
    let sign = match a.cmp(&b) {
        std::cmp::Ordering::Less => "+",
        std::cmp::Ordering::Equal => "",
        std::cmp::Ordering::Greater => "-",
    };
    format!("{sign}{}", count(a.abs_diff(b)))
}
