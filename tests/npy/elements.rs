//! The same arrays as in elements.py, and tests on files of them written by numpy.

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use num_complex::Complex;
use serbench::{
    Dtype, Element, TimeUnit,
    datetime::{
        DatetimeD, DatetimeH, DatetimeM, DatetimeMin, DatetimeMs, DatetimeNs, DatetimeS,
        DatetimeUs, DatetimeW, DatetimeY, TimedeltaD, TimedeltaH, TimedeltaM, TimedeltaMin,
        TimedeltaMs, TimedeltaNs, TimedeltaS, TimedeltaUs, TimedeltaW, TimedeltaY,
    },
    f16,
    npy::{self, NpyError, NpyView, Unalign},
    npz::{self, NpzFile},
};

/// A type with the same test elements as in elements.py.
pub(crate) trait Nth: Element {
    /// numpy's code for the type.
    const CODE: &'static str;

    /// Element number `i` of an array in C order.
    fn nth(i: i32) -> Self;
}

macro_rules! nth {
    ($($type:ty, $code:literal, $nth:expr;)*) => { $(
        impl Nth for $type {
            const CODE: &'static str = $code;

            fn nth(i: i32) -> Self {
                let nth: fn(i32) -> Self = $nth;
                nth(i)
            }
        }
    )* };
}

fn float(i: i32) -> f64 {
    f64::from(i) * 0.25 - 1.0
}

fn count(i: i32) -> i64 {
    i64::from(i) - 3
}

nth! {
    bool, "b1", |i| i % 2 == 1;
    i8, "i1", |i| count(i) as Self;
    i16, "i2", |i| count(i) as Self;
    i32, "i4", |i| count(i) as Self;
    i64, "i8", count;
    u8, "u1", |i| (i * 40) as Self;
    u16, "u2", |i| (i * 40) as Self;
    u32, "u4", |i| (i * 40) as Self;
    u64, "u8", |i| (i * 40) as Self;
    f16, "f2", |i| f16::from_f64(float(i));
    f32, "f4", |i| float(i) as Self;
    f64, "f8", float;
    Complex<f32>, "c8", |i| Self::new(float(i) as f32, -i as f32);
    Complex<f64>, "c16", |i| Self::new(float(i), f64::from(-i));
    DatetimeY, "M8[Y]", |i| Self(count(i));
    DatetimeM, "M8[M]", |i| Self(count(i));
    DatetimeW, "M8[W]", |i| Self(count(i));
    DatetimeD, "M8[D]", |i| Self(count(i));
    DatetimeH, "M8[h]", |i| Self(count(i));
    DatetimeMin, "M8[m]", |i| Self(count(i));
    DatetimeS, "M8[s]", |i| Self(count(i));
    DatetimeMs, "M8[ms]", |i| Self(count(i));
    DatetimeUs, "M8[us]", |i| Self(count(i));
    DatetimeNs, "M8[ns]", |i| Self(count(i));
    TimedeltaY, "m8[Y]", |i| Self(count(i));
    TimedeltaM, "m8[M]", |i| Self(count(i));
    TimedeltaW, "m8[W]", |i| Self(count(i));
    TimedeltaD, "m8[D]", |i| Self(count(i));
    TimedeltaH, "m8[h]", |i| Self(count(i));
    TimedeltaMin, "m8[m]", |i| Self(count(i));
    TimedeltaS, "m8[s]", |i| Self(count(i));
    TimedeltaMs, "m8[ms]", |i| Self(count(i));
    TimedeltaUs, "m8[us]", |i| Self(count(i));
    TimedeltaNs, "m8[ns]", |i| Self(count(i));
}

/// An operation on arrays of any type.
pub(crate) trait Visit {
    fn visit<T: Nth>(&mut self);
}

/// Visits the type for `dtype`, which is `i64` for units of dates and durations without their own type.
pub(crate) fn dispatch(dtype: Dtype, visit: &mut impl Visit) {
    macro_rules! find {
        ($($type:ty),*) => { $(
            if dtype == <$type>::DTYPE {
                return visit.visit::<$type>();
            }
        )* };
    }
    find!(
        bool,
        i8,
        i16,
        i32,
        i64,
        u8,
        u16,
        u32,
        u64,
        f16,
        f32,
        f64,
        Complex<f32>,
        Complex<f64>
    );
    find!(
        DatetimeY,
        DatetimeM,
        DatetimeW,
        DatetimeD,
        DatetimeH,
        DatetimeMin,
        DatetimeS
    );
    find!(DatetimeMs, DatetimeUs, DatetimeNs);
    find!(
        TimedeltaY,
        TimedeltaM,
        TimedeltaW,
        TimedeltaD,
        TimedeltaH,
        TimedeltaMin,
        TimedeltaS
    );
    find!(TimedeltaMs, TimedeltaUs, TimedeltaNs);
    visit.visit::<i64>();
}

pub(crate) fn every_dtype() -> impl Iterator<Item = Dtype> {
    let plain = [
        Dtype::Bool,
        Dtype::Int8,
        Dtype::Int16,
        Dtype::Int32,
        Dtype::Int64,
        Dtype::Uint8,
        Dtype::Uint16,
        Dtype::Uint32,
        Dtype::Uint64,
        Dtype::Float16,
        Dtype::Float32,
        Dtype::Float64,
        Dtype::Complex64,
        Dtype::Complex128,
    ];
    let timed = TimeUnit::ALL
        .into_iter()
        .filter(|unit| *unit <= TimeUnit::Nanosecond)
        .flat_map(|unit| [Dtype::Datetime64(unit), Dtype::Timedelta64(unit)]);
    plain.into_iter().chain(timed)
}

pub(crate) const LAYOUTS: [(&str, &[usize]); 6] = [
    ("C", &[2, 3]),
    ("F", &[2, 3]),
    ("scalar", &[]),
    ("vector", &[5]),
    ("empty", &[0, 4]),
    ("deep", &[1, 2, 1, 3, 1, 2]),
];

pub(crate) fn expected<T: Nth>(layout: &str) -> ArrayD<T> {
    let (_, shape) = LAYOUTS
        .into_iter()
        .find(|(name, _)| *name == layout)
        .unwrap_or_else(|| panic!("unknown layout {layout}"));
    let len: usize = shape.iter().product();
    let elements = (0..len as i32).map(T::nth).collect();
    let array = ArrayD::from_shape_vec(shape, elements).unwrap();
    let mut laid_out = ArrayD::from_elem(IxDyn(shape).set_f(layout == "F"), T::nth(0));
    laid_out.assign(&array);
    laid_out
}

/// Checks a file written by numpy against the array given by its name, and saving against the file.
struct Check<'a> {
    name: &'a str,
    npy: NpyView<'a>,
    /// The whole file.
    bytes: &'a [u8],
}

impl Visit for Check<'_> {
    fn visit<T: Nth>(&mut self) {
        let Self { name, npy, bytes } = self;
        let layout = name.split('.').nth(2).unwrap();
        let array = expected::<T>(layout);
        assert_eq!(npy.shape(), array.shape(), "{name}");
        assert_eq!(npy.fortran_order(), layout == "F", "{name}");
        assert_eq!(npy.to_owned::<T>().unwrap(), array, "{name}");
        assert_eq!(
            npy.to_owned::<T>().unwrap().strides(),
            array.strides(),
            "{name}"
        );
        assert_eq!(npy.to_cow::<T>().unwrap(), array, "{name}");
        let native = name.starts_with(if cfg!(target_endian = "little") {
            "le"
        } else {
            "be"
        });
        match npy.view_unaligned::<T>() {
            Ok(view) => assert_eq!(view.mapv(Unalign::into_inner), array, "{name}"),
            Err(error) => {
                assert_eq!(error, NpyError::NonNativeEndian, "{name}");
                assert!(!native, "{name}");
            }
        }
        // Data types without their own element type are loaded as `i64`, and saved as such.
        if native && npy.dtype() == T::DTYPE && bytes[6] == 1 {
            assert_eq!(npy::to_vec(&array), *bytes, "{name}");
        }
    }
}

/// Checks an archive of arrays from elements.py and returns their number.
pub(crate) fn check(archive: &[u8]) -> usize {
    let npz: NpzFile = npz::load(archive).unwrap();
    for name in npz.keys() {
        let bytes = npz.raw(name).unwrap();
        let npy = npy::load(&bytes).unwrap();
        assert_eq!(npz.get(name).unwrap().dtype(), npy.dtype());
        let dtype = npy.dtype();
        let mut check = Check {
            name,
            npy,
            bytes: &bytes,
        };
        dispatch(dtype, &mut check);
    }
    npz.len()
}

#[test]
fn files_written_by_numpy_round_trip() {
    assert_eq!(check(include_bytes!("numpy.npz")), 176);
    assert_eq!(check(include_bytes!("numpy_compressed.npz")), 50);
    assert_eq!(check(include_bytes!("numpy_versions.npz")), 3);
}
