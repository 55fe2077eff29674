//! The known names nearest to a mistyped one.

/// The candidates that are near enough to be what was meant, nearest first, at most `most`.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let word = word.to_lowercase();
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|c| {
            (
                strsim::normalized_damerau_levenshtein(&word, &c.to_lowercase()),
                c,
            )
        })
        .filter(|(score, _)| *score >= 0.5)
        .collect();
    // A stable sort: equally near names keep their order.
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut near: Vec<&str> = Vec::new();
    for (_, name) in scored {
        if near.len() < most && !near.contains(&name) {
            near.push(name);
        }
    }
    near
}

/// A list of names as text: `` `a`, `b` or `c` ``.
pub(crate) fn one_of<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{}`", n.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// A sentence's end that asks for the nearest names; empty when none is near.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    let near = nearest(word, candidates, 3);
    match near.is_empty() {
        true => String::new(),
        false => format!("; did you mean {}?", one_of(&near)),
    }
}

/// The hint for a name or pattern that matches no layer, as the end of a sentence.
pub(crate) fn layer_hint(pattern: &str, names: &[&str]) -> String {
    let prefix = format!("{pattern}.");
    if names.iter().any(|n| n.starts_with(&prefix)) {
        return format!("; for the layers below it write \"{prefix}*\"");
    }
    did_you_mean(pattern, names.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first_and_far_ones_not_at_all() {
        let keys = ["seed", "screen", "screening", "strategy"];
        assert_eq!(nearest("scren", keys, 1), ["screen"]);
        assert_eq!(nearest("Strategie", keys, 3), ["strategy"]);
        assert!(nearest("zzz", keys, 3).is_empty());
        assert_eq!(did_you_mean("sede", keys), "; did you mean `seed`?");
        assert_eq!(one_of(&["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
