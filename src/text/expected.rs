//! How long a search will take, in words.

use std::time::Duration;

use super::numbers::duration;
use crate::run::Expected;

/// The estimate as a sentence: how long, by what, and what makes it shorter.
pub fn expected(expected: &Expected) -> String {
    let seconds = expected.seconds();
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    let share = |part: f64| 100.0 * part / seconds.max(f64::MIN_POSITIVE);
    let parts = expected.parts();
    let shares = parts.iter().filter(|(part, ..)| share(*part) >= 1.0);
    let shares: Vec<String> = shares
        .map(|(part, name, _)| format!("{name} {:.0} %", share(*part)))
        .collect();
    let key = parts.iter().find_map(|(.., key)| *key).unwrap_or_default();
    format!(
        "the search will take about {} ({}), less where answers of earlier runs are known; with fewer images it takes less: --set {key}=N",
        duration(whole),
        shares.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_part_comes_first_and_names_what_makes_it_shorter() {
        let few = Expected {
            quantizing: 300.0,
            evidence: 60.0,
            search: 239.0,
            test: 1.0,
            certificate: 0.0,
        };
        assert_eq!(
            expected(&few),
            "the search will take about 10:00 (quantizing 50 %, accuracy 40 %, evidence 10 %), less where answers of earlier runs are known; with fewer images it takes less: --set data.calibration=N"
        );
    }
}
