//! The check sum at the end of each line, which tells a line that was changed from one that was
//! written.

/// How a line goes on before its check sum.
const BEFORE: &str = ",\"check_sum\":\"";
/// How it ends behind it.
const BEHIND: &str = "\"}";
/// Digits of a check sum.
const DIGITS: usize = 8;
/// How the time of a line begins.
const TIME: &[u8] = b"\"time\":\"";

/// What a line is worth by its check sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seal {
    /// It is what was written.
    Intact,
    /// It is something else.
    Broken,
    /// It has no check sum.
    Missing,
}

/// A check sum of bytes, in hexadecimal digits: the first 32 bits of their BLAKE3.
pub(crate) fn check_sum(bytes: &[u8]) -> String {
    of(&[bytes])
}

fn of(parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().to_hex()[..DIGITS].to_owned()
}

/// A JSON object, which is not empty, with its check sum as its last member. The check sum is of
/// all bytes before it but those of the member `time`, so that equal runs have equal check sums.
pub fn sealed(object: &str) -> String {
    let Some(open) = object.strip_suffix('}') else {
        return object.to_owned();
    };
    let (head, tail) = without_time(open.as_bytes());
    format!("{open}{BEFORE}{}{BEHIND}", of(&[head, tail]))
}

/// Compares a line, with or without its line feed, with its check sum.
pub(crate) fn seal(line: &[u8]) -> Seal {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let length = BEFORE.len() + DIGITS + BEHIND.len();
    let Some((open, end)) = line.split_at_checked(line.len().saturating_sub(length)) else {
        return Seal::Missing;
    };
    let sum = end
        .strip_prefix(BEFORE.as_bytes())
        .and_then(|end| end.strip_suffix(BEHIND.as_bytes()));
    let Some(sum) = sum else {
        return Seal::Missing;
    };
    let (head, tail) = without_time(open);
    match of(&[head, tail]).as_bytes() == sum {
        true => Seal::Intact,
        false => Seal::Broken,
    }
}

/// What stands before and behind the value of the first `time`.
fn without_time(line: &[u8]) -> (&[u8], &[u8]) {
    let at = line.windows(TIME.len()).position(|bytes| bytes == TIME);
    let (head, rest) = line.split_at(at.map_or(line.len(), |at| at + TIME.len()));
    let end = rest.iter().position(|b| *b == b'"').unwrap_or(rest.len());
    (head, rest.get(end..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"seq":3,"time":"2026-01-01T00:00:00Z","type":"x","correct":17}"#;

    #[test]
    fn any_byte_but_those_of_the_time_matters() {
        let line = sealed(LINE);
        assert_eq!(seal(line.as_bytes()), Seal::Intact);
        assert_eq!(seal(format!("{line}\n").as_bytes()), Seal::Intact);
        let time = line.find("2026").expect("a time");
        let time = time..time + "2026-01-01T00:00:00Z".len();
        for at in 0..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[at] ^= 1;
            let is_intact = seal(&bytes) == Seal::Intact;
            assert_eq!(is_intact, time.contains(&at), "byte {at}");
        }
    }

    #[test]
    fn lines_that_differ_in_their_time_have_one_check_sum() {
        let other = sealed(&LINE.replace("2026", "2027"));
        let end = |line: &str| line[line.len() - 20..].to_owned();
        assert_eq!(end(&other), end(&sealed(LINE)));
        assert_ne!(end(&other), end(&sealed(&LINE.replace("17", "18"))));
    }

    #[test]
    fn a_sealed_line_is_still_json() {
        let value: serde_json::Value = serde_json::from_str(&sealed(LINE)).expect("JSON");
        assert_eq!(value["correct"], 17);
        for text in ["", "}", "\"}", LINE] {
            assert_eq!(seal(text.as_bytes()), Seal::Missing, "{text}");
        }
    }
}
