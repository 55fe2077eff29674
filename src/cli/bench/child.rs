//! One search in a process of its own.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::evaluate::percent;
use crate::run::Summary;
use crate::search::Tree;

/// What one search did.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub seconds: f64,
    pub layer_forwards: u64,
    pub images: u64,
    pub evaluations: u64,
    pub drift_evaluations: u64,
    pub memory_bytes: Option<u64>,
    /// The most memory it had at a time, as Linux counts it.
    pub peak_bytes: Option<u64>,
    /// The journal without times and first line: the decisions.
    pub decisions: Vec<String>,
    /// Layer-forwards of the test split and of the float network on the search split, which every run has.
    pub test: u64,
    pub baseline: u64,
    /// The state that its events lead to.
    pub tree: Tree,
    /// Layer-forwards that the candidates' questions ask for, and how many questions those are.
    pub asked: Asked,
}

/// What a search asks of candidates, by kind: questions, and layer-forwards where nothing is kept between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub drifts: (u64, u64),
    /// Screenings that met the constraint, which takes nearly all images.
    pub met: (u64, u64),
    pub not_met: (u64, u64),
    pub confirmations: (u64, u64),
}

impl Asked {
    /// Adds a line of the journal.
    fn add(&mut self, line: &Value, layers: u64, calibration: u64) {
        if line["cached"] == true {
            return;
        }
        let images = line["images"].as_u64().unwrap_or_default();
        let (kind, images) = match (line["type"].as_str(), line["verdict"].as_str()) {
            (Some("measured"), _) => (&mut self.drifts, calibration),
            (Some("screened"), Some("met")) => (&mut self.met, images),
            (Some("screened"), _) => (&mut self.not_met, images),
            (Some("confirmed"), _) => (&mut self.confirmations, images),
            _ => return,
        };
        kind.0 += 1;
        kind.1 += layers * images;
    }
}

/// Runs `aq4svit search` with some flags in an empty folder and waits for it.
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
        // Nothing that an earlier run has left may answer.
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
    let mut measured = Measured {
        peak_bytes,
        ..Measured::default()
    };
    measured.read_work(&run)?;
    measured.read_journal(&run)?;
    measured.tree = Summary::read(&run)?.tree;
    Ok(measured)
}

/// Waits for the end and looks at the memory meanwhile.
fn wait(child: &mut Child) -> Result<Option<u64>> {
    let path = format!("/proc/{}/status", child.id());
    let mut peak = None;
    while child.try_wait()?.is_none() {
        peak = std::fs::read_to_string(&path)
            .ok()
            .and_then(|s| high_water(&s))
            .max(peak);
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(peak)
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

impl Measured {
    /// The result's accuracy drop on the search split, in points.
    pub(super) fn drop(&self) -> Option<f64> {
        let incumbent = self.tree.get(self.tree.incumbent?)?;
        incumbent.confirmation.map(|j| j.drop())
    }

    /// Likewise on the test split.
    pub(super) fn drop_test(&self) -> Option<f64> {
        let (images, float, correct) = self.tree.tested()?;
        Some(percent(float, images) - percent(correct, images))
    }

    fn read_work(&mut self, run: &Path) -> Result<()> {
        for line in lines(&run.join("work.jsonl"))? {
            self.seconds += line["seconds"].as_f64().unwrap_or_default();
            self.images += line["images"].as_u64().unwrap_or_default();
            self.layer_forwards += line["layer_forwards"].as_u64().unwrap_or_default();
        }
        Ok(())
    }

    fn read_journal(&mut self, run: &Path) -> Result<()> {
        let (mut layers, mut calibration) = (0, 0);
        // By candidate, numbered from 0.
        let mut bytes = Vec::new();
        for mut line in lines(&run.join("journal.jsonl"))?.into_iter().skip(1) {
            self.asked.add(&line, layers, calibration);
            match line["type"].as_str() {
                Some("started") => {
                    let settings = &line["settings"];
                    calibration = settings["calibration_images"].as_u64().unwrap_or_default();
                    let list = line["settings"]["space"]["layers"].as_array();
                    layers = list.map_or(0, |l| l.len() as u64);
                    let images = line["settings"]["search_images"].as_u64();
                    self.baseline = layers * images.unwrap_or_default();
                }
                Some("tested") => self.test += layers * line["images"].as_u64().unwrap_or_default(),
                Some("proposed") => bytes.push(line["bytes"].as_u64()),
                Some("finished") => {
                    let incumbent = line["incumbent"].as_u64().and_then(|i| i.try_into().ok());
                    self.memory_bytes = incumbent.and_then(|i: usize| *bytes.get(i)?);
                    self.evaluations = line["evaluations"].as_u64().unwrap_or_default();
                    self.drift_evaluations = line["drift_evaluations"].as_u64().unwrap_or_default();
                }
                _ => {}
            }
            if let Some(object) = line.as_object_mut() {
                object.remove("time");
            }
            self.decisions.push(line.to_string());
        }
        Ok(())
    }
}

fn lines(path: &Path) -> Result<Vec<Value>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().map(|line| Ok(serde_json::from_str(line)?));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_of_a_process() {
        assert_eq!(
            high_water("Name:\taq4svit\nVmHWM:\t  2048 kB\n"),
            Some(2 << 20)
        );
        assert_eq!(high_water("VmHWM: none"), None);
    }

    #[test]
    fn a_run_is_read_from_its_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("space");
        write(
            "work.jsonl",
            "{\"layer_forwards\":6,\"images\":3,\"seconds\":1.5}\n{\"layer_forwards\":4,\"images\":2,\"seconds\":0.5}\n",
        );
        write(
            "journal.jsonl",
            "{\"type\":\"journal\"}\n\
             {\"seq\":1,\"time\":\"a\",\"type\":\"started\",\"settings\":{\"space\":{\"layers\":[1,2]},\"search_images\":10,\"calibration_images\":4}}\n\
             {\"seq\":2,\"time\":\"b\",\"type\":\"proposed\",\"candidate\":0,\"bytes\":99}\n\
             {\"type\":\"measured\",\"cached\":false}\n\
             {\"type\":\"measured\",\"cached\":true}\n\
             {\"type\":\"screened\",\"cached\":false,\"verdict\":\"met\",\"images\":5}\n\
             {\"type\":\"screened\",\"cached\":false,\"verdict\":\"not_met\",\"images\":3}\n\
             {\"type\":\"confirmed\",\"cached\":false,\"verdict\":\"met\",\"images\":10}\n\
             {\"seq\":3,\"time\":\"c\",\"type\":\"tested\",\"candidate\":null,\"images\":7}\n\
             {\"seq\":4,\"time\":\"d\",\"type\":\"finished\",\"incumbent\":0,\"evaluations\":5}\n",
        );
        let mut measured = Measured::default();
        measured.read_work(folder.path()).expect("work");
        measured.read_journal(folder.path()).expect("a journal");
        assert_eq!(
            (measured.layer_forwards, measured.images, measured.seconds),
            (10, 5, 2.0)
        );
        assert_eq!(
            (measured.baseline, measured.test, measured.evaluations),
            (20, 14, 5)
        );
        assert_eq!(measured.memory_bytes, Some(99));
        assert_eq!(measured.decisions.len(), 9);
        let asked = Asked {
            drifts: (1, 8),
            met: (1, 10),
            not_met: (1, 6),
            confirmations: (1, 20),
        };
        assert_eq!(measured.asked, asked);
        assert!(!measured.decisions[0].contains("\"a\""));
    }
}
