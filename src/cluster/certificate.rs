//! A certificate for a server of our own, made by the program `openssl`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ClusterError;

/// Days for which a certificate is good.
const DAYS: &str = "825";

/// Makes a certificate for a host and its key, in files of a folder, unless they are there.
///
/// # Errors
/// [`ClusterError::NoCertificate`] where there is no openssl, or it fails.
pub fn make_certificate(folder: &Path, host: &str) -> Result<(PathBuf, PathBuf), ClusterError> {
    let failed = ClusterError::io("make", folder);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    if certificate.is_file() && key.is_file() {
        return Ok((certificate, key));
    }
    let kind = match host.trim_matches(['[', ']']).parse::<std::net::IpAddr>() {
        Ok(ip) => format!("IP:{ip}"),
        Err(_) => format!("DNS:{host}"),
    };
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args(["-days", DAYS, "-subj", "/CN=aq4svit"])
        .args([
            "-addext",
            &format!("subjectAltName={kind},DNS:localhost,IP:127.0.0.1"),
        ])
        // A certificate that is its own authority must not say that it is one of others.
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .stdin(Stdio::null())
        .output();
    match made {
        Ok(made) if made.status.success() => Ok((certificate, key)),
        Ok(made) => {
            let said = String::from_utf8_lossy(&made.stderr);
            let last = said.lines().last().unwrap_or_default().to_owned();
            Err(ClusterError::NoCertificate(format!("openssl said: {last}")))
        }
        Err(error) => Err(ClusterError::NoCertificate(format!(
            "openssl cannot be run: {error}"
        ))),
    }
}
