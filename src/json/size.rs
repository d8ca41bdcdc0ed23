//! Estimates the length of the text, so that one allocation is usually enough and little is wasted.

use std::mem::MaybeUninit;

use super::{
    Options,
    fmt::cursor::Cursor,
    kernel::{BLOCK, Kernel, SLACK, WriteBlock},
    rows::Rows,
    source::Source,
};
use crate::pages;

/// The initial capacity of orjson's buffer, which is then doubled. The capacity reserved here is never
/// larger than orjson's.
const FIRST_CAPACITY: usize = 4096 - 40;

/// The number of evenly spaced elements that are sampled.
const SAMPLE: usize = 32;

/// Reserves room in `out` for the text of all elements of `source`, estimated from a sample.
pub(crate) fn reserve<T: Kernel>(
    source: &Source<'_, T>,
    shape: &[usize],
    write: WriteBlock<T>,
    options: &Options,
    out: &mut Vec<u8>,
) {
    let spare = out.capacity() - out.len();
    let brackets = brackets_len(shape);
    let most = source
        .len()
        .saturating_mul(T::MAX_LEN)
        .saturating_add(brackets + SLACK);
    if most <= spare {
        return;
    }
    if most <= FIRST_CAPACITY {
        out.reserve_exact(most);
        return;
    }
    let sampled = sampled_len(source, write, options) + brackets;
    let likely = sampled + sampled / 64;
    if likely > spare {
        let generous = sampled + sampled / 8 + SLACK;
        out.reserve_exact(generous.min(doubled(likely)).min(most));
        pages::advise(out);
    }
}

/// Reserves room for at least `additional` bytes if the text is longer than estimated.
#[cold]
pub(crate) fn grow(out: &mut Vec<u8>, additional: usize) {
    let needed = out.len() + additional;
    let capacity = (2 * out.capacity()).min(doubled(needed)).max(needed);
    out.reserve_exact(capacity - out.len());
    pages::advise(out);
}

/// The capacity that orjson's buffer would have for `len` bytes.
fn doubled(len: usize) -> usize {
    let mut capacity = FIRST_CAPACITY;
    while capacity < len {
        capacity = capacity.saturating_mul(2);
    }
    capacity
}

/// The number of brackets: two for each list.
fn brackets_len(shape: &[usize]) -> usize {
    let mut lists = 1_usize;
    let mut brackets = 0_usize;
    for &len in shape {
        brackets = brackets.saturating_add(lists.saturating_mul(2));
        lists = lists.saturating_mul(len);
    }
    brackets
}

/// Estimates the length of all elements with their commas from [`SAMPLE`] of them.
#[expect(unsafe_code, reason = "see `Cursor`")]
fn sampled_len<T: Kernel>(
    source: &Source<'_, T>,
    write: WriteBlock<T>,
    options: &Options,
) -> usize {
    const ROOM: usize = 4096;
    const { assert!(SAMPLE <= BLOCK && SAMPLE * T::MAX_LEN + SLACK <= ROOM) };
    let sample: [T; SAMPLE] = std::array::from_fn(|index| {
        source.at((source.len() as u128 * index as u128 / SAMPLE as u128) as usize)
    });
    let mut room = [MaybeUninit::<u8>::uninit(); ROOM];
    let start = room.as_mut_ptr().cast::<u8>();
    // SAFETY: `room` is large enough for the sample, and the level of `write` is available.
    let end = unsafe {
        let cursor = Cursor::new(start, ROOM);
        T::with_scratch(|scratch| write(&sample, scratch, &mut Rows::none(), options, cursor))
    };
    let Ok(end) = end else {
        // Writing the array will fail, too.
        return 0;
    };
    let len = end.position() as usize - start as usize;
    (source.len() as u128 * len as u128 / SAMPLE as u128) as usize
}

#[cfg(test)]
mod tests {
    use super::{FIRST_CAPACITY, brackets_len, doubled};

    #[test]
    fn sizes() {
        assert_eq!(brackets_len(&[]), 0);
        assert_eq!(brackets_len(&[3]), 2);
        assert_eq!(brackets_len(&[2, 3, 4]), 2 + 4 + 12);
        assert_eq!(doubled(0), FIRST_CAPACITY);
        assert_eq!(doubled(FIRST_CAPACITY), FIRST_CAPACITY);
        assert_eq!(doubled(FIRST_CAPACITY + 1), 2 * FIRST_CAPACITY);
    }
}
