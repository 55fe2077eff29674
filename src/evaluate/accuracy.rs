//! Correct-image bits, verdicts and exact early stopping.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Evidence, ScreeningTest};

/// Met or not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The constraint holds.
    Met,
    /// It does not.
    NotMet,
}

/// Which images were classified correctly, in order. Written as `"<length>:<hexadecimal>"`, first
/// image in the highest bit of the first digit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorrectBits {
    bits: Vec<bool>,
}

impl CorrectBits {
    /// No images yet.
    pub fn new() -> Self {
        Self::default()
    }
    /// Number of images.
    pub fn len(&self) -> usize {
        self.bits.len()
    }
    /// True when there is no image.
    pub fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }
    /// Adds an image.
    pub fn push(&mut self, correct: bool) {
        self.bits.push(correct);
    }
    /// Adds images.
    pub fn extend(&mut self, other: &CorrectBits) {
        self.bits.extend_from_slice(&other.bits);
    }
    /// Keeps the first `len` images.
    pub fn truncate(&mut self, len: usize) {
        self.bits.truncate(len);
    }
    /// Number of correct images.
    pub fn correct(&self) -> usize {
        self.correct_in(0, self.len())
    }
    /// Number of correct images among `from..to` (clipped to what there is).
    pub fn correct_in(&self, from: usize, to: usize) -> usize {
        let to = to.min(self.len());
        self.bits
            .get(from.min(to)..to)
            .map_or(0, |b| b.iter().filter(|c| **c).count())
    }
    /// The images `from..to` (clipped to what there is).
    pub fn slice(&self, from: usize, to: usize) -> CorrectBits {
        self.iter().take(to).skip(from).collect()
    }
    /// The bits.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        self.bits.iter().copied()
    }
    /// One bit, if there.
    pub fn get(&self, image: usize) -> Option<bool> {
        self.bits.get(image).copied()
    }
}

/// Accuracy in percent; of no images 0.
pub fn percent(correct: usize, images: usize) -> f64 {
    100.0 * correct as f64 / images.max(1) as f64
}

impl FromIterator<bool> for CorrectBits {
    fn from_iter<I: IntoIterator<Item = bool>>(iter: I) -> Self {
        CorrectBits {
            bits: iter.into_iter().collect(),
        }
    }
}

impl Serialize for CorrectBits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = format!("{}:", self.len());
        for four in self.bits.chunks(4) {
            let digit = (0..4).fold(0u32, |d, i| d << 1 | u32::from(four.get(i) == Some(&true)));
            text.push(char::from_digit(digit, 16).unwrap_or('0'));
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for CorrectBits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bad = || de::Error::custom("expected \"<length>:<hexadecimal>\"");
        let (len, digits) = text.split_once(':').ok_or_else(bad)?;
        let len: usize = len.parse().map_err(|_| bad())?;
        if digits.len() != len.div_ceil(4) {
            return Err(bad());
        }
        let mut bits = Vec::with_capacity(len);
        for digit in digits.chars() {
            let digit = digit.to_digit(16).ok_or_else(bad)?;
            bits.extend((0..4).rev().map(|i| digit >> i & 1 == 1));
        }
        bits.truncate(len);
        Ok(CorrectBits { bits })
    }
}

/// A sequential test of a screening, and what the images before the job's first one say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequential {
    /// The test.
    pub test: ScreeningTest,
    /// The images before.
    pub before: Evidence,
}

impl Sequential {
    /// A test before its first image.
    pub fn new(test: ScreeningTest) -> Self {
        Sequential {
            test,
            before: Evidence::default(),
        }
    }
}

/// A verdict, and when it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Images of the job that it took.
    pub images: usize,
    /// The verdict.
    pub verdict: Verdict,
    /// True where no further image can change it; false where a sequential test found it likely
    /// enough. The former is a matter of speed, the latter a decision: an evaluator without
    /// optimizations stops there, too.
    pub certain: bool,
}

/// Early stopping: a candidate meets the constraint on the first `images` images of the split when
/// it loses no more than `allowed_loss` correct images against float there. The verdict is certain
/// once nothing that the remaining images can do changes it; a sequential test, where there is one,
/// may decide before that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StopRule {
    /// Correct images lost before the job's first image: float's correct minus the candidate's.
    pub lost_before: i64,
    /// Most correct images that may be lost over all of it.
    pub allowed_loss: i64,
    /// Which of the job's images float classifies correctly.
    pub float: CorrectBits,
    /// Stop when the verdict is certainly met, too; a confirmation goes on so that its accuracy is
    /// of all images.
    pub stop_when_met: bool,
    /// The sequential test of a screening, where one is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequential: Option<Box<Sequential>>,
}

impl StopRule {
    /// Walks over the candidate's bits in order to the first image at which there is a verdict;
    /// none while it is open.
    pub fn decided(&self, correct: &CorrectBits) -> Option<Decided> {
        let mut may_lose = self.float.correct() as i64;
        let mut may_win = self.float.len() as i64 - may_lose;
        let mut lost = self.lost_before;
        let verdict = |lost: i64, may_lose: i64, may_win: i64| {
            if lost - may_win > self.allowed_loss {
                Some(Verdict::NotMet)
            } else if lost + may_lose <= self.allowed_loss
                && (self.stop_when_met || may_lose + may_win == 0)
            {
                Some(Verdict::Met)
            } else {
                None
            }
        };
        let decided = |images, verdict, certain| Decided {
            images,
            verdict,
            certain,
        };
        if let Some(v) = verdict(lost, may_lose, may_win) {
            return Some(decided(0, v, true));
        }
        let mut sequential = self.sequential.clone();
        for (i, (float, candidate)) in self.float.iter().zip(correct.iter()).enumerate() {
            if float {
                may_lose -= 1;
            } else {
                may_win -= 1;
            }
            lost += i64::from(float) - i64::from(candidate);
            if let Some(v) = verdict(lost, may_lose, may_win) {
                return Some(decided(i + 1, v, true));
            }
            if let Some(Sequential { test, before }) = sequential.as_deref_mut() {
                before.add(test, float, candidate);
                if let Some(v) = before.verdict(test) {
                    return Some(decided(i + 1, v, false));
                }
            }
        }
        None
    }

    /// The rule for the images behind those that are known.
    pub fn after(&self, known: &CorrectBits) -> StopRule {
        let float = self.float.correct_in(0, known.len());
        let mut sequential = self.sequential.clone();
        if let Some(Sequential { test, before }) = sequential.as_deref_mut() {
            before.extend(test, &self.float, known);
        }
        StopRule {
            lost_before: self.lost_before + float as i64 - known.correct() as i64,
            float: self.float.slice(known.len(), self.float.len()),
            sequential,
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits(bits: &[bool]) -> CorrectBits {
        bits.iter().copied().collect()
    }

    proptest! {
        /// The early verdict equals the verdict on all images, and no earlier image was already
        /// certain.
        #[test]
        fn early_verdict_is_the_full_verdict(
            images in prop::collection::vec((any::<bool>(), any::<bool>()), 0..60),
            allowed_loss in -5i64..8,
            lost_before in -4i64..5,
            stop_when_met: bool,
        ) {
            let (float, candidate): (Vec<bool>, Vec<bool>) = images.into_iter().unzip();
            let rule = StopRule { lost_before, allowed_loss, float: bits(&float), stop_when_met, sequential: None };
            let loss = |n: usize| -> i64 {
                lost_before + (0..n).map(|i| i64::from(float[i]) - i64::from(candidate[i])).sum::<i64>()
            };
            let full = if loss(float.len()) <= allowed_loss { Verdict::Met } else { Verdict::NotMet };
            let Decided { images: at, verdict, certain } = rule.decided(&bits(&candidate)).expect("all images decide");
            prop_assert!(certain);
            prop_assert_eq!(verdict, full);
            if verdict == Verdict::Met && !stop_when_met {
                prop_assert_eq!(at, float.len());
            }
            // What is known of the first images is taken over by the rule for the rest.
            let known = bits(&candidate[..at / 2]);
            let rest = rule.after(&known).decided(&bits(&candidate[at / 2..]));
            prop_assert_eq!(rest, Some(Decided { images: at - at / 2, verdict, certain }));
            if at > 0 {
                // One image earlier the rest could still have turned it: the best and the worst
                // tail disagree.
                let best = loss(at - 1) - (at - 1..float.len()).filter(|i| !float[*i]).count() as i64;
                let worst = loss(at - 1) + (at - 1..float.len()).filter(|i| float[*i]).count() as i64;
                let open = best <= allowed_loss && worst > allowed_loss;
                prop_assert!(open || (!stop_when_met && worst <= allowed_loss));
            }
            prop_assert_eq!(rule.decided(&bits(&candidate[..at.saturating_sub(1)])).is_some(), at == 0);
        }

        #[test]
        fn bits_survive_the_journal(images in prop::collection::vec(any::<bool>(), 0..70)) {
            let before = bits(&images);
            let text = serde_json::to_string(&before).expect("plain data");
            prop_assert_eq!(serde_json::from_str::<CorrectBits>(&text).expect("just written"), before);
        }
    }

    #[test]
    fn malformed_bits_are_refused() {
        for text in ["", "3", "3:", "x:0", "5:f", "4:g", "4:ff"] {
            assert!(
                serde_json::from_value::<CorrectBits>(text.into()).is_err(),
                "{text}"
            );
        }
    }
}
