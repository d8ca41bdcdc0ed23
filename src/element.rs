//! What an array can hold: one Rust type for each numpy data type that JSON can carry.

use std::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Dtype, TimeUnit, random::Random};

pub use half::f16;

/// A type that stands for one numpy data type.
///
/// Its bytes in memory are the bytes that numpy has for the same value.
pub trait Element:
    Copy + fmt::Debug + PartialEq + Send + Sync + IntoBytes + Immutable + 'static
{
    /// The numpy data type.
    const DTYPE: Dtype;

    /// The shape that orjson's `pynumpy` benchmark gives an array of this type.
    const PYNUMPY_SHAPE: [usize; 2];

    /// One value of the distribution that `pynumpy` draws from: floats uniform in [0, 1),
    /// integers uniform from 0 to below the type's maximum, fair booleans. Types `pynumpy` lacks
    /// follow suit: 64-bit unsigned over the whole range, moments uniform from 1970 to 2043.
    fn draw(random: &mut Random) -> Self;
}

macro_rules! integer {
    ($($type:ty => $dtype:ident),* $(,)?) => { $(
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;
            const PYNUMPY_SHAPE: [usize; 2] = [100_000, 100];

            fn draw(random: &mut Random) -> Self {
                random.below(<$type>::MAX as u64) as $type
            }
        }
    )* };
}

integer! {
    i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64,
    u8 => Uint8, u16 => Uint16, u32 => Uint32, u64 => Uint64,
}

impl Element for bool {
    const DTYPE: Dtype = Dtype::Bool;
    const PYNUMPY_SHAPE: [usize; 2] = [100_000, 200];

    fn draw(random: &mut Random) -> Self {
        random.next_u64() >> 63 == 1
    }
}

impl Element for f64 {
    const DTYPE: Dtype = Dtype::Float64;
    const PYNUMPY_SHAPE: [usize; 2] = [50_000, 100];

    fn draw(random: &mut Random) -> Self {
        random.unit()
    }
}

impl Element for f32 {
    const DTYPE: Dtype = Dtype::Float32;
    const PYNUMPY_SHAPE: [usize; 2] = [50_000, 100];

    fn draw(random: &mut Random) -> Self {
        random.unit() as Self
    }
}

impl Element for f16 {
    const DTYPE: Dtype = Dtype::Float16;
    const PYNUMPY_SHAPE: [usize; 2] = [50_000, 100];

    fn draw(random: &mut Random) -> Self {
        Self::from_f64(random.unit())
    }
}

/// A moment as numpy stores it: a count of units since 1970-01-01T00:00:00; the least is NaT.
pub trait Moment: Element {
    /// The unit of the count.
    const UNIT: TimeUnit;

    /// The count of units.
    fn count(self) -> i64;

    /// Whether it is NaT, "not a time".
    fn is_nat(self) -> bool {
        self.count() == i64::MIN
    }
}

/// The last second of the drawn moments, 2043-01-01T00:00:00Z.
const LAST_SECOND: u64 = 2_303_683_200;

macro_rules! moment {
    ($($(#[$doc:meta])* $name:ident, $unit:ident, $per:expr;)*) => { $(
        $(#[$doc])*
        ///
        /// A count of units since 1970-01-01T00:00:00; `i64::MIN` is NaT, "not a time". See
        /// [`Moment`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoBytes, FromBytes, Immutable, KnownLayout)]
        #[repr(transparent)]
        pub struct $name(pub i64);

        impl Element for $name {
            const DTYPE: Dtype = Dtype::Datetime64(TimeUnit::$unit);
            const PYNUMPY_SHAPE: [usize; 2] = [50_000, 100];

            fn draw(random: &mut Random) -> Self {
                let per_second: (u64, u64) = $per;
                Self(random.below(LAST_SECOND * per_second.0 / per_second.1) as i64)
            }
        }

        impl Moment for $name {
            const UNIT: TimeUnit = TimeUnit::$unit;

            fn count(self) -> i64 {
                self.0
            }
        }
    )* };
}

moment! {
    /// `datetime64[Y]`.
    DatetimeY, Year, (1, 31_556_952);
    /// `datetime64[M]`.
    DatetimeM, Month, (1, 2_629_746);
    /// `datetime64[W]`.
    DatetimeW, Week, (1, 604_800);
    /// `datetime64[D]`.
    DatetimeD, Day, (1, 86_400);
    /// `datetime64[h]`.
    DatetimeH, Hour, (1, 3_600);
    /// `datetime64[m]`.
    DatetimeMin, Minute, (1, 60);
    /// `datetime64[s]`.
    DatetimeS, Second, (1, 1);
    /// `datetime64[ms]`.
    DatetimeMs, Millisecond, (1_000, 1);
    /// `datetime64[us]`.
    DatetimeUs, Microsecond, (1_000_000, 1);
    /// `datetime64[ns]`.
    DatetimeNs, Nanosecond, (1_000_000_000, 1);
}
