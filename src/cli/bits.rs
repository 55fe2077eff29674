//! `--bits all=4,head=8`.

use anyhow::{Result, anyhow, bail};

use crate::network::Graph;
use crate::profile::{Profile, glob};
use crate::quant::{Allocation, BitWidth};

/// The allocation that a command means: the profile's `[bits]` (float where it has none), changed by `--bits`, whose
/// later entries win. An entry is a layer, a glob, or `all`.
pub(crate) fn allocation(profile: &Profile, graph: &Graph, bits: &[String]) -> Result<Allocation> {
    let float = || Allocation::uniform(graph.layers.len(), BitWidth::FLOAT);
    let mut allocation = profile.allocation(graph).unwrap_or_else(float);
    for entry in bits
        .iter()
        .flat_map(|b| b.split(','))
        .map(str::trim)
        .filter(|e| !e.is_empty())
    {
        let Some((pattern, width)) = entry.rsplit_once('=') else {
            bail!("--bits {entry}: write LAYER=WIDTH, such as all=4,head=8");
        };
        let (pattern, width) = (pattern.trim(), width.trim());
        let width: BitWidth = width.parse().map_err(|e| anyhow!("--bits {entry}: {e}"))?;
        let pattern = if pattern == "all" { "*" } else { pattern };
        let mut hits = 0;
        for (layer, slot) in graph.layers.iter().zip(&mut allocation.0) {
            if glob::matches(pattern, &layer.name) {
                *slot = width;
                hits += 1;
            }
        }
        if hits == 0 {
            bail!(
                "--bits {entry}: no layer of the network is called {pattern:?}; `aq4svit inspect` lists them"
            );
        }
    }
    Ok(allocation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> (Profile, Graph) {
        let text = include_str!("../../profiles/demo.toml");
        let profile = Profile::parse(text, "demo.toml".as_ref()).expect("it is shipped");
        let graph = profile.graph().expect("it is shipped");
        (profile, graph)
    }

    #[test]
    fn later_entries_win() {
        let (profile, graph) = demo();
        let bits = ["all=4,head=8".to_owned(), "stage1.*=float".to_owned()];
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
            ("all=9", "9 is not"),
            ("haed=4", "no layer"),
        ] {
            let error = allocation(&profile, &graph, &[text.to_owned()])
                .expect_err(text)
                .to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
