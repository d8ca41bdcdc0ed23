//! Encodes arbitrary bytes as elements: all levels must write the same text, at once and in chunks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ndarray::{Array2, ArrayView2};
use serbench::{
    datetime::{DatetimeMs, DatetimeNs},
    f16,
    json::{self, Level, Options, Scalar},
};

fuzz_target!(|data: &[u8]| {
    let Some((&row, data)) = data.split_first() else {
        return;
    };
    let words = |size: usize| {
        data.chunks_exact(size).map(move |chunk| {
            let mut word = [0; 8];
            word[..size].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        })
    };
    check(row, words(1).map(|word| word % 2 == 1).collect());
    check(row, words(1).map(|word| word as i8).collect());
    check(row, words(2).map(|word| word as i16).collect());
    check(row, words(2).map(|word| f16::from_bits(word as u16)).collect());
    check(row, words(4).map(|word| word as i32).collect());
    check(row, words(4).map(|word| f32::from_bits(word as u32)).collect());
    check(row, words(8).collect::<Vec<u64>>());
    check(row, words(8).map(|word| word as i64).collect());
    check(row, words(8).map(f64::from_bits).collect());
    check(row, words(8).map(|word| DatetimeNs(word as i64)).collect());
    check(row, words(8).map(|word| DatetimeMs(word as i64)).collect());
});

fn check<T: Scalar>(row: u8, mut elements: Vec<T>) {
    let columns = usize::from(row).max(1);
    let rows = elements.len() / columns;
    elements.truncate(rows * columns);
    let array = Array2::from_shape_vec((rows, columns), elements).expect("the shape matches the length");
    same(array.view());
    same(array.t());
}

fn same<T: Scalar>(array: ArrayView2<'_, T>) {
    let levels = Level::ALL.into_iter().filter(|level| level.is_available());
    let mut texts = levels.map(|level| {
        let mut out = Vec::new();
        json::write_at(level, &array, Options::new(), &mut out).map(|()| out).ok()
    });
    let first = texts.next().expect("the baseline is available");
    texts.for_each(|other| assert_eq!(first, other));
    let mut streamed = Vec::new();
    let complete = json::to_writer(&mut streamed, &array).is_ok();
    assert_eq!(first, complete.then_some(streamed));
}
