//! Where keys mean something.

/// Where a key means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everywhere.
    Always,
    /// In every pane.
    Main,
    /// In the search tree.
    Tree,
    /// In the allocation of the selected node.
    Allocation,
    /// In the list of gate decisions.
    Gate,
    /// In the log.
    Log,
    /// In accuracy against memory.
    Points,
    /// In the neuron sites.
    Sites,
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
    /// After the run failed.
    Failure,
    /// On the start screen.
    Start,
    /// In the form before a search starts.
    Form,
}

impl Scope {
    /// All, by the names they have in files.
    pub const NAMED: [(&'static str, Scope); 16] = [
        ("always", Scope::Always),
        ("main", Scope::Main),
        ("tree", Scope::Tree),
        ("allocation", Scope::Allocation),
        ("gate", Scope::Gate),
        ("log", Scope::Log),
        ("front", Scope::Points),
        ("membranes", Scope::Sites),
        ("edit", Scope::Edit),
        ("help", Scope::Help),
        ("confirm", Scope::Confirm),
        ("prompt", Scope::Prompt),
        ("commands", Scope::Commands),
        ("failure", Scope::Failure),
        ("start", Scope::Start),
        ("form", Scope::Form),
    ];

    /// The scopes in which a key is looked for, first to last.
    pub fn chain(self) -> &'static [Scope] {
        match self {
            Scope::Tree => &[Scope::Tree, Scope::Main, Scope::Always],
            Scope::Allocation => &[Scope::Allocation, Scope::Main, Scope::Always],
            Scope::Gate => &[Scope::Gate, Scope::Main, Scope::Always],
            Scope::Log => &[Scope::Log, Scope::Main, Scope::Always],
            Scope::Sites => &[Scope::Sites, Scope::Main, Scope::Always],
            Scope::Points => &[Scope::Points, Scope::Main, Scope::Always],
            Scope::Main => &[Scope::Main, Scope::Always],
            Scope::Edit => &[Scope::Edit, Scope::Always],
            Scope::Help => &[Scope::Help, Scope::Always],
            Scope::Confirm => &[Scope::Confirm, Scope::Always],
            Scope::Prompt => &[Scope::Prompt, Scope::Always],
            Scope::Start => &[Scope::Start, Scope::Always],
            Scope::Form => &[Scope::Form, Scope::Prompt, Scope::Always],
            Scope::Commands => &[Scope::Commands, Scope::Prompt, Scope::Always],
            Scope::Failure => &[Scope::Failure, Scope::Always],
            Scope::Always => &[Scope::Always],
        }
    }
}
