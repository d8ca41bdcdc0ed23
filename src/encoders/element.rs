//! How an element is written: as orjson writes it, and as serde sees it.

use serde::{Serializer, ser::Error as _};

use super::moment;
use crate::{
    BoxError, DatetimeD, DatetimeH, DatetimeM, DatetimeMin, DatetimeMs, DatetimeNs, DatetimeS,
    DatetimeUs, DatetimeW, DatetimeY, Element, Moment, f16,
};

/// An element that the encoders of this module can write.
pub trait JsonElement: Element {
    /// The size that orjson counts for an element when it reserves room for a row, in bytes.
    const RESERVED: usize = size_of::<Self>();

    /// Appends the element's text as orjson writes it, and a comma.
    ///
    /// # Errors
    /// When the element has no text: moments outside the years 0000 to 9999.
    fn write(self, out: &mut Vec<u8>) -> Result<(), BoxError>;

    /// Gives the element to a serializer of serde; moments are strings, `f16` is an `f32`.
    ///
    /// # Errors
    /// The serializer's, and as [`write`](Self::write).
    fn serialize<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error>;
}

impl JsonElement for bool {
    #[inline]
    fn write(self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        // Eight bytes of constant length are one store; what is too much is cut off again.
        let (text, length) = if self {
            (b"true,   ", 5)
        } else {
            (b"false,  ", 6)
        };
        let end = out.len() + length;
        out.extend_from_slice(text);
        out.truncate(end);
        Ok(())
    }

    fn serialize<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(self)
    }
}

// orjson widens 8- and 16-bit integers before it formats them.
macro_rules! integer {
    ($($type:ty as $wide:ty => $serialize:ident),* $(,)?) => { $(
        impl JsonElement for $type {
            #[inline]
            fn write(self, out: &mut Vec<u8>) -> Result<(), BoxError> {
                append_integer(out, <$wide>::from(self));
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

macro_rules! float {
    ($($type:ty => $serialize:ident),* $(,)?) => { $(
        impl JsonElement for $type {
            #[inline]
            fn write(self, out: &mut Vec<u8>) -> Result<(), BoxError> {
                if self.is_finite() {
                    out.extend_from_slice(zmij::Buffer::new().format_finite(self).as_bytes());
                } else {
                    out.extend_from_slice(b"null");
                }
                out.push(b',');
                Ok(())
            }

            fn serialize<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.$serialize(self)
            }
        }
    )* };
}

float! { f32 => serialize_f32, f64 => serialize_f64 }

impl JsonElement for f16 {
    #[inline]
    fn write(self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        JsonElement::write(self.to_f32(), out)
    }

    fn serialize<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f32(self.to_f32())
    }
}

macro_rules! moment {
    ($($type:ty),* $(,)?) => { $(
        impl JsonElement for $type {
            const RESERVED: usize = 40;

            #[inline]
            fn write(self, out: &mut Vec<u8>) -> Result<(), BoxError> {
                write_moment(self, out)
            }

            fn serialize<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
                let text = moment::Text::new(self).map_err(S::Error::custom)?;
                serializer.serialize_str(text.as_str())
            }
        }
    )* };
}

moment! {
    DatetimeY, DatetimeM, DatetimeW, DatetimeD, DatetimeH, DatetimeMin, DatetimeS, DatetimeMs,
    DatetimeUs, DatetimeNs,
}

/// `number` and a comma, with one check of the capacity for both.
#[expect(
    unsafe_code,
    reason = "two checks an element cost up to 15 % on 8- and 16-bit integers"
)]
#[inline]
fn append_integer<I: itoap::Integer>(out: &mut Vec<u8>, number: I) {
    let most = I::MAX_LEN + 1;
    if out.capacity() - out.len() < most {
        out.reserve(most);
    }
    // SAFETY: there is room for the longest integer and a comma beyond the length, and that many
    // of these bytes as the new length takes in have been written.
    unsafe {
        let end = out.as_mut_ptr().add(out.len());
        let digits = itoap::write_to_ptr(end, number);
        end.add(digits).write(b',');
        out.set_len(out.len() + digits + 1);
    }
}

/// Field by field through the integer formatter, as orjson does it, so that it costs what it costs
/// there; [`moment::Text`] is the direct way.
fn write_moment<T: Moment>(moment: T, out: &mut Vec<u8>) -> Result<(), BoxError> {
    let civil = moment::civil(moment)?;
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

/// `number` with leading zeros to at least `width` digits, 2 to 4.
#[inline]
fn padded(out: &mut Vec<u8>, number: u32, width: u32) {
    for digits in (1..width).rev() {
        if number < 10_u32.pow(digits) {
            out.push(b'0');
        }
    }
    itoap::write_to_vec(out, number);
}
