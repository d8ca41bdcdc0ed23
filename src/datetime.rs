//! numpy's dates and durations: one type per unit of `datetime64` and `timedelta64`.
//!
//! ```
//! use serbench::datetime::{Datetime64, DatetimeS};
//!
//! let year_2000 = DatetimeS(946_684_800);
//! assert_eq!(year_2000.count(), 946_684_800);
//! assert!(DatetimeS(i64::MIN).is_nat());
//! ```

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Element, TimeUnit};

/// A point in time as stored by numpy: a count of units since 1970-01-01T00:00:00, or NaT.
pub trait Datetime64: Element {
    /// The unit of the count.
    const UNIT: TimeUnit;

    /// The count of units.
    fn count(self) -> i64;

    /// Whether it is NaT, "not a time": `i64::MIN`.
    fn is_nat(self) -> bool {
        self.count() == i64::MIN
    }
}

macro_rules! count_of_units {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            IntoBytes, FromBytes, Immutable, KnownLayout,
        )]
        #[repr(transparent)]
        pub struct $name(pub i64);
    )* };
}

macro_rules! datetime {
    ($($name:ident, $unit:ident, $symbol:literal;)*) => { $(
        count_of_units! {
            #[doc = concat!("`datetime64[", $symbol, "]`: a count of units since 1970-01-01T00:00:00.")]
            ///
            /// `i64::MIN` is NaT, "not a time".
            $name;
        }

        impl Datetime64 for $name {
            const UNIT: TimeUnit = TimeUnit::$unit;

            fn count(self) -> i64 {
                self.0
            }
        }
    )* };
}

datetime! {
    DatetimeY, Year, "Y";
    DatetimeM, Month, "M";
    DatetimeW, Week, "W";
    DatetimeD, Day, "D";
    DatetimeH, Hour, "h";
    DatetimeMin, Minute, "m";
    DatetimeS, Second, "s";
    DatetimeMs, Millisecond, "ms";
    DatetimeUs, Microsecond, "us";
    DatetimeNs, Nanosecond, "ns";
}

macro_rules! timedelta {
    ($($name:ident, $symbol:literal;)*) => { $(
        count_of_units! {
            #[doc = concat!("`timedelta64[", $symbol, "]`: a count of units.")]
            ///
            /// `i64::MIN` is NaT, "not a time".
            $name;
        }
    )* };
}

timedelta! {
    TimedeltaY, "Y";
    TimedeltaM, "M";
    TimedeltaW, "W";
    TimedeltaD, "D";
    TimedeltaH, "h";
    TimedeltaMin, "m";
    TimedeltaS, "s";
    TimedeltaMs, "ms";
    TimedeltaUs, "us";
    TimedeltaNs, "ns";
}
