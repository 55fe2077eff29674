//! The scopes in which keys are looked up.

/// The place where a key means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Scope {
    /// Everywhere.
    Always,
    /// In every pane.
    Main,
    /// In a pane with keys of its own, by the name the scope has in files.
    Pane(&'static str),
    /// While bit-widths are being changed.
    Edit,
    /// While the help is open.
    Help,
    /// While a question waits for yes or no.
    Confirm,
    /// While a text is asked for.
    Prompt,
    /// While a command is chosen from the list.
    Commands,
    /// While a memory budget is moved along the predicted front.
    Budget,
    /// On the card of the result.
    Result,
    /// In the dialog of settings.
    Settings,
    /// After the run failed.
    Failure,
    /// On the start screen.
    Start,
    /// In the form before a search starts.
    Form,
}

impl Scope {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Pane(name) => name,
            other => other.into(),
        }
    }

    /// The scope in which a key is looked up next.
    fn outer(self) -> Option<Scope> {
        match self {
            Scope::Always => None,
            // The keys of the panes go on, but for those that the card has.
            Scope::Pane(_) | Scope::Result | Scope::Budget => Some(Scope::Main),
            Scope::Form | Scope::Commands => Some(Scope::Prompt),
            _ => Some(Scope::Always),
        }
    }

    /// The scopes in which a key is looked up, first to last.
    pub fn chain(self) -> impl Iterator<Item = Scope> {
        std::iter::successors(Some(self), |scope| scope.outer())
    }
}
