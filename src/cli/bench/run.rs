//! One search in a separate process, and its figures.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::evaluate::{Verdict, percent};
use crate::journal::Journal;
use crate::report::Incumbent;
use crate::run::Summary;
use crate::search::{Event, Tree};
use crate::system::peak_memory;

/// The figures of one search.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub seconds: f64,
    pub layer_forwards: u64,
    /// But for the test split and the certificate.
    pub layer_forwards_search: u64,
    pub images: u64,
    /// Of screenings and confirmations.
    pub evaluated_images: u64,
    pub evaluations: u64,
    pub drift_evaluations: u64,
    pub memory_bytes: Option<u64>,
    /// The peak memory of the process, where the system tells it.
    pub peak_bytes: Option<u64>,
    /// The events of the journal as JSON, without times.
    pub decisions: Vec<String>,
    /// The state after the last event.
    pub tree: Tree,
    /// The requests of the search for candidates.
    pub requests: Requests,
}

/// A number of requests, and the layer-forwards they take without cached activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub number: u64,
    pub layer_forwards: u64,
}

/// The requests of a search by kind, and the work that no cache saves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Requests {
    pub drifts: Cost,
    /// Screenings that met the constraint, which takes nearly all images.
    pub met: Cost,
    pub not_met: Cost,
    pub confirmations: Cost,
    /// The test split and the certificate's, in float and for results.
    pub test: Cost,
    /// The float network on the search split.
    pub baseline: Cost,
}

impl Requests {
    fn add(&mut self, event: &Event, layers: u64, calibration: usize) {
        let (kind, images) = match event {
            Event::Measured { cached: false, .. } => (&mut self.drifts, calibration),
            Event::Screened { judgement: j, .. } if !j.cached => match j.verdict {
                Verdict::Met => (&mut self.met, j.images),
                _ => (&mut self.not_met, j.images),
            },
            Event::Confirmed { judgement: j, .. } if !j.cached => {
                (&mut self.confirmations, j.images)
            }
            Event::Tested { images, .. } => (&mut self.test, *images),
            Event::CertifyBaseline { correct: bits } | Event::RungTested { bits, .. } => {
                (&mut self.test, bits.len())
            }
            Event::Baseline { correct } => (&mut self.baseline, correct.len()),
            _ => return,
        };
        kind.number += 1;
        kind.layer_forwards += layers * images as u64;
    }
}

/// Runs `aq4svit search` with some flags in an empty folder and waits for its end.
pub(super) fn search(common: &[String], flags: &[&str]) -> Result<Measured> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let run = folder.path().join("run");
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut child = Command::new(program)
        .arg("search")
        .args(common)
        .args(flags)
        .args(["--headless", "--json", "--run-dir"])
        .arg(&run)
        // No result of an earlier run may be reused.
        .env("AQ4SVIT_DATA", folder.path().join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start this program again")?;
    let peak_bytes = wait(&mut child)?;
    let status = child.wait()?;
    // 3: nothing met the constraint, which is a result as well.
    if !matches!(status.code(), Some(0 | 3)) {
        let mut message = String::new();
        if let Some(mut errors) = child.stderr.take() {
            let _ = errors.read_to_string(&mut message);
        }
        bail!("it ended with {status}: {}", message.trim());
    }
    Measured::read(&run, peak_bytes)
}

/// The peak memory of a process, looked at until it ends.
fn wait(child: &mut Child) -> Result<Option<u64>> {
    let mut peak = None;
    while child.try_wait()?.is_none() {
        peak = peak_memory(child.id()).max(peak);
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(peak)
}

impl Measured {
    fn read(run: &Path, peak_bytes: Option<u64>) -> Result<Self> {
        let (summary, entries) = Summary::of(run, Journal::read(run)?)?;
        let Summary {
            tree,
            counters,
            totals,
            ..
        } = summary;
        let settings = tree.settings.as_deref();
        let layers = settings.map_or(0, |s| s.space.layers.len() as u64);
        let calibration = settings.map_or(0, |s| s.calibration_images);
        let mut requests = Requests::default();
        let mut decisions = Vec::with_capacity(entries.len());
        for entry in &entries {
            requests.add(&entry.event, layers, calibration);
            decisions.push(serde_json::to_string(&entry.event)?);
        }
        Ok(Measured {
            seconds: totals.seconds,
            layer_forwards: totals.layer_forwards,
            layer_forwards_search: totals.layer_forwards_search,
            images: totals.images,
            evaluated_images: counters.images,
            evaluations: counters.evaluations,
            drift_evaluations: counters.drift_evaluations,
            memory_bytes: tree.result().map(|c| c.bytes),
            peak_bytes,
            decisions,
            tree,
            requests,
        })
    }

    /// The accuracy drop of the result on the search split, in points.
    pub(super) fn drop(&self) -> Option<f64> {
        Incumbent::of(&self.tree).map(|found| found.accuracy_drop)
    }

    /// The accuracy drop of the result on the test split, in points.
    pub(super) fn drop_test(&self) -> Option<f64> {
        let (images, float, correct) = self.tree.tested()?;
        Some(percent(float, images) - percent(correct, images))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::CorrectBits;
    use crate::search::{CandidateId, Judgement};

    #[test]
    fn requests_are_counted_by_kind() {
        let candidate = CandidateId(0);
        let judged = |verdict, images, cached| Judgement {
            verdict,
            images,
            of: 10,
            correct: 0,
            float_correct: 0,
            allowed_loss: 0,
            expected_loss: None,
            cached,
            sequential: false,
        };
        let screened = |verdict, images, cached| Event::Screened {
            candidate,
            judgement: judged(verdict, images, cached),
            bits: CorrectBits::default(),
        };
        let measured = |cached| Event::Measured {
            candidate,
            drift: 0.0,
            added: 0.0,
            sites: Vec::new(),
            proxies: None,
            cached,
        };
        let events = [
            measured(false),
            measured(true),
            screened(Verdict::Met, 5, false),
            screened(Verdict::NotMet, 3, false),
            screened(Verdict::Met, 9, true),
            Event::Confirmed {
                candidate,
                judgement: judged(Verdict::Met, 10, false),
                bits: CorrectBits::default(),
            },
            Event::Tested {
                candidate: None,
                images: 7,
                correct: 7,
                bits: CorrectBits::default(),
            },
        ];
        let mut requests = Requests::default();
        for event in &events {
            requests.add(event, 2, 4);
        }
        let one = |layer_forwards| Cost {
            number: 1,
            layer_forwards,
        };
        let expected = Requests {
            drifts: one(8),
            met: one(10),
            not_met: one(6),
            confirmations: one(20),
            test: one(14),
            baseline: Cost::default(),
        };
        assert_eq!(requests, expected);
    }
}
