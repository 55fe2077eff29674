//! Memory sizes in units: `96 KiB`, `1.5 MiB`, `98304`.

/// Reads a size in bytes; a fraction of a byte is dropped. None for anything that is no size.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.replace('_', "").parse().ok()?;
    let unit = match unit.trim() {
        "" | "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        _ => return None,
    };
    let bytes = (number * unit).floor();
    // Above 2^53 an f64 no longer holds every whole number; no model is that large.
    (0.0..=9_007_199_254_740_992.0)
        .contains(&bytes)
        .then_some(bytes as u64)
}

/// A size as [`parse`] reads it, exactly: `96 KiB` where that is short, else the bytes.
pub fn text(bytes: u64) -> String {
    let kib = format!("{} KiB", bytes as f64 / 1024.0);
    match parse(&kib) == Some(bytes) && kib.len() < 12 {
        true => kib,
        false => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, text};

    #[test]
    fn sizes_are_written_as_they_are_read_again() {
        for bytes in [0, 1, 1024, 81_920, 100_000, 123_457, 1_000_000_007] {
            assert_eq!(parse(&text(bytes)), Some(bytes));
        }
        assert_eq!(text(98_304), "96 KiB");
    }

    #[test]
    fn sizes() {
        assert_eq!(parse("96 KiB"), Some(98_304));
        assert_eq!(parse("1.5MiB"), Some(1_572_864));
        assert_eq!(parse("12"), Some(12));
        assert_eq!(parse("2 kB"), Some(2000));
        for bad in [
            "",
            "KiB",
            "-1 KiB",
            "1 kib",
            "1.2.3 B",
            "1e400",
            "99999999 GiB",
            "nan",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
