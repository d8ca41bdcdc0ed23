//! Tests `serbench::json`: layouts, options, streaming, errors, and equal output at all levels.

#[path = "json/datetimes.rs"]
mod datetimes;

use ndarray::{Array, ArrayD, ArrayView, Axis, Dimension, IxDyn, Slice, arr0, array};
use serbench::{
    datetime::DatetimeS,
    f16,
    json::{self, Chunks, JsonError, Level, Options, Scalar},
    random::Random,
};

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_available())
}

/// The text of `array`, after checking that all levels write the same.
fn text<T: Scalar, D: Dimension>(array: ArrayView<T, D>) -> String {
    let texts = levels().map(|level| {
        let mut out = Vec::new();
        json::write_at(level, &array, Options::new(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    });
    texts
        .reduce(|first, other| {
            assert_eq!(first, other);
            first
        })
        .unwrap()
}

/// The expected text, built from single elements.
fn expected<T: Scalar>(array: &ArrayD<T>) -> String {
    fn write<T: Scalar>(array: ArrayView<T, IxDyn>, out: &mut String) {
        if array.ndim() == 0 {
            out.push_str(json::fmt::Buffer::new().format(*array.first().unwrap()));
            return;
        }
        out.push('[');
        for (index, row) in array.axis_iter(Axis(0)).enumerate() {
            if index > 0 {
                out.push(',');
            }
            write(row, out);
        }
        out.push(']');
    }
    let mut out = String::new();
    write(array.view(), &mut out);
    out
}

/// The scratch buffer is kept per thread, and must not leak values of one type into another.
#[test]
fn alternating_types() {
    fn turn<T: Scalar>(element: impl Fn(usize) -> T) {
        for len in [64, 3, 1, 61] {
            let array = ArrayD::from_shape_fn(IxDyn(&[len]), |index| element(index[0]));
            assert_eq!(text(array.view()), expected(&array));
        }
    }
    for _ in 0..2 {
        turn(|index| 1.0 / (index as f64 - 2.5) * 1e-300);
        turn(|index| 1.0 / (index as f32 - 2.5) * 1e30);
        turn(|index| f16::from_f32(1.0 / (index as f32 - 2.5)));
        turn(|index| u64::MAX - index as u64);
        turn(|index| index as i16 - 9);
        turn(|index| u32::MAX - index as u32);
        turn(|index| index as u16);
        turn(|index| i64::MIN + index as i64);
        turn(|index| index % 3 == 0);
        turn(|index| index as f64);
    }
}

#[test]
fn shapes() {
    let numbers = |shape: &[usize]| {
        let mut next = -3.0;
        ArrayD::from_shape_simple_fn(IxDyn(shape), || {
            next += 1.25;
            next
        })
    };
    for shape in [
        &[][..],
        &[1],
        &[3],
        &[64],
        &[65],
        &[200],
        &[1, 1],
        &[3, 2],
        &[2, 64],
        &[64, 2],
        &[7, 100],
        &[2, 3, 4],
        &[1, 1, 1],
        &[65, 1, 2],
        &[2, 2, 2, 2, 2, 2, 2],
        &[1; 12],
        &[0],
        &[0, 3],
        &[3, 0],
        &[2, 0, 3],
        &[2, 3, 0],
        &[0, 0],
    ] {
        let array = numbers(shape);
        assert_eq!(text(array.view()), expected(&array), "{shape:?}");
        let bytes = array.mapv(|number| number as i8);
        assert_eq!(text(bytes.view()), expected(&bytes), "{shape:?}");
        let bools = array.mapv(|number| number > 0.0);
        assert_eq!(text(bools.view()), expected(&bools), "{shape:?}");
    }
    assert_eq!(text(arr0(1.5).view()), "1.5");
    assert_eq!(text(Array::<u8, _>::zeros((2, 0, 3)).view()), "[[],[]]");
}

#[test]
fn strides() {
    let counts = Array::from_shape_fn(IxDyn(&[4, 3, 70]), |index| {
        (index[0] * 10_000 + index[1] * 1000 + index[2]) as i32
    });
    let mut transposed = counts.view();
    transposed.swap_axes(0, 2);
    let mut reversed = counts.view();
    reversed.invert_axis(Axis(1));
    reversed.invert_axis(Axis(2));
    let mut stepped = counts.view();
    stepped.slice_axis_inplace(Axis(2), Slice::from(..).step_by(2));
    stepped.slice_axis_inplace(Axis(0), Slice::from(1..4).step_by(-2));
    let mut rows = counts.view();
    rows.slice_axis_inplace(Axis(2), Slice::from(3..69));
    let mut column = counts.view();
    column.collapse_axis(Axis(2), 1);
    let line = counts.index_axis(Axis(0), 0);
    let line = line.index_axis(Axis(0), 2);
    let broadcast = line.broadcast(IxDyn(&[3, 2, 70])).unwrap();
    let turned = counts.view().reversed_axes();
    for view in [
        transposed, reversed, stepped, rows, column, broadcast, turned,
    ] {
        let copy = ArrayD::from_shape_vec(view.shape(), view.iter().copied().collect()).unwrap();
        assert_eq!(text(view.view()), expected(&copy));
        let mut streamed = Vec::new();
        json::to_writer(&mut streamed, &view).unwrap();
        assert_eq!(streamed, expected(&copy).as_bytes());
    }
}

#[test]
fn every_small_value() {
    let u8s: Vec<u8> = (0..=u8::MAX).collect();
    let u16s: Vec<u16> = (0..=u16::MAX)
        .step_by(if cfg!(miri) { 97 } else { 1 })
        .collect();
    let list = |texts: Vec<String>| format!("[{}]", texts.join(","));
    let check = |ours: String, values: Vec<String>| assert!(ours == list(values));
    check(
        text(Array::from(u8s.clone()).view()),
        u8s.iter().map(u8::to_string).collect(),
    );
    let i8s: Vec<i8> = u8s.iter().map(|&byte| byte as i8).collect();
    check(
        text(Array::from(i8s.clone()).view()),
        i8s.iter().map(i8::to_string).collect(),
    );
    check(
        text(Array::from(u16s.clone()).view()),
        u16s.iter().map(u16::to_string).collect(),
    );
    let i16s: Vec<i16> = u16s.iter().map(|&word| word as i16).collect();
    check(
        text(Array::from(i16s.clone()).view()),
        i16s.iter().map(i16::to_string).collect(),
    );
}

/// Blocks of integers of the same length, and of mixed lengths.
#[test]
fn integers_at_the_edges() {
    let mut all = vec![0, u64::MAX, i64::MAX as u64, i64::MIN as u64];
    for digits in 0..20 {
        let power = 10_u64.pow(digits);
        all.extend([
            power - 1,
            power,
            power + 1,
            power.wrapping_neg(),
            1 - power.min(1),
        ]);
    }
    for bit in 0..64 {
        all.extend([(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
    }
    fn check<T: Scalar + ToString>(values: Vec<T>) {
        let texts: Vec<String> = values.iter().map(T::to_string).collect();
        assert_eq!(
            text(Array::from(values.clone()).view()),
            format!("[{}]", texts.join(","))
        );
        for (value, expected) in values.iter().zip(texts) {
            let several = [*value; 3];
            let expected = format!("[{expected},{expected},{expected}]");
            assert_eq!(text(ArrayView::from(&several)), expected);
        }
    }
    check(all.clone());
    check(all.iter().map(|&value| value as i64).collect());
    check(all.iter().map(|&value| value as u32).collect());
    check(all.iter().map(|&value| value as i32).collect());
    check(all.iter().map(|&value| value as u16).collect());
    check(all.iter().map(|&value| value as i16).collect());
}

/// A short block is padded with values from an earlier one, which may be longer.
#[test]
fn short_integers_after_long_ones() {
    for long in [u64::MAX, u64::from(u32::MAX)] {
        let expected = vec![long.to_string(); 64].join(",");
        assert_eq!(text(ArrayView::from(&[long; 64])), format!("[{expected}]"));
        assert_eq!(text(array![4096_u64, 4097, 1].view()), "[4096,4097,1]");
        assert_eq!(text(array![1_u64 << 40, 7].view()), "[1099511627776,7]");
    }
}

/// The longest integer of a block decides how it is written; the others have any length.
#[test]
fn integers_of_every_width() {
    let mut random = Random::seeded(9);
    for width in 1..=64 {
        let shifts: [u64; 192] = std::array::from_fn(|_| random.below(width));
        let values = shifts.map(|shift| random.next_u64() >> (64 - width) >> shift);
        let expected = |texts: Vec<String>| format!("[{}]", texts.join(","));
        let texts = values.iter().map(u64::to_string).collect();
        assert_eq!(text(ArrayView::from(&values)), expected(texts));
        let signed = values.map(|value| (value as i64).wrapping_neg());
        let texts = signed.iter().map(i64::to_string).collect();
        assert_eq!(text(ArrayView::from(&signed)), expected(texts));
        if width <= 32 {
            let signed = values.map(|value| (value as i32).wrapping_neg());
            let texts = signed.iter().map(i32::to_string).collect();
            assert_eq!(text(ArrayView::from(&signed)), expected(texts));
            let floats = values.map(|value| -(value as f64));
            let texts = values.iter().map(|value| format!("-{value}.0")).collect();
            assert_eq!(text(ArrayView::from(&floats)), expected(texts));
        }
        if width <= 24 {
            let floats = values.map(|value| value as f32);
            let texts = values.iter().map(|value| format!("{value}.0")).collect();
            assert_eq!(text(ArrayView::from(&floats)), expected(texts));
        }
    }
}

/// Integers of `T` with at most `digits` digits, in rows of `columns`, and their text.
fn check_integers<T: Scalar + ToString>(
    random: &mut Random,
    digits: u64,
    columns: usize,
    from: impl Fn(i128) -> T,
) {
    let rows = 150 / columns + 2;
    let array = ArrayD::from_shape_simple_fn(IxDyn(&[rows, columns]), || {
        let power = 10_i128.pow(1 + random.below(digits) as u32);
        let value = match random.below(4) {
            // Next to multiples of powers of ten, where divisions may be wrong by one.
            0 => {
                let unit = 10_i128.pow(random.below(digits) as u32);
                let multiple = i128::from(random.next_u64()) % power / unit * unit;
                (multiple - random.below(2) as i128).max(0)
            }
            1 => power - 1 - random.below(2) as i128,
            _ => i128::from(random.next_u64()) % power,
        };
        from(if random.below(2) == 0 { value } else { -value })
    });
    let rows = array.axis_iter(Axis(0)).map(|row| {
        let texts: Vec<String> = row.iter().map(T::to_string).collect();
        format!("[{}]", texts.join(","))
    });
    let expected = format!("[{}]", rows.collect::<Vec<_>>().join(","));
    assert_eq!(text(array.view()), expected);
}

/// Rows that end anywhere among integers that are written together.
#[test]
fn integers_in_rows_of_any_length() {
    let mut random = Random::seeded(23);
    let (columns, step) = if cfg!(miri) { (3, 7) } else { (70, 1) };
    for columns in 1..=columns {
        for digits in (1..=20).step_by(step) {
            let random = &mut random;
            check_integers(random, digits, columns, |value| value as u64);
            check_integers(random, digits, columns, |value| value as i64);
            check_integers(random, digits.min(10), columns, |value| value as u32);
            check_integers(random, digits.min(10), columns, |value| value as i32);
            check_integers(random, digits.min(5), columns, |value| value as u16);
            check_integers(random, digits.min(5), columns, |value| value as i16);
        }
    }
}

#[test]
fn floats_of_every_form() {
    let floats = array![
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.1,
        0.5,
        100.0,
        123_456.75,
        1e15,
        9_999_999_999_999_998.0,
        1e16,
        1e-5,
        9.999e-6,
        1e-7,
        5e-324,
        1.7976931348623157e308,
        2.2250738585072014e-308,
        f64::NAN,
        f64::INFINITY,
        1234567890123456.7,
        2251799813685249.5,
        -1.234_567_890_123_456_7e-300,
        2.5,
    ];
    assert_eq!(
        text(floats.view()),
        "[0.0,-0.0,1.0,-1.0,0.1,0.5,100.0,123456.75,1000000000000000.0,9999999999999998.0,1e+16,\
         0.00001,9.999e-6,1e-7,5e-324,1.7976931348623157e+308,2.2250738585072014e-308,null,null,\
         1234567890123456.8,2251799813685249.5,-1.2345678901234568e-300,2.5]"
    );
    let floats = array![
        0.1_f32,
        1e12,
        1e13,
        1e-6,
        9.9e-7,
        1e-45,
        3.4028235e38,
        16777216.0,
        0.3
    ];
    assert_eq!(
        text(floats.view()),
        "[0.1,1000000000000.0,1e+13,0.000001,9.9e-7,1e-45,3.4028235e+38,16777216.0,0.3]"
    );
    let floats = [0.1, 65504.0, 6e-8, -2.0, f64::NAN].map(f16::from_f64);
    assert_eq!(
        text(ArrayView::from(&floats)),
        "[0.099975586,65504.0,5.9604645e-8,-2.0,null]"
    );
}

/// Blocks that take the fast paths for integers and nulls, mixed with blocks that don't.
#[test]
fn blocks_of_special_values() {
    let mut random = Random::seeded(11);
    let shape: &[usize] = if cfg!(miri) { &[3, 25] } else { &[5, 100] };
    for special in [
        0.0,
        -0.0,
        1.0,
        4_294_967_295.0,
        4_294_967_296.0,
        f64::NAN,
        0.5,
        1e300,
        5e-324,
    ] {
        for share in [1, 2, 64, 1000] {
            let array = ArrayD::from_shape_simple_fn(IxDyn(shape), || match random.below(share) {
                0 => special,
                _ => f64::from(random.next_u64() as u8),
            });
            assert_eq!(text(array.view()), expected(&array));
            let narrow = array.mapv(|number| number as f32);
            assert_eq!(text(narrow.view()), expected(&narrow));
            let half = array.mapv(f16::from_f64);
            assert_eq!(text(half.view()), expected(&half));
        }
    }
}

/// The texts are those of orjson 3.13.0 with `OPT_INDENT_2`.
#[test]
fn indented() {
    fn check<T: Scalar, D: Dimension>(array: Array<T, D>, expected: &str) {
        let options = Options::new().indent(true);
        for level in levels() {
            let mut out = b"before ".to_vec();
            json::write_at(level, &array, options, &mut out).unwrap();
            assert_eq!(
                String::from_utf8(out).unwrap(),
                format!("before {expected}")
            );
        }
        let mut chunks = Chunks::with_options(array.view(), options);
        let mut text = Vec::new();
        while let Some(chunk) = chunks.next_chunk().unwrap() {
            text.extend_from_slice(chunk);
        }
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
    check(
        array![[0.0, 1.0], [2.0, 3.0]],
        "[\n  [\n    0.0,\n    1.0\n  ],\n  [\n    2.0,\n    3.0\n  ]\n]",
    );
    check(Array::<f64, _>::zeros((2, 0)), "[\n  [],\n  []\n]");
    check(Array::<f64, _>::zeros((2, 0, 3)), "[\n  [],\n  []\n]");
    check(Array::<f64, _>::zeros(0), "[]");
    check(arr0(7), "7");
    check(
        array![[[0, 1], [2, 3]], [[4, 5], [6, 7]]],
        "[\n  [\n    [\n      0,\n      1\n    ],\n    [\n      2,\n      3\n    ]\n  ],\n  [\n    [\n      4,\n      5\n    ],\n    [\n      6,\n      7\n    ]\n  ]\n]",
    );
    let rows = if cfg!(miri) { 3 } else { 300 };
    let long = Array::from_shape_fn((rows, 50), |(row, column)| row * 50 + column);
    let lines: Vec<String> = (0..rows * 50)
        .map(|count| match count % 50 {
            0 => format!("  [\n    {count}"),
            49 => format!("    {count}\n  ]"),
            _ => format!("    {count}"),
        })
        .collect();
    check(
        long.mapv(|count| count as u64),
        &format!("[\n{}\n]", lines.join(",\n")),
    );
    let mut out = b"before".to_vec();
    let mut datetimes = vec![DatetimeS(0); if cfg!(miri) { 100 } else { 5000 }];
    datetimes.push(DatetimeS(i64::MAX));
    let options = Options::new().indent(true);
    json::write_with(&Array::from(datetimes), options, &mut out).unwrap_err();
    assert_eq!(out, b"before");
}

#[test]
fn chunks_are_the_text() {
    let rows = if cfg!(miri) { 60 } else { 300 };
    let array = Array::from_shape_fn((rows, 100), |(row, column)| {
        row as f64 / (column + 1) as f64
    });
    let whole = json::to_vec(&array).unwrap();
    let mut chunks = Chunks::new(array.view());
    let mut text = Vec::new();
    let mut count = 0;
    while let Some(chunk) = chunks.next_chunk().unwrap() {
        assert!(chunk.len() < 80_000);
        text.extend_from_slice(chunk);
        count += 1;
    }
    assert!(count > rows / 60);
    assert!(text == whole);
}

/// Random bits cover all exponents. All levels must agree with single elements.
#[test]
fn random_floats() {
    let mut random = Random::seeded(5);
    let len = if cfg!(miri) { 300 } else { 200_000 };
    let doubles = ArrayD::from_shape_simple_fn(IxDyn(&[len]), || f64::from_bits(random.next_u64()));
    assert!(text(doubles.view()) == expected(&doubles));
    for (index, number) in doubles
        .iter()
        .filter(|number| number.is_finite())
        .enumerate()
    {
        let parsed: f64 = json::fmt::Buffer::new().format(*number).parse().unwrap();
        assert_eq!(parsed.to_bits(), number.to_bits(), "{index}");
    }
    let floats = doubles.mapv(|number| f32::from_bits(number.to_bits() as u32));
    assert!(text(floats.view()) == expected(&floats));
    for number in floats.iter().filter(|number| number.is_finite()) {
        let parsed: f32 = json::fmt::Buffer::new().format(*number).parse().unwrap();
        assert_eq!(parsed.to_bits(), number.to_bits());
    }
}

/// The number of significant digits.
fn digits(text: &str) -> usize {
    let digits = text.split('e').next().unwrap().replace('.', "");
    digits.trim_matches('0').len()
}

/// Floats are denser below a power of two than above, so powers of two are a special case.
#[test]
fn powers_of_two_and_subnormals() {
    let mut random = Random::seeded(7);
    let (step, count) = if cfg!(miri) { (61, 20) } else { (1, 1000) };
    let mut doubles: Vec<f64> = (1..0x7ff)
        .step_by(step)
        .map(|biased| f64::from_bits(biased << 52))
        .collect();
    doubles.extend((0..52).map(|bit| f64::from_bits(1 << bit)));
    doubles.extend((0..count).map(|_| f64::from_bits(random.next_u64() >> 12)));
    let mut floats: Vec<f32> = (1..0xff)
        .step_by(step)
        .map(|biased| f32::from_bits(biased << 23))
        .collect();
    floats.extend((0..23).map(|bit| f32::from_bits(1 << bit)));
    floats.extend((0..count).map(|_| f32::from_bits((random.next_u64() >> 41) as u32)));
    let mut buffer = json::fmt::Buffer::new();
    // The standard library breaks ties between equally near decimals differently.
    let check = |text: &str, expected: String| {
        assert_eq!(digits(text), digits(&expected), "{text} for {expected}");
    };
    for double in &doubles {
        check(buffer.format(*double), format!("{double:e}"));
        assert_eq!(buffer.format(*double).parse(), Ok(*double));
    }
    for float in &floats {
        check(buffer.format(*float), format!("{float:e}"));
        assert_eq!(buffer.format(*float).parse(), Ok(*float));
    }
    check_all(doubles);
    check_all(floats);
}

/// Compares the text of `values` with that of single elements, at all levels.
fn check_all<T: Scalar>(values: Vec<T>) {
    let array = ArrayD::from_shape_vec(IxDyn(&[values.len()]), values).unwrap();
    assert!(
        text(array.view()) == expected(&array),
        "texts of {} differ",
        T::DTYPE
    );
}

#[test]
fn errors_print_their_cause_once() {
    let error = JsonError::from(std::io::Error::other("disk full"));
    let mut texts = vec![error.to_string()];
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    assert_eq!(texts.join(": "), "write JSON: disk full");
}
