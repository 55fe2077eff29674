//! Own data as a person has it: real photographs against Pillow, real CIFAR records, folders and
//! files that are wrong.

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

/// Every reference tensor: PNG sources exactly, JPEG sources exactly as well (the decoder is
/// libjpeg-turbo's twin).
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
    let indices =
        |set: &ImageSet| -> Vec<usize> { (0..set.len()).map(|i| set.source_index(i)).collect() };
    let calibration = indices(&splits.calibration);
    assert!(
        indices(&splits.search)
            .iter()
            .all(|i| !calibration.contains(i))
    );
    // The default recipe: CIFAR-10's mean and deviation of red on the first image's first pixel.
    assert_eq!(image(&test, 0)[0], (158.0_f32 / 255.0 - 0.4914) / 0.2470);
    assert_eq!([0, 1, 2].map(|i| test.label(i)), [3, 8, 8]);

    let other = data::load(&config(&text), Path::new("/"), &model(28, 3, 10));
    let other = other.unwrap_err().to_string();
    assert!(
        other.contains("3 channel(s) of 32x32 pixels, but the model takes 3 channel(s) of 28x28"),
        "{other}"
    );
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
    fn load_with(
        &self,
        more: &str,
        classes: usize,
        loading: Loading<'_>,
    ) -> Result<Splits, DataError> {
        let text = format!(
            "kind = 'image-folder'\npath = 'val'\nrecipe = 'imagenet-224'\ncalibration = 2\nsearch = 4\n{more}"
        );
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

/// The grey level of image `i`, whose pixels are all alike, and its class.
fn seen(set: &ImageSet, i: usize) -> (u8, u32) {
    let numbers = image(set, i);
    let red = numbers[0] * 0.229 + 0.485;
    ((red * 255.0).round() as u8, set.label(i))
}

fn all(splits: &Splits) -> Vec<(u8, u32)> {
    let sets = [&splits.calibration, &splits.search];
    let each = sets.iter().flat_map(|s| (0..s.len()).map(|i| seen(s, i)));
    let mut all: Vec<_> = each.collect();
    all.sort_unstable();
    all
}

#[test]
fn class_folders_are_classes_in_sorted_order() {
    let photos = Photos::new(&[("n02", 2), ("n01", 3)]);
    photos.write("val/n01/deeper/zz.PNG", &png(16, 16, 200));
    photos.write("val/n01/notes.txt", b"not an image");
    photos.write("val/.hidden/x.png", b"");
    let splits = photos.load("", 2).unwrap();
    assert_eq!(
        all(&splits),
        [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (200, 0)]
    );
    assert!(splits.test.is_none() && splits.skipped.is_empty());

    // A file may number them otherwise, and then a part of the classes is enough.
    photos.write("map.txt", b"n01 7\nn02 3\nn99 1\n");
    let splits = photos.load("labels = 'map.txt'", 10).unwrap();
    assert_eq!(
        all(&splits),
        [(0, 3), (0, 7), (1, 3), (1, 7), (2, 7), (200, 7)]
    );
}

#[test]
fn a_flat_folder_takes_its_classes_from_a_file() {
    let photos = Photos::new(&[]);
    for i in 0..6 {
        photos.write(&format!("val/{i}.png"), &png(20, 50, 10 * i));
        photos.write(&format!("test/{i}.png"), &png(50, 20, 10 * i + 1));
    }
    let map: String = (0..6).map(|i| format!("{i}.png {}\n", i % 3)).collect();
    photos.write("map.txt", map.as_bytes());
    let expected: Vec<(u8, u32)> = (0..6).map(|i| (10 * i, u32::from(i) % 3)).collect();
    let splits = photos
        .load("labels = 'map.txt'\ntest_path = 'test'", 3)
        .unwrap();
    assert_eq!(all(&splits), expected);
    // Without a file of its own the test folder has the same one; it keeps its order.
    let test = splits.test.unwrap();
    let order: Vec<_> = (0..test.len()).map(|i| seen(&test, i)).collect();
    let expected: Vec<(u8, u32)> = expected.iter().map(|(g, c)| (g + 1, *c)).collect();
    assert_eq!(order, expected);

    photos.write("order.txt", b"2\n1\n0\n0\n1\n2\n");
    let splits = photos
        .load(
            "labels = 'map.txt'\ntest_path = 'test'\ntest_labels = 'order.txt'",
            3,
        )
        .unwrap();
    let test = splits.test.unwrap();
    assert_eq!([0, 1, 2].map(|i| test.label(i)), [2, 1, 0]);
}

#[test]
fn grey_models_see_the_luma() {
    let photos = Photos::new(&[("a", 6)]);
    let text = "kind = 'image-folder'\npath = 'val'\nrecipe = 'none'\ncalibration = 2\nsearch = 4";
    photos.write("val/a/00.png", &png(16, 16, 0));
    for i in 0..6 {
        photos.write(&format!("val/a/0{i}.png"), &png(16, 16, 40 * i));
    }
    let splits = data::load(&config(text), photos.path(), &model(16, 1, 1)).unwrap();
    let values: Vec<f32> = (0..4)
        .map(|i| image(&splits.search, i)[255] * 255.0)
        .collect();
    assert!(
        values.iter().all(|v| v.round() as i32 % 40 == 0),
        "{values:?}"
    );
}

#[test]
fn images_that_are_none_are_named_or_left_out() {
    let photos = Photos::new(&[("a", 4), ("b", 4)]);
    photos.write("val/a/00.png", b"I am no picture");
    photos.write("val/b/01.png", &png(40, 30, 1)[..70]);
    photos.write("val/b/02.png", b"");
    let size = "calibration = 2\nsearch = 6";
    let text = |more: &str| {
        format!("kind = 'image-folder'\npath = 'val'\nrecipe = 'imagenet-224'\n{size}\n{more}")
    };
    let load = |more: &str| data::load(&config(&text(more)), photos.path(), &model(16, 3, 2));
    let message = load("").unwrap_err().to_string();
    for part in [
        "val: 3 of 8 images cannot be decoded",
        "--set data.on_corrupt=skip",
        "a/00.png: not a JPEG, PNG or WebP image",
        "b/01.png: a damaged Png image",
        "b/02.png: the file is empty",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // Five good ones are too few for 8, but enough for 5.
    let message = load("on_corrupt = 'skip'").unwrap_err().to_string();
    assert!(
        message.contains("need 8 training images")
            && message.ends_with("holds 5: lower one of them"),
        "{message}"
    );
    let text = text("on_corrupt = 'skip'").replace("search = 6", "search = 3");
    let splits = data::load(&config(&text), photos.path(), &model(16, 3, 2)).unwrap();
    assert_eq!(all(&splits), [(0, 1), (1, 0), (2, 0), (3, 0), (3, 1)]);
    let skipped: Vec<String> = splits.skipped.iter().map(|s| s.to_string()).collect();
    assert!(
        skipped.iter().any(|s| s.contains("a/00.png: not a JPEG")),
        "{skipped:?}"
    );
    // Of the certificate's draw damaged ones are replaced: all five good ones are found.
    let text = text.replace("calibration = 2", "calibration = 1\ncertify = 1\nproxy = 9");
    let splits = data::load(&config(&text), photos.path(), &model(16, 3, 2)).unwrap();
    let certify = splits.certify.as_ref().unwrap();
    assert_eq!(
        (certify.len(), splits.proxy.len(), splits.shared),
        (1, 1, 1)
    );
    let mut found = all(&splits);
    found.push(seen(certify, 0));
    found.sort();
    assert_eq!(found, [(0, 1), (1, 0), (2, 0), (3, 0), (3, 1)]);
}

#[test]
fn folders_that_say_nothing_are_refused() {
    let photos = Photos::new(&[("a", 4), ("b", 4)]);
    let says = |message: String, parts: &[&str]| {
        for part in parts {
            assert!(message.contains(part), "{part}: {message}");
        }
    };
    says(
        photos.refused("", 3),
        &[
            "val: it holds 2 class folders, but the model has 3 classes",
            "data.labels",
        ],
    );
    fs::create_dir(photos.path().join("val/c")).unwrap();
    says(
        photos.refused("", 3),
        &["val/c: the class folder holds no image"],
    );
    fs::remove_dir(photos.path().join("val/c")).unwrap();
    says(
        photos
            .load("test_path = 'nowhere'", 2)
            .unwrap_err()
            .to_string(),
        &["cannot read ", "nowhere"],
    );
    photos.write("val/loose.png", &png(4, 4, 1));
    says(
        photos.refused("", 2),
        &["it holds images (loose.png) and folders (a) side by side"],
    );
    fs::remove_file(photos.path().join("val/loose.png")).unwrap();
    photos.write("val/a/04.gif", b"GIF89a");
    says(
        photos.refused("", 2),
        &["val/a/04.gif: an image of a kind that this program does not read"],
    );
    fs::remove_file(photos.path().join("val/a/04.gif")).unwrap();
    fs::create_dir(photos.path().join("empty")).unwrap();
    says(
        photos.refused("test_path = 'empty'", 2),
        &["empty: it holds no image (.jpg, .jpeg, .png, .webp) and no class folder"],
    );
    photos.write("flat/1.png", &png(4, 4, 1));
    says(
        photos.refused("test_path = 'flat'", 2),
        &["flat: it holds images without class folders: give data.test_labels"],
    );
    photos.write("few.txt", b"a 0\n");
    says(
        photos.refused("labels = 'few.txt'", 2),
        &["few.txt: it has no line for the class folder b"],
    );
    photos.write("many.txt", b"a 0\nb 2\n");
    says(
        photos.refused("labels = 'many.txt'", 2),
        &["many.txt: class 2 of b is out of range: the model has 2"],
    );

    let numbers = Photos::new(&[("1", 1), ("2", 1), ("10", 1)]);
    says(
        numbers.refused("", 3),
        &["their order as names (10 before 2: torchvision's)"],
    );

    // A good picture of another size, where nothing resizes.
    let text = "kind = 'image-folder'\npath = 'val'\ncalibration = 1\nsearch = 1";
    let message = data::load(&config(text), photos.path(), &model(16, 3, 2)).unwrap_err();
    says(
        message.to_string(),
        &[
            ".png: it has 40x30 pixels, but the model takes 16x16",
            "\"cifar10\" does not resize",
        ],
    );
    let grey = data::load(&config(text), photos.path(), &model(16, 1, 2)).unwrap_err();
    says(
        grey.to_string(),
        &["recipe \"cifar10\" has mean and deviation of 3 channels, but the model takes 1"],
    );
    let frames = data::load(&config(text), photos.path(), &model(16, 2, 2)).unwrap_err();
    says(
        frames.to_string(),
        &["images of a folder are colour or grey, but the model takes 2 channel(s)"],
    );
}

/// A header may claim what it likes: nothing is allocated for it.
#[test]
fn huge_claims_are_refused() {
    let photos = Photos::new(&[("a", 6)]);
    for i in 0..6 {
        let mut huge = png_header(60_000, 60_000);
        chunk(&mut huge, b"IDAT", &zlib(&[0; 64]));
        photos.write(&format!("val/a/0{i}.png"), &huge);
    }
    let message = photos.refused("", 1);
    assert!(
        message.contains("60000x60000") || message.contains("imit"),
        "{message}"
    );
}

#[test]
fn decoded_images_are_kept_by_content() {
    let photos = Photos::new(&[("a", 3), ("b", 3)]);
    let cache = photos.path().join("cache");
    let checked = AtomicUsize::new(0);
    let count = |_: usize, of: usize| {
        assert_eq!(of, 6);
        checked.fetch_add(1, Ordering::Relaxed);
    };
    let loading = Loading {
        cache: Some(&cache),
        progress: Some(&count),
        ..Loading::default()
    };
    let load = || photos.load_with("", 2, loading).unwrap();
    let first = load();
    assert_eq!(checked.load(Ordering::Relaxed), 6);
    let kept = || -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![cache.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.path().is_dir() {
                    true => folders.push(entry.path()),
                    false => found.push(entry.path()),
                }
            }
        }
        found.sort();
        found
    };
    // The two folders hold the same three pictures; one file is the index.
    let files = kept();
    assert_eq!(files.len(), 3 + 1);
    let times = || -> Vec<_> {
        kept()
            .iter()
            .map(|f| fs::metadata(f).unwrap().modified().unwrap())
            .collect()
    };
    let before = times();
    let second = load();
    assert_eq!(times(), before, "nothing is written again");
    assert_eq!(all(&first), all(&second));
    assert_eq!(first.search.fingerprint(), second.search.fingerprint());
    // The pixels and the fingerprint do not depend on the cache.
    let without = photos.load("", 2).unwrap();
    assert_eq!(without.search.fingerprint(), first.search.fingerprint());
    assert_eq!(all(&without), all(&first));
    // Damaged entries are made again.
    for file in files
        .iter()
        .filter(|f| !f.to_string_lossy().contains("index"))
    {
        fs::write(file, b"junk").unwrap();
    }
    assert_eq!(all(&load()), all(&first));

    // Another picture under the old name is another data set, even where size and cache stay.
    photos.write("val/a/00.png", &png(40, 30, 99));
    let changed = load();
    let whole = |s: &Splits| [s.calibration.fingerprint(), s.search.fingerprint()];
    assert_ne!(whole(&changed), whole(&first));
    assert!(all(&changed).contains(&(99, 0)));
}

#[test]
fn an_image_that_changes_later_is_not_taken() {
    let photos = Photos::new(&[("a", 6)]);
    let splits = photos.load("cache = false", 1).unwrap();
    for i in 0..6 {
        photos.write(&format!("val/a/0{i}.png"), &png(40, 30, 250));
    }
    let mut numbers = vec![0.0; splits.search.numbers()];
    let message = splits.search.fill(0, &mut numbers).unwrap_err().to_string();
    assert!(
        message.contains("it has changed since the program started"),
        "{message}"
    );
}

fn tensors(path: &Path, shape: Vec<usize>, dtype: Dtype, images: &[u8], labels: &[i64]) {
    let labels_bytes: Vec<u8> = labels.iter().flat_map(|l| l.to_le_bytes()).collect();
    let views = [
        ("images", TensorView::new(dtype, shape, images).unwrap()),
        (
            "labels",
            TensorView::new(Dtype::I64, vec![labels.len()], &labels_bytes).unwrap(),
        ),
    ];
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn tensors_are_pixels_or_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let labels = [0, 1, 0, 1, 0, 1];
    let bytes: Vec<u8> = (0..6 * 4).map(|i| i as u8 * 10).collect();
    tensors(&file("u8"), vec![6, 1, 2, 2], Dtype::U8, &bytes, &labels);
    let floats: Vec<u8> = bytes
        .iter()
        .flat_map(|b| (f32::from(*b) / 4.0).to_le_bytes())
        .collect();
    tensors(&file("f32"), vec![6, 1, 2, 2], Dtype::F32, &floats, &labels);
    let load = |name: &str, more: &str| {
        let text =
            format!("kind = 'safetensors'\nfile = '{name}'\ncalibration = 2\nsearch = 4\n{more}");
        data::load(&config(&text), folder.path(), &model(2, 1, 2))
    };
    let splits = load("u8", "test_file = 'f32'").unwrap();
    let at = |set: &ImageSet, i: usize| set.source_index(i) as f32;
    for i in 0..4 {
        let first = at(&splits.search, i) * 40.0;
        let expected = [0.0, 10.0, 20.0, 30.0].map(|d| (first + d) / 255.0);
        assert_eq!(image(&splits.search, i), expected);
    }
    let test = splits.test.unwrap();
    assert_eq!(image(&test, 1), [10.0, 12.5, 15.0, 17.5]);
    let splits = load("f32", "mean = [10]\nstd = [2]").unwrap();
    let first = at(&splits.search, 0) * 10.0;
    assert_eq!(image(&splits.search, 0)[1], (first + 2.5 - 10.0) / 2.0);

    // Same order, other numbers: another fingerprint.
    let [a, b] = ["u8", "f32"].map(|n| load(n, "").unwrap().search.fingerprint());
    assert_ne!(a, b);
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let labels = [0, 1, 0, 1, 0, 1];
    let refused = |name: &str| {
        let text = format!("kind = 'safetensors'\nfile = '{name}'\ncalibration = 2\nsearch = 4");
        let loaded = data::load(&config(&text), folder.path(), &model(2, 1, 2));
        loaded.unwrap_err().to_string()
    };
    let zeros = [0_u8; 6 * 4 * 4];
    tensors(
        &file("labels"),
        vec![6, 1, 2, 2],
        Dtype::U8,
        &zeros[..24],
        &[0, 1, 0, 2, 0, 1],
    );
    tensors(
        &file("negative"),
        vec![6, 1, 2, 2],
        Dtype::U8,
        &zeros[..24],
        &[0, -1, 0, 1, 0, 1],
    );
    tensors(
        &file("count"),
        vec![6, 1, 2, 2],
        Dtype::U8,
        &zeros[..24],
        &labels[..5],
    );
    tensors(&file("type"), vec![6, 1, 2, 2], Dtype::I32, &zeros, &labels);
    tensors(&file("flat"), vec![6, 4], Dtype::U8, &zeros[..24], &labels);
    tensors(
        &file("frames"),
        vec![6, 4, 1, 2, 2],
        Dtype::U8,
        &zeros[..96],
        &labels,
    );
    tensors(
        &file("large"),
        vec![6, 1, 4, 4],
        Dtype::U8,
        &zeros[..96],
        &labels,
    );
    let mut bad = zeros;
    bad[40..44].copy_from_slice(&f32::NAN.to_le_bytes());
    tensors(&file("nan"), vec![6, 1, 2, 2], Dtype::F32, &bad, &labels);
    let good = fs::read(file("type")).unwrap();
    fs::write(file("cut"), &good[..good.len() - 9]).unwrap();
    fs::write(file("junk"), b"junk").unwrap();
    fs::write(file("lies"), [&u64::MAX.to_le_bytes()[..], b"{"].concat()).unwrap();
    let none: [(&str, TensorView<'_>); 1] =
        [("x", TensorView::new(Dtype::U8, vec![1], &[1]).unwrap())];
    fs::write(file("other"), safetensors::serialize(none, None).unwrap()).unwrap();
    for (name, part) in [
        (
            "labels",
            "labels: label 2 of image 3 is out of range: the model has 2 classes",
        ),
        ("negative", "label -1 of image 1 is out of range"),
        ("count", "holds 6 images, but tensor labels has shape [5]"),
        (
            "type",
            "tensor images holds I32; it must be U8 (bytes) or F32",
        ),
        (
            "flat",
            "tensor images has shape [6, 4]; it must be [N, C, H, W]",
        ),
        (
            "frames",
            "4 frames of 1 channel(s) of 2x2 pixels, but the model takes 1 channel(s)",
        ),
        (
            "large",
            "1 channel(s) of 4x4 pixels, but the model takes 1 channel(s) of 2x2",
        ),
        ("nan", "image 2 of tensor images holds NaN"),
        ("cut", "truncated or damaged"),
        ("junk", "it has only 4 bytes"),
        ("lies", "it does not start with a safetensors header"),
        (
            "other",
            "it has no tensor \"images\" (it must have images and labels; it has x)",
        ),
        ("gone", "cannot read "),
    ] {
        let message = refused(name);
        assert!(message.contains(part), "{name}: {message}");
    }
}

/// Images decoded into a file, as workers of a cluster get them: the same numbers under the same
/// names, and whatever is wrong with the file is said.
#[test]
fn decoded_images_stand_for_their_source() {
    let photos = Photos::new(&[("a", 5), ("b", 5)]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("decoded");
    let splits = photos.load_with("", 2, Loading::default()).unwrap();
    assert!(splits.write_decoded(&file).unwrap());
    let bytes = fs::read(&file).unwrap();
    assert!(bytes.len() as u64 > splits.decoded_bytes());
    let decoded = |file: &Path| {
        let loading = Loading {
            decoded: Some(file),
            ..Loading::default()
        };
        photos.load_with("", 2, loading)
    };
    // The source is not read.
    let elsewhere = decoded(&file).unwrap();
    for (own, sent) in [
        (&splits.calibration, &elsewhere.calibration),
        (&splits.search, &elsewhere.search),
        (&splits.proxy, &elsewhere.proxy),
    ] {
        assert_eq!(own.fingerprint(), sent.fingerprint());
        assert_eq!(own.len(), sent.len());
        for i in 0..own.len() {
            assert_eq!(
                (image(own, i), own.label(i)),
                (image(sent, i), sent.label(i))
            );
        }
    }
    assert_eq!(elsewhere.test.is_none(), splits.test.is_none());
    // No byte of its header makes a reader panic, and it is never longer than it says.
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let damaged = folder.path().join("damaged");
    for at in (0..header).step_by(7) {
        let mut other = bytes.clone();
        other[at] ^= 0x11;
        fs::write(&damaged, other).unwrap();
        let _ = decoded(&damaged);
    }
    for length in [0, 7, header - 1, header, bytes.len() - 1] {
        fs::write(&damaged, &bytes[..length]).unwrap();
        let said = decoded(&damaged).unwrap_err().to_string();
        assert!(said.contains("damaged"), "{said}");
    }
    // Images of another size are not taken.
    let loading = Loading {
        decoded: Some(&file),
        ..Loading::default()
    };
    let other = data::load_with(&config(""), Path::new("/"), &model(32, 1, 10), loading);
    assert!(other.unwrap_err().to_string().contains("shape"));
}
