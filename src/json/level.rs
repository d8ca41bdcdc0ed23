//! Detects which instructions the processor supports.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// A set of instructions that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// The instructions that every processor of the target supports.
    Baseline = 1,
    /// x86-64-v3: AVX2, BMI2 and FMA.
    Avx2 = 2,
    /// x86-64-v4, which is AVX-512 F, BW, CD, DQ and VL, and IFMA, VBMI and VBMI2: Intel since Ice Lake,
    /// AMD since Zen 4.
    Avx512 = 3,
}

impl Level {
    /// All levels, slowest first.
    pub const ALL: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

    /// Whether this processor supports the instructions.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Baseline => true,
            Self::Avx2 => has_avx2(),
            Self::Avx512 => has_avx512(),
        }
    }

    /// The best level that this processor supports. Set `SERBENCH_JSON_LEVEL` to `baseline` or `avx2` to
    /// limit it, for tests and measurements. Detected once.
    #[must_use]
    pub fn detected() -> Self {
        static DETECTED: AtomicU8 = AtomicU8::new(0);
        match DETECTED.load(Relaxed) {
            0 => {
                let level = Self::detect();
                DETECTED.store(level as u8, Relaxed);
                level
            }
            1 => Self::Baseline,
            2 => Self::Avx2,
            _ => Self::Avx512,
        }
    }

    #[cold]
    fn detect() -> Self {
        let named = std::env::var("SERBENCH_JSON_LEVEL").unwrap_or_default();
        let most = match named.as_str() {
            "baseline" => Self::Baseline,
            "avx2" => Self::Avx2,
            _ => Self::Avx512,
        };
        Self::ALL
            .into_iter()
            .rfind(|level| *level <= most && level.is_available())
            .unwrap_or(Self::Baseline)
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512ifma")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vbmi2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}
