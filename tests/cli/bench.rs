//! `aq4svit bench --strategies` by the real binary.

use crate::common::demo::Demo;
use serde_json::Value;

const STRATEGIES: [&str; 8] = [
    "front",
    "greedy",
    "beam",
    "allocate",
    "random_as_greedy",
    "random_as_beam",
    "exhaustive",
    "as_published",
];

/// Two widths of four stages: 16 allocations.
const TINY: &[&str] = &[
    "bench",
    "small.toml",
    "--strategies",
    "--set",
    "search.levels=[\"stage\"]",
    "--set",
    "search.screen=40",
    "--set",
    "quantizer.bits=[3,4]",
    "--set",
    "data.search=80",
    "--set",
    "data.calibration=10",
];

#[test]
fn strategies_are_compared_with_the_true_optimum_where_there_are_few_allocations() {
    let demo = Demo::new();
    let (out, err) = demo.expect(0, &[TINY, &["--seeds", "1", "--json"]].concat());
    assert!(err.contains("seed 0: exhaustive"), "{err}");
    let lines: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("every line is JSON"))
        .collect();
    let of = |kind: &str, strategy: &str| -> Vec<&Value> {
        let wanted = |l: &&Value| l["type"] == kind && l["strategy"] == strategy;
        lines.iter().filter(wanted).collect()
    };
    for strategy in STRATEGIES {
        let rows = of("strategy", strategy);
        let seeds: Vec<&Value> = rows.iter().map(|r| &r["seed"]).collect();
        assert_eq!(seeds, [0], "{strategy}");
        for row in rows {
            let above = row["above_optimum_percent"].as_f64().expect("a result");
            let is_optimum = strategy == "exhaustive";
            assert!(above >= 0.0 && (above == 0.0 || !is_optimum), "{row}");
            assert!(row["layer_forwards"].as_u64() > Some(0), "{row}");
            assert!(row["drop"].as_f64() <= Some(8.0), "{row}");
        }
        let [mean] = of("strategy_mean", strategy)[..] else {
            panic!("{strategy} has one mean")
        };
        assert!(mean["memory_bytes"].as_f64() > Some(0.0));
    }
    // Random search spends no more than what it stands against.
    for (random, other) in [("random_as_greedy", "greedy"), ("random_as_beam", "beam")] {
        for (random, other) in of("strategy", random).iter().zip(of("strategy", other)) {
            let evaluations = |row: &Value| row["evaluations"].as_u64();
            assert!(evaluations(random) <= evaluations(other));
        }
    }
    // Nothing was left in the user's folder of runs.
    assert!(!demo.path("data/runs").exists());
}

#[test]
fn what_cannot_be_compared_is_said_before_any_search() {
    let demo = Demo::new();
    let highest = [
        "--set",
        "constraint.max_accuracy_drop=any",
        "--set",
        "constraint.max_memory=80 KiB",
    ];
    let (_, err) = demo.expect(1, &[TINY, &highest[..]].concat());
    assert!(err.contains("highest accuracy"), "{err}");
    let (_, err) = demo.expect(2, &["bench", "--seeds", "2"]);
    assert!(err.contains("--strategies"), "{err}");
}
