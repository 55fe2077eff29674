//! Where tensors live.
#![forbid(unsafe_code)]

use std::fmt;
use std::str::FromStr;

use super::TorchError;

/// A device, checked to exist: `cpu` or `cuda:N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device(pub(super) tch::Device);

impl Device {
    /// The processor.
    pub const CPU: Device = Device(tch::Device::Cpu);
}

/// The CUDA devices that libtorch finds; 0 for a libtorch of the processor alone.
pub(super) fn cuda_devices() -> usize {
    match tch::Cuda::is_available() {
        true => usize::try_from(tch::Cuda::device_count()).unwrap_or(0),
        false => 0,
    }
}

impl Default for Device {
    fn default() -> Self {
        Self::CPU
    }
}

impl FromStr for Device {
    type Err = TorchError;

    fn from_str(name: &str) -> Result<Self, TorchError> {
        let no = |why: String| TorchError::Device {
            name: name.to_owned(),
            why,
        };
        if name == "cpu" {
            return Ok(Self::CPU);
        }
        let index = match name.strip_prefix("cuda") {
            Some("") => Some(0),
            Some(rest) => rest.strip_prefix(':').and_then(|n| n.parse::<usize>().ok()),
            None => None,
        };
        let index = index.ok_or_else(|| no("expected cpu or cuda:N, such as cuda:0".to_owned()))?;
        match cuda_devices() {
            0 => Err(no(
                "this libtorch finds no CUDA device (a CUDA libtorch comes by LIBTORCH at build time); use cpu"
                    .to_owned(),
            )),
            n if index >= n => Err(no(format!("only cuda:0 to cuda:{} exist", n - 1))),
            _ => Ok(Device(tch::Device::Cuda(index))),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            tch::Device::Cuda(index) => write!(f, "cuda:{index}"),
            _ => f.pad("cpu"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!("cpu".parse::<Device>().unwrap(), Device::CPU);
        assert_eq!(Device::CPU.to_string(), "cpu");
        for name in [
            "", "CPU", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda0", "mps",
        ] {
            let error = name.parse::<Device>().unwrap_err().to_string();
            assert!(error.contains("expected cpu or cuda:N"), "{error}");
        }
    }

    #[test]
    fn an_absent_device_is_an_error() {
        let error = "cuda:99".parse::<Device>().unwrap_err().to_string();
        assert!(error.starts_with("device cuda:99: "), "{error}");
    }
}
