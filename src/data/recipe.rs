//! Preprocessing recipes: how published models were fed, as named data.
//!
//! The resizing is that of torchvision's `Resize` and `CenterCrop` on Pillow images, as the
//! authors' evaluation code uses them; mean and standard deviation follow `ToTensor`.

use super::resample::Filter;
use crate::network::Family;

/// How an image becomes a square of the model's size: the shorter side is resized to
/// `floor(image_size * numerator / denominator)`, the longer one in proportion, and the middle is
/// cut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resize {
    /// Of the ratio of the shorter side to the model's size.
    pub numerator: usize,
    /// Of the same.
    pub denominator: usize,
    /// The largest model size that the ratio holds for; larger ones are resized to their own size.
    pub up_to: Option<usize>,
    /// The filter.
    pub filter: Filter,
}

impl Resize {
    const fn ratio(numerator: usize, denominator: usize) -> Resize {
        Resize {
            numerator,
            denominator,
            up_to: None,
            filter: Filter::Bicubic,
        }
    }

    /// The shorter side for a model's size.
    pub fn shorter(&self, image_size: usize) -> usize {
        match self.up_to {
            Some(most) if image_size > most => image_size,
            _ => image_size * self.numerator / self.denominator,
        }
    }
}

/// A recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// Its name in profiles.
    pub name: &'static str,
    /// How images of a folder are resized; none: they must have the model's size.
    pub resize: Option<Resize>,
    /// Mean of each channel on the scale 0 to 1; empty: 0.
    pub mean: &'static [f64],
    /// Standard deviation of each channel; empty: 1.
    pub std: &'static [f64],
}

const IMAGENET_MEAN: &[f64] = &[0.485, 0.456, 0.406];
const IMAGENET_STD: &[f64] = &[0.229, 0.224, 0.225];

const fn imagenet(name: &'static str, resize: Resize) -> Recipe {
    Recipe {
        name,
        resize: Some(resize),
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
    }
}

const fn plain(name: &'static str, mean: &'static [f64], std: &'static [f64]) -> Recipe {
    Recipe {
        name,
        resize: None,
        mean,
        std,
    }
}

/// Models above 224 pixels are evaluated without a margin in the code that SDT v2, v3 and QKFormer
/// share.
const fn no_margin_above_224(resize: Resize) -> Resize {
    Resize {
        up_to: Some(224),
        ..resize
    }
}

/// Every recipe.
pub static RECIPES: [Recipe; 11] = LIST;

const LIST: [Recipe; 11] = [
    // Pixels as they are, on the scale 0 to 1.
    plain("none", &[], &[]),
    // The built-in data, as the demo's network was trained.
    plain("fashion-mnist", &[0.286], &[0.353]),
    // CIFAR-10 and, in most repositories, CIFAR-100 too.
    plain(
        "cifar10",
        &[0.4914, 0.4822, 0.4465],
        &[0.2470, 0.2435, 0.2616],
    ),
    // CIFAR-100 in SDT v1, Max-Former and MS-QKFormer.
    plain(
        "cifar100",
        &[0.5071, 0.4867, 0.4408],
        &[0.2675, 0.2565, 0.2761],
    ),
    // SpikingResformer, on either.
    plain(
        "spikingresformer-cifar10",
        &[0.4914, 0.4822, 0.4465],
        &[0.2023, 0.1994, 0.2010],
    ),
    plain(
        "spikingresformer-cifar100",
        &[129.3 / 255.0, 124.1 / 255.0, 112.4 / 255.0],
        &[68.2 / 255.0, 65.4 / 255.0, 70.4 / 255.0],
    ),
    // Spikformer, Spikingformer: crop_pct 1.0.
    imagenet("imagenet-224", Resize::ratio(1, 1)),
    // SDT v3.
    imagenet("imagenet-232", no_margin_above_224(Resize::ratio(232, 224))),
    // SDT v1, SpikingResformer: crop_pct 0.95.
    imagenet("imagenet-235", Resize::ratio(20, 19)),
    // SDT v2, QKFormer, Max-Former, MS-QKFormer.
    imagenet("imagenet-256", no_margin_above_224(Resize::ratio(256, 224))),
    // SDT v1's --large-valid, at 288 pixels.
    imagenet(
        "imagenet-320-bilinear",
        Resize {
            filter: Filter::Bilinear,
            ..Resize::ratio(320, 288)
        },
    ),
];

/// The names of [`RECIPES`], for the profile's table of keys.
#[expect(clippy::indexing_slicing, reason = "computed by the compiler")]
pub(crate) const RECIPE_NAMES: [&str; LIST.len()] = {
    let mut names = [""; LIST.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = LIST[i].name;
        i += 1;
    }
    names
};

impl Recipe {
    /// The recipe of a name.
    pub fn named(name: &str) -> Option<&'static Recipe> {
        RECIPES.iter().find(|r| r.name == name)
    }

    /// What the authors of a family fed to its networks of a layout (both as profiles name them; no
    /// layout where the family has one only), trained on a number of classes.
    pub fn published(family: &str, layout: Option<&str>, classes: usize) -> &'static Recipe {
        let family = Family::ALL.into_iter().find(|f| f.name() == family);
        let name = match (family, layout.unwrap_or("imagenet")) {
            (_, "dvs") => "none",
            (Some(family), layout) => family.recipe(layout, classes).unwrap_or("none"),
            (None, "cifar") => "cifar10",
            (None, _) => "imagenet-224",
        };
        Recipe::known(name)
    }

    /// A recipe of the list.
    pub(super) fn known(name: &'static str) -> &'static Recipe {
        Recipe::named(name).unwrap_or(&RECIPES[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shorter(name: &str, size: usize) -> usize {
        Recipe::named(name).unwrap().resize.unwrap().shorter(size)
    }

    /// The figures of the authors' code.
    #[test]
    fn sizes_are_the_published_ones() {
        assert_eq!(shorter("imagenet-224", 224), 224);
        assert_eq!(shorter("imagenet-232", 224), 232);
        assert_eq!(shorter("imagenet-235", 224), 235);
        assert_eq!(shorter("imagenet-256", 224), 256);
        assert_eq!(shorter("imagenet-256", 384), 384);
        assert_eq!(shorter("imagenet-232", 384), 384);
        assert_eq!(shorter("imagenet-235", 288), 303);
        assert_eq!(shorter("imagenet-320-bilinear", 288), 320);
        assert!(RECIPES.iter().all(|r| r.mean.len() == r.std.len()));
    }

    #[test]
    fn every_published_model_has_one() {
        let of = |family, layout, classes| Recipe::published(family, layout, classes).name;
        assert_eq!(of("spikformer", Some("imagenet"), 1000), "imagenet-224");
        assert_eq!(of("spikingformer", Some("imagenet"), 1000), "imagenet-224");
        assert_eq!(of("qkformer", Some("imagenet"), 1000), "imagenet-256");
        assert_eq!(of("qkformer", Some("cifar"), 100), "cifar10");
        assert_eq!(of("sdt-v1", None, 1000), "imagenet-235");
        assert_eq!(of("max-former", Some("imagenet"), 1000), "imagenet-256");
        assert_eq!(of("max-former", Some("cifar"), 10), "cifar10");
        assert_eq!(of("ms-qkformer", Some("cifar"), 100), "cifar100");
        assert_eq!(of("sdt-v1", Some("cifar"), 100), "cifar100");
        assert_eq!(of("sdt-v2", None, 1000), "imagenet-256");
        assert_eq!(of("sdt-v3", None, 1000), "imagenet-232");
        assert_eq!(of("spikformer", Some("dvs"), 10), "none");
    }
}
