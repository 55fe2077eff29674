//! Where a profile's network comes from, and what data sets must know of it.

use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::{Graph, Layout, ModelConfig, Shape};

/// The name that a network from a graph file has in place of a family's.
pub const GRAPH_FAMILY: &str = "graph";

/// What a network reads and tells apart: all that a data set must know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkInput {
    /// The family's name; [`GRAPH_FAMILY`] for a network from a graph file.
    pub family: &'static str,
    /// The layout, of families that publish several.
    pub layout: Option<&'static str>,
    /// The shape of an image or a frame.
    pub shape: Shape,
    /// Frames of one input; none where it is one image.
    pub frames: Option<usize>,
    /// Number of classes.
    pub classes: usize,
}

/// Where a profile's network comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelSource {
    /// A family with its sizes.
    Family(ModelConfig),
    /// A graph file.
    File(GraphFile),
}

/// A graph file that a profile names.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphFile {
    /// The file; absolute.
    pub path: PathBuf,
    /// What the network in it reads.
    pub input: NetworkInput,
}

impl GraphFile {
    /// The file of a graph that was read from it.
    pub fn of(path: PathBuf, graph: &Graph) -> Self {
        let input = NetworkInput {
            family: GRAPH_FAMILY,
            layout: None,
            shape: graph.input,
            frames: graph.frames(),
            classes: graph.classes,
        };
        GraphFile { path, input }
    }
}

impl ModelSource {
    /// The family's name; [`GRAPH_FAMILY`] for a graph file.
    pub fn family(&self) -> &'static str {
        self.input().family
    }
    /// What it reads.
    pub fn input(&self) -> NetworkInput {
        self.into()
    }
    /// The family's configuration; none for a graph file.
    pub fn config(&self) -> Option<&ModelConfig> {
        match self {
            ModelSource::Family(config) => Some(config),
            ModelSource::File(_) => None,
        }
    }
    /// The graph file; none for a family.
    pub fn file(&self) -> Option<&GraphFile> {
        match self {
            ModelSource::Family(_) => None,
            ModelSource::File(file) => Some(file),
        }
    }
}

impl From<&ModelConfig> for NetworkInput {
    fn from(config: &ModelConfig) -> Self {
        NetworkInput {
            family: config.family().name(),
            layout: config.layout().map(Layout::name),
            shape: Shape {
                channels: config.in_channels,
                height: config.image_size,
                width: config.image_size,
            },
            frames: config.frames(),
            classes: config.num_classes,
        }
    }
}

impl From<&ModelSource> for NetworkInput {
    fn from(source: &ModelSource) -> Self {
        match source {
            ModelSource::Family(config) => config.into(),
            ModelSource::File(file) => file.input,
        }
    }
}

impl Serialize for ModelSource {
    /// As `[model]` writes it: the family's table, or the key `graph`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ModelSource::Family(config) => config.serialize(serializer),
            ModelSource::File(file) => serializer.collect_map([("graph", &file.path)]),
        }
    }
}
