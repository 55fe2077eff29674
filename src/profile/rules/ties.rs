//! The ties of a network: `[ties]` resolved to layers.

use wildmatch::WildMatch;

use super::super::nearest::layer_hint;
use super::super::tie::{Tie, Tied};
use super::TieError;

/// The ties of a network, each with its layers in the network's order.
///
/// # Errors
/// [`TieError`].
pub(in crate::profile) fn ties(lines: &[Tied], names: &[&str]) -> Result<Vec<Tie>, TieError> {
    let mut all: Vec<Tie> = Vec::new();
    for line in lines {
        let more = match line {
            Tied::Qkv => qkv(names),
            Tied::Own { name, patterns } => vec![own(name, patterns, names)?],
        };
        for tie in more {
            if all.iter().any(|other| other.name == tie.name) {
                let message = format!(
                    "two ties are called \"{0}\": \"qkv\" makes one of that name, call yours otherwise",
                    tie.name
                );
                let key = tie.name;
                return Err(TieError { key, message });
            }
            let of_both = |other: &&Tie| tie.layers.iter().any(|l| other.layers.contains(l));
            if let Some(other) = all.iter().find(of_both) {
                let layer = tie.layers.iter().find(|l| other.layers.contains(l));
                let message = format!(
                    "layer \"{}\" is in two ties, \"{}\" and \"{}\"; put all their layers into one",
                    layer.map_or("", String::as_str),
                    other.name,
                    tie.name
                );
                let key = tie.name;
                return Err(TieError { key, message });
            }
            all.push(tie);
        }
    }
    Ok(all)
}

fn own(name: &str, patterns: &[String], names: &[&str]) -> Result<Tie, TieError> {
    let wrong = |message| TieError {
        key: name.to_owned(),
        message,
    };
    let matches = |pattern: &String, layer: &str| WildMatch::new(pattern).matches(layer);
    if let Some(pattern) = patterns
        .iter()
        .find(|p| !names.iter().any(|n| matches(p, n)))
    {
        let hint = layer_hint(pattern, names);
        return Err(wrong(format!(
            "tie \"{name}\" names \"{pattern}\", which matches no layer of the network{hint}"
        )));
    }
    let member = |n: &&&str| patterns.iter().any(|p| matches(p, n));
    let layers: Vec<String> = names
        .iter()
        .filter(member)
        .map(|n| (*n).to_owned())
        .collect();
    match layers.len() {
        0 | 1 => Err(wrong(format!(
            "tie \"{name}\" names fewer than two layers of the network"
        ))),
        _ => Ok(Tie {
            name: name.to_owned(),
            layers,
        }),
    }
}

/// Layers whose names differ only in `q_`, `k_` or `v_` at the beginning of one part, as all
/// families name them. Where a projection is a chain of layers (SDT v2), each layer of the chain is
/// tied to those at its place in the others.
fn qkv(names: &[&str]) -> Vec<Tie> {
    let mut found: Vec<(String, String, Tie)> = Vec::new();
    for name in names {
        let parts: Vec<&str> = name.split('.').collect();
        let of_attention = |p: &&str| ["q_", "k_", "v_"].iter().any(|x| p.starts_with(x));
        let Some(at) = parts.iter().position(of_attention) else {
            continue;
        };
        let (letter, rest) = parts[at].split_at(1);
        let before = parts[..at]
            .iter()
            .map(|p| format!("{p}."))
            .collect::<String>();
        let after: String = parts[at + 1..].iter().map(|p| format!(".{p}")).collect();
        let after = format!("{rest}{after}");
        match found
            .iter_mut()
            .find(|(b, a, _)| *b == before && *a == after)
        {
            Some((.., tie)) => {
                tie.layers.push((*name).to_owned());
                tie.name.push_str(letter);
            }
            None => {
                let tie = Tie {
                    name: letter.to_owned(),
                    layers: vec![(*name).to_owned()],
                };
                found.push((before, after, tie));
            }
        }
    }
    let whole = found.into_iter().filter(|(.., tie)| tie.layers.len() > 1);
    let named = whole.map(|(before, after, tie)| Tie {
        name: format!("{before}{}{after}", tie.name),
        ..tie
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 9] = [
        "embed.proj",
        "stage1.0.tssa.q_conv",
        "stage1.0.tssa.k_conv",
        "stage3.0.ssa.q_conv.0.body.0",
        "stage3.0.ssa.q_conv.0.body.1",
        "stage3.0.ssa.k_conv.0.body.0",
        "stage3.0.ssa.v_conv.0.body.0",
        "stage3.0.ssa.proj_conv",
        "head",
    ];

    fn own(name: &str, patterns: &[&str]) -> Tied {
        Tied::Own {
            name: name.into(),
            patterns: patterns.iter().map(|p| (*p).into()).collect(),
        }
    }

    #[test]
    fn qkv_ties_what_stands_at_the_same_place_of_an_attention() {
        let found = ties(&[Tied::Qkv], &NAMES).unwrap();
        let shown: Vec<(&str, usize)> = found
            .iter()
            .map(|t| (t.name.as_str(), t.layers.len()))
            .collect();
        assert_eq!(
            shown,
            [
                ("stage1.0.tssa.qk_conv", 2),
                ("stage3.0.ssa.qkv_conv.0.body.0", 3)
            ]
        );
    }

    #[test]
    fn qkv_is_known_in_every_family() {
        for profile in [
            "spikformer-cifar10-4-384",
            "spikingformer-cifar10-4-256",
            "qkformer-cifar10-4-384",
            "sdt-v1-cifar10-2-256",
            "sdt-v2-imagenet-15m",
            "sdt-v3-imagenet-s",
        ] {
            let (_, text) = crate::profile::SHIPPED
                .iter()
                .find(|(n, _)| *n == profile)
                .unwrap();
            let profile = crate::profile::Profile::parse(text, "p.toml".as_ref()).unwrap();
            let graph = profile.graph();
            let names = crate::profile::settings::layer_names(&graph);
            let found = ties(&[Tied::Qkv], &names).unwrap();
            let is_of = |n: &&&str| {
                n.split('.')
                    .any(|p| ["q_", "k_", "v_"].iter().any(|x| p.starts_with(x)))
            };
            let tied: usize = found.iter().map(|t| t.layers.len()).sum();
            assert!(tied > 0, "{}", profile.name);
            assert_eq!(tied, names.iter().filter(is_of).count(), "{}", profile.name);
        }
    }

    #[test]
    fn own_ties_take_names_and_globs() {
        let found = ties(&[own("ends", &["head", "embed.*"])], &NAMES).unwrap();
        assert_eq!(found[0].layers, ["embed.proj", "head"]);
        let of = |lines: &[Tied]| ties(lines, &NAMES).unwrap_err().to_string();
        assert_eq!(
            of(&[own("a", &["haed"])]),
            "tie \"a\" names \"haed\", which matches no layer of the network; did you mean `head`?"
        );
        assert!(of(&[own("a", &["head"])]).contains("fewer than two"));
        assert!(
            of(&[own("a", &["head", "embed.*"]), own("b", &["*"])]).contains("\"a\" and \"b\"")
        );
        assert!(
            of(&[
                Tied::Qkv,
                own("stage1.0.tssa.qk_conv", &["embed.*", "head"])
            ])
            .contains("two ties are called")
        );
        assert!(
            of(&[Tied::Qkv, own("b", &["*.q_conv", "head"])]).contains("stage1.0.tssa.qk_conv")
        );
    }
}
