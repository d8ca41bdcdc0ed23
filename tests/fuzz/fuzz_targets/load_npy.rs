//! Loads arbitrary bytes: returns an error, or an array with all its elements. Must not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serbench::{npy, pickle};

fuzz_target!(|data: &[u8]| {
    let _ = pickle::from_slice::<f64>(data);
    let mut changed = data.to_vec();
    if let Ok(mut npy) = npy::load_mut(&mut changed)
        && let Ok(mut view) = npy.view_mut::<bool>()
    {
        view.map_inplace(|element| *element = !*element);
    }
    if let Ok(raw) = npy::load_raw(data) {
        for field in raw.fields().unwrap_or_default() {
            let _ = (raw.field::<f64>(&field.name), raw.field::<bool>(&field.name));
        }
    }
    let Ok(npy) = npy::load(data) else { return };
    let elements: usize = npy.shape().iter().product();
    assert_eq!(npy.bytes().len(), elements * npy.dtype().itemsize());
    macro_rules! touch {
        ($($type:ty),*) => { $(
            if let Ok(owned) = npy.to_owned::<$type>() {
                let bytes = |array: &ndarray::ArrayD<$type>| npy::to_vec(array);
                assert_eq!(bytes(&npy.to_cow::<$type>().unwrap().into_owned()), bytes(&owned));
                if let Ok(anywhere) = npy.view_unaligned::<$type>() {
                    assert_eq!(bytes(&anywhere.map(|element| element.get())), bytes(&owned));
                }
                let saved = bytes(&owned);
                let again = npy::load(&saved).unwrap();
                assert_eq!((again.shape(), again.fortran_order()), (owned.shape(), {
                    !owned.is_standard_layout()
                }));
                assert_eq!(bytes(&again.to_owned().unwrap()), saved);
            }
        )* };
    }
    touch!(
        bool,
        i8,
        i16,
        i32,
        i64,
        u8,
        u16,
        u32,
        u64,
        f32,
        f64,
        serbench::f16
    );
});
