//! Numbers as people read them.

pub use crate::text::numbers::count as grouped;

/// At most five characters, with three digits or more: `9216`, `36.9k`, `28.9M`. k is 1000.
pub fn compact(number: u64) -> String {
    if number < 10_000 {
        return number.to_string();
    }
    let mut scaled = number as f64;
    for unit in ["k", "M", "G", "T", "P"] {
        scaled /= 1000.0;
        // What would round up to 1000 belongs to the next unit.
        if scaled < 999.5 {
            let decimals = usize::from(scaled < 99.95) + usize::from(scaled < 9.995);
            return format!("{scaled:.decimals$}{unit}");
        }
    }
    format!("{number:.0e}")
}

/// Bytes with their size in the largest binary unit: `98,304 bytes (96.0 KiB)`.
pub fn bytes(number: u64) -> String {
    let units = ["GiB", "MiB", "KiB"];
    let sizes = [1u64 << 30, 1 << 20, 1 << 10];
    let unit = sizes
        .into_iter()
        .zip(units)
        .find(|(size, _)| number >= *size);
    match unit {
        Some((size, unit)) => {
            let scaled = number as f64 / size as f64;
            format!("{} bytes ({scaled:.1} {unit})", grouped(number))
        }
        None => format!("{} bytes", grouped(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let all = [0, 999, 1000, 190_850, 1_234_567];
        let grouped_all = ["0", "999", "1,000", "190,850", "1,234,567"];
        assert_eq!(all.map(grouped), grouped_all);
        let all = [
            9_999,
            10_000,
            36_864,
            99_949,
            99_951,
            999_499,
            999_500,
            28_901_376,
            u64::MAX,
        ];
        let compact_all = [
            "9999", "10.0k", "36.9k", "99.9k", "100k", "999k", "1.00M", "28.9M", "2e19",
        ];
        assert_eq!(all.map(compact), compact_all);
        assert_eq!(bytes(98_304), "98,304 bytes (96.0 KiB)");
        assert_eq!(bytes(12), "12 bytes");
    }
}
