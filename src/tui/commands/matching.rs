//! How well an entry matches what was typed: beginnings of words first, then what contains it.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::Entry;

/// The entries that have every word typed, in their names or in what they do, best first; names
/// count more. Words of one letter are looked for at the beginnings of names only.
pub fn best(all: Vec<Entry>, typed: &str) -> Vec<Entry> {
    let typed = typed.to_lowercase();
    let words: Vec<&str> = typed.split_whitespace().collect();
    let score = |entry: &Entry| -> Option<u32> {
        let scores = words.iter().map(|word| of_word(entry, word));
        scores.sum()
    };
    let mut scored: Vec<(u32, Entry)> = all
        .into_iter()
        .filter_map(|entry| Some((score(&entry)?, entry)))
        .collect();
    // What is named exactly is meant, whether it can be done now or not.
    scored.sort_by_key(|(score, entry)| {
        let cannot = entry.cannot.is_some() && entry.name.to_lowercase() != typed.trim();
        (cannot, std::cmp::Reverse(*score))
    });
    scored.into_iter().map(|(_, entry)| entry).collect()
}

fn of_word(entry: &Entry, word: &str) -> Option<u32> {
    let (name, help) = (entry.name.to_lowercase(), entry.help.to_lowercase());
    let begins = |text: &str| {
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        words.any(|w| w.starts_with(word))
    };
    if name == word {
        return Some(1000);
    }
    if name.starts_with(word) {
        return Some(500);
    }
    if begins(&name) {
        return Some(400);
    }
    match word.len() {
        0 | 1 => None,
        _ if name.contains(word) => Some(300),
        _ if begins(&help) => Some(100),
        2 => None,
        _ => help.contains(word).then_some(50),
    }
}

/// The entries whose names have the letters typed in that order, the nearest three.
pub fn nearest(all: &[Entry], typed: &str) -> Vec<Entry> {
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, &Entry)> = all
        .iter()
        .filter_map(|entry| {
            let name = Utf32Str::new(&entry.name, &mut buffer);
            Some((pattern.score(name, &mut matcher)?, entry))
        })
        .collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().take(3).map(|(_, e)| e.clone()).collect()
}

/// A text with the words typed set off.
pub fn highlighted(text: &str, typed: &str, style: Style) -> Vec<Span<'static>> {
    let lower = text.to_lowercase();
    // Lower case may have another length in some scripts: then nothing is set off.
    let found = typed.to_lowercase().split_whitespace().find_map(|word| {
        let at = lower.find(word)?;
        (lower.len() == text.len()).then_some((at, at + word.len()))
    });
    let parts = found
        .and_then(|(from, to)| Some((text.get(..from)?, text.get(from..to)?, text.get(to..)?)));
    match parts {
        None => vec![Span::styled(text.to_owned(), style)],
        Some((before, hit, after)) => {
            let set_off = style.add_modifier(Modifier::UNDERLINED | Modifier::BOLD);
            vec![
                Span::styled(before.to_owned(), style),
                Span::styled(hit.to_owned(), set_off),
                Span::styled(after.to_owned(), style),
            ]
        }
    }
}
