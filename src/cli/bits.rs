//! `--bits all=4,head=8`.

use std::str::FromStr;

use anyhow::{Result, bail};
use wildmatch::WildMatch;

use crate::network::Graph;
use crate::profile::{Profile, layer_hint};
use crate::quant::{Allocation, BitWidth};

/// The value of one `--bits`: patterns of layers with their bit-widths, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bits(Vec<(String, BitWidth)>);

impl FromStr for Bits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|e| !e.is_empty());
        let entry = |entry: &str| {
            let (pattern, width) = entry
                .rsplit_once('=')
                .ok_or("write LAYER=WIDTH, such as all=4,head=8")?;
            let width = width.trim().parse::<BitWidth>();
            Ok((pattern.trim().to_owned(), width.map_err(|e| e.to_string())?))
        };
        let entries = entries.map(entry).collect::<Result<Vec<_>, String>>()?;
        match entries.is_empty() {
            true => Err("it names no layer: write LAYER=WIDTH, such as all=4,head=8".to_owned()),
            false => Ok(Bits(entries)),
        }
    }
}

/// The allocation that a command means: the profile's `[bits]` (float where it has none), changed
/// by `--bits`, whose later entries win. An entry is a layer, a glob, or `all`.
pub(crate) fn allocation(profile: &Profile, graph: &Graph, bits: &[Bits]) -> Result<Allocation> {
    let float = || Allocation::uniform(graph.layers.len(), BitWidth::FLOAT);
    let mut allocation = profile.allocation(graph).unwrap_or_else(float);
    for (name, width) in bits.iter().flat_map(|b| &b.0) {
        let pattern = WildMatch::new(if name == "all" { "*" } else { name });
        let mut hits = 0;
        for (layer, slot) in graph.layers.iter().zip(&mut allocation.0) {
            if pattern.matches(&layer.name) {
                *slot = *width;
                hits += 1;
            }
        }
        if hits == 0 {
            let layers: Vec<&str> = graph.layers.iter().map(|l| l.name.as_str()).collect();
            let hint = match layer_hint(name, &layers) {
                hint if hint.is_empty() => "; `aq4svit inspect` lists them".to_owned(),
                hint => hint,
            };
            bail!("--bits {name}={width}: no layer of the network is called {name:?}{hint}");
        }
    }
    Ok(allocation)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn demo() -> (Profile, Arc<Graph>) {
        let text = include_str!("../../profiles/demo.toml");
        let profile = Profile::parse(text, "demo.toml".as_ref()).expect("it is shipped");
        let graph = profile.graph();
        (profile, graph)
    }

    #[test]
    fn later_entries_win() {
        let (profile, graph) = demo();
        let bits = ["all=4, head=8,", "stage1.*=float"].map(|b| b.parse().expect("well formed"));
        let allocation = allocation(&profile, &graph, &bits).expect("all names are there");
        for (layer, width) in graph.layers.iter().zip(&allocation.0) {
            let expected = match layer.name.as_str() {
                "head" => 8,
                name if name.starts_with("stage1.") => 32,
                _ => 4,
            };
            assert_eq!(width.bits(), expected, "{}", layer.name);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let (profile, graph) = demo();
        for (text, part) in [
            ("all", "LAYER=WIDTH"),
            ("", "names no layer"),
            (" , ", "names no layer"),
            ("all=9", "9 is not"),
            ("head=8,all=", "is not"),
        ] {
            let error = text.parse::<Bits>().expect_err(text);
            assert!(error.contains(part), "{error}");
        }
        let unknown = "haed=4".parse().expect("well formed");
        let error = allocation(&profile, &graph, &[unknown]).expect_err("no such layer");
        assert!(
            error.to_string().contains("did you mean `head`?"),
            "{error}"
        );
    }
}
