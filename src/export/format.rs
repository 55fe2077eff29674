//! The formats of `aq4svit export`.

use super::error::ExportError;
use super::folder::PackageFolder;
use super::manifest::FIXED_FORMAT;
use super::onnx::{self, Flavour, Outputs};
use super::package::Package;
use super::rtl::{self, TextFormat, Words};

/// What is written into the folder of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The package itself, which is always written
    Package,
    /// QONNX of the whole network
    Qonnx,
    /// ONNX that a plain ONNX Runtime runs: integers of 4, 8 or 16 bits behind DequantizeLinear
    Onnx,
    /// Verilog memory files (`$readmemh`)
    Mem,
    /// Xilinx coefficient files
    Coe,
    /// C headers
    Header,
}

/// What the formats leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatOptions {
    /// The words of memories and headers.
    pub words: Words,
    /// The outputs of ONNX files.
    pub outputs: Outputs,
}

/// Adds the files of some formats to a folder. The package's own files are written by
/// [`PackageFolder::finish`].
///
/// # Errors
/// [`ExportError`] for what a format cannot hold, or a file that cannot be written.
pub fn write_formats(
    formats: &[Format],
    options: FormatOptions,
    package: &Package,
    folder: &PackageFolder,
) -> Result<(), ExportError> {
    for (format, flavour) in [
        (Format::Qonnx, Flavour::Qonnx),
        (Format::Onnx, Flavour::Qdq),
    ] {
        if formats.contains(&format) {
            if package.manifest.format == FIXED_FORMAT {
                return Err(ExportError::Format {
                    format: flavour.name(),
                    why: "ONNX has no integer arithmetic of shifts and saturating membranes that its tools run; \
                          take package, mem, coe or header, or quantizer.affine = \"f32\"",
                });
            }
            let bytes = onnx::write(package, flavour, options.outputs)?;
            folder.write(flavour.file(), &bytes)?;
        }
    }
    let text = [
        (Format::Mem, TextFormat::Mem),
        (Format::Coe, TextFormat::Coe),
        (Format::Header, TextFormat::Header),
    ];
    let wanted = text.into_iter().filter(|(f, _)| formats.contains(f));
    let wanted: Vec<TextFormat> = wanted.map(|(_, text)| text).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    for file in rtl::write(package, &wanted, options.words)? {
        folder.write(&file.path, &file.bytes)?;
    }
    Ok(())
}
