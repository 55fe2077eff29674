//! What keys and shapes do not tell of a network.

/// Published networks with the keys and shapes of a family and another forward pass.
const ALIKE: &[(&str, &str)] = &[(
    "sdt-v1",
    "STAtten (arXiv 2409.19764), whose attention takes several time steps together,",
)];

/// The published networks, in words, that have the keys and shapes of a family of this program but
/// another forward pass: a sentence that is to be said where weights are taken for the family. None
/// where no such network is known.
pub fn taken_for(family: &str) -> Option<String> {
    let (_, others) = ALIKE.iter().find(|(of, _)| *of == family)?;
    Some(format!(
        "the keys and shapes fit {family}, but they do not tell the forward pass: {others} has the same; compare the \
         float accuracy with the published one, or give golden data"
    ))
}

/// What the keys and shapes do not tell of a network that is taken for one of a family, in a
/// sentence.
pub fn cannot_tell(family: &str) -> String {
    taken_for(family).unwrap_or_else(|| {
        format!(
            "the keys and shapes fit {family}; they do not tell the forward pass (neurons, thresholds, order of \
             operations), so a network that differs in its code alone looks the same"
        )
    })
}
