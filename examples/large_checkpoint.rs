//! Writes a checkpoint as a training run leaves it: random weights of a profile's network and two numbers more for each
//! of them, as Adam keeps them, in one `.pth` file. Then opens it and reads the weights, and says how long that took
//! and how much memory.
//!
//! ```console
//! $ cargo run --release --no-default-features --example large_checkpoint -- spikformer-imagenet-8-768 large.pth
//! ```

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use aq4svit::checkpoint::Contents;
use aq4svit::network::{Graph, TensorKind, TensorSpec};
use aq4svit::profile::{Profile, SHIPPED};
use zip::write::{SimpleFileOptions, ZipWriter};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [profile, file] = arguments.as_slice() else {
        return Err("give the name of a shipped profile and a file to write".into());
    };
    let shipped = SHIPPED.iter().find(|(name, _)| name == profile);
    let (name, text) = shipped.ok_or("there is no such shipped profile")?;
    let graph = Profile::parse(text, Path::new(name))?.graph();
    let path = Path::new(file);
    // Reading is measured alone, so writing is another run's.
    if !path.exists() {
        write(&graph, path)?;
        println!("written; run again to read it");
        return Ok(());
    }
    let (before, start) = (peak_memory(), Instant::now());
    let weights = Contents::open(path)?.read_for(&graph)?;
    let seconds = start.elapsed().as_secs_f64();
    let numbers: usize = weights.iter().map(|(_, t)| t.values.len()).sum();
    println!(
        "{} MB file: {numbers} numbers ({} MB) read in {seconds:.2} s, peak memory {} MB more than the {} MB before",
        fs::metadata(path)?.len() / 1_000_000,
        4 * numbers / 1_000_000,
        (peak_memory() - before) / 1_000_000,
        before / 1_000_000,
    );
    Ok(())
}

/// The largest resident size so far, in bytes; 0 where the system does not tell.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    1024 * kib.unwrap_or(0)
}

/// A pickle of protocol 2 under construction.
struct Pickle(Vec<u8>);

impl Pickle {
    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    fn text(&mut self, text: &str) {
        self.raw(b"X");
        self.raw(&(text.len() as u32).to_le_bytes());
        self.raw(text.as_bytes());
    }
    fn int(&mut self, number: usize) {
        self.raw(&[0x8a, 8]);
        self.raw(&(number as u64).to_le_bytes());
    }
    fn ints(&mut self, numbers: &[usize]) {
        self.raw(b"(");
        numbers.iter().for_each(|n| self.int(*n));
        self.raw(b"t");
    }
    /// A contiguous tensor that is all of a storage.
    fn tensor(&mut self, storage: usize, class: &str, shape: &[usize]) {
        self.raw(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        self.text("storage");
        self.raw(format!("ctorch\n{class}\n").as_bytes());
        self.text(&storage.to_string());
        self.text("cuda:0");
        self.int(shape.iter().product());
        self.raw(b"tQ");
        self.int(0);
        self.ints(shape);
        let strides: Vec<usize> = (0..shape.len())
            .map(|d| shape[d + 1..].iter().product())
            .collect();
        self.ints(&strides);
        self.raw(&[0x89]);
        self.raw(b"NtR");
    }
}

/// Random numbers of a tensor: such that activations neither vanish nor grow.
fn numbers(graph: &Graph, spec: &TensorSpec, random: &mut impl FnMut() -> f32) -> Vec<f32> {
    let (module, part) = spec.key.rsplit_once('.').unwrap_or((&spec.key, ""));
    let mean = format!("{module}.running_mean");
    let is_norm = graph.tensors.iter().any(|t| t.key == mean);
    let fan_in: usize = spec.shape.iter().skip(1).product();
    let (middle, spread) = match part {
        "running_var" => (1.0, 0.5),
        "running_mean" => (0.0, 0.2),
        "weight" if is_norm => (1.0, 0.5),
        "bias" if is_norm => (0.5, 0.5),
        _ => (0.0, (3.0 / fan_in as f32).sqrt()),
    };
    let count = spec.shape.iter().product();
    (0..count).map(|_| middle + spread * random()).collect()
}

fn write(graph: &Graph, path: &Path) -> Result<()> {
    let mut zip = ZipWriter::new(BufWriter::new(File::create(path)?));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut state = 0x9e37_79b9_u32;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    let mut pickle = Pickle(vec![0x80, 2]);
    pickle.raw(b"}");
    pickle.text("model");
    pickle.raw(b"ccollections\nOrderedDict\n)R");
    let mut storages = 0;
    for spec in &graph.tensors {
        pickle.text(&spec.key);
        let class = if spec.key.ends_with("num_batches_tracked") {
            "LongStorage"
        } else {
            "FloatStorage"
        };
        pickle.tensor(storages, class, &spec.shape);
        pickle.raw(b"s");
        zip.start_file(format!("large/data/{storages}"), stored)?;
        match class {
            "LongStorage" => zip.write_all(&1000u64.to_le_bytes())?,
            _ => zip.write_all(&bytes(&numbers(graph, spec, &mut random)))?,
        }
        storages += 1;
    }
    pickle.raw(b"s");
    pickle.text("optimizer");
    pickle.raw(b"}");
    pickle.text("state");
    pickle.raw(b"}");
    let parameters = graph.tensors.iter().filter(|t| t.kind == TensorKind::Param);
    for (i, spec) in parameters.enumerate() {
        pickle.int(i);
        pickle.raw(b"}");
        for moment in ["exp_avg", "exp_avg_sq"] {
            pickle.text(moment);
            pickle.tensor(storages, "FloatStorage", &spec.shape);
            pickle.raw(b"s");
            zip.start_file(format!("large/data/{storages}"), stored)?;
            zip.write_all(&bytes(&vec![1e-3; spec.shape.iter().product()]))?;
            storages += 1;
        }
        pickle.raw(b"s");
    }
    pickle.raw(b"ss.");
    zip.start_file("large/data.pkl", stored)?;
    zip.write_all(&pickle.0)?;
    zip.start_file("large/version", stored)?;
    zip.write_all(b"3\n")?;
    zip.finish()?.flush()?;
    Ok(())
}

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}
