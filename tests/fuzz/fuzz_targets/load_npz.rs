//! Loads arbitrary bytes: each member loads or returns an error. Must not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serbench::{
    npy,
    npz::{self, NpzOptions},
};

fuzz_target!(|data: &[u8]| {
    for verify_crc in [true, false] {
        let options = NpzOptions::new()
            .max_uncompressed_bytes(1 << 24)
            .verify_crc(verify_crc);
        let Ok(npz) = npz::load_with(data, &options) else {
            return;
        };
        for (key, member) in &npz {
            assert!(npz.contains_key(key));
            if let Ok(member) = member {
                let owned = member.to_owned::<f64>();
                let at_once = npz.get_owned::<f64>(key);
                match (owned, at_once) {
                    (Ok(owned), Ok(at_once)) => {
                        assert_eq!(npy::to_vec(&owned), npy::to_vec(&at_once))
                    }
                    (owned, at_once) => assert!(owned.is_err() && at_once.is_err()),
                }
                let _ = member.view::<bool>();
                let raw = npz.raw(key).unwrap();
                assert_eq!(npy::load(&raw).unwrap().bytes(), member.bytes());
            }
        }
    }
});
