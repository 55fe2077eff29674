//! Runs and profiles as the start screen offers them.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;

use crate::cli::source::library;
use crate::evaluate::{Verdict, percent};
use crate::profile::{Checkpoint, DEFAULT, Library, Paths, Profile, ProfileOrigin};
use crate::report::Incumbent;
use crate::run::{self, RunError, Summary};
use crate::text::numbers::{bytes, compact, count, duration, points};
use crate::tui::start::{Chart, Fact, ProfileEntry, Readiness, RunEntry};

/// Everything there is: the runs, the latest first; the demo, saved profiles, the other shipped
/// ones.
pub(crate) fn all(paths: &Paths) -> Result<(Vec<RunEntry>, Vec<ProfileEntry>)> {
    let runs = run::list(&paths.runs()).into_iter().rev();
    let runs = runs.map(|(folder, summary)| run_entry(&folder, &summary));
    Ok((runs.collect(), profiles(&library()?)))
}

/// The names of the profiles that a search can start with.
pub(crate) fn startable(library: &Library) -> Vec<String> {
    let all = profiles(library).into_iter();
    let ready = all.filter(|entry| entry.readiness != Readiness::Missing);
    ready.map(|entry| entry.name).collect()
}

fn run_entry(folder: &Path, summary: &Result<Summary, RunError>) -> RunEntry {
    let entry = RunEntry {
        folder: folder.into(),
        id: run::id(folder),
        ..RunEntry::default()
    };
    let summary = match summary {
        Ok(summary) => summary,
        Err(error) => {
            let result = error.to_string();
            return RunEntry {
                condition: String::from("damaged"),
                result: result.lines().next().unwrap_or_default().to_owned(),
                facts: vec![("damaged", result)],
                ..entry
            };
        }
    };
    let found = Incumbent::of(&summary.tree);
    RunEntry {
        condition: summary.condition.name().to_owned(),
        result: result(summary, found.as_ref()),
        when: ago(&summary.header.time, jiff::Timestamp::now()),
        bytes: found.as_ref().map(|f| f.memory_bytes),
        is_open: summary.condition == run::RunStatus::Open,
        facts: facts(summary, found.as_ref()),
        chart: chart(summary).map(Box::new),
        ..entry
    }
}

fn result(summary: &Summary, found: Option<&Incumbent>) -> String {
    match found {
        Some(found) => format!(
            "{}, -{:.1} %, drop {}",
            bytes(found.memory_bytes),
            found.memory_saving_percent,
            points(found.accuracy_drop)
        ),
        None if summary.tree.finished.is_some() => String::from("constraint not met"),
        None => String::from("nothing confirmed yet"),
    }
}

/// The labelled lines of a run's preview.
fn facts(summary: &Summary, found: Option<&Incumbent>) -> Vec<Fact> {
    let tree = &summary.tree;
    let mut facts: Vec<Fact> = Vec::new();
    if let Some(settings) = tree.settings.as_deref() {
        let what = format!(
            "{}, {} search",
            settings.name,
            settings.search.strategy.name()
        );
        facts.push(("profile", what));
        facts.push(("constraint", tree.constraint.to_string()));
        if let Some(found) = found {
            let (float, now) = (settings.space.float_bytes(), found.memory_bytes);
            let factor = float as f64 / now.max(1) as f64;
            let text = format!("{} of {}: {factor:.1}x smaller", bytes(now), bytes(float));
            facts.push(("memory", text));
            let text = format!("{} pp on the search split", points(found.accuracy_drop));
            facts.push(("drop", text));
        }
    }
    if let Some((images, float, correct)) = tree.tested() {
        let (float, correct) = (percent(float, images), percent(correct, images));
        facts.push((
            "test",
            format!("{} % (float {} %)", points(correct), points(float)),
        ));
    }
    let spent = std::time::Duration::try_from_secs_f64(summary.totals.seconds).unwrap_or_default();
    let (nodes, evaluations) = (tree.candidates.len(), summary.counters.evaluations);
    let work = format!(
        "{} evaluations, {} nodes, {} searching",
        count(evaluations),
        count(nodes as u64),
        duration(spent)
    );
    facts.push(("work", work));
    let began = format!("{} on {}", summary.header.time, summary.header.host);
    facts.push(("began", began));
    facts
}

fn chart(summary: &Summary) -> Option<Chart> {
    let tree = &summary.tree;
    tree.settings.as_ref()?;
    let points = tree.candidates.iter().filter_map(|c| {
        let judgement = c.judgement().filter(|j| j.images > 0)?;
        Some((c.bytes, judgement.drop(), judgement.verdict == Verdict::Met))
    });
    Some(Chart {
        points: points.collect(),
        limit: tree.max_drop(),
        bits: tree.result().map(|c| c.allocation.clone()),
    })
}

/// How long ago a time of a journal was.
fn ago(time: &str, now: jiff::Timestamp) -> String {
    let Ok(then) = time.parse::<jiff::Timestamp>() else {
        return String::new();
    };
    let seconds = now.as_second().saturating_sub(then.as_second()).max(0);
    match seconds {
        0..60 => String::from("just now"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        86_400..172_800 => String::from("yesterday"),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// The demo first, then saved profiles, then those of the program that can be used, then the
/// others. Of two with one name the one that is used.
fn profiles(library: &Library) -> Vec<ProfileEntry> {
    let mut seen = HashSet::new();
    let all = library.list().into_iter();
    let used = all.filter(|(name, _)| seen.insert(name.clone()));
    let mut entries: Vec<ProfileEntry> = used
        .map(|(name, origin)| profile_entry(library, name, &origin))
        .collect();
    let rank = |entry: &ProfileEntry| match entry.readiness {
        _ if entry.name == DEFAULT => 0,
        Readiness::Saved => 1,
        Readiness::Ready => 2,
        Readiness::Missing => 3,
    };
    entries.sort_by_key(rank);
    entries
}

fn profile_entry(library: &Library, name: String, origin: &ProfileOrigin) -> ProfileEntry {
    let is_shipped = matches!(origin, ProfileOrigin::Shipped(_));
    let profile = library
        .text(origin)
        .and_then(|text| Profile::parse(&text, &library.file(origin)));
    let mut readiness = match is_shipped {
        true => Readiness::Ready,
        false => Readiness::Saved,
    };
    let mut facts = Vec::new();
    let about = match &profile {
        Err(error) => {
            facts.push(("damaged", error.to_string()));
            String::from("cannot be used")
        }
        Ok(profile) => {
            facts = profile_facts(profile);
            let missing = missing(profile);
            if let Some(missing) = missing.clone().filter(|_| is_shipped) {
                readiness = Readiness::Missing;
                facts.push(("needs", missing));
            }
            match (is_shipped, missing) {
                (true, _) if name == DEFAULT => {
                    String::from("the demo: a trained network and images inside the program")
                }
                (true, None) => String::from("ready"),
                (true, Some(_)) => profile.published.accuracy.clone().unwrap_or_default(),
                (false, None) => String::from("saved by you"),
                (false, Some(_)) => String::from("saved by you; files are missing"),
            }
        }
    };
    ProfileEntry {
        name,
        about,
        readiness,
        facts,
    }
}

fn profile_facts(profile: &Profile) -> Vec<Fact> {
    let graph = profile.graph();
    let size = format!(
        "{} layers, {} parameters",
        graph.layers.len(),
        compact(graph.parameters())
    );
    let mut facts = vec![
        ("network", size),
        ("constraint", profile.constraint.to_string()),
    ];
    let published = &profile.published;
    facts.extend(published.accuracy.clone().map(|text| ("reported", text)));
    facts.extend(published.weights.clone().map(|text| ("weights", text)));
    facts
}

/// What a profile names that is not on this machine, and where it is to be had; none where all is
/// there.
pub(crate) fn missing(profile: &Profile) -> Option<String> {
    let mut files = Vec::new();
    if let Some(Checkpoint::File(path)) = &profile.checkpoint
        && !path.exists()
    {
        files.push(path.display().to_string());
    }
    if let Some(mut data) = profile.data.clone() {
        let missing = data
            .paths_mut()
            .into_iter()
            .filter(|(_, path)| !path.exists());
        files.extend(missing.map(|(_, path)| path.display().to_string()));
    }
    if files.is_empty() {
        return None;
    }
    let weights = profile.published.weights.as_ref();
    let from = weights.map_or(String::new(), |from| format!("; weights: {from}"));
    Some(format!("not there: {}{from}", files.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_a_person_tells_them() {
        let now: jiff::Timestamp = "2026-05-04T12:00:00Z".parse().unwrap();
        let told = [
            ("2026-05-04T11:59:30Z", "just now"),
            ("2026-05-04T11:48:00Z", "12 min ago"),
            ("2026-05-04T07:00:00Z", "5 h ago"),
            ("2026-05-03T07:00:00Z", "yesterday"),
            ("2026-04-01T07:00:00Z", "33 days ago"),
            ("2027-01-01T00:00:00Z", "just now"),
            ("whenever", ""),
        ];
        for (time, said) in told {
            assert_eq!(ago(time, now), said, "{time}");
        }
    }
}
