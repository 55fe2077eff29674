//! Axes: ranges, ticks at round numbers, and labels.

/// The ratio of the ends of a range from which an axis is logarithmic.
const DECADES: f64 = 6.0;
/// The most ticks of an axis.
const TICKS: usize = 7;

/// An axis of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// Its title, with the unit.
    pub title: String,
    /// The lowest value.
    low: f64,
    /// The highest value; above the lowest.
    high: f64,
    is_log: bool,
}

impl Axis {
    /// A linear axis that holds all values, with some room beyond.
    pub fn linear(title: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = ends(values);
        let room = (high - low) * 0.05;
        Axis::between(title, low - room, high + room)
    }

    /// A linear axis from exactly one value to another.
    pub fn between(title: impl Into<String>, low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Axis {
            title: title.into(),
            low,
            high,
            is_log: false,
        }
    }

    /// An axis that holds all values; logarithmic where they are positive and far apart.
    pub fn wide(title: impl Into<String>, values: impl IntoIterator<Item = f64> + Clone) -> Self {
        let (low, high) = ends(values.clone());
        // What a logarithm of the ratio cannot hold is no axis of decades.
        let is_wide = low > 0.0 && (DECADES..1e60).contains(&(high / low));
        if !is_wide {
            return Axis::linear(title, values);
        }
        let room = (high / low).powf(0.05);
        Axis {
            title: title.into(),
            low: low / room,
            high: high * room,
            is_log: true,
        }
    }

    /// The axis from zero on, where it is linear and holds no negative value.
    pub fn down_to_zero(self) -> Self {
        match self.is_log || self.high <= 0.0 {
            true => self,
            false => Axis {
                low: self.low.min(0.0),
                ..self
            },
        }
    }

    /// The lowest and the highest value.
    pub fn range(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Where a value is: from 0 at the low end to 1 at the high end, and beyond.
    pub fn share(&self, value: f64) -> f64 {
        match self.is_log {
            true => (value.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        }
    }

    /// The values of the ticks.
    pub fn ticks(&self) -> Vec<f64> {
        match self.is_log {
            true => self.log_ticks(),
            false => self.linear_ticks(),
        }
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let step = self.step();
        let first = (self.low / step).ceil();
        let ticks = (0..2 * TICKS).map(|i| (first + i as f64) * step);
        ticks.take_while(|tick| *tick <= self.high).collect()
    }

    /// The distance of linear ticks: 1, 2 or 5 times a power of ten.
    fn step(&self) -> f64 {
        let least = (self.high - self.low) / TICKS as f64;
        let power = 10f64.powf(least.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|s| s * power);
        steps.into_iter().find(|s| *s >= least).unwrap_or(least)
    }

    fn log_ticks(&self) -> Vec<f64> {
        let sets: [&[f64]; 4] = [
            &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
            &[1.0, 2.0, 5.0],
            &[1.0, 3.0],
            &[1.0],
        ];
        let end = |value: f64| value.log10().clamp(-320.0, 320.0);
        let exponents = end(self.low).floor() as i32..=end(self.high).ceil() as i32;
        let of = |set: &[f64]| -> Vec<f64> {
            let all = exponents
                .clone()
                .flat_map(|e| set.iter().map(move |s| s * 10f64.powi(e)));
            all.filter(|t| (self.low..=self.high).contains(t)).collect()
        };
        let ticks = sets
            .iter()
            .map(|set| of(set))
            .find(|t| t.len() <= TICKS + 1);
        ticks.unwrap_or_else(|| {
            let all = of(&[1.0]);
            let every = all.len().div_ceil(TICKS).max(1);
            all.into_iter().step_by(every).collect()
        })
    }

    /// The label of a tick.
    pub fn label(&self, tick: f64) -> String {
        let scale = if self.is_log { tick.abs() } else { self.step() };
        number(tick, scale)
    }
}

/// A number with as many decimals as steps of a size need.
fn number(value: f64, step: f64) -> String {
    let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 9.0);
    if decimals > 5.0 {
        return format!("{value:.0e}");
    }
    // 1.5 and 0.15 take one digit more than 1 and 0.1.
    let text = format!("{value:.*}", decimals as usize + 1);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let text = if text == "-0" { "0" } else { text };
    match text.split_once('.') {
        None if value.abs() >= 10_000.0 => grouped(text),
        _ => text.to_owned(),
    }
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |d| ("-", d));
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}")
}

/// The smallest and the largest finite value; 0 and 1 where there is none, and never equal.
fn ends(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|v| v.is_finite());
    // Differences of larger numbers may not be finite.
    let finite = finite.map(|v| v.clamp(-1e30, 1e30));
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = finite.fold(start, |(low, high), v| (low.min(v), high.max(v)));
    match low <= high {
        false => (0.0, 1.0),
        true if low == high => {
            let around = (low.abs() * 0.1).max(0.5);
            (low - around, high + around)
        }
        true => (low, high),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|t| axis.label(t)).collect()
    }

    #[test]
    fn ticks_stand_at_round_numbers() {
        let axis = Axis::between("", -0.4, 5.2);
        assert_eq!(labels(&axis), ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(
            labels(&Axis::between("", 0.0, 0.05)).last().expect("ticks"),
            "0.05"
        );
        let axis = Axis::wide("", [60.0, 741.0]);
        assert_eq!(
            labels(&axis),
            ["70", "100", "150", "200", "300", "500", "700"]
        );
        assert!((axis.share(60.0) - 0.045).abs() < 0.01 && axis.share(741.0) < 1.0);
        assert_eq!(labels(&Axis::between("", 0.0, 60_000.0))[1], "10,000");
    }

    #[test]
    fn any_values_make_an_axis() {
        for values in [
            vec![],
            vec![3.0],
            vec![0.0],
            vec![f64::NAN, 1.0],
            vec![1e-300, 1e30],
            vec![-1e18, 1e18],
        ] {
            let axis = Axis::wide("", values.clone());
            let (low, high) = axis.range();
            assert!(low < high, "{values:?}");
            let ticks = axis.ticks();
            assert!(ticks.len() <= 2 * TICKS, "{values:?}: {ticks:?}");
            assert!(
                values
                    .iter()
                    .filter(|v| v.is_finite())
                    .all(|v| (-0.01..=1.01).contains(&axis.share(*v)))
            );
        }
    }
}
