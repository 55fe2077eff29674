//! The glossary: the terms of the interface and their meanings, read from `docs/glossary.md`.

/// The page itself; the terms are the rows of its table.
const PAGE: &str = include_str!("../../docs/glossary.md");

/// One row of the glossary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The term as it is shown.
    pub name: &'static str,
    /// The meaning of the term, in one phrase.
    pub meaning: &'static str,
}

/// The terms in the order of the page.
pub fn terms() -> impl Iterator<Item = Term> {
    // The head of the table and its ruler come first.
    let rows = PAGE.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.filter_map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let (name, meaning) = (cells.next()?, cells.next()?);
        Some(Term { name, meaning })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_term_and_a_meaning() {
        let all: Vec<Term> = terms().collect();
        let rows = PAGE.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(all.len(), rows - 1);
        assert!(
            all.iter()
                .all(|t| !t.name.is_empty() && !t.meaning.is_empty())
        );
        let has = |name: &str| all.iter().any(|t| t.name == name);
        for name in ["base", "incumbent", "screening", "confirmation", "gate"] {
            assert!(has(name), "{name}");
        }
    }
}
