//! Views and panes: what can be on the screen, and in which order the tab key goes through it.

/// What the screen shows: a few panes that belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// The search tree and its selected node.
    #[default]
    Search,
    /// The network, layer by layer.
    Allocation,
    /// Drift against measured drop.
    Gate,
    /// Accuracy against memory.
    Front,
    /// Where potentials moved, and how.
    Membranes,
    /// What the run does and has done.
    Run,
}

impl View {
    /// In the order of their numbers.
    pub const ALL: [View; 6] = [
        View::Search,
        View::Allocation,
        View::Gate,
        View::Front,
        View::Membranes,
        View::Run,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            View::Search => "Search",
            View::Allocation => "Allocation",
            View::Gate => "Gate",
            View::Front => "Front",
            View::Membranes => "Membranes",
            View::Run => "Run",
        }
    }

    /// Its position among all.
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|v| *v == self).unwrap_or(0)
    }

    /// Its panes, the main one first.
    pub fn panes(self) -> &'static [Pane] {
        match self {
            View::Search => &[Pane::Tree, Pane::Details, Pane::Allocation, Pane::Log],
            View::Allocation => &[Pane::Allocation, Pane::Tree, Pane::Details],
            View::Gate => &[Pane::Scatter, Pane::Gate],
            View::Front => &[Pane::Front, Pane::Points],
            View::Membranes => &[Pane::Sites, Pane::Potentials],
            View::Run => &[Pane::Facts, Pane::Log],
        }
    }
}

/// A pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pane {
    /// The search tree.
    Tree,
    /// What is known of the selected node.
    Details,
    /// The allocation of the selected node.
    Allocation,
    /// Drift against measured drop.
    Scatter,
    /// The gate's decisions.
    Gate,
    /// Accuracy against memory.
    Front,
    /// The nodes of that plot.
    Points,
    /// Drift of the selected node by neuron site.
    Sites,
    /// Potentials at the chosen site.
    Potentials,
    /// The run in numbers.
    Facts,
    /// The log.
    Log,
}

impl Pane {
    /// Its title.
    pub fn name(self) -> &'static str {
        match self {
            Pane::Tree => "Search tree",
            Pane::Details => "Node",
            Pane::Allocation => "Allocation",
            Pane::Scatter => "Drift and drop",
            Pane::Gate => "Gate decisions",
            Pane::Front => "Accuracy and memory",
            Pane::Points => "Measured nodes",
            Pane::Sites => "Drift by site",
            Pane::Potentials => "Potentials",
            Pane::Facts => "Run",
            Pane::Log => "Log",
        }
    }
}
