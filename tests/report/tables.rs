//! The tables: a row for every candidate and every layer, with the numbers of the journal.

use std::collections::HashMap;

use serde_json::Value;

use super::{LAYER, report, run};

type Rows = Vec<HashMap<String, String>>;

fn rows(csv: &str) -> Rows {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows = reader.deserialize().collect::<Result<Rows, csv::Error>>();
    rows.expect("it is CSV")
}

fn number(row: &HashMap<String, String>, column: &str) -> f64 {
    let text = &row[column];
    text.parse()
        .unwrap_or_else(|_| panic!("{column}: \"{text}\""))
}

#[test]
fn candidates_are_those_of_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = run(folder.path(), "run", true);
    let text = std::fs::read_to_string(run.join("journal.jsonl")).expect("a journal");
    let events: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    let of = |kind: &str| -> Vec<&Value> { events.iter().filter(|e| e["type"] == kind).collect() };
    let rows = rows(&report(&run).candidates_csv().expect("CSV"));
    let proposed = of("proposed");
    assert_eq!(rows.len(), proposed.len());
    for (row, event) in rows.iter().zip(&proposed) {
        assert_eq!(row["candidate"], event["candidate"].to_string());
        assert_eq!(row["memory_bytes"], event["bytes"].to_string());
        assert_eq!(row["origin"], event["origin"].as_str().expect("a word"));
    }
    let measured = of("measured");
    assert!(!measured.is_empty());
    for event in measured {
        let row = &rows[event["candidate"].as_u64().expect("a number") as usize];
        assert_eq!(Some(number(row, "drift")), event["drift"].as_f64());
    }
    for event in of("screened") {
        let row = &rows[event["candidate"].as_u64().expect("a number") as usize];
        for column in ["images", "correct", "float_correct", "of"] {
            assert_eq!(
                row[&format!("screening_{column}")],
                event[column].to_string(),
                "{column}"
            );
        }
    }
    let results: Vec<_> = rows.iter().filter(|row| row["result"] == "true").collect();
    assert_eq!(results.len(), 1);
    assert!(rows[0].contains_key(&format!("bits:{LAYER}")));
    // What is not known is empty, and no number is made up.
    let open = rows
        .iter()
        .filter(|row| row["screening_verdict"].is_empty());
    assert!(open.clone().count() > 0 && open.clone().all(|row| row["screening_images"].is_empty()));
}

#[test]
fn layers_add_up_to_the_result() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = run(folder.path(), "run", true);
    let report = report(&run);
    let rows = rows(&report.layers_csv().expect("CSV"));
    assert_eq!(rows.len(), report.records.layers.len());
    assert_eq!(rows.last().expect("rows")["layer"], LAYER);
    let memory = report.memory.expect("a result");
    let sum = |column: &str| rows.iter().map(|row| number(row, column)).sum::<f64>() as u64;
    assert_eq!(sum("weight_bytes"), memory.weight_bytes);
    assert_eq!(sum("weights") * 4, memory.weight_float_bytes);
    let (summary, _) = super::read(&run);
    let fixed = summary.tree.settings.expect("begun").space.fixed_bytes;
    assert_eq!(sum("memory_bytes") + fixed, memory.memory_bytes);
    assert_eq!(sum("memory_float_bytes") + fixed, memory.memory_float_bytes);
    assert!(rows.iter().all(|row| row["synaptic_operations"].is_empty()));
}

#[test]
fn measured_work_is_in_the_layers() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = super::whole(folder.path());
    let rows = rows(&report.layers_csv().expect("CSV"));
    let known: Vec<_> = rows
        .iter()
        .filter(|row| !row["synaptic_operations"].is_empty())
        .collect();
    // The hostile name is none of the network's.
    assert_eq!(known.len(), rows.len() - 1);
    let spikes = known.iter().filter(|row| number(row, "macs") == 0.0);
    for row in spikes {
        let ratio = number(row, "synaptic_operations") / number(row, "synaptic_operations_float");
        assert!((ratio - 0.9).abs() < 1e-9, "{ratio}");
    }
}
