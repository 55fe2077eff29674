//! What an evaluator may save: switches, none of which changes an answer.

/// Every way to save work without changing an answer, on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Optimizations {
    /// Values inside the network are kept and used again by allocations that agree in all layers
    /// upstream.
    pub prefix_cache: bool,
    /// Quantized weights are kept per layer and width.
    pub weight_cache: bool,
    /// Layers that see the still image alone run once, not at every time step.
    pub static_stem: bool,
    /// Exact sums of whole numbers are made by kernels of our own, of bytes, and not in f32 by
    /// libtorch.
    pub integer_kernels: bool,
    /// No image is run once the verdict is certain.
    pub early_stop: bool,
    /// A confirmation goes on where the screening stopped; otherwise it runs from the first image
    /// on.
    pub stored_bits: bool,
}

impl Optimizations {
    /// All of them.
    pub const ALL: Optimizations = Optimizations {
        prefix_cache: true,
        weight_cache: true,
        static_stem: true,
        integer_kernels: true,
        early_stop: true,
        stored_bits: true,
    };
    /// None: `--plain`.
    pub const NONE: Optimizations = Optimizations {
        prefix_cache: false,
        weight_cache: false,
        static_stem: false,
        integer_kernels: false,
        early_stop: false,
        stored_bits: false,
    };
}

impl Default for Optimizations {
    fn default() -> Self {
        Optimizations::ALL
    }
}
