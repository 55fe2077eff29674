//! Event frames as spikingjelly makes them: folders of `.npz` files, good and bad.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use aq4svit::data::{self, DataConfig, DataError, ImageSet, Splits};
use aq4svit::network::ModelConfig;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::checkpoint::pickles::archive;
#[cfg(target_os = "linux")]
use crate::common::alone::{alone, peak_memory};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/event-frames")
}

/// A network that reads 3 frames of 2x2 pixels.
fn model(layout: &str, channels: usize, classes: usize) -> ModelConfig {
    let text = format!(
        "family = 'spikformer'\nlayout = '{layout}'\nimage_size = 2\nin_channels = {channels}\nnum_classes = {classes}\n\
         embed_dims = 16\nnum_heads = 1\nmlp_ratio = 1\ndepths = 1\ntime_steps = 3"
    );
    toml::from_str(&text).unwrap()
}

/// A file of an array as numpy writes it.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), data].concat()
}

/// Frames [3, 2, 2, 2], all of one number.
fn constant(number: u8) -> Vec<u8> {
    archive(&[("frames.npy", &npy("|u1", "(3, 2, 2, 2)", &[number; 24]))])
}

struct Frames {
    folder: TempDir,
}

impl Frames {
    /// Files in class folders; the numbers of each are `10 * class + its place`, by the order of
    /// the classes given.
    fn new(classes: &[&str], each: usize) -> Frames {
        let frames = Frames::empty();
        for (c, class) in classes.iter().enumerate() {
            for i in 0..each {
                frames.write(
                    &format!("all/{class}/s_{i}.npz"),
                    &constant((10 * c + i) as u8),
                );
            }
        }
        frames
    }
    fn empty() -> Frames {
        Frames {
            folder: tempfile::tempdir().unwrap(),
        }
    }
    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fn load(&self, more: &str, model: &ModelConfig) -> Result<Splits, DataError> {
        let text = format!(
            "kind = 'event-frames'\npath = 'all'\ncalibration = 1\nsearch = 2\nproxy = 1\n{more}"
        );
        let config: DataConfig = toml::from_str(&text).unwrap();
        data::load(&config, self.folder.path(), model)
    }
    #[track_caller]
    fn refused(&self, more: &str, model: &ModelConfig) -> String {
        self.load(more, model).unwrap_err().to_string()
    }
}

fn numbers(set: &ImageSet, i: usize) -> Vec<f32> {
    let mut numbers = vec![f32::NAN; set.numbers()];
    set.fill(i, &mut numbers).unwrap();
    numbers
}

/// What every sample of numpy holds.
fn counted() -> Vec<f32> {
    (0..24u8).map(f32::from).collect()
}

#[test]
fn every_variant_of_numpy_gives_its_frames() {
    let names = fs::read_dir(samples()).unwrap();
    let names = names.map(|e| e.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.filter(|n| !n.starts_with("refused")).collect();
    assert_eq!(names.len(), 20);
    let mut fingerprints = Vec::new();
    for name in names {
        let frames = Frames::empty();
        let bytes = fs::read(samples().join(&name)).unwrap();
        for place in ["all/a/1.npz", "all/a/2.npz", "all/b/3.npz", "all/b/4.npz"] {
            frames.write(place, &bytes);
        }
        let splits = frames.load("", &model("dvs", 2, 2)).unwrap();
        assert_eq!(splits.search.frames(), Some(3));
        for i in 0..splits.search.len() {
            assert_eq!(numbers(&splits.search, i), counted(), "{name}");
        }
        fingerprints.push(splits.search.fingerprint());
    }
    // Content counts, not how it is packed.
    assert!(fingerprints.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_third_channel_is_the_sum_of_the_two() {
    let frames = Frames::empty();
    let bytes = fs::read(samples().join("compressed.npz")).unwrap();
    for place in ["all/a/1.npz", "all/a/2.npz", "all/b/3.npz", "all/b/4.npz"] {
        frames.write(place, &bytes);
    }
    let splits = frames.load("", &model("dvs", 3, 2)).unwrap();
    let expected: Vec<f32> = counted()
        .chunks(8)
        .flat_map(|frame| {
            let sums = frame[..4].iter().zip(&frame[4..]).map(|(a, b)| a + b);
            frame.iter().copied().chain(sums.collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(expected.len(), 36);
    assert_eq!(numbers(&splits.search, 0), expected);
    // Mean and deviation are of the channels that the network takes.
    let more = "mean = [1, 2, 3]\nstd = [2, 2, 4]";
    let splits = frames.load(more, &model("dvs", 3, 2)).unwrap();
    let found = numbers(&splits.search, 0);
    assert_eq!((found[0], found[4], found[8]), (-0.5, 1.0, 0.25));
    // One that is there already is taken as it is.
    let data: Vec<u8> = (0..36).collect();
    for place in ["all/a/1.npz", "all/a/2.npz", "all/b/3.npz", "all/b/4.npz"] {
        frames.write(
            place,
            &archive(&[("frames.npy", &npy("|u1", "(3, 3, 2, 2)", &data))]),
        );
    }
    let splits = frames.load("", &model("dvs", 3, 2)).unwrap();
    assert_eq!(numbers(&splits.search, 0)[35], 35.0);
}

/// Class of each sample by its numbers, over all splits.
fn classes(splits: &Splits) -> Vec<(u8, u32)> {
    let sets = [
        Some(&splits.calibration),
        Some(&splits.search),
        splits.test.as_ref(),
    ];
    let seen = |set: &ImageSet| {
        let one = |i| (numbers(set, i)[0] as u8, set.label(i));
        (0..set.len()).map(one).collect::<Vec<_>>()
    };
    sets.into_iter().flatten().flat_map(seen).collect()
}

#[test]
fn class_folders_are_numbered_as_spikingjelly_numbers_them() {
    let names: Vec<String> = (0..11).map(|i| i.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let frames = Frames::new(&names, 2);
    let splits = frames
        .load("test_path = 'all'", &model("dvs", 2, 11))
        .unwrap();
    // torchvision sorts names: 0, 1, 10, 2 …
    let by_name = [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 2];
    let found = classes(&splits);
    assert_eq!(found.len(), 3 + 22);
    for (number, class) in found {
        assert_eq!(class, by_name[usize::from(number / 10)], "{number}");
    }
    let [note, _, of_test] = splits.notes.as_slice() else {
        panic!("{:?}", splits.notes);
    };
    assert!(
        note.contains("in the order of their names (10 before 2)"),
        "{note}"
    );
    assert!(of_test.contains("are test images, too"), "{of_test}");
    // A file may say otherwise, and then nothing is said.
    let own: String = names.iter().map(|n| format!("{n} {n}\n")).collect();
    frames.write("own.txt", own.as_bytes());
    let splits = frames
        .load(
            "labels = 'own.txt'\ntest_path = 'all'",
            &model("dvs", 2, 11),
        )
        .unwrap();
    for (number, class) in classes(&splits) {
        assert_eq!(class, u32::from(number / 10));
    }
    let of_classes = |note: &String| note.contains("class folders");
    assert!(!splits.notes.iter().any(of_classes));
    // Where both orders are the same, nothing has to be said.
    let few = Frames::new(&["0", "1", "2"], 3);
    assert!(few.load("", &model("dvs", 2, 3)).unwrap().notes.is_empty());
}

#[test]
fn what_the_network_was_trained_on_is_left_out() {
    let frames = Frames::new(&["a", "b"], 10);
    let two = model("dvs", 2, 2);
    let drawn = |more: &str| {
        let text = format!(
            "kind = 'event-frames'\npath = 'all'\ncalibration = 2\nsearch = 4\nproxy = 1\n{more}"
        );
        let config: DataConfig = toml::from_str(&text).unwrap();
        let splits = data::load(&config, frames.folder.path(), &two)?;
        let mut found = classes(&splits);
        found.sort_unstable();
        Ok::<_, DataError>(found)
    };
    // Seven of ten (rounded up, as spikingjelly does) are left out of each class; three are left.
    let last = [(7, 0), (8, 0), (9, 0), (17, 1), (18, 1), (19, 1)];
    assert_eq!(drawn("train_ratio = 0.65").unwrap(), last);
    assert_eq!(drawn("").unwrap().len(), 6);
    assert!(drawn("").unwrap() != last);
    // The test split is taken whole.
    let found = drawn("train_ratio = 0.65\ntest_path = 'all'").unwrap();
    assert_eq!(found.len(), 6 + 20);
    let message = drawn("train_ratio = 0.75").unwrap_err().to_string();
    assert!(message.contains("holds 4"), "{message}");
    for ratio in ["1.0", "-0.1", "nan"] {
        let text = format!("kind = 'event-frames'\npath = 'all'\ntrain_ratio = {ratio}");
        let error = toml::from_str::<DataConfig>(&text).unwrap_err();
        assert!(
            error.to_string().contains("from 0 to less than 1"),
            "{error}"
        );
    }
}

#[test]
fn files_that_do_not_fit_are_named_with_both_shapes() {
    let frames = Frames::new(&["a", "b"], 3);
    let two = model("dvs", 2, 2);
    let with = |shape: &str, count: usize| {
        frames.write(
            "all/b/s_1.npz",
            &archive(&[("frames.npy", &npy("|u1", shape, &vec![1; count]))]),
        );
        frames.refused("test_path = 'all'", &two)
    };
    for (shape, count, part) in [
        ("(4, 2, 2, 2)", 32, "set model.time_steps"),
        ("(3, 2, 2, 4)", 48, "make frames of that size"),
        ("(3, 1, 2, 2)", 12, "make frames of that size"),
        ("(3, 2, 4)", 24, "it must be [T, C, H, W]"),
        ("(24,)", 24, "it must be [T, C, H, W]"),
    ] {
        let message = with(shape, count);
        assert!(message.contains("s_1.npz"), "{message}");
        assert!(message.contains(part), "{part}: {message}");
        let found = shape.trim_end_matches([',', ')']).replace('(', "[");
        assert!(message.contains(&found), "{found}: {message}");
    }
    let message = with("(4, 2, 2, 2)", 32);
    assert!(
        message.contains("the model takes [3, 2, 2, 2]"),
        "{message}"
    );
    // No frames at all for such a network, and no such kind for images.
    let message = frames.refused("", &model("cifar", 2, 2));
    assert!(message.contains("layout = \"dvs\""), "{message}");
    let config: DataConfig =
        toml::from_str("kind = 'image-folder'\npath = 'all'\ncalibration = 1\nsearch = 1").unwrap();
    let message = data::load(&config, frames.folder.path(), &model("cifar", 3, 2))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("data.kind = \"event-frames\""),
        "{message}"
    );
    let message = frames.refused("", &model("dvs", 2, 3));
    assert!(
        message.contains("2 class folders, but the model has 3"),
        "{message}"
    );
}

fn deflated<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    for part in parts {
        encoder.write_all(part).unwrap();
    }
    encoder.finish().unwrap()
}

/// An archive of a deflated `frames.npy`, which tells this length and this checksum.
fn packed(data: &[u8], bytes: u32, crc: u32) -> Vec<u8> {
    zipped(&deflated([data].into_iter()), bytes, crc)
}

fn zipped(packed: &[u8], bytes: u32, crc: u32) -> Vec<u8> {
    let common = |out: &mut Vec<u8>| {
        out.extend([20, 0, 0, 0, 8, 0, 0, 0, 0, 0]);
        out.extend(crc.to_le_bytes());
        out.extend((packed.len() as u32).to_le_bytes());
        out.extend(bytes.to_le_bytes());
        out.extend([10, 0, 0, 0]);
    };
    let mut zip = b"PK\x03\x04".to_vec();
    common(&mut zip);
    zip.extend(b"frames.npy");
    zip.extend(packed);
    let table = zip.len() as u32;
    zip.extend(b"PK\x01\x02\x14\0");
    common(&mut zip);
    zip.extend([0; 10]);
    zip.extend([0; 4]);
    zip.extend(b"frames.npy");
    let length = zip.len() as u32 - table;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend(length.to_le_bytes());
    zip.extend(table.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

fn crc(data: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    crc.sum()
}

#[test]
fn files_that_are_none_are_named_or_left_out() {
    let frames = Frames::new(&["a", "b"], 5);
    let two = model("dvs", 2, 2);
    let good = npy("|u1", "(3, 2, 2, 2)", &[1; 24]);
    let nan = npy(
        "<f4",
        "(3, 2, 2, 2)",
        &[1.0f32; 23]
            .into_iter()
            .chain([f32::NAN])
            .flat_map(f32::to_le_bytes)
            .collect::<Vec<u8>>(),
    );
    let longer = [&good[..], &[7; 5]].concat();
    let whole = packed(&good, good.len() as u32, crc(&good));
    for (bytes, part) in [
        (b"junk".to_vec(), "no .npz file"),
        (Vec::new(), "no .npz file"),
        (whole[..whole.len() - 30].to_vec(), "no .npz file"),
        (
            archive(&[("frames.npy", b"junk junk junk")]),
            "no array of numpy",
        ),
        (
            archive(&[("frames.npy", &good[..good.len() - 1])]),
            "ends too early",
        ),
        (
            archive(&[("frames.npy", &longer)]),
            "more bytes than its header tells",
        ),
        (packed(&good, good.len() as u32, 1), "checksum is wrong"),
        (archive(&[("frames.npy", &nan)]), "hold NaN"),
        (
            fs::read(samples().join("refused-objects.npz")).unwrap(),
            "plain numbers but '|O'",
        ),
        (
            fs::read(samples().join("refused-complex.npz")).unwrap(),
            "plain numbers but '<c8'",
        ),
        (
            fs::read(samples().join("refused-fields.npz")).unwrap(),
            "plain numbers but [('on', '<f4')]",
        ),
    ] {
        frames.write("all/b/s_1.npz", &bytes);
        let message = frames.refused("test_path = 'all'", &two);
        assert!(
            message.contains("s_1.npz") && message.contains(part),
            "{part}: {message}"
        );
        // Damaged files may be left out.
        let splits = frames
            .load("test_path = 'all'\non_corrupt = 'skip'", &two)
            .unwrap();
        assert_eq!(splits.test.as_ref().unwrap().len(), 9, "{part}");
        assert!(
            splits
                .skipped
                .iter()
                .any(|c| c.file.ends_with("all/b/s_1.npz"))
        );
    }
    // What is whole but of another kind is never left out.
    for (bytes, part) in [
        (
            fs::read(samples().join("refused-events.npz")).unwrap(),
            "single events",
        ),
        (
            archive(&[("x.npy", &good), ("y.npy", &good)]),
            "no array `frames` (it has x, y)",
        ),
        (archive(&[]), "no array `frames`"),
    ] {
        frames.write("all/b/s_1.npz", &bytes);
        for more in [
            "test_path = 'all'",
            "test_path = 'all'\non_corrupt = 'skip'",
        ] {
            let message = frames.refused(more, &two);
            assert!(
                message.contains("s_1.npz") && message.contains(part),
                "{part}: {message}"
            );
        }
    }
    frames.write("all/b/s_1.npz", &whole);
    frames.load("test_path = 'all'", &two).unwrap();
    frames.write("all/b/s_1.aedat", b"x");
    let message = frames.refused("", &two);
    assert!(
        message.contains("s_1.aedat") && message.contains("data_type=\"frame\""),
        "{message}"
    );
}

#[test]
fn a_file_that_changes_later_is_not_taken() {
    let frames = Frames::new(&["a", "b"], 2);
    let splits = frames.load("", &model("dvs", 2, 2)).unwrap();
    for class in ["a", "b"] {
        for i in 0..2 {
            frames.write(&format!("all/{class}/s_{i}.npz"), &constant(99));
        }
    }
    let mut out = vec![0.0; splits.search.numbers()];
    let message = splits.search.fill(0, &mut out).unwrap_err().to_string();
    assert!(
        message.contains("it has changed since the program started"),
        "{message}"
    );
}

/// Small files that ask for much: headers of absurd shapes, 300 MiB of zeros, tables without end.
#[cfg(target_os = "linux")]
#[test]
fn bombs_are_refused_in_little_memory() {
    alone(module_path!(), "bombs_are_refused_in_little_memory", || {
        let frames = Frames::new(&["a", "b"], 2);
        let two = model("dvs", 2, 2);
        let huge = npy("<f8", "(4294967295, 4294967295, 4294967295, 2)", &[]);
        let start = npy("|u1", "(3, 2, 2, 2)", &[]);
        let zeros = vec![0; 1 << 20];
        let parts = std::iter::once(&start[..]).chain(std::iter::repeat_n(&zeros[..], 300));
        let bytes = start.len() + 300 * zeros.len();
        let bomb = zipped(&deflated(parts), bytes as u32, 0);
        assert!(bomb.len() < 1 << 20);
        let header = [b"\x93NUMPY\x02\0", &u32::MAX.to_le_bytes()[..]].concat();
        let names: Vec<String> = (0..60_000).map(|i| format!("{i}.npy")).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
        let before = peak_memory();
        for (bytes, part) in [
            (archive(&[("frames.npy", &huge)]), "the model takes"),
            (bomb, "more bytes than its header tells"),
            (
                archive(&[("frames.npy", &header)]),
                "longer than that of any array",
            ),
            (archive(&many), "its tables are larger"),
        ] {
            frames.write("all/b/s_1.npz", &bytes);
            drop(bytes);
            let message = frames.refused("test_path = 'all'", &two);
            assert!(message.contains(part), "{part}: {message}");
        }
        let grown = peak_memory().saturating_sub(before);
        assert!(grown < 64 << 20, "{grown} bytes");
    });
}

proptest! {
    /// Any damage gives an error or the right numbers.
    #[test]
    fn damage_is_never_believed(at in 0usize..400, value: u8, compressed: bool) {
        let name = if compressed { "compressed.npz" } else { "stored-little-f8.npz" };
        let mut bytes = fs::read(samples().join(name)).unwrap();
        let at = at % bytes.len();
        bytes[at] = value;
        let frames = Frames::empty();
        for place in ["all/a/1.npz", "all/a/2.npz", "all/b/3.npz", "all/b/4.npz"] {
            frames.write(place, &bytes);
        }
        if let Ok(splits) = frames.load("", &model("dvs", 2, 2)) {
            prop_assert_eq!(numbers(&splits.search, 0), counted());
        }
    }
}
