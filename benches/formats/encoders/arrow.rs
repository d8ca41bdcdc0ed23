//! Arrow streams: write, read, and access in place.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{Array, Float64Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::{
    reader::{StreamDecoder, StreamReader},
    writer::StreamWriter,
};
use arrow_schema::{DataType, Field, Schema};
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use serbench::{BoxError, Encoder, Format};

/// An Arrow stream of one batch with one column; the metadata of the schema contains the shape. Writing
/// needs an extra copy of the elements, because Arrow arrays own theirs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrow;

impl Encoder<f64> for Arrow {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, f64>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let batch = batch(&array)?;
        let mut writer = StreamWriter::try_new(out, &batch.schema())?;
        writer.write(&batch)?;
        Ok(writer.finish()?)
    }

    fn decode(&self, bytes: &[u8], _shape: &[usize]) -> Result<ArrayD<f64>, BoxError> {
        let mut reader = StreamReader::try_new(bytes, None)?;
        let batch = reader.next().ok_or("the stream has no batch")??;
        if reader.next().transpose()?.is_some() {
            return Err("the stream has more than one batch".into());
        }
        let schema = batch.schema();
        let axes = schema
            .metadata()
            .get("shape")
            .ok_or("the schema has no shape")?;
        let shape: Result<Vec<usize>, _> = axes.split_whitespace().map(str::parse).collect();
        let elements = column(&batch)?.values().to_vec();
        Ok(ArrayD::from_shape_vec(IxDyn(&shape?), elements)?)
    }
}

/// Copies the elements of `array` to a batch with one column.
///
/// # Errors
/// If Arrow rejects the batch.
pub(crate) fn batch(array: &ArrayViewD<'_, f64>) -> Result<RecordBatch, BoxError> {
    let axes: Vec<String> = array.shape().iter().map(ToString::to_string).collect();
    let metadata = HashMap::from([("shape".to_owned(), axes.join(" "))]);
    let field = Field::new("elements", DataType::Float64, false);
    let schema = Arc::new(Schema::new_with_metadata(vec![field], metadata));
    let elements: Vec<f64> = array.iter().copied().collect();
    let column = Float64Array::new(elements.into(), None);
    Ok(RecordBatch::try_new(schema, vec![Arc::new(column)])?)
}

/// The column of the stream in `bytes`. It shares their memory if they are aligned.
///
/// # Errors
/// If `bytes` aren't the output of [`Arrow`].
pub(crate) fn access_arrow(bytes: &Buffer) -> Result<Float64Array, BoxError> {
    let mut decoder = StreamDecoder::new();
    let mut rest = bytes.clone();
    let batch = decoder
        .decode(&mut rest)?
        .ok_or("the stream has no batch")?;
    Ok(column(&batch)?.clone())
}

/// The column of a batch.
///
/// # Errors
/// If `batch` was not created by [`batch()`].
pub(crate) fn column(batch: &RecordBatch) -> Result<&Float64Array, BoxError> {
    let column = batch
        .columns()
        .first()
        .and_then(|column| column.as_any().downcast_ref());
    let column: &Float64Array = column.ok_or("the batch has no column of float64")?;
    if column.null_count() > 0 {
        return Err("the column has nulls".into());
    }
    Ok(column)
}
