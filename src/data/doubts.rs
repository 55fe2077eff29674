//! What is doubtful about the images of a run: a wrong label file, scale or test split gives
//! numbers like any other.

use std::collections::HashSet;

use super::error::DataError;
use super::images::ImageSet;
use super::splits::Splits;

/// Images whose numbers are looked at.
const LOOKED_AT: usize = 8;
/// The largest magnitude of a normalised pixel that is usual, with room to spare: 3 is common.
const LARGE: f32 = 30.0;
/// The smallest range of the pixels of several images that is usual.
const NARROW: f32 = 0.1;
/// Images of a class that a split would have on average, from which on a class without any is told.
const PER_CLASS: usize = 10;
/// The share of the images drawn for the search that may be test images, too: data sets have a few
/// duplicates.
const SHARED: f64 = 0.1;

/// Sentences about splits for a network of so many classes.
pub(super) fn doubts(splits: &Splits, classes: usize) -> Result<Vec<String>, DataError> {
    let named = named(splits);
    let mut all: Vec<String> = named
        .iter()
        .filter_map(|(name, images)| of_labels(name, images, classes))
        .collect();
    all.extend(of_test(splits));
    let first = named.iter().find(|(_, images)| !images.is_empty());
    if let Some((_, images)) = first {
        all.extend(of_numbers(images)?);
    }
    Ok(all)
}

fn named(splits: &Splits) -> Vec<(&'static str, &ImageSet)> {
    let mut all = vec![
        ("calibration", &splits.calibration),
        ("search", &splits.search),
    ];
    all.extend(splits.certify.as_ref().map(|images| ("certify", images)));
    all.extend(splits.test.as_ref().map(|images| ("test", images)));
    all
}

/// One class alone, or classes without images.
fn of_labels(split: &str, images: &ImageSet, classes: usize) -> Option<String> {
    let present: HashSet<u32> = (0..images.len()).map(|i| images.label(i)).collect();
    let mut one = present.iter();
    if let (Some(class), None, 2.., 2..) = (one.next(), one.next(), images.len(), classes) {
        return Some(format!(
            "{split} split: all of its {} images are of class {class}: check the labels",
            images.len()
        ));
    }
    if images.len() < PER_CLASS.saturating_mul(classes) {
        return None;
    }
    let absent: Vec<u32> = (0..classes as u32)
        .filter(|c| !present.contains(c))
        .collect();
    let first: Vec<String> = absent.iter().take(5).map(u32::to_string).collect();
    let more = if absent.len() > first.len() {
        ", …"
    } else {
        ""
    };
    (!absent.is_empty()).then(|| {
        format!(
            "{split} split: {} of the model's {classes} classes have no image ({}{more}): check the labels",
            absent.len(),
            first.join(", ")
        )
    })
}

/// Test images that the search sees.
fn of_test(splits: &Splits) -> Option<String> {
    let test = splits.test.as_ref()?;
    let unseen: HashSet<_> = (0..test.len()).filter_map(|i| test.digest(i)).collect();
    let drawn = [
        Some(&splits.calibration),
        Some(&splits.search),
        splits.certify.as_ref(),
    ];
    let drawn = || drawn.iter().copied().flatten();
    let images: usize = drawn().map(ImageSet::len).sum();
    let is_test = |set: &ImageSet, i: &usize| set.digest(*i).is_some_and(|d| unseen.contains(&d));
    let shared: usize = drawn()
        .map(|set| (0..set.len()).filter(|i| is_test(set, i)).count())
        .sum();
    (shared > 0 && shared as f64 >= SHARED * images as f64).then(|| {
        format!(
            "test split: {shared} of the {images} images of calibration, search and certificate are test images, too, so \
             that accuracy on it is not that on unseen images: name other images for one of them"
        )
    })
}

/// Pixels that no usual mean and deviation give.
fn of_numbers(images: &ImageSet) -> Result<Option<String>, DataError> {
    let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
    let mut numbers = vec![0.0; images.numbers()];
    for i in 0..images.len().min(LOOKED_AT) {
        images.fill(i, &mut numbers)?;
        for number in &numbers {
            (least, most) = (least.min(*number), most.max(*number));
        }
    }
    // Counts of events may be large, or all zero in the first frames.
    let usual = images.frames().is_some()
        || (least.abs().max(most.abs()) <= LARGE && most - least >= NARROW);
    Ok((!usual).then(|| {
        format!(
            "images: after `mean` and `std` of [data] the first ones have numbers from {least:.3} to {most:.3}, where networks \
             are trained on about -3 to 3: check data.mean, data.std and the scale of the images (bytes are divided by \
             255, floating-point numbers are not)"
        )
    }))
}
