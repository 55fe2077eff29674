//! The demo's network.

use aq4svit::network::{Architecture, Graph, Layout, ModelConfig, QkFormer};

/// The built-in QKFormer for Fashion-MNIST.
pub fn demo() -> Graph {
    let config = ModelConfig {
        architecture: Architecture::QkFormer(QkFormer {
            layout: Layout::Cifar,
            embed_dims: 64,
            depths: 4,
            batch_leak: false,
        }),
        image_size: 28,
        in_channels: 1,
        num_classes: 10,
        num_heads: 8,
        mlp_ratio: 4,
        time_steps: 4,
    };
    config.graph().unwrap()
}
