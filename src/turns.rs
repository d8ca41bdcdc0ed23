//! Arrays that take turns, so that branch predictors can't learn one of them by heart.
//!
//! Predictors of current processors remember the branches of thousands of elements. If a benchmark
//! encodes one small array again and again, branches on signs, lengths or booleans look free: on a
//! Xeon (Sapphire Rapids), serde_json takes 8 µs for the same 5,000 booleans, but 27 µs if they are in
//! one of 64 orders each time. Some processes learn more than others, so such times also scatter.

use std::cell::Cell;

use ndarray::{ArrayD, ArrayViewD};

use crate::{Element, random::Random};

/// About this many elements take turns. Of the difference above, 20,000 show 75 %, 40,000 83 %, 80,000 93 %.
const ELEMENTS: usize = 40_000;

/// At most this many arrays take turns, or the caches would matter more than the branches.
const MOST: usize = 64;

/// An array and copies of it with the elements in another order.
pub(crate) struct Turns<'a, T> {
    array: ArrayViewD<'a, T>,
    copies: Vec<ArrayD<T>>,
    /// The array whose turn it is; 0 is the original.
    turn: Cell<usize>,
}

impl<'a, T: Element> Turns<'a, T> {
    /// The first turn is that of `array` itself. Without copies if it is large or not contiguous.
    pub(crate) fn new(array: ArrayViewD<'a, T>) -> Self {
        let is_contiguous = array.as_slice_memory_order().is_some();
        let arrays = if is_contiguous && !array.is_empty() {
            (ELEMENTS / array.len()).clamp(1, MOST)
        } else {
            1
        };
        let mut random = Random::seeded(1);
        let mut copies = Vec::with_capacity(arrays - 1);
        for _ in 1..arrays {
            // Keeps the order of the axes in memory.
            let mut copy = array.to_owned();
            if let Some(elements) = copy.as_slice_memory_order_mut() {
                shuffle(elements, &mut random);
            }
            copies.push(copy);
        }
        Self {
            array,
            copies,
            turn: Cell::new(0),
        }
    }

    /// The array whose turn it is. Then it is the next one's.
    pub(crate) fn next(&self) -> ArrayViewD<'_, T> {
        let turn = self.turn.get();
        let is_last = turn == self.copies.len();
        self.turn.set(if is_last { 0 } else { turn + 1 });
        match turn {
            0 => self.array.view(),
            turn => self.copies[turn - 1].view(),
        }
    }

    /// Makes it the turn of the original.
    pub(crate) fn restart(&self) {
        self.turn.set(0);
    }

    /// The number of arrays.
    pub(crate) fn len(&self) -> usize {
        1 + self.copies.len()
    }
}

/// Fisher and Yates's method.
fn shuffle<T>(elements: &mut [T], random: &mut Random) {
    for index in (1..elements.len()).rev() {
        elements.swap(index, random.below(index as u64 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, ShapeBuilder, s};

    use super::Turns;

    fn sorted(array: &ArrayD<i64>) -> Vec<i64> {
        let mut elements: Vec<i64> = array.iter().copied().collect();
        elements.sort_unstable();
        elements
    }

    fn counted(shape: &[usize]) -> ArrayD<i64> {
        let len: usize = shape.iter().product();
        ArrayD::from_shape_vec(shape, (0..len as i64).collect()).unwrap()
    }

    #[test]
    fn copies_have_the_elements_in_another_order() {
        let array = counted(&[100, 50]);
        let turns = Turns::new(array.view());
        assert_eq!(turns.len(), 8);
        let all: Vec<ArrayD<i64>> = (0..8).map(|_| turns.next().to_owned()).collect();
        assert_eq!(all[0], array);
        for (index, one) in all.iter().enumerate() {
            assert_eq!(sorted(one), sorted(&array));
            assert!(!all[..index].contains(one), "array {index} is a copy");
        }
        assert_eq!(turns.next(), array);
        turns.restart();
        assert_eq!(turns.next(), array);
    }

    #[test]
    fn large_arrays_are_alone() {
        for (len, arrays) in [(1, 64), (100, 64), (20_000, 2), (20_001, 1), (1 << 20, 1)] {
            let array = counted(&[len]);
            assert_eq!(Turns::new(array.view()).len(), arrays);
        }
        assert_eq!(Turns::new(counted(&[0, 3]).view()).len(), 1);
    }

    #[test]
    fn layouts_are_kept() {
        let array = counted(&[40, 30]);
        let strided = array.slice(s![.., ..;2]).into_dyn();
        assert_eq!(Turns::new(strided).len(), 1);
        let fortran = ArrayD::from_shape_fn([40, 30].as_slice().f(), |index| array[&index]);
        let turns = Turns::new(fortran.view());
        turns.next();
        assert_eq!(turns.next().strides(), fortran.strides());
    }
}
