//! The kernels of the executor, one thread, on layers of real networks, beside libtorch's convolution:
//!
//! `cargo bench --bench kernels`

use aq4svit::torch::benchmarks::{Benchmark, benchmarks};
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

fn all() -> Vec<Benchmark> {
    benchmarks().expect("libtorch takes these sizes")
}

fn names() -> Vec<String> {
    all().into_iter().map(|b| b.name).collect()
}

#[divan::bench(args = names())]
fn kernel(bencher: Bencher<'_, '_>, name: &str) {
    let named = all().into_iter().find(|b| b.name == name);
    let mut benchmark = named.expect("the names are theirs");
    bencher
        .counter(ItemsCount::new(benchmark.items))
        .bench_local(|| (benchmark.run)().expect("the sizes fit"));
}
