//! The rows of the start screen: filtered, ordered, grouped.

use super::StartModel;
use super::entry::{Item, Order, Readiness};

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Nothing.
    Blank,
    /// The name of a group.
    Heading(String),
    /// Something that can be chosen.
    Item(Item),
}

impl StartModel {
    /// All lines.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let runs = self.shown_runs();
        if !runs.is_empty() {
            rows.push(Row::Heading(format!("Runs, {}", self.order.text())));
            rows.extend(runs.into_iter().map(|at| Row::Item(Item::Run(at))));
            rows.push(Row::Blank);
        }
        let ready = self.shown_profiles(false);
        if !ready.is_empty() {
            rows.push(Row::Heading(String::from("Start a search")));
            rows.extend(ready.into_iter().map(|at| Row::Item(Item::Profile(at))));
        }
        let missing = self.shown_profiles(true);
        if !missing.is_empty() {
            rows.push(Row::Item(Item::Missing));
            if self.shows_missing() {
                rows.extend(missing.into_iter().map(|at| Row::Item(Item::Profile(at))));
            }
        }
        rows
    }

    /// What can be chosen, in the order of the lines.
    pub fn items(&self) -> Vec<Item> {
        let items = self.rows().into_iter().filter_map(|row| match row {
            Row::Item(item) => Some(item),
            _ => None,
        });
        items.collect()
    }

    /// What is chosen.
    pub fn item(&self) -> Option<Item> {
        self.items().get(self.scroll.cursor).copied()
    }

    /// True where the profiles that need something are shown one by one.
    pub fn shows_missing(&self) -> bool {
        self.missing_open || !self.filter.is_empty()
    }

    /// The number of profiles that need something.
    pub fn missing(&self) -> usize {
        self.shown_profiles(true).len()
    }

    fn shown_runs(&self) -> Vec<usize> {
        let matching = |at: &usize| {
            let run = self.runs.get(*at);
            run.is_some_and(|r| self.matches(&[&r.id, &r.condition, &r.result]))
        };
        let mut shown: Vec<usize> = (0..self.runs.len()).filter(matching).collect();
        match self.order {
            Order::Newest => {}
            Order::Smallest => {
                shown
                    .sort_by_key(|at| self.runs.get(*at).and_then(|r| r.bytes).unwrap_or(u64::MAX));
            }
            Order::Name => shown.sort_by_key(|at| self.runs.get(*at).map(|r| r.id.clone())),
        }
        shown
    }

    fn shown_profiles(&self, missing: bool) -> Vec<usize> {
        let matching = |at: &usize| {
            let profile = self.profiles.get(*at);
            profile.is_some_and(|p| {
                (p.readiness == Readiness::Missing) == missing && self.matches(&[&p.name, &p.about])
            })
        };
        (0..self.profiles.len()).filter(matching).collect()
    }

    /// True where every word of the filter is in one of the texts.
    fn matches(&self, texts: &[&str]) -> bool {
        let text = texts.join(" ").to_lowercase();
        let filter = self.filter.to_lowercase();
        filter.split_whitespace().all(|word| text.contains(word))
    }
}
