//! Networks with random weights, and random images for them.

use std::error::Error;
use std::path::Path;

use aq4svit::checkpoint::{StateDict, TensorData};
use aq4svit::data::{self, DataConfig, DataSource, Splits, TensorFiles};
use aq4svit::network::{
    Architecture, Graph, Layout, MODEL_KEYS, ModelConfig, QkFormer, SdtV2, Spikformer,
};

/// The names of the networks.
pub const NETWORKS: [&str; 4] = ["demo", "spikformer", "sdt-v2", "spikformer-8-768"];

/// The sizes of a network.
pub fn config(name: &str) -> Result<ModelConfig, String> {
    let layout = Layout::Cifar;
    let (architecture, image_size, in_channels, num_classes, num_heads) = match name {
        "demo" => {
            let architecture = Architecture::QkFormer(QkFormer {
                layout,
                embed_dims: 64,
                depths: 4,
                batch_leak: false,
            });
            (architecture, 28, 1, 10, 8)
        }
        "spikformer" => {
            let architecture = Architecture::Spikformer(Spikformer {
                layout,
                embed_dims: 384,
                depths: 4,
            });
            (architecture, 32, 3, 10, 12)
        }
        "sdt-v2" => {
            let architecture = Architecture::SdtV2(SdtV2 {
                embed_dims: [64, 128, 256, 360],
                strides: [2, 2, 2, 2, 1],
                kd: false,
                merge_repconv: false,
            });
            (architecture, 224, 3, 1000, 8)
        }
        "spikformer-8-768" => {
            let architecture = Architecture::Spikformer(Spikformer {
                layout: Layout::Imagenet,
                embed_dims: 768,
                depths: 8,
            });
            (architecture, 224, 3, 1000, 8)
        }
        profile => return shipped(profile),
    };
    Ok(ModelConfig {
        architecture,
        image_size,
        in_channels,
        num_classes,
        num_heads,
        mlp_ratio: 4,
        time_steps: 4,
    })
}

/// The network of a shipped profile.
fn shipped(name: &str) -> Result<ModelConfig, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let unknown = || {
        let known = NETWORKS.join(", ");
        format!(
            "no network {name}: {known}, or a profile of {}",
            folder.display()
        )
    };
    let text = std::fs::read_to_string(folder.join(name).with_extension("toml"));
    let text = text.map_err(|_| unknown())?;
    let profile: toml::Table = text.parse().map_err(|e| format!("{name}: {e}"))?;
    let model = profile.get("model").and_then(toml::Value::as_table);
    let mut sizes = model.cloned().ok_or_else(unknown)?;
    sizes.retain(|key, _| MODEL_KEYS.iter().any(|known| known.name == key));
    sizes.try_into().map_err(|e| format!("{name}: {e}"))
}

/// Pseudo-random numbers (splitmix64).
pub struct Random(pub u64);

impl Random {
    /// A number between two.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        low + (high - low) * ((z ^ z >> 31) >> 40) as f32 / (1 << 24) as f32
    }
}

/// Weights with which neurons fire.
pub fn weights(graph: &Graph) -> StateDict {
    let mut random = Random(1);
    let mut state = StateDict::new("random");
    for spec in &graph.tensors {
        let is_norm = spec.shape.len() == 1 && !spec.key.contains("head");
        let fan_in: usize = spec.shape.iter().skip(1).product();
        let bound = 1.0 / (fan_in.max(1) as f32).sqrt();
        let (low, high) = match spec.key.rsplit('.').next() {
            Some("running_var" | "weight") if is_norm => (0.5, 1.5),
            Some("running_mean") => (-0.2, 0.2),
            // Rates are what something is divided by.
            Some(rate) if rate.starts_with("firing_rate") => (0.1, 0.3),
            Some("bias") if is_norm => (0.0, 1.0),
            _ => (-bound, bound),
        };
        let count = spec.shape.iter().product();
        let values = (0..count).map(|_| random.between(low, high)).collect();
        let shape = spec.shape.clone();
        state.insert(spec.key.clone(), TensorData { shape, values });
    }
    state
}

/// Random images, through the same door as everybody's: so many for calibration and for the search.
pub fn images(
    model: &ModelConfig,
    graph: &Graph,
    (calibration, search): (usize, usize),
    folder: &Path,
) -> Result<Splits, Box<dyn Error>> {
    let input = graph.input;
    let count = calibration + search;
    let shape = vec![count, input.channels, input.height, input.width];
    let mut random = Random(2);
    let pixels: Vec<u8> = (0..shape.iter().product())
        .map(|_| random.between(0.0, 256.0) as u8)
        .collect();
    let labels = vec![0u8; 8 * count];
    let images = safetensors::tensor::TensorView::new(safetensors::Dtype::U8, shape, &pixels)?;
    let labels =
        safetensors::tensor::TensorView::new(safetensors::Dtype::I64, vec![count], &labels)?;
    let file = folder.join("images.safetensors");
    safetensors::serialize_to_file([("images", images), ("labels", labels)], None, &file)?;
    let config = DataConfig {
        calibration,
        calibration_by_default: false,
        search,
        mean: Some(vec![0.5; input.channels]),
        std: Some(vec![0.25; input.channels]),
        ..DataConfig::with_source(DataSource::Tensors(TensorFiles {
            file,
            test_file: None,
        }))
    };
    Ok(data::load(&config, folder, model)?)
}
