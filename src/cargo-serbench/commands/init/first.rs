//! A first benchmark: replace it with calls of your own code.

use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

#[divan::bench(args = [10, 1_000])]
fn sum(bencher: Bencher, count: u64) {
    let numbers: Vec<u64> = (0..count).collect();
    bencher.bench(|| black_box(&numbers).iter().sum::<u64>());
}
