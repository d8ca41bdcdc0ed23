//! Compares blocks with single floats.

use half::f16;

use crate::{
    json::{Level, Scalar, fmt::Buffer, write_at},
    random::Random,
};

/// Random bits, with more subnormals, powers of two and of ten, integers, short decimals, and other
/// special values.
fn random_bits(random: &mut Random) -> u64 {
    let bits = random.next_u64();
    let sign = bits & (1 << 63);
    let rest = bits >> 1;
    let float = match random.below(12) {
        0 => f64::from_bits(rest & 0x7ff0_0000_0000_0000),
        1 => f64::from_bits(rest >> (11 + random.below(52))),
        2 => f64::from_bits(rest & (u64::MAX << random.below(52))),
        3 => (rest >> random.below(62)) as f64,
        4 => rest as f64 / 1e18,
        5 => format!("1e{}", random.below(640) as i64 - 324)
            .parse()
            .unwrap(),
        6 => format!(
            "{}e{}",
            rest >> random.below(62),
            random.below(60) as i64 - 40
        )
        .parse()
        .unwrap(),
        7 => random.below(1000) as f64 / 10_f64.powi(random.below(5) as i32),
        8 => [
            0.0,
            f64::NAN,
            f64::INFINITY,
            1e15,
            1e16,
            1e-5,
            9.999e-6,
            5e-324,
        ][random.below(8) as usize],
        // Numbers with sixteen digits before the point.
        9 => 1e15 + (rest >> 12) as f64 / 4.0,
        10 => f64::from_bits(f64::INFINITY.to_bits() - 1 - random.below(100)),
        _ => f64::from_bits(rest),
    };
    float.to_bits() | sign
}

fn check<T: Scalar + std::fmt::Debug>(elements: &[T]) {
    let mut buffer = Buffer::new();
    let texts: Vec<String> = elements
        .iter()
        .map(|&element| buffer.format(element).to_owned())
        .collect();
    let mut out = Vec::new();
    let array = ndarray::ArrayView::from(elements);
    write_at(Level::Avx512, &array, crate::json::Options::new(), &mut out).unwrap();
    let expected = format!("[{}]", texts.join(","));
    assert_eq!(String::from_utf8_lossy(&out), expected, "{elements:?}");
}

/// Also compares the texts of blocks with many and with few floats of the same kind.
#[test]
fn like_one_by_one() {
    if !Level::Avx512.is_available() {
        return;
    }
    let mut random = Random::seeded(13);
    for round in 0..10_000_usize {
        let mut bits: [u64; 64] = std::array::from_fn(|_| random_bits(&mut random));
        if round % 3 == 0 {
            let kind = random_bits(&mut random);
            let share = 1 + random.below(8);
            for bits in &mut bits {
                *bits = if random.below(share) == 0 {
                    *bits
                } else {
                    kind
                };
            }
        }
        let elements = bits.map(f64::from_bits);
        let elements = &elements[..1 + round % 64];
        check(elements);
        let narrow: Vec<f32> = elements.iter().map(|&element| element as f32).collect();
        check(&narrow);
        let raw: Vec<f32> = bits
            .iter()
            .map(|&bits| f32::from_bits((bits >> 32) as u32))
            .collect();
        check(&raw[..elements.len()]);
        let half: Vec<f16> = elements
            .iter()
            .map(|&element| f16::from_f64(element))
            .collect();
        check(&half);
    }
}

/// The digits and exponents around every power of ten, with all numbers of digits.
#[test]
fn every_length_and_exponent() {
    if !Level::Avx512.is_available() {
        return;
    }
    const DIGITS: &str = "12345678901234567";
    for exponent in -330..310 {
        let mut elements = Vec::new();
        for digits in 1..=17 {
            for text in [&DIGITS[..digits], &"99999999999999999"[..digits], "1"] {
                let text = format!("{text}e{}", exponent - digits as i32 + 1);
                elements.push(text.parse::<f64>().unwrap());
                elements.push(-text.parse::<f64>().unwrap());
            }
        }
        for elements in elements.chunks(64) {
            check(elements);
            check(&elements.iter().map(|&it| it as f32).collect::<Vec<_>>());
        }
    }
}
