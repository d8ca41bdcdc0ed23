//! The steps of the ladder from a view of an array to another process.
//!
//! The steps are those of a demonstration of numpy's boundaries, each written as a caller would
//! write it with ndarray, its result returned so that it can be checked:
//!
//! | steps | what leaves the array |
//! |---|---|
//! | [`view_slice`], [`view_reshape`], [`view_transpose`] | nothing: a descriptor is made |
//! | [`scalar_first`], [`scalar_first_last`] | one element, or two |
//! | [`sum_vectorised`], [`dot`], [`aggregate`] | a few numbers, computed inside |
//! | [`sum_element_loop`], [`gather_loop`], [`element_assign`] | every element, one at a time |
//! | [`copy`], [`arithmetic`], [`exp_log_where`], [`bool_mask`], [`gather_select`], [`sort`] | nothing: another array is made |
//! | [`list_vec`], [`list_boxed`], `list_value_tree` | every element, as objects of a general kind |
//! | [`string_elided`], [`string_full`] | text |
//! | [`pickle_dumps`], [`pickle_roundtrip`] | bytes that Python loads |
//! | [`ipc`](super::ipc) | bytes in some format, to another process and back |
//!
//! [`pairs`] holds two ways each to the same result; a pair whose results differ is an error,
//! however fast one of them is.

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
/// When its length is not a multiple of ten, or it is not contiguous.
pub(crate) fn view_reshape(array: ArrayView1<'_, f64>) -> ArrayView2<'_, f64> {
    let rows = array.len() / 10;
    array
        .into_shape_with_order((rows, 10))
        .expect("a contiguous array of a multiple of ten elements has ten columns")
}

/// The ten columns of [`view_reshape`] as rows.
///
/// # Panics
/// As [`view_reshape`].
pub(crate) fn view_transpose(array: ArrayView1<'_, f64>) -> ArrayView2<'_, f64> {
    view_reshape(array).reversed_axes()
}

/// The array in memory of its own.
pub(crate) fn copy(array: ArrayView1<'_, f64>) -> Array1<f64> {
    array.to_owned()
}

/// `a[0]`.
///
/// # Panics
/// When the array is empty.
pub(crate) fn scalar_first(array: ArrayView1<'_, f64>) -> f64 {
    array[0]
}

/// `a[0]` and `a[-1]`.
///
/// # Panics
/// When the array is empty.
pub(crate) fn scalar_first_last(array: ArrayView1<'_, f64>) -> (f64, f64) {
    (array[0], array[array.len() - 1])
}

/// `a[i] = i / 2` for each `i`, one at a time.
pub(crate) fn element_assign(mut array: ArrayViewMut1<'_, f64>) {
    for index in 0..array.len() {
        array[index] = index as f64 / 2.0;
    }
}

/// The sum, by ndarray, which adds several elements at once.
pub(crate) fn sum_vectorised(array: ArrayView1<'_, f64>) -> f64 {
    array.sum()
}

/// The sum, one `a[i]` after the other.
pub(crate) fn sum_element_loop(array: ArrayView1<'_, f64>) -> f64 {
    let mut sum = 0.0;
    for index in 0..array.len() {
        sum += array[index];
    }
    sum
}

/// The elements at `indices`, by ndarray.
///
/// # Panics
/// When an index is out of bounds.
pub(crate) fn gather_select(array: ArrayView1<'_, f64>, indices: &[usize]) -> Array1<f64> {
    array.select(Axis(0), indices)
}

/// The elements at `indices`, one `a[i]` after the other.
///
/// # Panics
/// When an index is out of bounds.
pub(crate) fn gather_loop(array: ArrayView1<'_, f64>, indices: &[usize]) -> Array1<f64> {
    let mut gathered = Vec::with_capacity(indices.len());
    for index in indices {
        gathered.push(array[*index]);
    }
    gathered.into()
}

/// The elements above one half, `a[a > 0.5]`.
pub(crate) fn bool_mask(array: ArrayView1<'_, f64>) -> Array1<f64> {
    let mask = array.mapv(|value| value > 0.5);
    let chosen = array.iter().zip(&mask).filter(|(_, chosen)| **chosen);
    chosen.map(|(value, _)| *value).collect()
}

/// `sin(sqrt(2 a + 1))`, each operation on the whole array, and how many results are above 0.9.
pub(crate) fn arithmetic(array: ArrayView1<'_, f64>) -> (Array1<f64>, usize) {
    let scaled = array.to_owned() * 2.0 + 1.0;
    let waves = scaled.mapv_into(f64::sqrt).mapv_into(f64::sin);
    let above = waves.mapv(|value| value > 0.9);
    let count = above.iter().filter(|above| **above).count();
    (waves, count)
}

/// `where(a > 0.5, exp(a), log(a + 1))`, each operation on the whole array.
pub(crate) fn exp_log_where(array: ArrayView1<'_, f64>) -> Array1<f64> {
    let exponentials = array.mapv(f64::exp);
    let logarithms = (array.to_owned() + 1.0).mapv_into(f64::ln);
    ndarray::Zip::from(array)
        .and(&exponentials)
        .and(&logarithms)
        .map_collect(|value, exp, log| if *value > 0.5 { *exp } else { *log })
}

/// What [`aggregate`] finds in an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Aggregate {
    /// The arithmetic mean.
    pub(crate) mean: f64,
    /// The standard deviation of the whole population, as `numpy.std` gives it.
    pub(crate) std: f64,
    /// The middle value, or the mean of the two middle ones.
    pub(crate) median: f64,
    /// The 95th percentile, interpolated linearly as `numpy.percentile` does.
    pub(crate) percentile_95: f64,
}

/// Mean, standard deviation, median and 95th percentile.
///
/// # Panics
/// When the array is empty.
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

/// The value that `fraction` of `values` lie below, interpolated between the two nearest; leaves
/// `values` in another order.
fn percentile(values: &mut [f64], fraction: f64) -> f64 {
    let place = fraction * (values.len() - 1) as f64;
    let (_, lower, above) = values.select_nth_unstable_by(place as usize, f64::total_cmp);
    let next = above.iter().copied().min_by(f64::total_cmp);
    *lower + (next.unwrap_or(*lower) - *lower) * place.fract()
}

/// The scalar product.
///
/// # Panics
/// When the lengths differ.
pub(crate) fn dot(array: ArrayView1<'_, f64>, other: ArrayView1<'_, f64>) -> f64 {
    array.dot(&other)
}

/// A sorted copy.
pub(crate) fn sort(array: ArrayView1<'_, f64>) -> Array1<f64> {
    let mut values = array.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values.into()
}

/// The array as a vector, Rust's own list of numbers.
pub(crate) fn list_vec(array: ArrayView1<'_, f64>) -> Vec<f64> {
    array.to_vec()
}

/// The array as a vector of numbers on the heap, as a Python list is.
#[expect(clippy::vec_box, reason = "the boxes are what is measured")]
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

/// `str(a)`: above 500 elements ndarray shows the outer ones only.
pub(crate) fn string_elided(array: ArrayView1<'_, f64>) -> String {
    array.to_string()
}

/// The text of all elements.
pub(crate) fn string_full(array: ArrayView1<'_, f64>) -> String {
    format!("{array:#}")
}

/// The array as Python pickles it with protocol 5.
pub(crate) fn pickle_dumps(array: ArrayView1<'_, f64>) -> Vec<u8> {
    pickle::to_vec(&array)
}

/// The array pickled, and loaded again.
///
/// # Panics
/// When the pickle can't be loaded, which would be an error of this crate.
pub(crate) fn pickle_roundtrip(array: ArrayView1<'_, f64>) -> ArrayD<f64> {
    pickle::from_slice(&pickle::to_vec(&array)).expect("a pickle made here can be loaded")
}

/// Values that are scaled and exceed a threshold, counted and summed as whole arrays.
pub(crate) fn practice_good(array: ArrayView1<'_, f64>) -> Vec<f64> {
    let scaled = array.to_owned() * 2.0;
    let kept = scaled.mapv(|value| if value > 1.0 { value } else { 0.0 });
    let count = kept.iter().filter(|value| **value > 0.0).count();
    vec![count as f64, kept.sum()]
}

/// The same count and sum with a list of objects and a loop over it.
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

/// Two ways to the same numbers, the first without leaving the array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// What is computed.
    pub(crate) name: &'static str,
    /// On the whole array.
    pub(crate) good: fn(ArrayView1<'_, f64>) -> Vec<f64>,
    /// Element by element.
    pub(crate) bad: fn(ArrayView1<'_, f64>) -> Vec<f64>,
}

impl Pair {
    /// Whether both ways come to the same numbers for `array`, but for the rounding of sums that
    /// are added up in another order.
    ///
    /// # Errors
    /// When they don't, with the numbers.
    pub(crate) fn check(&self, array: ArrayView1<'_, f64>) -> Result<(), String> {
        same_numbers(&(self.good)(array), &(self.bad)(array))
            .map_err(|difference| format!("{}: {difference}", self.name))
    }
}

/// The pairs of the ladder.
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

/// Half of the indices below `len`, last first: what the gathers of the ladder take.
pub(crate) fn every_other_backwards(len: usize) -> Vec<usize> {
    (0..len).rev().step_by(2).collect()
}

/// Whether two lists of numbers are equal, but for a relative difference of 10⁻⁹, which is far
/// above what the order of a sum of 10⁵ numbers makes and far below one lost element.
///
/// # Errors
/// When they aren't, with the first difference.
pub(crate) fn same_numbers(these: &[f64], those: &[f64]) -> Result<(), String> {
    if these.len() != those.len() {
        return Err(format!("{} numbers and {}", these.len(), those.len()));
    }
    let differ = |(a, b): &(&f64, &f64)| (**a - **b).abs() > 1e-9 * a.abs().max(b.abs());
    match these
        .iter()
        .zip(those)
        .find(|(a, b)| differ(&(a, b)) || a.is_nan() != b.is_nan())
    {
        Some((a, b)) => Err(format!("{a} and {b}")),
        None => Ok(()),
    }
}
