//! Files that are large, or that small ones unpack to: each is an error, and the program takes less
//! than a gibibyte of memory for it.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use aq4svit::checkpoint::{QuantizedFile, load};
use aq4svit::data::{self, DataConfig, read_images};
use aq4svit::journal::Journal;
use aq4svit::network::ModelConfig;
use aq4svit::profile::Profile;
use aq4svit::run::Store;
use aq4svit::verify;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::common::alone::{alone, peak_memory};

const GIB: u64 = 1 << 30;

/// A file of so many bytes that begins with some and goes on with zeros, which take no disk.
fn sparse(path: &Path, begin: &[u8], length: u64) {
    let mut file = File::create(path).expect("a file");
    file.write_all(begin).expect("space");
    file.set_len(length).expect("a file system with holes");
}

/// Zeros, packed.
fn zeros(packer: &mut impl Write, bytes: usize) {
    let block = vec![0; 1 << 20];
    for _ in 0..bytes >> 20 {
        packer.write_all(&block).expect("memory");
    }
    packer.write_all(&block[..bytes & 0xfffff]).expect("memory");
}

fn network(image_size: usize, channels: usize) -> ModelConfig {
    let text = format!(
        "family = 'qkformer'\nlayout = 'cifar'\nimage_size = {image_size}\nin_channels = {channels}\n\
         num_classes = 2\nembed_dims = 64\nnum_heads = 8\nmlp_ratio = 4\ndepths = 4\ntime_steps = 4"
    );
    toml::from_str(&text).expect("a network")
}

/// The error of a data section.
fn data_error(folder: &Path, config: &str, model: &ModelConfig) -> String {
    let config = format!("{config}\ncalibration = 1\nsearch = 1\nproxy = 1");
    let config: DataConfig = toml::from_str(&config).expect("a data section");
    let error = data::load(&config, folder, model).expect_err("refused");
    error.to_string()
}

/// A PNG of `side` pixels a side with 16-bit colours and transparency, all zero.
fn deep_png(side: u32) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    zeros(&mut packed, (side * (8 * side + 1)) as usize);
    let packed = packed.finish().expect("memory");
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let size = side.to_be_bytes();
    let header = [&size[..], &size, &[16, 6, 0, 0, 0]].concat();
    for (kind, content) in [(b"IHDR", header), (b"IDAT", packed), (b"IEND", Vec::new())] {
        let mut sum = flate2::Crc::new();
        sum.update(kind);
        sum.update(&content);
        png.extend((content.len() as u32).to_be_bytes());
        png.extend(kind);
        png.extend(&content);
        png.extend(sum.sum().to_be_bytes());
    }
    png
}

#[test]
fn large_files_are_errors_within_a_gibibyte() {
    alone(
        module_path!(),
        "large_files_are_errors_within_a_gibibyte",
        || {
            let folder = tempfile::tempdir().expect("a folder");
            let folder = folder.path();
            let small = network(4, 1);
            let mut said = Vec::new();

            // A journal, its header whole.
            let journal = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/data/journals/front/journal.jsonl");
            let journal = fs::read(journal).expect("test data");
            sparse(&folder.join("journal.jsonl"), &journal, 3 * GIB);
            said.push(Journal::read(folder).expect_err("too large").to_string());

            // A results store keeps what it can.
            sparse(&folder.join("context.answers"), b"", 3 * GIB);
            drop(Store::open(folder, "context"));

            // Profiles, and what is no checkpoint.
            sparse(&folder.join("p.toml"), b"format = 1\n", 3 * GIB);
            said.push(
                Profile::load(&folder.join("p.toml"))
                    .expect_err("too large")
                    .to_string(),
            );
            sparse(&folder.join("w.safetensors"), b"", 3 * GIB);
            said.push(
                load(&folder.join("w.safetensors"))
                    .expect_err("zeros")
                    .to_string(),
            );

            // Headers of tensors that are said to be as long as the format allows.
            let length = 90u64 << 20;
            let name = |i: usize| {
                format!("\"tensor_{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}},")
            };
            let mut header: String = (0..1_000_000).map(name).collect();
            header.insert(0, '{');
            header.pop();
            header.push('}');
            header.extend(std::iter::repeat_n(' ', length as usize - header.len()));
            let bytes = [&length.to_le_bytes()[..], header.as_bytes()].concat();
            drop(header);
            fs::write(folder.join("h.safetensors"), &bytes).expect("space");
            said.push(
                load(&folder.join("h.safetensors"))
                    .expect_err("a header")
                    .to_string(),
            );
            let tensors = "kind = 'safetensors'\nfile = 'h.safetensors'";
            said.push(data_error(folder, tensors, &small));
            said.push(
                QuantizedFile::from_bytes(&bytes, "h")
                    .expect_err("a header")
                    .to_string(),
            );
            let graph = small.graph().expect("a network");
            said.push(
                read_images(&bytes, &graph)
                    .expect_err("a header")
                    .to_string(),
            );
            drop(bytes);

            // A package whose parts are large.
            fs::create_dir(folder.join("package")).expect("a folder");
            for file in ["manifest.json", "weights.safetensors", "SHA256SUMS"] {
                sparse(&folder.join("package").join(file), b"{", 9 * GIB);
            }
            said.push(
                verify::read(&folder.join("package"))
                    .expect_err("zeros")
                    .to_string(),
            );

            // Labels: too many bytes, and too many lines.
            fs::create_dir(folder.join("images")).expect("a folder");
            fs::write(folder.join("images/1.png"), "no image").expect("space");
            let labelled = "kind = 'image-folder'\npath = 'images'\nlabels = 'labels.txt'\nrecipe = 'imagenet-224'";
            let photos = network(16, 3);
            sparse(&folder.join("labels.txt"), b"1.png 0\n", 3 * GIB);
            said.push(data_error(folder, labelled, &photos));
            fs::write(folder.join("labels.txt"), "a 1\n".repeat(10 << 20)).expect("space");
            said.push(data_error(folder, labelled, &photos));

            // Images: an archive of zeros, records of zeros, one photograph.
            let idx = "kind = 'idx'\ntrain_images = 'images.gz'\ntrain_labels = 'labels.gz'";
            for (images, bytes) in [(80_000_000u32, 0), (43_000_000, 43_000_000 * 16)] {
                let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
                let sizes = [images, 4, 4].map(u32::to_be_bytes).concat();
                packed.write_all(&[0, 0, 8, 3]).expect("memory");
                packed.write_all(&sizes).expect("memory");
                zeros(&mut packed, bytes);
                fs::write(folder.join("images.gz"), packed.finish().expect("memory"))
                    .expect("space");
                fs::write(folder.join("labels.gz"), [0, 0, 8, 1, 0, 0, 0, 1, 0]).expect("space");
                said.push(data_error(folder, idx, &small));
            }
            sparse(&folder.join("batch.bin"), b"", 3 * GIB);
            said.push(data_error(
                folder,
                "kind = 'cifar'\ntrain = ['batch.bin']",
                &network(32, 3),
            ));
            fs::create_dir_all(folder.join("classes/a")).expect("a folder");
            fs::create_dir_all(folder.join("classes/b")).expect("a folder");
            let png = deep_png(8192);
            for place in ["a/1.png", "b/1.png"] {
                fs::write(folder.join("classes").join(place), &png).expect("space");
            }
            drop(png);
            let classes = "kind = 'image-folder'\npath = 'classes'\nrecipe = 'imagenet-224'";
            said.push(data_error(folder, classes, &photos));

            for message in &said {
                assert!(message.len() > 20 && message.len() < 600, "{message}");
            }
            let peak = peak_memory();
            assert!(peak < GIB, "{} MiB\n{}", peak >> 20, said.join("\n"));
        },
    );
}
