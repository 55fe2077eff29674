//! Views and their layouts as data: which panes a view has, where each one stands at which size of
//! the terminal, and the key that opens it.

mod plan;

use strum::VariantArray;

use plan::Plan::{Companion, One};
pub use plan::{Border, MOST_BORDERS, Plan};
use plan::{columns, rows};

/// A pane: the identity of a component of `panes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, VariantArray)]
pub enum Pane {
    /// The search tree.
    Tree,
    /// The facts about the selected node.
    Details,
    /// The allocation of the selected node.
    Allocation,
    /// The plot of accuracy against memory.
    Front,
    /// The nodes of that plot.
    Points,
    /// The drift of the selected node by neuron site.
    Sites,
    /// The potentials at the chosen site.
    Potentials,
    /// The plot of drift against accuracy drop.
    Scatter,
    /// The decisions of the gate.
    Gate,
    /// The run in numbers.
    Facts,
    /// The log.
    Log,
    /// The sensitivity of the layers.
    Heat,
    /// The course of the search.
    History,
    /// The commands given.
    Commands,
}

/// A view: a few panes that belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
pub enum View {
    /// The search tree and its selected node.
    #[default]
    Search,
    /// The network, layer by layer.
    Allocation,
    /// The drift against the measured drop.
    Gate,
    /// The accuracy against the memory.
    Front,
    /// The membrane potentials.
    Membranes,
    /// The state of the run.
    Run,
}

/// A row of the table of views, in the order of their identities.
pub struct Row {
    name: &'static str,
    /// The keys that open it.
    pub keys: &'static [&'static str],
    /// The line of the help.
    pub help: &'static str,
    /// The panes, the main one first.
    panes: &'static [Pane],
    /// The layouts, from the one for the largest terminal to the one for any.
    layouts: &'static [Arrangement],
}

/// A layout with the terminal it needs.
pub struct Arrangement {
    /// The least columns and rows of the terminal.
    from: (u16, u16),
    /// The panes in the order of the tab key.
    pub order: &'static [Pane],
    /// The division of the screen.
    pub plan: Plan<Pane>,
}

const fn from(columns: u16, rows: u16, order: &'static [Pane], plan: Plan<Pane>) -> Arrangement {
    Arrangement {
        from: (columns, rows),
        order,
        plan,
    }
}

use Pane::{
    Allocation, Commands, Details, Facts, Front, Gate, Heat, History, Log, Points, Potentials,
    Scatter, Sites, Tree,
};

/// The least columns and rows of a terminal with boxes around panes and labels in the header.
pub const LARGE: (u16, u16) = (110, 32);

const SEARCH: &[Pane] = &[Tree, Details, Allocation, Log];
const WALL: &[Pane] = &[Tree, Details, Allocation, Scatter, Gate, Log];
const ALLOCATION: &[Pane] = &[Allocation, Tree, Heat, Details];
const GATE: &[Pane] = &[Scatter, Gate];
const FRONT: &[Pane] = &[Front, Points];
const MEMBRANES: &[Pane] = &[Sites, Potentials];
const RUN: &[Pane] = &[Facts, Log, History, Commands];

#[rustfmt::skip]
const VIEWS: &[Row] = &[
    Row {
        name: "Search", keys: &["1"],
        help: "search: the tree and its selected node",
        panes: SEARCH,
        layouts: &[
            from(180, LARGE.1, WALL, columns(0, 42, &[
                rows(1, 74, &[One(Tree), One(Log)]),
                columns(2, 49, &[
                    rows(3, 36, &[One(Details), One(Allocation)]),
                    rows(4, 48, &[One(Scatter), One(Gate)]),
                ]),
            ])),
            from(150, LARGE.1, SEARCH, columns(0, 57, &[
                rows(1, 74, &[One(Tree), One(Log)]),
                rows(2, 38, &[One(Details), One(Allocation)]),
            ])),
            // Too narrow for two columns of numbers: tree and log over the whole width.
            from(LARGE.0, LARGE.1, SEARCH, rows(0, 42, &[
                One(Tree),
                rows(1, 70, &[columns(2, 50, &[One(Details), One(Allocation)]), One(Log)]),
            ])),
            from(120, 0, SEARCH, columns(0, 50, &[One(Tree), Companion])),
            from(0, 0, SEARCH, rows(1, 50, &[One(Tree), Companion])),
        ],
    },
    Row {
        name: "Allocation", keys: &["2"],
        help: "allocation: the network layer by layer",
        panes: ALLOCATION,
        layouts: &[
            from(150, LARGE.1, ALLOCATION, columns(0, 54, &[
                One(Allocation),
                rows(1, 30, &[One(Tree), rows(3, 58, &[One(Heat), One(Details)])]),
            ])),
            from(120, 0, ALLOCATION, columns(0, 58, &[One(Allocation), Companion])),
            from(0, 0, ALLOCATION, rows(2, 60, &[One(Allocation), Companion])),
        ],
    },
    Row {
        name: "Gate", keys: &["3"],
        help: "gate: drift against measured drop, and all decisions",
        panes: GATE,
        layouts: &[
            from(120, 0, GATE, columns(0, 52, &[One(Scatter), One(Gate)])),
            from(0, 0, GATE, rows(1, 58, &[One(Scatter), One(Gate)])),
        ],
    },
    Row {
        name: "Front", keys: &["4"],
        help: "front: accuracy against memory",
        panes: FRONT,
        layouts: &[
            from(120, 0, FRONT, columns(0, 60, &[One(Front), One(Points)])),
            from(0, 0, FRONT, rows(1, 60, &[One(Front), One(Points)])),
        ],
    },
    Row {
        name: "Membranes", keys: &["5"],
        help: "membranes: drift by site, and the potentials",
        panes: MEMBRANES,
        layouts: &[
            from(120, 0, MEMBRANES, columns(0, 50, &[One(Sites), One(Potentials)])),
            from(0, 0, MEMBRANES, rows(1, 50, &[One(Sites), One(Potentials)])),
        ],
    },
    Row {
        name: "Run", keys: &["6"],
        help: "run: workers, work, time, log, commands given",
        panes: RUN,
        layouts: &[
            from(120, LARGE.1, RUN, columns(0, 50, &[
                One(Facts),
                rows(1, 42, &[One(History), rows(2, 62, &[One(Log), One(Commands)])]),
            ])),
            from(120, 0, RUN, columns(0, 50, &[One(Facts), Companion])),
            from(0, 0, RUN, rows(1, 62, &[One(Facts), Companion])),
        ],
    },
];

impl View {
    /// The number of views.
    pub const COUNT: usize = View::VARIANTS.len();

    /// The row of the table of views.
    pub fn row(self) -> &'static Row {
        &VIEWS[self.index()]
    }

    /// The position among all views.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The panes, the main one first.
    pub fn panes(self) -> &'static [Pane] {
        self.row().panes
    }

    /// The layout on a terminal of this size.
    pub fn arrangement(self, size: (u16, u16)) -> &'static Arrangement {
        let layouts = self.row().layouts;
        let fits = |a: &&Arrangement| size.0 >= a.from.0 && size.1 >= a.from.1;
        // The last layout is for any size.
        let last = &layouts[layouts.len() - 1];
        layouts.iter().find(fits).unwrap_or(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete() {
        assert_eq!(VIEWS.len(), View::COUNT);
        for (row, view) in VIEWS.iter().zip(View::VARIANTS) {
            assert_eq!(row.name, format!("{view:?}"));
            assert_eq!(
                row.layouts.last().map(|a| a.from),
                Some((0, 0)),
                "{}",
                row.name
            );
            assert!(!row.panes.is_empty() && !row.keys.is_empty());
        }
    }
}
