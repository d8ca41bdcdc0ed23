//! How elements are written: as orjson does, and through serde.

use std::{
    hint::{black_box, select_unpredictable},
    ptr,
};

use serde::{Serializer, ser::Error as _};

use super::datetime;
use crate::{
    BoxError, Element,
    datetime::{
        Datetime64, DatetimeD, DatetimeH, DatetimeM, DatetimeMin, DatetimeMs, DatetimeNs,
        DatetimeS, DatetimeUs, DatetimeW, DatetimeY,
    },
    f16,
    json::Scalar,
};

/// An element that the encoders in this module can write.
pub trait JsonElement: Element + Scalar {
    /// The size per element that orjson uses to reserve space for a row, in bytes.
    const RESERVED: usize = size_of::<Self>();

    /// Appends the text of each element of `row` as orjson writes it, each followed by a comma.
    ///
    /// # Errors
    /// If an element can't be represented: times outside 0000-01-01T00:00:00 to 9999-12-30T22:00:00.
    fn write_each(row: &[Self], out: &mut Vec<u8>) -> Result<(), BoxError>;

    /// Serializes the element with serde; datetimes are strings, `f16` is an `f32`.
    ///
    /// # Errors
    /// Errors of the serializer, and see [`write_each`](Self::write_each).
    fn serialize<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error>;
}

impl JsonElement for bool {
    #[expect(unsafe_code, reason = "orjson checks the capacity only once per row")]
    fn write_each(row: &[Self], out: &mut Vec<u8>) -> Result<(), BoxError> {
        // orjson's compiler can't rule out that a store of text changes the length of the buffer. So
        // for each element, it stores the length after the comma, writes the text, loads the length again
        // and adds that of the text, in a register. A reference would tell the compiler that the text is
        // elsewhere, and take 0.7 times as long.
        let out: *mut Vec<u8> = black_box(out);
        // The first element is apart, because a comma precedes each other one.
        let (first, others) = row.split_at(row.len().min(1));
        // SAFETY: `out` comes from a reference. There is room for six bytes for each element and
        // eight more.
        unsafe {
            (*out).reserve(row.len().saturating_mul(6).saturating_add(8));
            let mut length = (*out).len();
            for &element in first {
                length = append_bool(element, out, length);
            }
            for &element in others {
                (*out).as_mut_ptr().add(length).write(b',');
                (*out).set_len(length + 1);
                length = append_bool(element, out, length + 1);
            }
            (*out).set_len(length);
            (*out).push(b',');
        }
        Ok(())
    }

    fn serialize<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(self)
    }
}

/// Writes the text at the end of `out`, whose length is `length`. Returns the length with the text, which the
/// caller must set.
///
/// # Safety
/// `out` must be valid and have room for eight bytes.
#[expect(unsafe_code, reason = "see `write_each`")]
#[inline(always)]
unsafe fn append_bool(element: bool, out: *mut Vec<u8>, length: usize) -> usize {
    let [yes, no] = [*b"true    ", *b"false   "].map(u64::from_ne_bytes);
    let text = select_unpredictable(element, yes, no);
    // SAFETY: there is room for the text.
    unsafe {
        let end = (*out).as_mut_ptr().add(length);
        end.cast::<u64>().write_unaligned(text);
        (*out).len() + 4 + usize::from(!element)
    }
}

// orjson widens 8- and 16-bit integers before it formats them.
macro_rules! integer {
    ($($type:ty as $wide:ty => $serialize:ident),* $(,)?) => { $(
        impl JsonElement for $type {
            #[expect(unsafe_code, reason = "see `append_each`")]
            fn write_each(row: &[Self], out: &mut Vec<u8>) -> Result<(), BoxError> {
                let longest = <$wide as itoap::Integer>::MAX_LEN + 1;
                // SAFETY: itoap writes at most its `MAX_LEN` bytes and returns their number; the
                // comma is one more.
                unsafe {
                    append_each(row, longest, out, |element, end| {
                        let digits = itoap::write_to_ptr(end, <$wide>::from(element));
                        end.add(digits).write(b',');
                        digits + 1
                    });
                }
                Ok(())
            }

            fn serialize<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.$serialize(self)
            }
        }
    )* };
}

integer! {
    i8 as i32 => serialize_i8, i16 as i32 => serialize_i16,
    i32 as i32 => serialize_i32, i64 as i64 => serialize_i64,
    u8 as u32 => serialize_u8, u16 as u32 => serialize_u16,
    u32 as u32 => serialize_u32, u64 as u64 => serialize_u64,
}

// orjson widens float16 before it formats it.
macro_rules! float {
    ($($type:ty as $wide:ty => $serialize:ident),* $(,)?) => { $(
        impl JsonElement for $type {
            fn write_each(row: &[Self], out: &mut Vec<u8>) -> Result<(), BoxError> {
                for &element in row {
                    let wide = <$wide>::from(element);
                    if wide.is_finite() {
                        append_finite(wide, out);
                    } else {
                        out.extend_from_slice(b"null");
                    }
                    out.push(b',');
                }
                Ok(())
            }

            fn serialize<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.$serialize(self.into())
            }
        }
    )* };
}

float! { f16 as f32 => serialize_f32, f32 as f32 => serialize_f32, f64 as f64 => serialize_f64 }

/// Appends a finite number. zmij writes it into `out` itself, as in orjson; copying it from a buffer of its
/// own would take 1.1 times as long.
#[expect(unsafe_code, reason = "a buffer in the spare capacity")]
#[inline]
fn append_finite(number: impl zmij::Float, out: &mut Vec<u8>) {
    const { assert!(align_of::<zmij::Buffer>() == 1) };
    // One more for the comma.
    out.reserve(size_of::<zmij::Buffer>() + 1);
    let length = out.len();
    // SAFETY: there is room for the buffer, and it may be at any address. The text is within the buffer, so
    // its bytes are part of the capacity, and they have been written.
    unsafe {
        let start = out.as_mut_ptr().add(length);
        let buffer = start.cast::<zmij::Buffer>();
        buffer.write(zmij::Buffer::new());
        let text = (*buffer).format_finite(number);
        let text_length = text.len();
        if text.as_ptr() != start {
            ptr::copy(text.as_ptr(), start, text_length);
        }
        out.set_len(length + text_length);
    }
}

macro_rules! datetime {
    ($($type:ty),* $(,)?) => { $(
        impl JsonElement for $type {
            const RESERVED: usize = 40;

            fn write_each(row: &[Self], out: &mut Vec<u8>) -> Result<(), BoxError> {
                for &element in row {
                    write_datetime(element, out)?;
                }
                Ok(())
            }

            fn serialize<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
                let text = datetime::Text::new(self).map_err(S::Error::custom)?;
                serializer.serialize_str(text.as_str())
            }
        }
    )* };
}

datetime! {
    DatetimeY, DatetimeM, DatetimeW, DatetimeD, DatetimeH, DatetimeMin, DatetimeS, DatetimeMs,
    DatetimeUs, DatetimeNs,
}

/// Appends a text of at most `longest` bytes for each element of `row`, with a single check of the
/// capacity.
///
/// # Safety
/// `write(element, end)` must write only to the `longest` bytes from `end` on, and return
/// the length of the text, all of which it must have written.
#[expect(
    unsafe_code,
    reason = "a check for each element makes 8-bit integers take 1.1 times as long as in orjson"
)]
#[inline]
unsafe fn append_each<T: Copy>(
    row: &[T],
    longest: usize,
    out: &mut Vec<u8>,
    write: impl Fn(T, *mut u8) -> usize,
) {
    out.reserve(row.len().saturating_mul(longest));
    let length = out.len();
    // SAFETY: each text takes at most `longest` bytes, all of which are reserved, and the new
    // length ends with the last text.
    unsafe {
        let start = out.as_mut_ptr().add(length);
        let mut end = start;
        for &element in row {
            end = end.add(write(element, end));
        }
        out.set_len(length + end.offset_from_unsigned(start));
    }
}

/// Field by field with the integer formatter, like orjson, so that the cost is the same;
/// [`datetime::Text`] is the direct way.
fn write_datetime<T: Datetime64>(datetime: T, out: &mut Vec<u8>) -> Result<(), BoxError> {
    let civil = datetime::civil(datetime)?;
    let (date, time) = (civil.date(), civil.time());
    let microsecond = time.subsec_nanosecond().unsigned_abs() / 1000;
    out.push(b'"');
    padded(out, u32::from(date.year().unsigned_abs()), 4);
    out.push(b'-');
    padded(out, u32::from(date.month().unsigned_abs()), 2);
    out.push(b'-');
    padded(out, u32::from(date.day().unsigned_abs()), 2);
    out.push(b'T');
    padded(out, u32::from(time.hour().unsigned_abs()), 2);
    out.push(b':');
    padded(out, u32::from(time.minute().unsigned_abs()), 2);
    out.push(b':');
    padded(out, u32::from(time.second().unsigned_abs()), 2);
    if microsecond != 0 {
        out.push(b'.');
        padded(out, microsecond / 1000, 3);
        padded(out, microsecond % 1000, 3);
    }
    out.extend_from_slice(b"\",");
    Ok(())
}

/// `number` with leading zeros, at least `width` digits, 2 to 4.
#[inline]
fn padded(out: &mut Vec<u8>, number: u32, width: u32) {
    for digits in (1..width).rev() {
        if number < 10_u32.pow(digits) {
            out.push(b'0');
        }
    }
    itoap::write_to_vec(out, number);
}
