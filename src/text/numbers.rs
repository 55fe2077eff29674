//! Numbers as short text.

use std::time::Duration;

use indicatif::HumanCount;

/// Bytes in three or four digits, so that a step of the search shows: `812 B`, `4.41 KiB`,
/// `136.2 KiB`.
pub fn bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (value, unit) = scaled(bytes, 1024.0, &["KiB", "MiB", "GiB", "TiB"]);
    let decimals = if value < 9.995 { 2 } else { 1 };
    format!("{value:.decimals$} {unit}")
}

/// A number in the unit in which it has at most three digits before the point.
fn scaled(n: u64, step: f64, units: &[&'static str]) -> (f64, &'static str) {
    let (mut value, mut unit) = (n as f64, "");
    for next in units {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / step, next);
    }
    (value, unit)
}

/// A change in bytes with its sign.
pub fn bytes_change(from: u64, to: u64) -> String {
    let sign = if to < from { '-' } else { '+' };
    format!("{sign}{}", bytes(from.abs_diff(to)))
}

/// `4:05`, `2:04:05`, `3 d 02:04`.
pub fn duration(duration: Duration) -> String {
    let s = duration.as_secs();
    match (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60) {
        (0, 0, m, s) => format!("{m}:{s:02}"),
        (0, h, m, s) => format!("{h}:{m:02}:{s:02}"),
        (d, h, m, _) => format!("{d} d {h:02}:{m:02}"),
    }
}

/// A range of durations: `4:05 to 5:00`; one of them where both read the same.
pub fn durations(least: Duration, most: Duration) -> String {
    let (least, most) = (duration(least), duration(most));
    match least == most {
        true => most,
        false => format!("{least} to {most}"),
    }
}

/// A number with commas: `12,345`.
pub fn count(n: u64) -> String {
    HumanCount(n).to_string()
}

/// A large number in three digits: `9,999`, `12.3 k`, `4.56 M`.
pub fn large(n: u64) -> String {
    if n < 10_000 {
        return count(n);
    }
    let (value, unit) = scaled(n, 1000.0, &["k", "M", "G", "T", "P", "E"]);
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// A large number in at most five characters, with three digits or more: `9216`, `36.9k`, `28.9M`.
pub fn compact(n: u64) -> String {
    match n {
        0..10_000 => n.to_string(),
        _ => large(n).replace(' ', ""),
    }
}

/// Bytes in full, with their size in the largest binary unit: `98,304 bytes (96.0 KiB)`.
pub fn bytes_in_full(n: u64) -> String {
    let exact = format!("{} bytes", count(n));
    let units = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(size, _)| n >= *size) {
        Some((size, unit)) => format!("{exact} ({:.1} {unit})", n as f64 / *size as f64),
        None => exact,
    }
}

/// Drift in thresholds, in five columns at most.
pub fn drift(drift: f64) -> String {
    match drift.abs() {
        d if d < 9.9995 => format!("{drift:.3}"),
        d if d < 999.95 => format!("{drift:.1}"),
        d if d < 99_999.5 => format!("{drift:.0}"),
        _ => String::from("huge"),
    }
}

/// A change of drift, with its sign.
pub fn drift_change(change: f64) -> String {
    let size = drift(change.abs());
    // "-0.000" would make a reader look twice.
    let is_zero = size.bytes().all(|b| matches!(b, b'0' | b'.'));
    let sign = if change < 0.0 && !is_zero { '-' } else { '+' };
    format!("{sign}{size}")
}

/// Percentage points with two decimals.
pub fn points(points: f64) -> String {
    // "-0.00" would make a reader look twice.
    let text = format!("{points:.2}");
    if text == "-0.00" {
        String::from("0.00")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_a_person_writes_them() {
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(1000), "0.98 KiB");
        assert_eq!(bytes(98_714), "96.4 KiB");
        assert_eq!(bytes(746_500), "729.0 KiB");
        assert_eq!(bytes(1024 * 1024 - 1), "1.00 MiB");
        assert_eq!(bytes(4_624_220), "4.41 MiB");
        assert_eq!(bytes_change(2048, 1024), "-1.00 KiB");
        assert_eq!(bytes_change(1024, 1024), "+0 B");
        assert_eq!(duration(Duration::from_secs(245)), "4:05");
        assert_eq!(duration(Duration::from_secs(7445)), "2:04:05");
        assert_eq!(duration(Duration::from_secs(266_640)), "3 d 02:04");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        assert_eq!(large(9_999), "9,999");
        assert_eq!(large(12_345), "12.3 k");
        assert_eq!(large(999_700), "1.00 M");
        assert_eq!(large(u64::MAX), "18.4 E");
        let all = [9_999, 10_000, 36_864, 99_949, 99_951, 999_499, 28_901_376];
        let compact_all = ["9999", "10.0k", "36.9k", "99.9k", "100k", "999k", "28.9M"];
        assert_eq!(all.map(compact), compact_all);
        assert_eq!(
            (compact(999_500), compact(u64::MAX)),
            ("1.00M".into(), "18.4E".into())
        );
        assert_eq!(bytes_in_full(98_304), "98,304 bytes (96.0 KiB)");
        assert_eq!(bytes_in_full(12), "12 bytes");
        assert_eq!([0, 1000, 190_850].map(count), ["0", "1,000", "190,850"]);
        assert_eq!(points(-0.001), "0.00");
        assert_eq!(points(-0.3), "-0.30");
        assert_eq!(drift(0.0512), "0.051");
        assert_eq!(drift(12.34), "12.3");
        assert_eq!(drift(1e9), "huge");
        assert_eq!(drift_change(-0.0012), "-0.001");
        assert_eq!(drift_change(0.25), "+0.250");
    }
}
