//! Whether the order of names as text is the order that a person who numbered them had in mind.

use std::cmp::Ordering;

/// A part of a name: digits, or what is between them.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Number(&'a str),
    Text(&'a str),
}

fn parts(name: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let is_digit = rest.chars().next()?.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_digit);
        let (part, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        Some(match is_digit {
            true => Part::Number(part),
            false => Part::Text(part),
        })
    })
}

/// Compares names with their runs of digits as the numbers they are.
fn natural(a: &str, b: &str) -> Ordering {
    let compare = |(a, b): (Part, Part)| match (a, b) {
        (Part::Number(a), Part::Number(b)) => {
            let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
            (a.len(), a).cmp(&(b.len(), b))
        }
        (Part::Number(a) | Part::Text(a), Part::Number(b) | Part::Text(b)) => a.cmp(b),
    };
    let mut pairs = parts(a).zip(parts(b)).map(compare);
    let unequal = pairs.find(|order| order.is_ne());
    unequal.unwrap_or_else(|| parts(a).count().cmp(&parts(b).count()))
}

/// Two neighbours of names in their order as text (`image_10`, `image_2`) that their numbers put
/// the other way round.
pub(super) fn misordered<'a>(names: &[&'a str]) -> Option<(&'a str, &'a str)> {
    let mut pairs = names.windows(2).filter_map(|pair| match pair {
        [a, b] => Some((*a, *b)),
        _ => None,
    });
    pairs.find(|(a, b)| natural(a, b).is_gt())
}

/// True where names are one text with another number each, as `class_1`, `class_2`.
pub(super) fn are_numbered(names: &[&str]) -> bool {
    let Some(first) = names.first() else {
        return false;
    };
    let has_form_of_first = |name: &&str| {
        let same = |(a, b): (Part, Part)| match (a, b) {
            (Part::Number(_), Part::Number(_)) => true,
            (a, b) => a == b,
        };
        parts(name).count() == parts(first).count() && parts(name).zip(parts(first)).all(same)
    };
    first.contains(|c: char| c.is_ascii_digit()) && names.iter().all(has_form_of_first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_compared_as_numbers() {
        assert_eq!(misordered(&["a1", "a10", "a2"]), Some(("a10", "a2")));
        assert_eq!(misordered(&["1.0", "10.0", "2.0"]), Some(("10.0", "2.0")));
        for ordered in [
            &["a01", "a02", "a10"][..],
            &["cat", "dog"],
            &["n01440764", "n01443537"],
            &["Audi", "BMW 3", "bird"],
            &["x_1", "x_1_b", "x_2"],
            &["a"],
            &[],
        ] {
            assert_eq!(misordered(ordered), None, "{ordered:?}");
        }
    }

    #[test]
    fn numbered_names_differ_in_their_numbers_alone() {
        for numbered in [
            &["class_1", "class_10", "class_2"][..],
            &["1.0", "2.5"],
            &["3", "12"],
        ] {
            assert!(are_numbered(numbered), "{numbered:?}");
        }
        for words in [
            &["Audi A4", "Audi 100"][..],
            &["cat", "dog"],
            &["class_1", "class_x"],
            &["a1", "a1b"],
            &[],
        ] {
            assert!(!are_numbered(words), "{words:?}");
        }
    }
}
