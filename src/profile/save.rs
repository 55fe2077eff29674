//! Saving of profiles: an allocation written into the user's text, or a whole profile anew.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use toml_edit::ser::Error as SerializeError;
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::config::Published;
use super::constraint::{AccuracyDrop, Constraint};
use super::error::ProfileError;
use super::evidence::{EVIDENCE, Evidence};
use super::files;
use super::library::ReservedName;
use super::overrides::replace;
use super::pin::{AllowedWidths, Pin};
use super::reading::pin;
use super::settings::{Checkpoint, Profile};
use super::tie::{QKV, Tied};
use super::upgrade::{self, FORMAT};
use super::writing::{write_file, write_text};
use crate::checkpoint::WeightsChoice;
use crate::quant::{Allocation, BitWidth};

/// The error of saving a profile. An existing file is left as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// There is one of this name.
    #[error("{} exists already: choose another name, or remove it first", .0.display())]
    Exists(PathBuf),
    /// The operating system says no.
    #[error("cannot save {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A path that TOML cannot express.
    #[error("cannot save a profile that refers to {}: the path is not Unicode", .0.display())]
    NotUnicode(PathBuf),
    /// The name is that of a shipped profile.
    #[error(transparent)]
    Reserved(#[from] ReservedName),
    /// The text to be written cannot be read again.
    #[error("cannot save to {}: the profile would not load again: {source}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<ProfileError>,
    },
}

/// A profile to be saved: a source text and what the search found.
#[derive(Clone, Copy, Debug)]
pub struct Save<'a> {
    /// The text whose comments and formatting are kept, such as [`super::ResolvedProfile::text`].
    pub text: &'a str,
    /// The folder that relative paths in the text start from.
    pub folder: &'a Path,
    /// The new profile's name; the text's own where none is given.
    pub name: Option<&'a str>,
    /// The names of the network's layers.
    pub layers: &'a [&'a str],
    /// Their widths, in the same order.
    pub allocation: &'a Allocation,
    /// The pins as they are now.
    pub pins: &'a [Pin],
    /// The constraint as it is now; none to leave the text's.
    pub constraint: Option<&'a Constraint>,
    /// The content of the file of quantized layers beside the profile; none without one.
    pub codes: Option<&'a [u8]>,
    /// What was measured of the allocation; what the text says of another one is left out.
    pub evidence: Option<&'a Evidence>,
}

impl Save<'_> {
    /// The text to be saved into a file at `target`: `[bits]` holds every layer's width, pins and
    /// name are as given, and relative paths are rewritten to resolve from there (relative for
    /// files below the target's folder).
    ///
    /// # Errors
    /// [`SaveError`], when the text would not load again.
    pub fn text_for(&self, target: &Path) -> Result<String, SaveError> {
        let mut document = moved(self.text, self.folder, target)?;
        if let Some(name) = self.name {
            replace(document.as_table_mut(), "name", Value::from(name));
        }
        if let Some(constraint) = self.constraint {
            let said = Profile::parse(&document.to_string(), target);
            let said = said.map_err(|source| invalid(target, source))?;
            write_constraint(&mut document, &said.constraint, constraint);
        }
        write_pins(&mut document, self.pins);
        write_bits(&mut document, self.layers, self.allocation);
        let codes = self.codes.map(|_| codes_file(target));
        let name = codes.as_deref().and_then(Path::file_name);
        let name = name.map(|name| name.to_str().ok_or(name)).transpose();
        let name = name.map_err(|name| SaveError::NotUnicode(name.into()))?;
        write_text_key(&mut document, CODES, name);
        document.remove(EVIDENCE);
        let text = document.to_string();
        let profile = Profile::parse(&text, target).map_err(|source| invalid(target, source))?;
        let evidence = self.evidence.map(|evidence| evidence.clone().of(&profile));
        let Some(Ok(evidence)) = evidence else {
            return Ok(text);
        };
        evidence
            .write(&mut document)
            .map_err(|_| SaveError::NotUnicode(target.to_owned()))?;
        let text = document.to_string();
        Profile::parse(&text, target).map_err(|source| invalid(target, source))?;
        Ok(text)
    }

    /// Saves to a file, wholly or not at all; makes its folder when there is none.
    ///
    /// # Errors
    /// [`SaveError`]; [`SaveError::Exists`] for a file that exists, unless `overwrite`.
    pub fn write(&self, target: &Path, overwrite: bool) -> Result<(), SaveError> {
        // Looked at again when the file is put in place; here it spares the user the other
        // errors.
        if !overwrite && target.exists() {
            return Err(SaveError::Exists(target.to_owned()));
        }
        let text = self.text_for(target)?;
        if let Some(codes) = self.codes {
            // First, so that the profile never names a file that is not there. One of an earlier
            // profile of this name answers no longer: its bit-widths are compared.
            write_file(&codes_file(target), codes, true)?;
        }
        write_text(target, &text, overwrite)
    }
}

/// Keys of `[quantizer]` that name what an allocation was quantized with.
pub(super) const CODES: &str = "codes";
const CALIBRATION: &str = "calibration_hash";

/// The file of quantized layers that belongs to a profile's file: `NAME.codes.safetensors` beside
/// `NAME.toml`.
pub fn codes_file(profile: &Path) -> PathBuf {
    profile.with_extension("codes.safetensors")
}

/// Writes or removes a string of `[quantizer]`.
pub(super) fn write_text_key(document: &mut DocumentMut, key: &str, text: Option<&str>) {
    match text {
        Some(text) => {
            if let Some(quantizer) = table(document, "quantizer") {
                replace(quantizer, key, Value::from(text));
            }
        }
        None => {
            let quantizer = document.get_mut("quantizer");
            if let Some(quantizer) = quantizer.and_then(Item::as_table_like_mut) {
                quantizer.remove(key);
            }
        }
    }
}

/// The text of a profile that is to be calibrated with the images of a content hash, none where it
/// needs no images. It names no quantized layers and has no evidence.
///
/// # Errors
/// [`SaveError`] for a text that is no profile; `target` names it.
pub fn calibrated_text(
    text: &str,
    target: &Path,
    calibration_hash: Option<&str>,
) -> Result<String, SaveError> {
    let mut document = parse(text, target)?;
    write_text_key(&mut document, CODES, None);
    write_text_key(&mut document, CALIBRATION, calibration_hash);
    document.remove(EVIDENCE);
    Ok(document.to_string())
}

fn parse(text: &str, target: &Path) -> Result<DocumentMut, SaveError> {
    let mut document = text.parse().map_err(|_| {
        let path = target.to_owned();
        let why = "it is not TOML";
        invalid(target, ProfileError::NotAProfile { path, why })
    })?;
    upgrade::upgrade(&mut document);
    Ok(document)
}

/// A profile's text moved to `target`: relative paths, which started from `folder`, resolve from
/// there.
///
/// # Errors
/// [`SaveError`], when the text would not load again.
pub fn relocated(text: &str, folder: &Path, target: &Path) -> Result<String, SaveError> {
    let text = moved(text, folder, target)?.to_string();
    Profile::parse(&text, target).map_err(|source| invalid(target, source))?;
    Ok(text)
}

fn invalid(target: &Path, source: ProfileError) -> SaveError {
    SaveError::Invalid {
        path: target.to_owned(),
        source: Box::new(source),
    }
}

/// A profile's document with its paths rewritten to resolve from the folder of `target`.
fn moved(text: &str, folder: &Path, target: &Path) -> Result<DocumentMut, SaveError> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let file = absolute(target);
    let (from, to) = (absolute(folder), file.parent().unwrap_or(Path::new("/")));
    // Reading it first gives syntax errors their place. A target's file is where the text says,
    // seen from its folder.
    let here = from.join(file.file_name().unwrap_or(file.as_os_str()));
    Profile::parse(text, &here).map_err(|source| invalid(target, source))?;
    let mut document = parse(text, target)?;
    files::rewrite_all(&mut document, &|p| {
        files::relative(to, &files::absolute(&from, p))
    })
    .map_err(|e| SaveError::NotUnicode(e.0))?;
    Ok(document)
}

/// A table of the document, made at the end where there is none.
fn table<'a>(document: &'a mut DocumentMut, name: &str) -> Option<&'a mut dyn TableLike> {
    let table = document.as_table_mut();
    // One line per layer is readable, all on one line are not.
    if let Some(Item::Value(Value::InlineTable(inline))) = table.get_mut(name) {
        let full = std::mem::take(inline).into_table();
        table.remove(name);
        table.insert(name, Item::Table(full));
    }
    table
        .entry(name)
        .or_insert(Item::Table(Table::new()))
        .as_table_like_mut()
}

fn remove_others(table: &mut dyn TableLike, keep: impl Fn(&str) -> bool) {
    let all: Vec<String> = table.iter().map(|(k, _)| k.to_owned()).collect();
    for key in all.iter().filter(|k| !keep(k)) {
        table.remove(key);
    }
}

fn write_bits(document: &mut DocumentMut, layers: &[&str], allocation: &Allocation) {
    let Some(bits) = table(document, "bits") else {
        return;
    };
    remove_others(bits, |name| layers.contains(&name));
    for (name, width) in layers.iter().zip(&allocation.0) {
        replace(bits, name, width_value(*width));
    }
}

fn write_pins(document: &mut DocumentMut, pins: &[Pin]) {
    if pins.is_empty() && !document.contains_key("pins") {
        return;
    }
    let Some(table) = table(document, "pins") else {
        return;
    };
    remove_others(table, |pattern| pins.iter().any(|p| p.pattern == pattern));
    for new in pins {
        let old = table
            .get(&new.pattern)
            .and_then(|item| pin(&new.pattern, item));
        if old.as_ref() != Some(new) {
            table.remove(&new.pattern);
            table.insert(&new.pattern, Item::Value(pin_value(new)));
        }
    }
}

/// Writes what differs from what the text says.
fn write_constraint(document: &mut DocumentMut, said: &Constraint, now: &Constraint) {
    if said == now {
        return;
    }
    let Some(table) = table(document, "constraint") else {
        return;
    };
    if said.max_accuracy_drop != now.max_accuracy_drop {
        let drop = match now.max_accuracy_drop {
            AccuracyDrop::Points(points) => Value::from(points),
            other => Value::from(other.to_string()),
        };
        replace(table, "max_accuracy_drop", drop);
    }
    let whole = |n: u64| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
    let limits = |of: &Constraint| {
        let (memory, evaluations) = (of.max_memory, of.max_evaluations);
        let seconds = of.max_seconds.map(Value::from);
        [memory.map(whole), evaluations.map(whole), seconds]
    };
    let keys = ["max_memory", "max_evaluations", "max_seconds"];
    for ((key, said), now) in keys.into_iter().zip(limits(said)).zip(limits(now)) {
        let same = |now: &Value| {
            said.as_ref()
                .is_some_and(|s| s.to_string() == now.to_string())
        };
        match now {
            Some(now) if same(&now) => {}
            Some(now) => replace(table, key, now),
            None => drop(table.remove(key)),
        }
    }
}

fn write_ties(document: &mut DocumentMut, ties: &[Tied]) {
    if ties.is_empty() {
        return;
    }
    let Some(table) = table(document, "ties") else {
        return;
    };
    for tie in ties {
        match tie {
            Tied::Qkv => table.insert(QKV, toml_edit::value(true)),
            Tied::Own { name, patterns } => {
                let list: toml_edit::Array = patterns.iter().map(String::as_str).collect();
                table.insert(name, toml_edit::value(list))
            }
        };
    }
}

pub(super) fn write_section(
    document: &mut DocumentMut,
    name: &str,
    section: &impl Serialize,
) -> Result<(), SerializeError> {
    let section = toml_edit::ser::to_document(section)?;
    document.insert(name, Item::Table(section.into_table()));
    Ok(())
}

fn width_value(width: BitWidth) -> Value {
    match width.is_float() {
        true => Value::from("float"),
        false => Value::from(i64::from(width.bits())),
    }
}

fn pin_value(pin: &Pin) -> Value {
    let (min, max) = match &pin.widths {
        AllowedWidths::Range(min, max) if min == max => return width_value(*min),
        AllowedWidths::Range(min, max) => (*min, *max),
        AllowedWidths::List(widths) => {
            let list: toml_edit::Array = widths.iter().map(|w| width_value(*w)).collect();
            return Value::Array(list);
        }
    };
    let mut bounds = InlineTable::new();
    if min > BitWidth::SMALLEST || max.is_float() {
        bounds.insert("min", width_value(min));
    }
    if !max.is_float() {
        bounds.insert("max", width_value(max));
    }
    Value::InlineTable(bounds)
}

/// Pins as one TOML value, as `--set pins=` takes it.
pub fn pins_as_toml(pins: &[Pin]) -> String {
    let pairs = pins.iter().map(|p| (p.pattern.as_str(), pin_value(p)));
    Value::InlineTable(pairs.collect()).to_string()
}

impl Profile {
    /// The whole profile as TOML with every setting spelled out and absolute paths. It loads again
    /// to an equal profile.
    ///
    /// # Errors
    /// For a path that is not Unicode, or a number that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, SerializeError> {
        let mut document = DocumentMut::new();
        document.insert("format", toml_edit::value(FORMAT));
        document.insert("name", toml_edit::value(&self.name));
        if self.published != Published::default() {
            write_section(&mut document, "published", &self.published)?;
        }
        write_section(&mut document, "model", &self.model)?;
        let own = self.model.file().map(|file| file.path.as_path());
        let is_own =
            |c: &&Checkpoint| matches!(c, Checkpoint::File(path) if Some(path.as_path()) == own);
        if let Some(checkpoint) = self.checkpoint.as_ref().filter(|c| !is_own(c)) {
            document["model"]["checkpoint"] = toml_edit::value(checkpoint.to_text()?);
        }
        // Not written where it is the default: evidence of earlier versions has it so.
        if self.weights != WeightsChoice::default() {
            document["model"]["weights"] = toml_edit::value(self.weights.to_string());
        }
        if let Some(data) = &self.data {
            write_section(&mut document, "data", data)?;
        }
        write_section(&mut document, "quantizer", &self.scheme)?;
        let menu: toml_edit::Array = self.menu.iter().map(|w| width_value(*w)).collect();
        document["quantizer"]["bits"] = toml_edit::value(menu);
        if let Some(codes) = &self.codes {
            document["quantizer"][CODES] = toml_edit::value(unicode(codes)?);
        }
        if let Some(hash) = &self.calibration_hash {
            document["quantizer"][CALIBRATION] = toml_edit::value(hash);
        }
        write_section(&mut document, "constraint", &self.constraint)?;
        if let Some(target) = &self.target {
            document["constraint"]["target"] = toml_edit::value(&target.name);
        }
        write_section(&mut document, "search", &self.search)?;
        write_section(&mut document, "gate", &self.gate)?;
        write_pins(&mut document, &self.pins);
        write_ties(&mut document, &self.ties);
        if !self.bits.is_empty() {
            let names: Vec<&str> = self.bits.keys().map(String::as_str).collect();
            let widths = Allocation(self.bits.values().copied().collect());
            write_bits(&mut document, &names, &widths);
        }
        if let Some(evidence) = &self.evidence {
            evidence.write(&mut document)?;
        }
        Ok(document.to_string())
    }
}

impl Checkpoint {
    /// As a profile writes it.
    pub(super) fn to_text(&self) -> Result<String, SerializeError> {
        match self {
            Checkpoint::File(path) => unicode(path).map(str::to_owned),
            builtin => Ok(builtin.to_string()),
        }
    }
}

fn unicode(path: &Path) -> Result<&str, SerializeError> {
    path.to_str()
        .ok_or_else(|| serde::ser::Error::custom(format!("{} is not Unicode", path.display())))
}

#[cfg(test)]
mod tests;
