//! Formats blocks of floats with AVX-512, eight at a time.
//!
//! Each step is a loop of its own: a float takes about 300 cycles from its bits to its text, and the
//! processor overlaps more floats if the chain of instructions that depend on each other is short.

use super::decimals::{Decimals, NULL, indices};

mod decimals_32;
mod decimals_64;
mod sources;
#[cfg(all(test, not(miri)))]
mod tests;
mod texts;

pub(super) use sources::TABLES;

/// The intermediate results of a block, and its texts.
#[repr(align(64))]
pub(super) struct Wide<const N: usize> {
    /// What each step passes on to the next.
    words: [[u64; N]; 4],
    /// The decimal exponents of the first digits, or [`NULL`].
    exponents: [u64; N],
    /// The texts, each at the start of its 32 bytes.
    texts: [[u8; 32]; N],
    /// Their lengths with commas.
    lens: [u64; N],
}

impl<const N: usize> Default for Wide<N> {
    fn default() -> Self {
        // Each element is a bit of a `u64`.
        const { assert!(N <= 64) };
        Self {
            words: [[0; N]; 4],
            exponents: [0; N],
            texts: [[0; 32]; N],
            lens: [0; N],
        }
    }
}

impl<const N: usize> Wide<N> {
    /// Sets the texts of at most `N` floats; `N` must be a multiple of eight. `decimals` is changed.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    #[target_feature(enable = "avx512ifma,avx512vbmi,avx512vbmi2")]
    pub(super) fn set_64(&mut self, elements: &[f64], decimals: &mut Decimals<N>) {
        let elements = &elements[..elements.len().min(N)];
        let groups = elements.len().div_ceil(8);
        let (uncommon, negative) = self.scale_64(elements);
        self.multiply_64(elements);
        self.round_64(groups);
        if uncommon != 0 {
            for index in indices(self.set_plain_64(elements, uncommon)) {
                decimals.set_rare_64(index, elements[index]);
                let [high, low] = decimals.values[index];
                let last = decimals.lasts[index];
                [
                    self.words[0][index],
                    self.words[1][index],
                    self.words[2][index],
                ] = [high, low, last].map(u64::from);
                self.exponents[index] = decimals.exponents[index] as u64;
            }
        }
        let exponential = self.set_characters_64(groups, negative);
        self.place_64(groups);
        self.append_exponents(exponential & first(elements.len()), negative);
    }

    /// Sets the texts of at most `N` `f32`s, given their bits without the signs, and the signs; the first
    /// element is the lowest bit. `decimals` is changed.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    #[target_feature(enable = "avx512ifma,avx512vbmi,avx512vbmi2")]
    pub(super) fn set_32(&mut self, bits: &[u32], negative: u64, decimals: &mut Decimals<N>) {
        let bits = &bits[..bits.len().min(N)];
        let groups = bits.len().div_ceil(8);
        let uncommon = self.scale_32(bits);
        self.round_32(groups);
        if uncommon != 0 {
            for index in indices(self.set_plain_32(bits, uncommon)) {
                decimals.set_rare_32(index, f32::from_bits(bits[index]));
                self.words[0][index] = decimals.values.as_flattened()[index].into();
                self.exponents[index] = decimals.exponents[index] as u64;
            }
        }
        let exponential = self.set_characters_32(groups, negative);
        self.place_32(groups);
        self.append_exponents(exponential & first(bits.len()), negative);
    }

    /// The text of an element, and its length with a comma.
    #[inline(always)]
    pub(super) fn get(&self, index: usize) -> (&[u8; 32], usize) {
        (&self.texts[index], self.lens[index] as usize)
    }
}

/// The bits of the first `len` elements.
fn first(len: usize) -> u64 {
    u64::MAX >> (64 - len.clamp(1, 64))
}
