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
    /// While nothing is to be evaluated, layers are quantized at the bit-widths next to those in
    /// use.
    pub quantize_ahead: bool,
}

impl Optimizations {
    /// All of them.
    pub const ALL: Optimizations = Optimizations::all(true);
    /// None: `--plain`.
    pub const NONE: Optimizations = Optimizations::all(false);

    const fn all(on: bool) -> Self {
        Optimizations {
            prefix_cache: on,
            weight_cache: on,
            static_stem: on,
            integer_kernels: on,
            early_stop: on,
            stored_bits: on,
            quantize_ahead: on,
        }
    }
}

impl Default for Optimizations {
    fn default() -> Self {
        Optimizations::ALL
    }
}
