//! `aq4svit profiles list`: every profile, and what of it is missing on this machine.

use std::collections::BTreeSet;

use crate::profile::{Checkpoint, Library, Profile, ProfileOrigin, TARGETS, Target};
use crate::quant::BitWidth;
use crate::text::numbers::compact;
use crate::text::table::{columns, or_dash};

/// Whether the weights that a profile names are there.
fn weights(profile: &Profile) -> &'static str {
    match &profile.checkpoint {
        None => "-",
        Some(Checkpoint::Builtin(_)) => "inside",
        Some(Checkpoint::File(path)) if path.is_file() => "found",
        Some(Checkpoint::File(_)) => "missing",
    }
}

/// Whether the images that a profile names are there.
fn data(profile: &Profile) -> &'static str {
    let Some(mut data) = profile.data.clone() else {
        return "-";
    };
    let paths = data.paths_mut();
    match (paths.is_empty(), paths.iter().all(|(_, p)| p.exists())) {
        (true, _) => "inside",
        (false, true) => "found",
        (false, false) => "missing",
    }
}

/// The table of all profiles.
pub(super) fn list(library: &Library) -> String {
    let titles = ["name", "from", "size", "weights", "data", "reported"];
    let mut rows = vec![titles.map(str::to_owned).into()];
    let mut hidden = BTreeSet::new();
    let all = library.list();
    for (name, origin) in &all {
        let from = match origin {
            ProfileOrigin::Shipped(_) => "shipped",
            _ => "saved",
        };
        let is_hidden = !hidden.insert(name);
        // Whatever is wrong with one profile, the others are listed.
        let profile = library
            .text(origin)
            .and_then(|text| Profile::parse(&text, &library.file(origin)));
        let mut row = [name, from, "", "", "", ""].map(str::to_owned);
        match profile {
            Err(error) => {
                let message = error.to_string();
                row[5] = format!("cannot be used: {}", message.lines().next().unwrap_or(""));
            }
            Ok(profile) => {
                row[2] = compact(profile.graph().parameters());
                row[3] = weights(&profile).to_owned();
                row[4] = data(&profile).to_owned();
                row[5] = remarks(&profile, name, is_hidden);
            }
        }
        rows.push(row.into());
    }
    format!(
        "{}\nsize: parameters. weights, data: whether the files that the profile names are there\n\
         (those of shipped profiles: in this folder); inside: in the program.\n\
         `aq4svit profiles show NAME` says where the weights are published.\n\n{}",
        columns(&rows, "  ", |column| column == 2),
        targets()
    )
}

/// The chips that `constraint.target` may name.
fn targets() -> String {
    let titles = [
        "target",
        "memory",
        "bit-widths",
        "first layer",
        "description",
    ];
    let mut rows = vec![titles.map(str::to_owned).into()];
    let widths = |of: &[BitWidth]| {
        let texts: Vec<String> = of.iter().map(ToString::to_string).collect();
        texts.join(" ")
    };
    for (name, text) in TARGETS {
        let Ok(target) = Target::parse(text, name.as_ref(), name) else {
            continue;
        };
        let first = target.first_layer.as_deref().map(widths);
        rows.push(
            [
                (*name).to_owned(),
                or_dash(target.memory, |m| m.to_string()),
                widths(&target.widths),
                first.unwrap_or_default(),
                target.title,
            ]
            .into(),
        );
    }
    format!(
        "{}\nmemory: bytes. Choose one with --set constraint.target=NAME, or give the path of a file of your own.\n",
        columns(&rows, "  ", |column| column == 2)
    )
}

/// What the authors report, and what else there is to say of a profile.
fn remarks(profile: &Profile, name: &str, is_hidden: bool) -> String {
    let mut remarks = Vec::new();
    remarks.extend(profile.published.accuracy.clone());
    if !profile.bits.is_empty() {
        remarks.push("with an allocation".to_owned());
    }
    if profile.name != name {
        remarks.push(profile.name.clone());
    }
    if is_hidden {
        remarks.push("(the saved one is used)".to_owned());
    }
    remarks.join(", ")
}
