//! Unpacks arbitrary bytes: returns an error, or arrays that can be packed again. Must not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ndarray::{ArrayD, ArrayViewD};
use serbench::{
    Element, concat, f16,
    npy::{self, NpyView},
};

fuzz_target!(|data: &[u8]| {
    unpack(data);
    // Fix the preamble, so that more inputs reach the arrays.
    if data.len() >= 40 {
        let mut message = data.to_vec();
        message[..16].copy_from_slice(b"\x93CONCAT\n\x01\0\0\0\0\0\0\0");
        message[32..40].copy_from_slice(&(data.len() as u64).to_le_bytes());
        unpack(&message);
    }
});

fn unpack(message: &[u8]) {
    let Ok(arrays) = concat::unpack(message) else {
        return;
    };
    for array in arrays {
        let elements: usize = array.shape().iter().product();
        assert_eq!(array.bytes().len(), elements * array.dtype().itemsize());
        pack_again::<bool>(&array);
        pack_again::<i8>(&array);
        pack_again::<u16>(&array);
        pack_again::<f16>(&array);
        pack_again::<i64>(&array);
        pack_again::<f64>(&array);
    }
}

fn pack_again<T: Element>(array: &NpyView<'_>) {
    let Ok(owned) = array.to_owned::<T>() else {
        return;
    };
    let cow = array
        .to_cow::<T>()
        .expect("`to_owned` succeeded, so `to_cow` must, too");
    assert_eq!(npy::to_vec(&cow), npy::to_vec(&owned));
    // Fortran order with two axes, strides with more.
    let mut turned = owned.view();
    if owned.ndim() > 1 {
        turned.swap_axes(0, owned.ndim() - 1);
    }
    let arrays = [(&owned).into(), (&cow).into(), (&turned).into()];
    let mut message = Vec::new();
    concat::pack(&arrays, &mut message);
    assert_eq!(message.len(), concat::packed_len(&arrays));
    let mut into = vec![0xff; message.len()];
    assert_eq!(concat::pack_into(&arrays, &mut into), Ok(message.len()));
    assert_eq!(into, message);
    let (mut scratch, mut sent) = (Vec::new(), Vec::new());
    let mut parts = concat::pack_io_slices(&arrays, &mut scratch);
    concat::write_all_vectored(&mut sent, &mut parts).expect("writing to a vector can't fail");
    assert_eq!(sent, message);
    let again: Vec<ArrayD<T>> = concat::unpack(&message)
        .expect("it was just packed")
        .iter()
        .map(|array| array.to_owned().expect("it was just packed"))
        .collect();
    assert_eq!(npy::to_vec(&again[0]), npy::to_vec(&owned));
    assert_eq!(npy::to_vec(&again[1]), npy::to_vec(&owned));
    let in_c_order = |array: &ArrayViewD<'_, T>| npy::to_vec(&array.as_standard_layout());
    assert_eq!(in_c_order(&again[2].view()), in_c_order(&turned));
}
