//! Generates random elements.

use half::f16;
use num_complex::Complex;

use crate::{datetime, random::Random};

/// Generates values for [`seeded`](crate::array::seeded) arrays. Only public because it is a supertrait
/// of [`Element`](super::Element).
pub trait Draw {
    /// A value with the distribution used by orjson's `pynumpy`: floats uniform in [0, 1),
    /// integers uniform from 0 to below the type's maximum, fair booleans. Other types are similar:
    /// 64-bit unsigned integers over the whole range, times uniform from 1970 to 2043.
    fn draw(random: &mut Random) -> Self;
}

macro_rules! integer {
    ($($type:ty),*) => { $(
        impl Draw for $type {
            fn draw(random: &mut Random) -> Self {
                random.below(<$type>::MAX as u64) as $type
            }
        }
    )* };
}

integer!(i8, i16, i32, i64, u8, u16, u32, u64);

impl Draw for bool {
    fn draw(random: &mut Random) -> Self {
        random.next_u64() >> 63 == 1
    }
}

impl Draw for f64 {
    fn draw(random: &mut Random) -> Self {
        random.unit()
    }
}

impl Draw for f32 {
    fn draw(random: &mut Random) -> Self {
        random.unit() as Self
    }
}

impl Draw for f16 {
    fn draw(random: &mut Random) -> Self {
        Self::from_f64(random.unit())
    }
}

impl<T: Draw> Draw for Complex<T> {
    fn draw(random: &mut Random) -> Self {
        let re = T::draw(random);
        Self::new(re, T::draw(random))
    }
}

/// The last second of random times, 2043-01-01T00:00:00Z.
const LAST_SECOND: u64 = 2_303_683_200;

// The second pair of numbers is units per second, as a fraction.
macro_rules! time {
    ($($datetime:ident, $timedelta:ident, $units:literal / $seconds:literal;)*) => { $(
        impl Draw for datetime::$datetime {
            fn draw(random: &mut Random) -> Self {
                Self(random.below(LAST_SECOND * $units / $seconds) as i64)
            }
        }

        impl Draw for datetime::$timedelta {
            fn draw(random: &mut Random) -> Self {
                Self(datetime::$datetime::draw(random).0)
            }
        }
    )* };
}

time! {
    DatetimeY, TimedeltaY, 1 / 31_556_952;
    DatetimeM, TimedeltaM, 1 / 2_629_746;
    DatetimeW, TimedeltaW, 1 / 604_800;
    DatetimeD, TimedeltaD, 1 / 86_400;
    DatetimeH, TimedeltaH, 1 / 3_600;
    DatetimeMin, TimedeltaMin, 1 / 60;
    DatetimeS, TimedeltaS, 1 / 1;
    DatetimeMs, TimedeltaMs, 1_000 / 1;
    DatetimeUs, TimedeltaUs, 1_000_000 / 1;
    DatetimeNs, TimedeltaNs, 1_000_000_000 / 1;
}
