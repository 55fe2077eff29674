//! What a file holds, before any number of it is read.

use std::collections::{BTreeMap, HashSet};

use super::element::Element;
use super::golden::GoldenEntry;

/// A run of numbers in the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    /// Their type.
    pub(super) element: Element,
    /// Where the first one begins.
    pub(super) offset: u64,
    /// The number found.
    pub(super) count: u64,
    /// CRC-32 of their bytes, where the file has one.
    pub(super) crc: Option<u32>,
}

impl Stored {
    /// How many bytes they take.
    pub(super) fn bytes(&self) -> u64 {
        self.count.saturating_mul(self.element.bytes())
    }
}

/// A tensor: some of the numbers of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The run: an index into [`Listing::stored`].
    pub(super) stored: usize,
    /// The tensor's shape.
    pub(super) shape: Vec<usize>,
    /// Which of the run's numbers is the first one.
    pub(super) start: usize,
    /// How far the next number is, for each dimension.
    pub(super) strides: Vec<usize>,
}

impl Entry {
    /// A tensor that has all numbers of a run in their order.
    pub(super) fn whole(stored: usize, shape: Vec<usize>) -> Self {
        let mut next = 1usize;
        let from_last = shape.iter().rev().map(|size| {
            let stride = next;
            next = next.saturating_mul(*size);
            stride
        });
        let mut strides: Vec<usize> = from_last.collect();
        strides.reverse();
        Entry {
            stored,
            shape,
            start: 0,
            strides,
        }
    }

    /// How many numbers it has; none where that overflows.
    pub(super) fn count(&self) -> Option<usize> {
        self.shape
            .iter()
            .try_fold(1usize, |n, &size| n.checked_mul(size))
    }

    /// One past the last number of the run that it needs; none where that overflows.
    pub(super) fn end(&self) -> Option<usize> {
        if self.count()? == 0 {
            return Some(self.start);
        }
        let mut steps = self.shape.iter().zip(&self.strides);
        let last = steps.try_fold(self.start, |sum, (&size, &stride)| {
            sum.checked_add((size - 1).checked_mul(stride)?)
        });
        last?.checked_add(1)
    }

    /// True where its numbers stand in the run in their order, with nothing between.
    pub(super) fn is_contiguous(&self) -> bool {
        let mut expected = 1usize;
        for (&size, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if size > 1 && stride != expected {
                return false;
            }
            expected = expected.saturating_mul(size);
        }
        true
    }
}

/// The tensors of a file and where their numbers are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Listing {
    /// Runs of numbers.
    pub(super) stored: Vec<Stored>,
    /// Tensors by key.
    pub(super) tensors: BTreeMap<String, Entry>,
    /// Their keys in the order of the file, where that is the order of the model's modules.
    pub(super) order: Vec<String>,
    /// Keys whose value is no tensor but an object of some Python class, with the class.
    pub(super) objects: BTreeMap<String, String>,
    /// The key of the file's root under which the tensors were found.
    pub(super) under: Option<String>,
    /// Other keys of the root that hold tensors of a network.
    pub(super) unused: Vec<String>,
    /// The document of the network's graph, in a graph file.
    pub(super) graph: Option<String>,
    /// The golden data of a graph file.
    pub(super) golden: BTreeMap<String, GoldenEntry>,
    /// Those of them that hold a moving average of the weights.
    pub(super) averages: Vec<String>,
    /// True where these tensors are a moving average themselves.
    pub(super) is_average: bool,
}

impl Listing {
    /// Adds a tensor under its name in the file.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn add(&mut self, name: &str, entry: Entry) -> Result<(), String> {
        let count = self.stored.get(entry.stored).map_or(0, |s| s.count);
        let fits = entry.end().is_some_and(|end| end as u64 <= count);
        if !fits || entry.strides.len() != entry.shape.len() {
            return Err(format!(
                "tensor {name} reaches beyond the numbers that are stored for it"
            ));
        }
        match self.tensors.insert(name.to_owned(), entry) {
            None => Ok(()),
            Some(_) => Err(format!("it has two tensors {name}")),
        }
    }

    /// Notes the order of the tensors added, by the names that they were added by.
    pub(super) fn set_order<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        let mut seen = HashSet::new();
        let keys = names.into_iter();
        let keys = keys.filter(|key| self.tensors.contains_key(*key) && seen.insert(*key));
        self.order = keys.map(str::to_owned).collect();
    }

    /// The type of a tensor that is not floating-point.
    pub(super) fn other_name(&self, entry: &Entry) -> Option<&str> {
        self.stored.get(entry.stored)?.element.other_name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(shape: &[usize], start: usize, strides: &[usize]) -> Entry {
        Entry {
            stored: 0,
            shape: shape.to_vec(),
            start,
            strides: strides.to_vec(),
        }
    }

    #[test]
    fn views_know_what_they_need() {
        let whole = Entry::whole(0, vec![2, 3, 4]);
        assert_eq!(whole.strides, [12, 4, 1]);
        assert_eq!((whole.count(), whole.end()), (Some(24), Some(24)));
        assert!(whole.is_contiguous());
        let transposed = entry(&[4, 3], 5, &[1, 4]);
        assert_eq!(transposed.end(), Some(5 + 3 + 8 + 1));
        assert!(!transposed.is_contiguous());
        // A dimension of one is never stepped along.
        assert!(entry(&[1, 3], 7, &[99, 1]).is_contiguous());
        assert_eq!(entry(&[0, usize::MAX], 7, &[1, 1]).end(), Some(7));
        assert_eq!(entry(&[], 7, &[]).end(), Some(8));
        assert_eq!(entry(&[usize::MAX, 2], 0, &[0, 0]).end(), None);
        assert_eq!(entry(&[3], 0, &[usize::MAX]).end(), None);
        assert_eq!(entry(&[2], usize::MAX, &[1]).end(), None);
    }
}
