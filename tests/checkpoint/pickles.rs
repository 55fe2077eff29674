//! Handmade pickles and archives.

use std::io::{Cursor, Write};

use zip::write::{SimpleFileOptions, ZipWriter};

/// A pickle under construction: protocol 2.
#[derive(Clone, Debug)]
pub struct Pickle(pub Vec<u8>);

impl Pickle {
    pub fn new() -> Self {
        Pickle(vec![0x80, 2])
    }
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
    pub fn text(self, text: &str) -> Self {
        let length = (text.len() as u32).to_le_bytes();
        self.raw(b"X").raw(&length).raw(text.as_bytes())
    }
    /// A whole number, as LONG1.
    pub fn int(self, number: u64) -> Self {
        self.raw(&[0x8a, 9]).raw(&number.to_le_bytes()).raw(&[0])
    }
    pub fn ints(self, numbers: &[u64]) -> Self {
        let all = numbers.iter().fold(self.raw(b"("), |p, n| p.int(*n));
        all.raw(b"t")
    }
    pub fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }
    /// A storage's persistent id.
    pub fn storage(self, class: &str, key: &str, count: u64) -> Self {
        self.raw(b"(")
            .text("storage")
            .global("torch", class)
            .text(key)
            .text("cpu")
            .int(count)
            .raw(b"tQ")
    }
    /// A tensor.
    pub fn tensor(self, class: &str, key: &str, count: u64, view: View) -> Self {
        self.global("torch._utils", "_rebuild_tensor_v2")
            .raw(b"(")
            .storage(class, key, count)
            .int(view.start)
            .ints(view.shape)
            .ints(view.strides)
            .raw(&[0x89])
            .raw(b"Nt")
            .raw(b"R")
    }
    pub fn stop(self) -> Vec<u8> {
        self.raw(b".").0
    }
}

/// The part of a storage that a tensor has.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub start: u64,
    pub shape: &'a [u64],
    pub strides: &'a [u64],
}

/// All of a storage as a vector.
pub fn all(count: &[u64; 1]) -> View<'_> {
    View {
        start: 0,
        shape: count,
        strides: &[1],
    }
}

/// A pickle of `{"model": {"w": <a tensor>}}`.
pub fn one_tensor(class: &str, key: &str, count: u64, view: View) -> Vec<u8> {
    Pickle::new()
        .raw(b"}")
        .text("model")
        .raw(b"}")
        .text("w")
        .tensor(class, key, count, view)
        .raw(b"ss")
        .stop()
}

/// A zip archive of stored files.
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A PyTorch file of the new kind.
pub fn modern(pickle: &[u8], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let names: Vec<String> = storages
        .iter()
        .map(|(key, _)| format!("a/data/{key}"))
        .collect();
    let mut files = vec![("a/data.pkl", pickle), ("a/version", b"3\n")];
    files.extend(
        names
            .iter()
            .zip(storages)
            .map(|(name, (_, bytes))| (name.as_str(), *bytes)),
    );
    archive(&files)
}

/// A PyTorch file of the old kind: numbers are f32.
pub fn legacy(pickle: &[u8], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let magic = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
    let mut bytes = Pickle::new().raw(&[0x8a, 10]).raw(&magic).stop();
    bytes.extend(Pickle::new().int(1001).stop());
    bytes.extend(
        Pickle::new()
            .raw(b"}")
            .text("little_endian")
            .raw(&[0x88])
            .raw(b"s")
            .stop(),
    );
    bytes.extend_from_slice(pickle);
    let names = storages
        .iter()
        .fold(Pickle::new().raw(b"]("), |p, (key, _)| p.text(key));
    bytes.extend(names.raw(b"e").stop());
    for (_, numbers) in storages {
        bytes.extend((numbers.len() as u64 / 4).to_le_bytes());
        bytes.extend_from_slice(numbers);
    }
    bytes
}

/// Numbers as a file has them.
pub fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}
