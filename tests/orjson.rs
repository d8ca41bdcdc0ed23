//! Compares the JSON encoders with orjson: on recorded cases (`orjson/golden.jsonl`, written by
//! `orjson/generate.py`), and in an ignored test on millions of values with an installed orjson.

use std::{env, fs, process::Command};

use ndarray::{Array, ArrayD, ArrayViewD, Axis, IxDyn, Slice, arr0};
use serbench::{
    Dtype, Encoder, TimeUnit,
    datetime::{
        DatetimeD, DatetimeH, DatetimeM, DatetimeMin, DatetimeMs, DatetimeNs, DatetimeS,
        DatetimeUs, DatetimeW, DatetimeY,
    },
    encoders::{
        JsonElement, Orjson, Serbench, SerdeJson, SerdeJsonValue, SerdeJsonWriter, SimdJson,
        SimdJsonValue, SonicRs, SonicRsValue,
    },
    f16,
    json::{self, Level, Options},
    random::Random,
};
use serde_json::Value;
use zerocopy::TryFromBytes;

/// An element that can be compared with parsed JSON.
trait Decode: JsonElement + TryFromBytes {
    /// Whether `value` is the JSON form of `self`.
    fn is(self, value: &Value) -> bool;
}

macro_rules! decode {
    ($($type:ty: |$element:ident, $value:ident| $is:expr;)*) => { $(
        impl Decode for $type {
            fn is(self, value: &Value) -> bool {
                let ($element, $value) = (self, value);
                $is
            }
        }
    )* };
}

decode! {
    bool: |element, value| value.as_bool() == Some(element);
    i8: |element, value| value.as_i64() == Some(element.into());
    i16: |element, value| value.as_i64() == Some(element.into());
    i32: |element, value| value.as_i64() == Some(element.into());
    i64: |element, value| value.as_i64() == Some(element);
    u8: |element, value| value.as_u64() == Some(element.into());
    u16: |element, value| value.as_u64() == Some(element.into());
    u32: |element, value| value.as_u64() == Some(element.into());
    u64: |element, value| value.as_u64() == Some(element);
    f64: |element, value| match value.as_f64() {
        Some(number) => number.to_bits() == element.to_bits(),
        None => value.is_null() && !element.is_finite(),
    };
    // Compares as f64, to detect wrong digits beyond the precision of the type.
    f32: |element, value| f64::from(element).is(value);
    f16: |element, value| f64::from(element).is(value);
}

macro_rules! datetimes {
    ($($type:ty),*) => { $(
        impl Decode for $type {
            // Never called, because all encoders write the same bytes for datetimes.
            fn is(self, _: &Value) -> bool {
                false
            }
        }
    )* };
}

datetimes! {
    DatetimeY, DatetimeM, DatetimeW, DatetimeD, DatetimeH, DatetimeMin, DatetimeS, DatetimeMs,
    DatetimeUs, DatetimeNs
}

fn encode<T: JsonElement, E: Encoder<T>>(
    encoder: &E,
    array: ArrayViewD<'_, T>,
) -> Result<String, String> {
    let mut out = Vec::new();
    match encoder.encode(array, &mut out) {
        Ok(()) => Ok(String::from_utf8(out).expect("JSON is UTF-8")),
        Err(error) => Err(error.to_string()),
    }
}

/// Calls `$check(name, encoder, arguments…)` for each encoder.
macro_rules! each_encoder {
    ($check:ident($($argument:expr),*)) => {
        $check("Orjson", &Orjson, $($argument),*);
        $check("Serbench", &Serbench, $($argument),*);
        $check("SerdeJson", &SerdeJson, $($argument),*);
        $check("SerdeJsonWriter", &SerdeJsonWriter, $($argument),*);
        $check("SerdeJsonValue", &SerdeJsonValue, $($argument),*);
        $check("SonicRs", &SonicRs, $($argument),*);
        $check("SonicRsValue", &SonicRsValue, $($argument),*);
        $check("SimdJson", &SimdJson, $($argument),*);
        $check("SimdJsonValue", &SimdJsonValue, $($argument),*);
    };
}

/// Calls `$check::<T>(arguments…)` with the element type of `$dtype`.
macro_rules! with_type {
    ($dtype:expr, $check:ident($($argument:expr),*)) => {
        match $dtype {
            Dtype::Bool => $check::<bool>($($argument),*),
            Dtype::Int8 => $check::<i8>($($argument),*),
            Dtype::Int16 => $check::<i16>($($argument),*),
            Dtype::Int32 => $check::<i32>($($argument),*),
            Dtype::Int64 => $check::<i64>($($argument),*),
            Dtype::Uint8 => $check::<u8>($($argument),*),
            Dtype::Uint16 => $check::<u16>($($argument),*),
            Dtype::Uint32 => $check::<u32>($($argument),*),
            Dtype::Uint64 => $check::<u64>($($argument),*),
            Dtype::Float16 => $check::<f16>($($argument),*),
            Dtype::Float32 => $check::<f32>($($argument),*),
            Dtype::Float64 => $check::<f64>($($argument),*),
            Dtype::Datetime64(TimeUnit::Year) => $check::<DatetimeY>($($argument),*),
            Dtype::Datetime64(TimeUnit::Month) => $check::<DatetimeM>($($argument),*),
            Dtype::Datetime64(TimeUnit::Week) => $check::<DatetimeW>($($argument),*),
            Dtype::Datetime64(TimeUnit::Day) => $check::<DatetimeD>($($argument),*),
            Dtype::Datetime64(TimeUnit::Hour) => $check::<DatetimeH>($($argument),*),
            Dtype::Datetime64(TimeUnit::Minute) => $check::<DatetimeMin>($($argument),*),
            Dtype::Datetime64(TimeUnit::Second) => $check::<DatetimeS>($($argument),*),
            Dtype::Datetime64(TimeUnit::Millisecond) => $check::<DatetimeMs>($($argument),*),
            Dtype::Datetime64(TimeUnit::Microsecond) => $check::<DatetimeUs>($($argument),*),
            Dtype::Datetime64(TimeUnit::Nanosecond) => $check::<DatetimeNs>($($argument),*),
            other => panic!("no element type for {other}"),
        }
    };
}

/// `expected` is the text of orjson, or `None` if orjson rejects the array.
fn check_array<T: Decode>(bytes: &[u8], shape: &[usize], expected: Option<&str>) {
    let elements = bytes
        .chunks_exact(size_of::<T>())
        .map(|chunk| T::try_read_from_bytes(chunk).expect("the bytes are elements"))
        .collect();
    let array =
        ArrayD::from_shape_vec(IxDyn(shape), elements).expect("the shape matches the bytes");
    each_encoder!(check_encoder(&array, expected));
}

fn check_encoder<T: Decode, E: Encoder<T>>(
    name: &str,
    encoder: &E,
    array: &ArrayD<T>,
    expected: Option<&str>,
) {
    let context = format!("{name} of {} {:?}", T::DTYPE, array.shape());
    let text = encode(encoder, array.view());
    match (text, expected) {
        (Err(_), None) => {}
        (Ok(_), None) if is_scalar_of_ours(name, array.shape()) => {}
        (Ok(text), None) => {
            panic!("{context}: orjson rejects the array, but the encoder wrote {text:.100}")
        }
        (Err(error), Some(_)) => panic!("{context}: {error}"),
        (Ok(text), Some(expected)) if E::SAME_BYTES => check_text(&context, &text, expected),
        (Ok(text), Some(_)) => check_values(&context, &text, array),
    }
}

/// Only the encoder of this crate accepts 0-d arrays.
fn is_scalar_of_ours(name: &str, shape: &[usize]) -> bool {
    name == "Serbench" && shape.is_empty()
}

fn check_text(context: &str, text: &str, expected: &str) {
    if text != expected {
        let at = text
            .bytes()
            .zip(expected.bytes())
            .position(|(a, b)| a != b)
            .unwrap_or_else(|| text.len().min(expected.len()));
        let around = |text: &str| text[at.saturating_sub(30)..(at + 30).min(text.len())].to_owned();
        let (ours, theirs) = (around(text), around(expected));
        panic!("{context}: byte {at} differs: {ours}, expected {theirs}");
    }
}

fn check_values<T: Decode>(context: &str, text: &str, array: &ArrayD<T>) {
    let value = serde_json::from_str(text).expect("JSON");
    let mut leaves = Vec::new();
    flatten(context, &value, array.shape(), &mut leaves);
    for (element, leaf) in array.iter().zip(&leaves) {
        assert!(element.is(leaf), "{context}: {leaf}, expected {element:?}");
    }
}

fn flatten<'a>(context: &str, value: &'a Value, shape: &[usize], leaves: &mut Vec<&'a Value>) {
    let Some((length, rest)) = shape.split_first() else {
        leaves.push(value);
        return;
    };
    let list = value.as_array().expect("a list for each axis");
    assert_eq!(list.len(), *length, "{context}");
    for value in list {
        flatten(context, value, rest, leaves);
    }
}

#[test]
fn recorded_cases() {
    let mut cases = 0;
    for line in include_str!("orjson/golden.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let dtype = Dtype::from_name(case["dtype"].as_str().unwrap()).unwrap();
        let shape: Vec<usize> = serde_json::from_value(case["shape"].clone()).unwrap();
        let bytes = unhex(case["bytes"].as_str().unwrap());
        with_type!(dtype, check_array(&bytes, &shape, case["text"].as_str()));
        cases += 1;
    }
    assert!(cases > 200, "only {cases} cases");
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn any_layout_encodes_like_its_c_copy() {
    let counts = Array::from_shape_fn(IxDyn(&[4, 3, 5]), |index| {
        i32::try_from(index[0] * 100 + index[1] * 10 + index[2]).unwrap()
    });
    let mut transposed = counts.view();
    transposed.swap_axes(0, 2);
    let mut reversed = counts.view();
    reversed.invert_axis(Axis(1));
    reversed.invert_axis(Axis(2));
    let mut stepped = counts.view();
    stepped.slice_axis_inplace(Axis(2), Slice::from(..).step_by(2));
    stepped.slice_axis_inplace(Axis(0), Slice::from(1..4).step_by(-2));
    let mut column = counts.view();
    column.collapse_axis(Axis(2), 1);
    let row = counts.index_axis(Axis(0), 0);
    let row = row.index_axis(Axis(0), 2);
    let broadcast = row.broadcast(IxDyn(&[3, 2, 5])).unwrap();
    let mut single = counts.view().reversed_axes();
    single.slice_axis_inplace(Axis(1), Slice::from(0..0));
    for view in [transposed, reversed, stepped, column, broadcast, single] {
        let copy = ArrayD::from_shape_vec(view.shape(), view.iter().copied().collect()).unwrap();
        each_encoder!(check_view(&view, &copy));
    }
}

fn check_view<E: Encoder<i32>>(
    name: &str,
    encoder: &E,
    view: &ArrayViewD<'_, i32>,
    copy: &ArrayD<i32>,
) {
    let text = encode(encoder, view.view()).unwrap();
    assert_eq!(text, encode(encoder, copy.view()).unwrap(), "{name}");
    check_values(name, &text, copy);
}

/// Datetimes that orjson rejects or gets wrong. `expected` is the text of the element, or `None` for an
/// error.
#[test]
fn datetimes_that_orjson_gets_wrong() {
    fn check<T: JsonElement>(datetime: T, expected: Option<&str>) {
        let array = ArrayD::from_elem(IxDyn(&[2, 2]), datetime);
        let expected = expected.map(|text| format!("[[{text:?},{text:?}],[{text:?},{text:?}]]"));
        each_encoder!(check_datetime(&array, expected.as_deref()));
    }
    fn check_datetime<T: JsonElement, E: Encoder<T>>(
        name: &str,
        encoder: &E,
        array: &ArrayD<T>,
        expected: Option<&str>,
    ) {
        let text = encode(encoder, array.view());
        assert_eq!(text.as_deref().ok(), expected, "{name} of {}", T::DTYPE);
    }
    // orjson aborts the process.
    check(DatetimeM(-1), Some("1969-12-01T00:00:00"));
    // orjson rejects it.
    check(DatetimeM(-2), Some("1969-11-01T00:00:00"));
    // orjson wraps around and writes 1970-01-01T00:00:00.
    check(DatetimeW(i64::MIN), None);
    check(DatetimeD(i64::MIN), None);
    check(DatetimeH(i64::MIN), None);
    check(DatetimeMin(i64::MIN), None);
    // orjson omits the rest of the row.
    check(DatetimeS(1 << 50), None);
    check(DatetimeY(8030), None);
    check(DatetimeY(-1971), None);
}

/// Floats with special code paths: powers of two and their neighbors, subnormals, zeros, NaN and
/// infinities, mixed in different proportions.
#[test]
fn rare_floats_match_the_reference() {
    let mut random = Random::seeded(9);
    let mut bits: Vec<u64> = (0..=0x7ff).map(|biased| biased << 52).collect();
    bits.extend((0..52).map(|bit| 1 << bit));
    let neighbors: Vec<u64> = bits
        .iter()
        .flat_map(|it| [it - it.min(&1), it + 1])
        .collect();
    bits.extend(neighbors);
    let subnormals: Vec<u64> = (0..2000).map(|_| random.next_u64() >> 12).collect();
    bits.extend(subnormals);
    for share in [1, 2, 8, 64] {
        let mut draw = || match random.below(share) {
            0 => bits[random.below(bits.len() as u64) as usize],
            _ => random.next_u64(),
        };
        let doubles = ArrayD::from_shape_simple_fn(IxDyn(&[300, 50]), || f64::from_bits(draw()));
        same_text(&doubles);
        same_text(&doubles.mapv(|double| f32::from_bits((double.to_bits() >> 32) as u32)));
        same_text(&doubles.mapv(|double| f16::from_bits((double.to_bits() >> 48) as u16)));
    }
    let doubles: Vec<f64> = bits.iter().copied().map(f64::from_bits).collect();
    same_text(&Array::from(doubles).into_dyn());
    let floats: Vec<f32> = (0..=0xff_u32)
        .flat_map(|biased| {
            [
                biased << 23,
                (biased << 23) + 1,
                (biased << 23).saturating_sub(1),
            ]
        })
        .map(f32::from_bits)
        .collect();
    same_text(&Array::from(floats).into_dyn());
}

/// At every level that this processor supports.
fn same_text<T: JsonElement>(array: &ArrayD<T>) {
    let reference = encode(&Orjson, array.view()).unwrap();
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        let mut text = Vec::with_capacity(reference.len() + 4096);
        json::write_at(level, array, Options::new(), &mut text).unwrap();
        if text != reference.as_bytes() {
            let context = format!("{} at {level:?}", T::DTYPE);
            check_text(&context, &String::from_utf8(text).unwrap(), &reference);
        }
    }
}

#[test]
fn every_f16_matches_the_reference() {
    let all: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
    same_text(&Array::from(all).into_dyn());
}

/// All units, over the whole range and at its ends.
#[test]
fn datetimes_match_the_reference() {
    fn check<T: JsonElement>(first: i64, last: i64, datetime: impl Fn(i64) -> T) {
        let mut random = Random::seeded(13);
        let width = last.wrapping_sub(first) as u64;
        let mut counts: Vec<i64> = (0..20_000)
            .map(|_| first.wrapping_add(random.below(width.saturating_add(1)) as i64))
            .collect();
        counts.extend([first, first + 1, last - 1, last]);
        if first < 0 {
            counts.extend(-1000..1000);
        }
        let datetimes: Vec<T> = counts.into_iter().map(datetime).collect();
        same_text(&Array::from(datetimes).into_dyn());
    }
    let (first, last) = SECONDS;
    check(-1970, 8029, DatetimeY);
    check(-1970 * 12, 8029 * 12 + 11, DatetimeM);
    check(
        divided(SECONDS, 604_800).0,
        divided(SECONDS, 604_800).1,
        DatetimeW,
    );
    check(
        divided(SECONDS, 86_400).0,
        divided(SECONDS, 86_400).1,
        DatetimeD,
    );
    check(
        divided(SECONDS, 3_600).0,
        divided(SECONDS, 3_600).1,
        DatetimeH,
    );
    check(divided(SECONDS, 60).0, divided(SECONDS, 60).1, DatetimeMin);
    check(first, last, DatetimeS);
    check(first * 1_000, last * 1_000, DatetimeMs);
    check(first * 1_000_000, last * 1_000_000, DatetimeUs);
    check(i64::MIN + 1, i64::MAX, DatetimeNs);
}

#[test]
#[ignore = "tests all 4 billion floats: takes about 10 minutes with --release"]
fn every_f32_matches_the_reference() {
    for chunk in 0..1_u32 << 16 {
        let floats: Vec<f32> = (0..1 << 16)
            .map(|low| f32::from_bits(chunk << 16 | low))
            .collect();
        same_text(&Array::from(floats).into_dyn());
    }
}

/// Random bits, random decimals of each length, integers and their fractions, and neighbors of powers
/// of two and ten.
#[test]
#[ignore = "tests a billion floats: takes about 3 minutes with --release"]
fn a_billion_f64s_match_the_reference() {
    let mut random = Random::seeded(15);
    for _ in 0..10_000 {
        let mut draw = || {
            let bits = random.next_u64();
            let near =
                |float: f64| f64::from_bits((float.to_bits() as i64 + random_step(bits)) as u64);
            match random.below(8) {
                0 => (bits >> random.below(64)) as f64,
                1 => (bits >> random.below(64)) as f64 / 10_f64.powi(random.below(23) as i32),
                2 => near(10_f64.powi(random.below(632) as i32 - 323)),
                3 => near(2_f64.powi(random.below(2098) as i32 - 1074)),
                4 => random.unit(),
                _ => f64::from_bits(bits),
            }
        };
        let floats = ArrayD::from_shape_simple_fn(IxDyn(&[1000, 100]), &mut draw);
        same_text(&floats);
    }
}

/// From -8 to 7.
fn random_step(bits: u64) -> i64 {
    (bits >> 60) as i64 - 8
}

#[test]
fn scalars_are_rejected() {
    fn check<E: Encoder<f64>>(name: &str, encoder: &E) {
        let text = encode(encoder, arr0(1.0).into_dyn().view());
        if is_scalar_of_ours(name, &[]) {
            assert_eq!(text.as_deref(), Ok("1.0"));
            return;
        }
        let error = text.unwrap_err();
        assert!(error.contains("0-d"), "{name}: {error}");
    }
    each_encoder!(check());
}

/// orjson reserves 24 bytes for a float64 and its comma, one too few for these.
#[test]
fn long_rows_of_the_longest_floats() {
    for length in [64, 65, 1000, 5000] {
        let array = ArrayD::from_elem(IxDyn(&[length]), -1.234_567_890_123_456_7e-300);
        let text = encode(&Orjson, array.view()).unwrap();
        assert_eq!(text.len(), 25 * length + 1);
        check_values("Orjson", &text, &array);
    }
}

/// The expected capacities were measured on the result of orjson with Python's `tracemalloc`, minus the
/// 33 bytes of an empty `bytes`.
#[test]
fn buffer_grows_like_that_of_orjson() {
    for (rows, capacity) in [
        (1, 4_056),
        (2, 8_112),
        (5, 16_224),
        (100, 259_584),
        (1000, 2_076_672),
    ] {
        let array = ArrayD::from_elem(IxDyn(&[rows, 100]), 0.123_456_789_012_345_6);
        let mut out = Vec::new();
        Orjson.encode(array.view(), &mut out).unwrap();
        assert_eq!(out.capacity(), capacity, "{rows} rows");
    }
}

#[test]
#[ignore = "needs python3 (or $PYTHON) with numpy and orjson 3.13.0; takes minutes without --release"]
fn installed_orjson() {
    let mut random = Random::seeded(7);
    let mut bits = |count: usize| -> Vec<u8> {
        (0..count)
            .flat_map(|_| random.next_u64().to_le_bytes())
            .collect()
    };
    let every_u16: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let every_u8: Vec<u8> = (0..=u8::MAX).collect();
    for dtype in [Dtype::Int8, Dtype::Uint8] {
        check_installed(dtype, &every_u8);
    }
    for dtype in [Dtype::Int16, Dtype::Uint16, Dtype::Float16] {
        check_installed(dtype, &every_u16);
    }
    for dtype in [Dtype::Int32, Dtype::Uint32, Dtype::Float32] {
        check_installed(dtype, &bits(1_500_000));
    }
    for dtype in [Dtype::Int64, Dtype::Uint64, Dtype::Float64] {
        check_installed(dtype, &bits(3_000_000));
    }
    check_installed(Dtype::Datetime64(TimeUnit::Nanosecond), &bits(1_000_000));
    let bools: Vec<u8> = bits(100_000).iter().map(|byte| byte & 1).collect();
    check_installed(Dtype::Bool, &bools);
    check_installed_numbers(&mut random);
}

/// Integers of all lengths, floats like those of `pynumpy`, and datetimes of the other units within the
/// range of orjson.
fn check_installed_numbers(random: &mut Random) {
    let integers: Vec<u8> = (0..1_000_000)
        .flat_map(|_| (random.next_u64() >> random.below(64)).to_le_bytes())
        .collect();
    check_installed(Dtype::Int64, &integers);
    check_installed(Dtype::Uint64, &integers);
    let floats: Vec<f64> = (0..1_000_000)
        .map(|_| random.unit() * 10_f64.powi(random.below(40) as i32 - 20))
        .collect();
    let bytes: Vec<u8> = floats
        .iter()
        .flat_map(|float| float.to_le_bytes())
        .collect();
    check_installed(Dtype::Float64, &bytes);
    let bytes: Vec<u8> = floats
        .iter()
        .flat_map(|float| (*float as f32).to_le_bytes())
        .collect();
    check_installed(Dtype::Float32, &bytes);
    for (unit, (first, last)) in [
        (TimeUnit::Year, (-1970, 8029)),
        // orjson rejects months before 1970, or aborts.
        (TimeUnit::Month, (0, 8029 * 12 + 11)),
        (TimeUnit::Week, divided(SECONDS, 604_800)),
        (TimeUnit::Day, divided(SECONDS, 86_400)),
        (TimeUnit::Hour, divided(SECONDS, 3_600)),
        (TimeUnit::Minute, divided(SECONDS, 60)),
        (TimeUnit::Second, SECONDS),
        (TimeUnit::Millisecond, multiplied(SECONDS, 1_000)),
        (TimeUnit::Microsecond, multiplied(SECONDS, 1_000_000)),
    ] {
        let counts: Vec<u8> = (0..200_000)
            .flat_map(|_| (first + random.below((last - first) as u64 + 1) as i64).to_le_bytes())
            .collect();
        check_installed(Dtype::Datetime64(unit), &counts);
    }
}

/// The first second of year 0, and the last that orjson supports.
const SECONDS: (i64, i64) = (-62_167_219_200, 253_402_207_200);

fn divided((first, last): (i64, i64), by: i64) -> (i64, i64) {
    (first / by, last / by)
}

fn multiplied((first, last): (i64, i64), by: i64) -> (i64, i64) {
    (first * by, last * by)
}

/// Compares all encoders with the installed orjson on one row of these elements.
fn check_installed(dtype: Dtype, bytes: &[u8]) {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let length = bytes.len() / dtype.itemsize();
    let stem = env::temp_dir().join(format!("serbench-orjson-{}", std::process::id()));
    let (input, output) = (stem.with_extension("bin"), stem.with_extension("json"));
    fs::write(&input, bytes).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/orjson/generate.py");
    let status = Command::new(&python)
        .args([script, "--dump"])
        .arg(&input)
        .args([dtype.to_string(), length.to_string()])
        .arg(&output)
        .status();
    let expected = match status {
        Ok(status) if status.success() => fs::read_to_string(&output).unwrap(),
        Ok(status) => panic!("{python} failed ({status}): are numpy and orjson 3.13.0 installed?"),
        Err(error) => panic!("can't run {python}: {error}; set PYTHON to another interpreter"),
    };
    fs::remove_file(input).unwrap();
    fs::remove_file(output).unwrap();
    with_type!(dtype, check_array(bytes, &[length], Some(&expected)));
}
