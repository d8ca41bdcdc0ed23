//! Helpers for vectors of eight 64-bit lanes.

use std::arch::x86_64::{__m512i, _mm512_loadu_si512, _mm512_set1_epi64, _mm512_storeu_si512};

/// The same value in all lanes.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn all(value: i64) -> __m512i {
    _mm512_set1_epi64(value)
}

/// The eight words of a group.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "zerocopy doesn't know the type yet")]
pub(super) fn load<const N: usize>(words: &[u64; N], group: usize) -> __m512i {
    let words = &words.as_chunks::<8>().0[group];
    // SAFETY: the array has 64 bytes; the read is unaligned.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "see `load`")]
pub(super) fn store<const N: usize>(words: &mut [u64; N], group: usize, value: __m512i) {
    let words = &mut words.as_chunks_mut::<8>().0[group];
    // SAFETY: the array has 64 bytes; the write is unaligned.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), value) };
}

/// Returns `value`, but keeps the compiler from combining the instructions before and after, which
/// would take longer: for instance, it multiplies instead of shifting and adding.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "`black_box` goes through memory")]
pub(super) fn opaque(mut value: __m512i) -> __m512i {
    // SAFETY: the assembly is only a comment.
    unsafe {
        std::arch::asm!("/* {} */", inout(zmm_reg) value, options(pure, nomem, nostack, preserves_flags));
    }
    value
}
