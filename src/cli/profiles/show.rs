//! `aq4svit profiles show`: a profile as its text, as tables or as an object of JSON.

use std::fmt::Write as _;
use std::io::IsTerminal;

use anyhow::Result;
use serde::Serialize;

use super::layers::{Memory, layers};
use super::settings;
use crate::cli::source::{SetArgs, say};
use crate::profile::{Evidence, Library, ProfileOrigin, ResolvedProfile};
use crate::report::LayerLine;
use crate::text::numbers::count;
use crate::text::table::columns;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A path, or the name of a saved or shipped profile
    #[arg(add = crate::cli::complete::profiles())]
    profile: String,
    /// Print tables: settings with their defaults, then layers with bit-widths and bytes
    #[arg(long)]
    table: bool,
    /// Print the text of the profile, as on a pipe
    #[arg(long, conflicts_with = "table")]
    toml: bool,
    /// Print an object of JSON
    #[arg(long, conflicts_with_all = ["table", "toml"])]
    json: bool,
    /// Overrides.
    #[command(flatten)]
    set: SetArgs,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "profile")]
struct Shown<'a> {
    name: &'a str,
    origin: String,
    settings: serde_json::Map<String, serde_json::Value>,
    #[serde(flatten)]
    memory: Option<Memory>,
    layers: Vec<LayerLine>,
    /// None without evidence.
    evidence: Option<ShownEvidence<'a>>,
}

#[derive(Serialize)]
struct ShownEvidence<'a> {
    /// True where it is of what the profile says now.
    valid: bool,
    #[serde(flatten)]
    evidence: &'a Evidence,
}

/// What is printed of a profile.
pub(super) fn show(library: &Library, args: &Args) -> Result<String> {
    let overrides = args.set.overrides()?;
    let origin = library.find(&args.profile)?;
    // The reference explains itself in its comments.
    let explains = origin == ProfileOrigin::Shipped("reference");
    let on_terminal = std::io::stdout().is_terminal() && !explains && !args.toml;
    if !args.json && !args.table && !on_terminal {
        return Ok(match overrides.is_empty() {
            // As it stands in the file, right or wrong.
            true => library.text(&origin)?,
            false => library.resolve(&args.profile, &overrides)?.text,
        });
    }
    let resolved = library.resolve(&args.profile, &overrides)?;
    say(&resolved);
    match args.json {
        true => Ok(json(&resolved)? + "\n"),
        false => tables(&resolved),
    }
}

fn json(resolved: &ResolvedProfile) -> Result<String> {
    let profile = &resolved.profile;
    let (layers, memory) = layers(profile).unzip();
    let settings = settings(profile)?.into_iter().filter(is_setting);
    let settings = settings.map(|(key, value)| {
        let value: toml::Value = value.parse().unwrap_or(toml::Value::String(value));
        Ok((key, serde_json::to_value(value)?))
    });
    let shown = Shown {
        name: &profile.name,
        origin: resolved.describe(),
        settings: settings.collect::<Result<_>>()?,
        memory,
        layers: layers.unwrap_or_default(),
        evidence: profile.evidence.as_ref().map(|evidence| ShownEvidence {
            valid: evidence.is_of(profile),
            evidence,
        }),
    };
    Ok(serde_json::to_string(&shown)?)
}

/// True for what is no bit-width of a layer and no evidence: these have tables of their own.
pub(super) fn is_setting((key, _): &(String, String)) -> bool {
    !key.starts_with("bits.") && !key.starts_with("evidence.")
}

fn tables(resolved: &ResolvedProfile) -> Result<String> {
    let profile = &resolved.profile;
    let mut text = format!("{}: {}\n\n", profile.name, resolved.describe());
    let head = ["setting", "value"].map(str::to_owned);
    let rows = settings(profile)?.into_iter().filter(is_setting);
    let rows: Vec<Vec<String>> = [head.into()]
        .into_iter()
        .chain(rows.map(|(key, value)| vec![key, value]))
        .collect();
    text.push_str(&columns(&rows, "  ", |_| false));
    if let Some((layers, memory)) = layers(profile) {
        let _ = write!(text, "\n{}", layer_table(&layers));
        let _ = writeln!(
            text,
            "\nmemory  {} of {} bytes: {:.2} % saved (weights alone {:.2} %)",
            count(memory.memory_bytes),
            count(memory.memory_float_bytes),
            memory.memory_saving_percent,
            memory.weights_saving_percent
        );
    }
    if let Some(found) = &profile.evidence {
        let _ = write!(text, "\n{}", evidence(found, found.is_of(profile)));
    }
    Ok(text)
}

fn layer_table(layers: &[LayerLine]) -> String {
    let head = [
        "stage",
        "block",
        "layer",
        "bits",
        "weights",
        "bytes",
        "float bytes",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(layers.iter().map(|line| line.cells().to_vec()));
    columns(&rows, "  ", |column| column > 2)
}

/// The evidence in a few lines.
fn evidence(found: &Evidence, is_valid: bool) -> String {
    if !is_valid {
        return String::from(
            "evidence  stale: [model], [data], [quantizer], [bits] or the evidence itself was changed since; \
             `aq4svit evaluate` measures again\n",
        );
    }
    let mut text = String::new();
    for (name, split) in found.splits() {
        let seen = match name == "test" && found.test_seen {
            true => "; seen before: the search was steered after its result was known",
            false => "",
        };
        let _ = writeln!(text, "evidence  {name}: {split}{seen}");
    }
    if let Some(bound) = found.bound {
        let _ = writeln!(
            text,
            "          certified: drop at most {bound:.2} points on unseen images"
        );
    }
    let _ = writeln!(
        text,
        "          run {}, aq4svit {}; model {}, weights {}, data {}, quantizer {}",
        found.run, found.version, found.model, found.weights, found.data, found.quantizer
    );
    text
}
