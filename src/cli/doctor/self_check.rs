//! The self-check, on the demo.

use super::check::Check;

const NAME: &str = "self-check";

#[cfg(feature = "torch")]
pub(super) fn check() -> Check {
    match checked() {
        Ok(Some(done)) => Check::fine(
            NAME,
            format!(
                "optimized and plain arithmetic agree on {} images of the demo, {} allocations, in {:.1} s",
                done.images, done.allocations, done.seconds
            ),
        ),
        Ok(None) => Check::fine(NAME, "nothing to compare"),
        Err(error @ crate::run::RunError::SelfCheck { .. }) => {
            let text = error.to_string();
            let (found, to_do) = text.split_once('\n').unwrap_or((&text, "use --plain"));
            Check::failing(NAME, found, to_do)
        }
        Err(error) => Check::failing(
            NAME,
            format!("the demo cannot be evaluated: {error}"),
            "see the other checks",
        ),
    }
}

#[cfg(feature = "torch")]
fn checked() -> Result<Option<crate::run::SelfCheck>, crate::run::RunError> {
    use crate::data::Loading;
    use crate::profile::{DEFAULT, Profile, shipped};
    use crate::run::{EvaluatorOptions, Prepared};
    let (_, text) = shipped(DEFAULT).unwrap_or_default();
    let profile = Profile::parse(text, "demo.toml".as_ref())?;
    // No cache is written: nothing here changes anything.
    let loading = Loading {
        without_test: true,
        ..Loading::default()
    };
    let prepared = Prepared::load(profile.into(), loading)?;
    crate::run::self_check(&prepared, &EvaluatorOptions::default())
}

#[cfg(not(feature = "torch"))]
pub(super) fn check() -> Check {
    Check::lacking(
        NAME,
        "not done: this program was built without libtorch",
        "build it with the default features (`make build`)",
    )
}
