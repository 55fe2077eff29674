//! The evidence for and against the gate, as text.

use crate::evaluate::Bounded;
use crate::profile::{GateConfig, GateMode};
use crate::search::{Forecasts, GateEvidence, Verdicts};

/// The rule by which the gate decides.
pub fn rule(gate: &GateConfig) -> String {
    let audited = format!("a share of {} of the rejected is audited", gate.audit);
    match gate.mode {
        GateMode::Adaptive => format!(
            "adaptive: rejected below a chance of {} to meet the constraint by a model of the drop, once it is trusted and {} verdicts are known; {audited}",
            gate.min_chance, gate.warm_up
        ),
        GateMode::Drift => format!(
            "drift: rejected below a fitted chance of {} to meet the constraint, after {} verdicts; {audited}",
            gate.min_chance, gate.warm_up
        ),
        GateMode::Fixed => format!("fixed: rejected above a drift of {}; {audited}", gate.limit),
        GateMode::Off => String::from("off: everything is evaluated"),
    }
}

/// The false rejection rate: the share of good candidates that the gate rejects.
pub fn false_rejections(evidence: &GateEvidence) -> String {
    let Some(share) = evidence.false_rejection else {
        let audits = evidence.audited.judged();
        let plural = if audits == 1 { "" } else { "s" };
        return format!("false rejections unknown ({audits} audit{plural})");
    };
    let percent = |x: f64| format!("{:.1}", 100.0 * x);
    let bounds = share.low.zip(share.high);
    let bounds = bounds.map(|(low, high)| format!(" ({} to {})", percent(low), percent(high)));
    let bounds = bounds.unwrap_or_default();
    format!("false rejections {} %{bounds}", percent(share.value))
}

/// How well the model of the drop did: `model: 24 forecasts, area under the curve 0.84, 88 % within
/// their 90 % interval`.
pub fn forecasts(of: &Forecasts) -> String {
    let area = of
        .area
        .map_or(String::from("unknown"), |area| format!("{area:.2}"));
    let covered = of.covered.map_or(String::new(), |covered| {
        format!(", {:.0} % within their 90 % interval", 100.0 * covered)
    });
    format!(
        "model of the drop: {} forecasts, area under the curve {area}{covered}",
        of.n
    )
}

/// The counts of verdicts: `12 met, 11 not met`, and how many are open.
pub fn verdicts(verdicts: Verdicts) -> String {
    let open = match verdicts.open {
        0 => String::new(),
        open => format!(", {open} open"),
    };
    format!("{} met, {} not met{open}", verdicts.met, verdicts.not_met)
}

/// A rank correlation with its interval: `0.93 0.88..0.96`; a dash where there is none.
pub fn correlation(found: Option<Bounded>) -> String {
    let Some(found) = found else {
        return "-".to_owned();
    };
    match found.low.zip(found.high) {
        Some((low, high)) => format!("{:.2} {low:.2}..{high:.2}", found.value),
        None => format!("{:.2}", found.value),
    }
}

/// The whole evidence, as the last lines of a search.
pub fn report(evidence: &GateEvidence) -> String {
    let (passed, audited) = (evidence.passed, evidence.audited);
    let row = |[proxy, n, rho, tau]: [&str; 4]| format!("  {proxy:<13} {n:>5}  {rho:<18} {tau}");
    let mut lines = vec![
        format!(
            "gate: {} passed ({}), {} rejected, {} audited ({})",
            passed.all(),
            verdicts(passed),
            evidence.held_back,
            audited.all(),
            verdicts(audited),
        ),
        format!("  {}", false_rejections(evidence)),
        format!("  {}", forecasts(&evidence.forecasts)),
        format!(
            "  rank correlation with the measured drop of {} allocations, and its 95 % interval:",
            evidence.evaluated
        ),
        row(["proxy", "n", "Spearman", "Kendall"]),
    ];
    lines.extend(evidence.proxies.iter().map(|p| {
        let [rho, tau] = [p.spearman, p.kendall].map(correlation);
        row([p.proxy.name(), &p.n.to_string(), &rho, &tau])
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Tree;

    #[test]
    fn a_search_that_has_not_begun_has_its_lines_as_well() {
        let text = report(&GateEvidence::of(&Tree::default()));
        assert!(
            text.contains("false rejections unknown (0 audits)"),
            "{text}"
        );
        assert!(
            text.ends_with("  weight error      0  -                  -"),
            "{text}"
        );
    }

    #[test]
    fn numbers_with_and_without_an_interval() {
        let bounded = |low, high| Bounded {
            value: 0.934,
            low,
            high,
        };
        assert_eq!(correlation(Some(bounded(None, None))), "0.93");
        let with = bounded(Some(-0.2), Some(0.96));
        assert_eq!(correlation(Some(with)), "0.93 -0.20..0.96");
        let evidence = GateEvidence {
            false_rejection: Some(Bounded {
                value: 0.031,
                low: Some(0.01),
                high: Some(0.2),
            }),
            ..GateEvidence::default()
        };
        assert_eq!(
            false_rejections(&evidence),
            "false rejections 3.1 % (1.0 to 20.0)"
        );
    }
}
