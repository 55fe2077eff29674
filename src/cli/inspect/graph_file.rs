//! `inspect --write-graph`.

use std::path::Path;

use anyhow::Result;

use crate::profile::Profile;

/// Writes a profile's network as a graph file and says with which weights.
///
/// # Errors
/// For weights that cannot be read, a file that cannot be written, and in a build without libtorch.
#[cfg(feature = "torch")]
pub(super) fn write(profile: &Profile, missing: bool, file: &Path, seed: u64) -> Result<()> {
    use crate::checkpoint::{Contents, random_weights};
    use crate::cli::output::note;
    use crate::cli::written;
    use crate::profile::Checkpoint;
    use crate::run::{graph_file, load_weights};

    let checkpoint = profile.checkpoint.as_ref().and_then(Checkpoint::file);
    written::spare(
        "--write-graph",
        file,
        &[("the checkpoint of the profile", checkpoint)],
    )?;
    if file.is_file() && !Contents::open(file).is_ok_and(|there| there.has_graph()) {
        anyhow::bail!(
            "--write-graph {} exists and is no graph file, which alone is replaced: name another file",
            file.display()
        );
    }
    let weights = match &profile.checkpoint {
        Some(_) if !missing => load_weights(profile)?,
        _ => random_weights(&profile.graph(), seed),
    };
    let origin = weights.origin().to_owned();
    let content = graph_file(profile, weights, seed)?.to_bytes(file)?;
    written::write("--write-graph", file, &content)?;
    note(&format!(
        "{}: graph, tensors of {origin}, golden data of two random images of seed {seed}",
        file.display()
    ));
    Ok(())
}

#[cfg(not(feature = "torch"))]
pub(super) fn write(_profile: &Profile, _missing: bool, _file: &Path, _seed: u64) -> Result<()> {
    Err(crate::run::RunError::NoTorch.into())
}
