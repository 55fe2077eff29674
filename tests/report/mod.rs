//! The report of a run as figures, page and tables.

mod browser;
mod figures;
mod page;
mod tables;

use std::path::{Path, PathBuf};

use aq4svit::journal::{Entry, Journal};
use aq4svit::report::{ActivityReport, Report};
use aq4svit::run::{Activity, Summary};

/// A name that is markup wherever it is not escaped.
pub const HOSTILE: &str = "<script>alert(\"1\")</script> & 'x' <b> http://example.org/";
/// A layer's name of the same kind.
pub const LAYER: &str = "<head & \"co\">";

/// A copy of an earlier run, with a hostile name and a hostile layer where that is wanted.
pub fn run(folder: &Path, name: &str, is_hostile: bool) -> PathBuf {
    let run = folder.join(name);
    std::fs::create_dir(&run).expect("a folder");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journals/format-1");
    let text = std::fs::read_to_string(data.join("journal.jsonl")).expect("test data");
    let quoted = |text: &str| serde_json::to_string(text).expect("a string");
    let text = match is_hostile {
        true => text
            .replace(&quoted("qkformer on fashion-mnist"), &quoted(HOSTILE))
            .replace(&quoted("head"), &quoted(LAYER)),
        false => text,
    };
    let text = text.replace("\"run\":\"r-beam\"", &format!("\"run\":{}", quoted(name)));
    std::fs::write(run.join("journal.jsonl"), text).expect("space");
    std::fs::copy(data.join("work.jsonl"), run.join("work.jsonl")).expect("test data");
    run
}

/// A run's summary and entries.
pub fn read(run: &Path) -> (Summary, Vec<Entry>) {
    let journal = Journal::read(run).expect("a journal");
    Summary::of(run, journal).expect("a run")
}

/// The report of a run.
pub fn report(run: &Path) -> Report {
    let (summary, entries) = read(run);
    let report = Report::new(&summary, &entries, None, None).expect("no file");
    report.expect("it has begun")
}

/// The report of a hostile run, with activity that was made up and another run beside it.
pub fn whole(folder: &Path) -> Report {
    let report = report(&run(folder, "first", true));
    let other = self::report(&run(folder, "second & <i>", true));
    report.with_activity(activity()).compared_with(vec![other])
}

/// Activity of the demo's network: every potential in one bin, every value a quarter.
fn activity() -> ActivityReport {
    use aq4svit::evaluate::{Potentials, Statistics};
    use aq4svit::profile::{Profile, SHIPPED};
    let demo = SHIPPED.iter().find(|(name, _)| *name == "demo");
    let (_, text) = demo.expect("it is shipped");
    let profile = Profile::parse(text, Path::new("/demo.toml")).expect("a profile");
    let graph = profile.graph();
    let counted = |sum: f64| {
        let mut counted = Statistics::new(&graph);
        counted.images = 1;
        counted.sums.iter_mut().for_each(|s| *s = sum);
        counted
    };
    let seen = |bin: usize| {
        let mut seen = Potentials::new(&graph);
        for site in &mut seen.sites {
            site.bins[bin] = 7;
            site.bins[40] = 3;
        }
        seen
    };
    let measured = Activity {
        float: counted(100.0),
        result: counted(90.0),
        potentials: Some((seen(30), seen(50))),
    };
    ActivityReport::new(&graph, measured)
}
