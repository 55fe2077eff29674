//! The seam between a network and the method that makes its integers.

use std::fmt::Debug;
use std::sync::Arc;

use super::calibrated::{Calibrated, InputStatistics, OutputMoments};
use super::{BitWidth, ChannelAffine, Method, QuantError, Quantized, Scheme, quantize};

/// A layer's float weights.
#[derive(Clone, Copy, Debug)]
pub struct LayerWeights<'a> {
    /// The layer's name.
    pub name: &'a str,
    /// Number of output channels.
    pub channels: usize,
    /// Row-major `[channels, fan_in]`.
    pub values: &'a [f32],
}

/// The resources of a quantization. What it makes does not depend on them.
#[derive(Clone, Copy)]
pub struct Resources<'a> {
    /// The largest number of threads.
    pub threads: usize,
    /// Whether to give up; asked now and then, by any thread.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl std::fmt::Debug for Resources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resources")
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Resources<'static> {
    /// So many threads, to the end.
    pub const fn threads(threads: usize) -> Self {
        const fn never() -> bool {
            false
        }
        Resources {
            threads,
            cancelled: &(never as fn() -> bool),
        }
    }
}

/// A method that turns float weights into integers and one scale per output channel.
///
/// A method is a pure function: the same weights, statistics and width give the same integers, on
/// any number of threads. What it makes is kept by [`Quantizer::id`], weights and calibration
/// images, in memory and on disk.
pub trait Quantizer: Debug + Send + Sync {
    /// A name that changes with everything but the arguments of [`Quantizer::quantize`] that its
    /// integers depend on: method, version, options.
    fn id(&self) -> String;

    /// Whether a width needs the statistics of the layer's input.
    fn needs_statistics(&self, width: BitWidth) -> bool;

    /// Quantizes a layer to an integer width.
    ///
    /// # Errors
    /// [`QuantError`] names the layer and what is wrong with it; [`QuantError::Cancelled`] where it
    /// was given up.
    fn quantize(
        &self,
        layer: LayerWeights<'_>,
        width: BitWidth,
        statistics: Option<&InputStatistics>,
        resources: Resources<'_>,
    ) -> Result<Quantized, QuantError>;
}

/// A layer's integers, and what the affine behind them is corrected by.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedLayer {
    /// The integers and scales, shared by what differs in the affine alone.
    pub quantized: Arc<Quantized>,
    /// Of every channel, over the calibration images; empty where there are none.
    pub moments: Vec<OutputMoments>,
    /// The affine behind the sums of integers, where it is fixed; else it follows from the float
    /// affine, the scales and the correction.
    pub affine: Option<ChannelAffine>,
}

impl QuantizedLayer {
    /// Bytes of memory.
    pub fn bytes(&self) -> u64 {
        let integers = 2 * self.quantized.values.len();
        let numbers = self.quantized.scales.len() + 5 * self.moments.len();
        (integers + 8 * numbers) as u64
    }
}

/// The store of quantized layers between runs, of one network, its calibration images and one
/// quantizer. What it loses is made again.
pub trait QuantizedStore: Debug + Send + Sync {
    /// A layer that was kept, at a width.
    fn load(&self, layer: &str, width: BitWidth) -> Option<QuantizedLayer>;

    /// Keeps a layer.
    fn keep(&self, layer: &str, quantized: &QuantizedLayer);
}

/// Rounding to the nearest grid point: [`quantize`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest(pub Scheme);

impl Quantizer for Nearest {
    fn id(&self) -> String {
        let Scheme {
            granularity,
            scale,
            rounding,
            rounding_seed,
            ..
        } = self.0;
        format!("nearest 1 {granularity:?} {scale:?} {rounding:?} {rounding_seed}")
    }

    fn needs_statistics(&self, _: BitWidth) -> bool {
        false
    }

    fn quantize(
        &self,
        layer: LayerWeights<'_>,
        width: BitWidth,
        _: Option<&InputStatistics>,
        _: Resources<'_>,
    ) -> Result<Quantized, QuantError> {
        quantize(layer.values, layer.channels, width, &self.0, layer.name)
    }
}

impl Scheme {
    /// The quantizer of the scheme's method.
    pub fn quantizer(&self) -> Arc<dyn Quantizer> {
        match self.method {
            Method::Nearest => Arc::new(Nearest(*self)),
            Method::Calibrated => Arc::new(Calibrated(*self)),
        }
    }
}
