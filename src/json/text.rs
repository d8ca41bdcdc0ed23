//! Writes the text of an array to a buffer, block by block.

use std::mem::MaybeUninit;

use ndarray::{ArrayView, Dimension, IxDyn};

use super::{
    JsonError, Level, Options, Scalar,
    fmt::cursor::Cursor,
    indent::Indent,
    kernel::{BLOCK, Empty, Kernel, SLACK, WriteBlock, write_block},
    rows::Rows,
    size,
    source::Source,
};

/// The state of writing the text of an array.
pub(crate) struct Text<'a, T: Kernel> {
    source: Source<'a, T>,
    rows: Rows,
    write: WriteBlock<T>,
    options: Options,
    /// The number of opening brackets, until they have been written.
    opening: Option<usize>,
    shape: IxDyn,
}

/// The size of the chunks of a stream. Fits into the L2 cache of any processor.
pub(crate) const CHUNK: usize = 64 * 1024;

/// The size of a temporary buffer for blocks that may not fit into the output.
const STAGE: usize = 4096;

impl<'a, T: Kernel> Text<'a, T> {
    fn new(source: Source<'a, T>, shape: &[usize], options: Options, level: Level) -> Self {
        assert!(
            level.is_available(),
            "this processor doesn't support {level:?}"
        );
        Self {
            source,
            rows: Rows::new(shape),
            write: write_block(level),
            options,
            opening: Some(shape.len()),
            shape: IxDyn(shape),
        }
    }

    /// Reserves room for the whole text. Call it before writing.
    pub(crate) fn reserve(&mut self, out: &mut Vec<u8>) {
        let (source, shape) = (&self.source, self.shape.slice());
        size::reserve(source, shape, self.write, &self.options, out);
    }

    /// Appends text until `out` has at least `enough` bytes, and returns whether there may be more.
    ///
    /// # Errors
    /// The count of a datetime that can't be represented.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>, enough: usize) -> Result<bool, i64> {
        if let Some(axes) = self.opening.take() {
            out.resize(out.len() + axes, b'[');
        }
        if self.source.len() == 0 {
            return Ok(false);
        }
        T::with_scratch(|scratch| {
            while self.source.len() > 0 {
                if out.len() >= enough {
                    return Ok(true);
                }
                self.block(scratch, out)?;
            }
            if self.shape.ndim() == 0 {
                out.pop();
            }
            if self.options.append_newline {
                out.push(b'\n');
            }
            Ok(false)
        })
    }

    /// Appends the next block.
    #[expect(unsafe_code, reason = "see `Cursor`")]
    fn block(&mut self, scratch: &mut T::Scratch<BLOCK>, out: &mut Vec<u8>) -> Result<(), i64> {
        let elements = self.source.len().min(BLOCK);
        let room = elements * T::MAX_LEN + self.rows.brackets_len(elements) + SLACK;
        let spare = out.spare_capacity_mut();
        if spare.len() < room {
            return self.staged(scratch, out, room);
        }
        // SAFETY: `spare` has that much room, and its first `written` bytes are initialized.
        unsafe {
            let written = self.write(scratch, spare.as_mut_ptr().cast(), room)?;
            out.set_len(out.len() + written);
        }
        Ok(())
    }

    /// Appends the next block if `out` has less than `room` spare bytes, the maximum length.
    #[expect(unsafe_code, reason = "see `Cursor`")]
    #[cold]
    fn staged(
        &mut self,
        scratch: &mut T::Scratch<BLOCK>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<(), i64> {
        let mut stage = [MaybeUninit::<u8>::uninit(); STAGE];
        if room > STAGE {
            size::grow(out, room);
            return self.block(scratch, out);
        }
        // SAFETY: the stage has that much room, and its first `written` bytes are initialized.
        let text = unsafe {
            let written = self.write(scratch, stage.as_mut_ptr().cast(), STAGE)?;
            std::slice::from_raw_parts(stage.as_ptr().cast::<u8>(), written)
        };
        if out.capacity() - out.len() < text.len() {
            size::grow(out, text.len());
        }
        out.extend_from_slice(text);
        Ok(())
    }

    /// Writes the next block to `start` and returns its length.
    ///
    /// # Safety
    /// `start` must point to `room` writable bytes, enough for the block.
    #[expect(unsafe_code, reason = "see `Cursor`")]
    #[inline]
    unsafe fn write(
        &mut self,
        scratch: &mut T::Scratch<BLOCK>,
        start: *mut u8,
        room: usize,
    ) -> Result<usize, i64> {
        let elements = self.source.next();
        // SAFETY: the caller's contract; `new` checked that the level is available.
        unsafe {
            let cursor = Cursor::new(start, room);
            let cursor = (self.write)(elements, scratch, &mut self.rows, &self.options, cursor)?;
            Ok(cursor.position().offset_from_unsigned(start))
        }
    }
}

/// [`Text`] of an array, which may be empty or indented.
pub(crate) struct AnyText<'a, T: Scalar> {
    compact: Compact<'a, T>,
    indented: Option<Indented>,
}

enum Compact<'a, T: Scalar> {
    Elements(Text<'a, T>),
    Empty(Text<'a, Empty>),
}

/// A chunk of compact text, and the state of indenting it.
#[derive(Default)]
struct Indented {
    indent: Indent,
    chunk: Vec<u8>,
}

impl<'a, T: Scalar> AnyText<'a, T> {
    pub(crate) fn new<D: Dimension>(
        array: ArrayView<'a, T, D>,
        options: Options,
        level: Level,
    ) -> Self {
        let shape = IxDyn(array.shape());
        let shape = shape.slice();
        let compact = match shape.iter().position(|&len| len == 0) {
            None => Compact::Elements(Text::new(Source::new(array), shape, options, level)),
            Some(axis) => {
                let shape = &shape[..axis];
                let empties = vec![Empty; shape.iter().product()].leak();
                Compact::Empty(Text::new(Source::Slice(empties), shape, options, level))
            }
        };
        Self {
            compact,
            indented: options.indent.then(Indented::default),
        }
    }

    /// Reserves room for the whole text, unless it is indented. Call it before writing.
    pub(crate) fn reserve(&mut self, out: &mut Vec<u8>) {
        match &mut self.compact {
            _ if self.indented.is_some() => {}
            Compact::Elements(text) => text.reserve(out),
            Compact::Empty(text) => text.reserve(out),
        }
    }

    /// Appends text until `out` has at least `enough` bytes, and returns whether there may be more.
    ///
    /// # Errors
    /// A datetime that can't be represented.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>, enough: usize) -> Result<bool, JsonError> {
        let Some(Indented { indent, chunk }) = &mut self.indented else {
            return self.compact.fill(out, enough);
        };
        loop {
            chunk.clear();
            let has_more = self.compact.fill(chunk, CHUNK / 8)?;
            indent.append(chunk, out);
            if !has_more || out.len() >= enough {
                return Ok(has_more);
            }
        }
    }
}

impl<T: Scalar> Compact<'_, T> {
    fn fill(&mut self, out: &mut Vec<u8>, enough: usize) -> Result<bool, JsonError> {
        let filled = match self {
            Self::Elements(text) => text.fill(out, enough),
            Self::Empty(text) => text.fill(out, enough),
        };
        filled.map_err(|count| JsonError::Datetime {
            count,
            dtype: T::DTYPE,
        })
    }
}
