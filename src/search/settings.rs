//! Everything the search depends on, as plain data.

use serde::{Deserialize, Serialize};

use super::measurements::{AcceptanceCriterion, allowed_loss};
use super::{Origin, Space};
use crate::evaluate::{ImageOrder, MarginTest, PairedTest, ScreeningTest, TwoSidedTest};
use crate::profile::{Constraint, GateConfig, Pin, PinError, Screening, SearchConfig, Target};
use crate::quant::{Allocation, Domains};

/// Everything the search depends on beside outcomes and commands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The profile's name.
    pub name: String,
    /// The network.
    pub space: Space,
    /// What a result must meet.
    pub constraint: Constraint,
    /// Strategy, levels, screening size, seed.
    pub search: SearchConfig,
    /// The gate.
    pub gate: GateConfig,
    /// Bounds on bit-widths.
    pub pins: Vec<Pin>,
    /// The chip: its memory and widths hold whatever the user changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The allocation to start from; none for the largest width everywhere.
    pub start: Option<Allocation>,
    /// Images of the calibration split.
    pub calibration_images: usize,
    /// Images of the proxy split that the evidence beside the drift is measured on; 0 where it is
    /// measured on the images of the drift.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub evidence_images: usize,
    /// Whether narrower bit-widths are tried behind the strategy. Runs that were begun before there
    /// was this do not.
    #[serde(default)]
    pub narrower: bool,
    /// Images of the search split.
    pub search_images: usize,
    /// The order of these images.
    #[serde(default, skip_serializing_if = "ImageOrder::is_stratified")]
    pub search_order: ImageOrder,
    /// Images of the certify split; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub certify_images: usize,
    /// Images of the test split; 0 for none.
    pub test_images: usize,
}

/// Not written: runs that were begun before there was such a split have none.
fn is_zero(images: &usize) -> bool {
    *images == 0
}

/// Images of the evidence about a probe, the first ones: its groups' costs are only compared.
pub const PROBE_IMAGES: usize = 128;

impl Settings {
    /// The images that the drift of a candidate, and the evidence beside it, is measured on; none:
    /// all that are there for it.
    pub(crate) fn drift_question_images(&self, origin: Origin) -> Option<usize> {
        let fewer = origin == Origin::Probe && self.evidence_images > PROBE_IMAGES;
        fewer.then_some(PROBE_IMAGES)
    }

    /// Images that a network is run on for the drift of a candidate, and the evidence beside it.
    pub(crate) fn images_of_drift(&self, origin: Origin) -> usize {
        match self.evidence_images {
            0 => self.calibration_images,
            all => self.drift_question_images(origin).unwrap_or(all),
        }
    }

    /// Images that the verdict of a screening speaks of: no more than the search split has.
    pub fn screen(&self) -> usize {
        match self.search.screening {
            Screening::Exact | Screening::Sequential => self.search.screen.of(self.search_images),
            Screening::TwoSided => self.search_images,
        }
    }
    /// The acceptance criterion of a screening where accuracy may drop by `points`.
    pub(super) fn screening(&self, max_drop: f64) -> AcceptanceCriterion {
        let search = &self.search;
        let of = self.screen();
        let allowed = allowed_loss(max_drop, of);
        let indifferent = allowed_loss(search.indifference, of);
        let test = match search.screening {
            Screening::Exact => None,
            Screening::TwoSided => Some(match self.search_order {
                ImageOrder::Stratified => ScreeningTest::TwoSided(TwoSidedTest {
                    images: of,
                    allowed_loss: allowed,
                }),
                ImageOrder::Margin => ScreeningTest::Margin(MarginTest {
                    images: of,
                    allowed_loss: allowed,
                }),
            }),
            Screening::Sequential => {
                let test = PairedTest::new(search.alpha, search.beta, of, allowed, indifferent);
                Some(ScreeningTest::Paired(test))
            }
        };
        AcceptanceCriterion {
            of,
            allowed_loss: allowed,
            whole: false,
            order: self.search_order,
            test,
        }
    }
    /// The acceptance criterion of a confirmation.
    pub(super) fn confirmation(&self, max_drop: f64) -> AcceptanceCriterion {
        let of = self.search_images;
        AcceptanceCriterion {
            of,
            allowed_loss: allowed_loss(max_drop, of),
            whole: true,
            order: self.search_order,
            test: None,
        }
    }
    /// The widths each layer may have under the given pins, the ties and the target.
    ///
    /// # Errors
    /// [`PinError`] where a pin names no layer or rules leave one no width.
    pub fn domains(&self, pins: &[Pin]) -> Result<Domains, PinError> {
        self.restricted(pins, None).domains(pins)
    }
}
