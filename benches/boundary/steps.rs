//! Operations that take more and more data out of an array, from a view to another process.
//!
//! They follow a demonstration of how data crosses the boundary of numpy. Each is written as a user of
//! ndarray would write it, and returns its result so that it can be checked:
//!
//! | steps | data taken out of the array |
//! |---|---|
//! | [`view_slice`], [`view_reshape`], [`view_transpose`] | none; they only create a descriptor |
//! | [`scalar_first`], [`scalar_first_last`] | one or two elements |
//! | [`sum_vectorised`], [`dot`], [`aggregate`] | a few results, computed by ndarray |
//! | [`sum_element_loop`], [`gather_loop`], [`element_assign`] | every element, one at a time |
//! | [`copy`], [`arithmetic`], [`exp_log_where`], [`bool_mask`], [`gather_select`], [`sort`] | none; they create another array |
//! | [`list_vec`], [`list_boxed`], `list_value_tree` | every element, as a number or object |
//! | [`string_elided`], [`string_full`] | text |
//! | [`pickle_dumps`], [`pickle_roundtrip`] | bytes that Python can load |
//! | [`ipc`](super::ipc) | bytes in some format, sent to another process and back |
//!
//! [`pairs`] lists two implementations for each result. If the results of a pair differ, this is an
//! error.

use ndarray::{Array1, ArrayD, ArrayView1, ArrayView2, ArrayViewMut1, Axis, s};

use serbench::pickle;

/// The middle half of the array, `a[n/4 : 3n/4]`.
pub(crate) fn view_slice(array: ArrayView1<'_, f64>) -> ArrayView1<'_, f64> {
    let len = array.len();
    array.slice_move(s![len / 4..3 * len / 4])
}

/// The array as ten columns.
///
/// # Panics
/// If the length is not a multiple of ten, or if the array is not contiguous.
pub(crate) fn view_reshape(array: ArrayView1<'_, f64>) -> ArrayView2<'_, f64> {
    let rows = array.len() / 10;
    array
        .into_shape_with_order((rows, 10))
        .expect("the array is contiguous and its length a multiple of ten")
}

/// The ten columns of [`view_reshape`] as rows.
///
/// # Panics
/// See [`view_reshape`].
pub(crate) fn view_transpose(array: ArrayView1<'_, f64>) -> ArrayView2<'_, f64> {
    view_reshape(array).reversed_axes()
}

/// A copy of the array.
pub(crate) fn copy(array: ArrayView1<'_, f64>) -> Array1<f64> {
    array.to_owned()
}

/// `a[0]`.
///
/// # Panics
/// If the array is empty.
pub(crate) fn scalar_first(array: ArrayView1<'_, f64>) -> f64 {
    array[0]
}

/// `a[0]` and `a[-1]`.
///
/// # Panics
/// If the array is empty.
pub(crate) fn scalar_first_last(array: ArrayView1<'_, f64>) -> (f64, f64) {
    (array[0], array[array.len() - 1])
}

/// `a[i] = i / 2` for each `i`, one at a time.
pub(crate) fn element_assign(mut array: ArrayViewMut1<'_, f64>) {
    for index in 0..array.len() {
        array[index] = index as f64 / 2.0;
    }
}

/// The sum, computed by ndarray, which adds several elements at once.
pub(crate) fn sum_vectorised(array: ArrayView1<'_, f64>) -> f64 {
    array.sum()
}

/// The sum, computed by a loop over `a[i]`.
pub(crate) fn sum_element_loop(array: ArrayView1<'_, f64>) -> f64 {
    let mut sum = 0.0;
    for index in 0..array.len() {
        sum += array[index];
    }
    sum
}

/// The elements at `indices`, selected by ndarray.
///
/// # Panics
/// If an index is out of bounds.
pub(crate) fn gather_select(array: ArrayView1<'_, f64>, indices: &[usize]) -> Array1<f64> {
    array.select(Axis(0), indices)
}

/// The elements at `indices`, selected by a loop over `a[i]`.
///
/// # Panics
/// If an index is out of bounds.
pub(crate) fn gather_loop(array: ArrayView1<'_, f64>, indices: &[usize]) -> Array1<f64> {
    let mut gathered = Vec::with_capacity(indices.len());
    for index in indices {
        gathered.push(array[*index]);
    }
    gathered.into()
}

/// The elements above 0.5, `a[a > 0.5]`.
pub(crate) fn bool_mask(array: ArrayView1<'_, f64>) -> Array1<f64> {
    let mask = array.mapv(|value| value > 0.5);
    let chosen = array.iter().zip(&mask).filter(|(_, chosen)| **chosen);
    chosen.map(|(value, _)| *value).collect()
}

/// `sin(sqrt(2 * a + 1))`, one array operation at a time, and the number of results above 0.9.
pub(crate) fn arithmetic(array: ArrayView1<'_, f64>) -> (Array1<f64>, usize) {
    let scaled = array.to_owned() * 2.0 + 1.0;
    let waves = scaled.mapv_into(f64::sqrt).mapv_into(f64::sin);
    let above = waves.mapv(|value| value > 0.9);
    let count = above.iter().filter(|above| **above).count();
    (waves, count)
}

/// `where(a > 0.5, exp(a), log(a + 1))`, one array operation at a time.
pub(crate) fn exp_log_where(array: ArrayView1<'_, f64>) -> Array1<f64> {
    let exponentials = array.mapv(f64::exp);
    let logarithms = (array.to_owned() + 1.0).mapv_into(f64::ln);
    ndarray::Zip::from(array)
        .and(&exponentials)
        .and(&logarithms)
        .map_collect(|value, exp, log| if *value > 0.5 { *exp } else { *log })
}

/// The result of [`aggregate`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Aggregate {
    /// The arithmetic mean.
    pub(crate) mean: f64,
    /// The population standard deviation, like `numpy.std`.
    pub(crate) std: f64,
    /// The middle value, or the mean of the two middle ones.
    pub(crate) median: f64,
    /// The 95th percentile with linear interpolation, like `numpy.percentile`.
    pub(crate) percentile_95: f64,
}

/// Mean, standard deviation, median and 95th percentile.
///
/// # Panics
/// If the array is empty.
pub(crate) fn aggregate(array: ArrayView1<'_, f64>) -> Aggregate {
    let len = array.len() as f64;
    let mean = array.sum() / len;
    let squares = array.mapv(|value| (value - mean) * (value - mean));
    let mut values = array.to_vec();
    Aggregate {
        mean,
        std: (squares.sum() / len).sqrt(),
        median: percentile(&mut values, 0.5),
        percentile_95: percentile(&mut values, 0.95),
    }
}

/// The quantile of `values` at `fraction`, with linear interpolation. Reorders `values`.
fn percentile(values: &mut [f64], fraction: f64) -> f64 {
    let place = fraction * (values.len() - 1) as f64;
    let (_, lower, above) = values.select_nth_unstable_by(place as usize, f64::total_cmp);
    let next = above.iter().copied().min_by(f64::total_cmp);
    *lower + (next.unwrap_or(*lower) - *lower) * place.fract()
}

/// The dot product.
///
/// # Panics
/// If the lengths differ.
pub(crate) fn dot(array: ArrayView1<'_, f64>, other: ArrayView1<'_, f64>) -> f64 {
    array.dot(&other)
}

/// A sorted copy.
pub(crate) fn sort(array: ArrayView1<'_, f64>) -> Array1<f64> {
    let mut values = array.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values.into()
}

/// The array as a vector.
pub(crate) fn list_vec(array: ArrayView1<'_, f64>) -> Vec<f64> {
    array.to_vec()
}

/// The array as a vector of boxed numbers, like a Python list.
#[expect(clippy::vec_box, reason = "measures the boxes")]
pub(crate) fn list_boxed(array: ArrayView1<'_, f64>) -> Vec<Box<f64>> {
    array.iter().map(|value| Box::new(*value)).collect()
}

/// The array as a tree of JSON values. NaN and infinities become null.
pub(crate) fn list_value_tree(array: ArrayView1<'_, f64>) -> serde_json::Value {
    array
        .iter()
        .map(|value| serde_json::Value::from(*value))
        .collect()
}

/// `str(a)`; ndarray abbreviates arrays of more than 500 elements.
pub(crate) fn string_elided(array: ArrayView1<'_, f64>) -> String {
    array.to_string()
}

/// The full text of all elements.
pub(crate) fn string_full(array: ArrayView1<'_, f64>) -> String {
    format!("{array:#}")
}

/// A pickle of the array, as written by Python with protocol 5.
pub(crate) fn pickle_dumps(array: ArrayView1<'_, f64>) -> Vec<u8> {
    pickle::to_vec(&array)
}

/// Pickles the array and loads it again.
///
/// # Panics
/// If the pickle can't be loaded, which is a bug in this crate.
pub(crate) fn pickle_roundtrip(array: ArrayView1<'_, f64>) -> ArrayD<f64> {
    pickle::from_slice(&pickle::to_vec(&array)).expect("the pickle was written by this crate")
}

/// Scales the values, and counts and sums those above a threshold, with array operations.
pub(crate) fn practice_good(array: ArrayView1<'_, f64>) -> Vec<f64> {
    let scaled = array.to_owned() * 2.0;
    let kept = scaled.mapv(|value| if value > 1.0 { value } else { 0.0 });
    let count = kept.iter().filter(|value| **value > 0.0).count();
    vec![count as f64, kept.sum()]
}

/// Like [`practice_good`], with a list of objects and a loop.
pub(crate) fn practice_bad(array: ArrayView1<'_, f64>) -> Vec<f64> {
    let list = list_boxed(array);
    let mut scaled = Vec::new();
    for value in &list {
        scaled.push(Box::new(**value * 2.0));
    }
    let (mut count, mut sum) = (0, 0.0);
    for value in scaled {
        if *value > 1.0 {
            count += 1;
            sum += *value;
        }
    }
    vec![f64::from(count), sum]
}

/// Two implementations of the same computation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// The name of the computation.
    pub(crate) name: &'static str,
    /// Implemented with array operations.
    pub(crate) good: fn(ArrayView1<'_, f64>) -> Vec<f64>,
    /// Implemented element by element.
    pub(crate) bad: fn(ArrayView1<'_, f64>) -> Vec<f64>,
}

impl Pair {
    /// Checks that both implementations return the same numbers for `array`, except for rounding
    /// errors of sums in a different order.
    ///
    /// # Errors
    /// If the numbers differ.
    pub(crate) fn check(&self, array: ArrayView1<'_, f64>) -> Result<(), String> {
        same_numbers(&(self.good)(array), &(self.bad)(array))
            .map_err(|difference| format!("{}: {difference}", self.name))
    }
}

/// All pairs.
pub(crate) fn pairs() -> [Pair; 4] {
    [
        Pair {
            name: "sum",
            good: |array| vec![sum_vectorised(array)],
            bad: |array| vec![sum_element_loop(array)],
        },
        Pair {
            name: "gather",
            good: |array| gather_select(array, &every_other_backwards(array.len())).to_vec(),
            bad: |array| gather_loop(array, &every_other_backwards(array.len())).to_vec(),
        },
        Pair {
            name: "mask",
            good: |array| bool_mask(array).to_vec(),
            bad: |array| {
                list_vec(array)
                    .into_iter()
                    .filter(|value| *value > 0.5)
                    .collect()
            },
        },
        Pair {
            name: "practice",
            good: practice_good,
            bad: practice_bad,
        },
    ]
}

/// Every other index below `len`, from last to first: the input of the gather steps.
pub(crate) fn every_other_backwards(len: usize) -> Vec<usize> {
    (0..len).rev().step_by(2).collect()
}

/// Checks that two lists of numbers are equal within a relative difference of 10⁻⁹. This is far more
/// than the rounding error of a sum of 10⁵ numbers, and far less than one missing element.
///
/// # Errors
/// If they differ; reports the first difference.
pub(crate) fn same_numbers(these: &[f64], those: &[f64]) -> Result<(), String> {
    if these.len() != those.len() {
        return Err(format!("{} numbers, expected {}", these.len(), those.len()));
    }
    let differ = |(a, b): &(&f64, &f64)| (**a - **b).abs() > 1e-9 * a.abs().max(b.abs());
    match these
        .iter()
        .zip(those)
        .find(|(a, b)| differ(&(a, b)) || a.is_nan() != b.is_nan())
    {
        Some((a, b)) => Err(format!("{a}, expected {b}")),
        None => Ok(()),
    }
}
