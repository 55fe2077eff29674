//! The formats of `aq4svit export`.

use super::error::ExportError;
use super::folder::PackageFolder;
use super::package::Package;

/// What is written into the folder of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The package itself, which is always written
    Package,
    /// QONNX of the whole network
    Qonnx,
    /// ONNX with quantize-dequantize pairs
    Onnx,
    /// Verilog memory files (`$readmemh`)
    Mem,
    /// Xilinx coefficient files
    Coe,
    /// C headers
    Header,
}

impl Format {
    /// Adds the files of this format to a folder. The package's own files are written by
    /// [`PackageFolder::finish`].
    ///
    /// # Errors
    /// [`ExportError`] for what the format cannot hold, or a file that cannot be written.
    pub fn write(self, _package: &Package, _folder: &PackageFolder) -> Result<(), ExportError> {
        match self {
            Format::Package => Ok(()),
            Format::Qonnx => Err(ExportError::Format("qonnx")),
            Format::Onnx => Err(ExportError::Format("onnx")),
            Format::Mem => Err(ExportError::Format("mem")),
            Format::Coe => Err(ExportError::Format("coe")),
            Format::Header => Err(ExportError::Format("header")),
        }
    }
}
