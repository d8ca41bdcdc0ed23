//! Measures the cost of taking data out of an array, from a view to a copy in another process: see
//! [`steps`]. Ids are `boundary::<step>::f64::<elements>`; the reference is `view_slice`.

#[cfg(feature = "arrow")]
#[path = "../formats/encoders/arrow.rs"]
#[expect(dead_code, reason = "used by the `formats` suite")]
mod arrow;
#[cfg(feature = "flight")]
mod flight;
mod ipc;
mod steps;

use std::{cell::RefCell, hint::black_box, sync::LazyLock};

use divan::Bencher;
use ipc::{Peer, Transfer, serve_if_child};
use ndarray::{Array1, ArrayD, ArrayView1, ArrayView2, s};
use serbench::{Description, Element, array::SEED, bench_described, pickle, random::Random};
use serde_json::Value;
use steps::{Aggregate, every_other_backwards, pairs, same_numbers};

fn main() -> std::io::Result<()> {
    #[cfg(feature = "flight")]
    if flight::serve_if_child()? {
        return Ok(());
    }
    if serve_if_child()? {
        return Ok(());
    }
    divan::main();
    Ok(())
}

/// Random floats, uniform in [0, 1).
static VALUES: LazyLock<Array1<f64>> = LazyLock::new(|| {
    let mut random = Random::seeded(SEED);
    Array1::from_shape_simple_fn(100_000, || random.unit())
});

/// The first elements of [`VALUES`]; the name of the case is their number.
fn values(case: &str) -> ArrayView1<'static, f64> {
    let len = match case {
        "100" => 100,
        "1k" => 1000,
        "100k" => 100_000,
        _ => unreachable!("unknown case {case}"),
    };
    VALUES.view().slice_move(s![..len])
}

/// The size of a result in bytes: the value itself and what it requested from the allocator.
trait Taken {
    fn taken(&self) -> usize;
}

macro_rules! taken {
    ($($type:ty, $owned:expr;)*) => { $(
        impl Taken for $type {
            fn taken(&self) -> usize {
                let owned: fn(&Self) -> usize = $owned;
                size_of::<Self>() + owned(self)
            }
        }
    )* };
}

taken! {
    (), |()| 0;
    f64, |_| 0;
    (f64, f64), |_| 0;
    Aggregate, |_| 0;
    ArrayView1<'_, f64>, |_| 0;
    ArrayView2<'_, f64>, |_| 0;
    Array1<f64>, |array| 8 * array.len();
    (Array1<f64>, usize), |(array, _)| 8 * array.len();
    ArrayD<f64>, |array| 8 * array.len();
    Vec<u8>, Vec::len;
    Vec<f64>, |list| 8 * list.len();
    Vec<Box<f64>>, |list| (size_of::<Box<f64>>() + 8) * list.len();
    Value, |tree| tree.as_array().map_or(0, |list| size_of::<Value>() * list.len());
    String, String::len;
}

/// Benchmarks a step. `T` is always `f64` and only adds the name to the id. `check` compares the output
/// with the input.
fn step<T: Element, O: Taken>(
    bencher: Bencher<'_, '_>,
    case: &str,
    mut operation: impl FnMut(ArrayView1<'static, f64>) -> O,
    check: impl FnOnce(ArrayView1<'static, f64>, &O) -> Result<(), String>,
) {
    let values = values(case);
    bench_described(
        bencher,
        || operation(black_box(values)),
        |operation| {
            let output = operation();
            Description::of(&values.into_dyn())
                .dtype(T::DTYPE)
                .bytes_out(output.taken() as u64)
                .check(check(values, &output))
        },
    );
}

/// Checks that all numbers are equal, bit by bit.
fn equal<'a>(
    these: impl IntoIterator<Item = &'a f64>,
    those: impl IntoIterator<Item = f64>,
) -> Result<(), String> {
    let mut those = those.into_iter();
    for (index, this) in these.into_iter().enumerate() {
        match those.next() {
            Some(that) if that.to_bits() == this.to_bits() => {}
            other => return Err(format!("element {index} is {this}, expected {other:?}")),
        }
    }
    match those.next() {
        None => Ok(()),
        Some(that) => Err(format!("{that} is missing")),
    }
}

/// `a[n/4 : 3n/4]` without copying. The reference.
#[divan::bench(types = [f64], args = ["100k"])]
fn view_slice<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::view_slice, |values, view| {
        let quarter = values.len() / 4;
        equal(view, (quarter..3 * quarter).map(|index| values[index]))
    });
}

/// Reshapes to ten columns without copying.
#[divan::bench(types = [f64], args = ["100k"])]
fn view_reshape<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::view_reshape, |values, view| {
        equal(view.rows().into_iter().flatten(), values.to_vec())
    });
}

/// Transposes ten columns to ten rows without copying.
#[divan::bench(types = [f64], args = ["100k"])]
fn view_transpose<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::view_transpose, |values, view| {
        equal(view.columns().into_iter().flatten(), values.to_vec())
    });
}

/// Copies all elements.
#[divan::bench(types = [f64], args = ["100k"])]
fn copy<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::copy, |values, copy| {
        equal(copy, values.to_vec())
    });
}

/// `a[0]`.
#[divan::bench(types = [f64], args = ["100k"])]
fn scalar_first<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::scalar_first, |values, first| {
        equal([first], [values[0]])
    });
}

/// `a[0]` and `a[-1]`.
#[divan::bench(types = [f64], args = ["100k"])]
fn scalar_first_last<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(
        bencher,
        case,
        steps::scalar_first_last,
        |values, (first, last)| equal([first, last], [values[0], values[values.len() - 1]]),
    );
}

/// `a[i] = i / 2` for each `i`.
#[divan::bench(types = [f64], args = ["100k"])]
fn element_assign<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    let array = RefCell::new(values(case).to_owned());
    let assign = |_| steps::element_assign(black_box(array.borrow_mut().view_mut()));
    step::<T, _>(bencher, case, assign, |values, ()| {
        equal(
            &*array.borrow(),
            (0..values.len()).map(|index| index as f64 * 0.5),
        )
    });
}

/// The sum, computed by ndarray.
#[divan::bench(types = [f64], args = ["100k"])]
fn sum_vectorised<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::sum_vectorised, |values, sum| {
        pair("sum", values, &[*sum])
    });
}

/// The sum, computed by a loop over `a[i]`.
#[divan::bench(types = [f64], args = ["100k"])]
fn sum_element_loop<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::sum_element_loop, |values, sum| {
        pair("sum", values, &[*sum])
    });
}

/// Checks that both sides of the pair agree with `output`.
fn pair(name: &str, values: ArrayView1<'_, f64>, output: &[f64]) -> Result<(), String> {
    let pair = pairs().into_iter().find(|pair| pair.name == name);
    let pair = pair.ok_or_else(|| format!("unknown pair {name}"))?;
    pair.check(values)?;
    same_numbers(output, &(pair.bad)(values))
}

/// Selects half of the elements with ndarray.
#[divan::bench(types = [f64], args = ["100k"])]
fn gather_select<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    let indices = every_other_backwards(values(case).len());
    let gather = |values| steps::gather_select(values, &indices);
    step::<T, _>(bencher, case, gather, |values, gathered| {
        pair("gather", values, &gathered.to_vec())
    });
}

/// Selects half of the elements with a loop over `a[i]`.
#[divan::bench(types = [f64], args = ["100k"])]
fn gather_loop<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    let indices = every_other_backwards(values(case).len());
    let gather = |values| steps::gather_loop(values, &indices);
    step::<T, _>(bencher, case, gather, |values, gathered| {
        pair("gather", values, &gathered.to_vec())
    });
}

/// `a[a > 0.5]`.
#[divan::bench(types = [f64], args = ["100k"])]
fn bool_mask<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::bool_mask, |values, chosen| {
        pair("mask", values, &chosen.to_vec())
    });
}

/// `sin(sqrt(2 * a + 1))` and a comparison.
#[divan::bench(types = [f64], args = ["100k"])]
fn arithmetic<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(
        bencher,
        case,
        steps::arithmetic,
        |values, (waves, above)| {
            let expected: Vec<f64> = values
                .iter()
                .map(|value| (value * 2.0 + 1.0).sqrt().sin())
                .collect();
            let count = expected.iter().filter(|wave| **wave > 0.9).count();
            equal(waves, expected)?;
            equal([&(*above as f64)], [count as f64])
        },
    );
}

/// `where(a > 0.5, exp(a), log(a + 1))`.
#[divan::bench(types = [f64], args = ["100k"])]
fn exp_log_where<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::exp_log_where, |values, output| {
        let expected = values.iter().map(|value| {
            if *value > 0.5 {
                value.exp()
            } else {
                (value + 1.0).ln()
            }
        });
        equal(output, expected)
    });
}

/// Mean, standard deviation, median and 95th percentile.
#[divan::bench(types = [f64], args = ["100k"])]
fn aggregate<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::aggregate, |values, got| {
        let (sorted, len) = (steps::sort(values), values.len() as f64);
        let mean = values.iter().sum::<f64>() / len;
        let variance = values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / len;
        let at = |fraction: f64| {
            let (place, next) = (
                (fraction * (len - 1.0)).floor(),
                (fraction * (len - 1.0)).fract(),
            );
            sorted[place as usize] * (1.0 - next) + sorted[place as usize + 1] * next
        };
        same_numbers(
            &[got.mean, got.std, got.median, got.percentile_95],
            &[mean, variance.sqrt(), at(0.5), at(0.95)],
        )
    });
}

/// The dot product of the array with itself.
#[divan::bench(types = [f64], args = ["100k"])]
fn dot<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(
        bencher,
        case,
        |values| steps::dot(values, values),
        |values, product| {
            same_numbers(
                &[*product],
                &[values.iter().map(|value| value * value).sum()],
            )
        },
    );
}

/// A sorted copy.
#[divan::bench(types = [f64], args = ["100k"])]
fn sort<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::sort, |values, sorted| {
        let mut expected = values.to_vec();
        expected.sort_by(f64::total_cmp);
        equal(sorted, expected)
    });
}

/// Converts to a vector.
#[divan::bench(types = [f64], args = ["100", "100k"])]
fn list_vec<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::list_vec, |values, list| {
        equal(list, values.to_vec())
    });
}

/// Converts to a vector of boxed elements.
#[divan::bench(types = [f64], args = ["100", "100k"])]
fn list_boxed<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::list_boxed, |values, list| {
        equal(list.iter().map(AsRef::as_ref), values.to_vec())
    });
}

/// Converts to a tree of JSON values, the closest equivalent of Python's list of objects.
#[divan::bench(types = [f64], args = ["100", "100k"])]
fn list_value_tree<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::list_value_tree, |values, tree| {
        let list = tree.as_array().ok_or("the tree is not a list")?;
        let numbers: Vec<f64> = list.iter().filter_map(Value::as_f64).collect();
        equal(&numbers, values.to_vec())
    });
}

/// `str(a)`, which abbreviates long arrays.
#[divan::bench(types = [f64], args = ["100", "100k"])]
fn string_elided<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::string_elided, |values, text| {
        // ndarray abbreviates arrays of more than 500 elements.
        if text.contains("...") == (values.len() > 500) {
            equal(&numbers(text)?[..5], values.iter().copied().take(5))
        } else {
            Err(format!(
                "unexpected text for {} elements: {} bytes",
                values.len(),
                text.len()
            ))
        }
    });
}

/// The full text of all elements.
#[divan::bench(types = [f64], args = ["100", "100k"])]
fn string_full<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::string_full, |values, text| {
        equal(&numbers(text)?, values.to_vec())
    });
}

/// Parses the numbers of `[1, 2, ...]` before the ellipsis.
fn numbers(text: &str) -> Result<Vec<f64>, String> {
    let shown = text.split("...").next().unwrap_or_default();
    let numbers = shown
        .split(['[', ',', ']', ' ', '\n'])
        .filter(|number| !number.is_empty());
    numbers
        .map(|number| {
            number
                .parse()
                .map_err(|_| format!("`{number}` is not a number"))
        })
        .collect()
}

/// Pickles the array with protocol 5.
#[divan::bench(types = [f64], args = ["100", "100k"])]
fn pickle_dumps<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::pickle_dumps, |values, pickle| {
        let loaded = pickle::from_slice::<f64>(pickle).map_err(|error| error.to_string())?;
        equal(&loaded, values.to_vec())
    });
}

/// Pickles and unpickles the array.
#[divan::bench(types = [f64], args = ["100", "100k"])]
fn pickle_roundtrip<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::pickle_roundtrip, |values, array| {
        equal(array, values.to_vec())
    });
}

/// Sends the array to another process and back as raw bytes.
#[divan::bench(types = [f64], args = ["1k", "100k"])]
fn ipc_raw<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    ipc::<T>(bencher, case, Transfer::Raw);
}

/// Sends the array to another process and back as an NPY file.
#[divan::bench(types = [f64], args = ["1k", "100k"])]
fn ipc_npy<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    ipc::<T>(bencher, case, Transfer::Npy);
}

/// Sends the array to another process and back as an Arrow stream.
#[cfg(feature = "arrow")]
#[divan::bench(types = [f64], args = ["1k", "100k"])]
fn ipc_arrow<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    ipc::<T>(bencher, case, Transfer::Arrow);
}

/// Sends the array to another process and back with Arrow Flight: gRPC over TCP on localhost.
#[cfg(feature = "flight")]
#[divan::bench(types = [f64], args = ["1k", "100k"])]
fn arrow_flight<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    let mut peer = flight::Peer::start().expect("can't start this executable as a child process");
    let round_trip = |values| {
        peer.round_trip(values)
            .expect("the child process returned no array")
    };
    step::<T, _>(bencher, case, round_trip, |values, array| {
        equal(array, values.to_vec())
    });
}

/// Sends the array to another process and back as JSON.
#[divan::bench(types = [f64], args = ["1k", "100k"])]
fn ipc_json<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    ipc::<T>(bencher, case, Transfer::Json);
}

fn ipc<T: Element>(bencher: Bencher<'_, '_>, case: &str, transfer: Transfer) {
    let mut peer = Peer::start(transfer).expect("can't start this executable as a child process");
    let round_trip = |values| {
        peer.round_trip(values)
            .expect("the child process returned no array")
    };
    step::<T, _>(bencher, case, round_trip, |values, array| {
        equal(array, values.to_vec())
    });
}

/// Scales, filters, counts and sums whole arrays.
#[divan::bench(types = [f64], args = ["100k"])]
fn practice_good<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::practice_good, |values, result| {
        pair("practice", values, result)
    });
}

/// Like `practice_good`, with a list of objects and a loop.
#[divan::bench(types = [f64], args = ["100k"])]
fn practice_bad<T: Element>(bencher: Bencher<'_, '_>, case: &str) {
    step::<T, _>(bencher, case, steps::practice_bad, |values, result| {
        pair("practice", values, result)
    });
}
