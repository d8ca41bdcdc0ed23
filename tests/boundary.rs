//! Tests the steps of the `boundary` suite, and sending arrays to another process.

#![expect(
    clippy::float_cmp,
    reason = "the same operations return the same floats"
)]

#[cfg(feature = "arrow")]
#[path = "../benches/formats/encoders/arrow.rs"]
#[expect(dead_code, reason = "used by the `formats` suite")]
mod arrow;
#[cfg(feature = "flight")]
#[path = "../benches/boundary/flight.rs"]
#[expect(dead_code, reason = "a test can't be its own child process")]
mod flight;
#[path = "../benches/boundary/ipc.rs"]
#[expect(dead_code, reason = "a test can't be its own child process")]
mod ipc;
#[path = "../benches/boundary/steps.rs"]
#[expect(dead_code, reason = "some steps only call ndarray")]
mod steps;

use ipc::{Transfer, receive, send};
use ndarray::{Array1, array, s};
use serbench::random::Random;
use steps::{
    Aggregate, Pair, aggregate, arithmetic, bool_mask, dot, element_assign, exp_log_where, pairs,
    practice_bad, same_numbers, scalar_first_last, sort, string_elided, string_full, view_reshape,
    view_slice, view_transpose,
};

fn column() -> Array1<f64> {
    let mut random = Random::seeded(1);
    Array1::from_shape_simple_fn(1000, || random.unit())
}

#[test]
fn views_show_the_array() {
    let column = column();
    assert_eq!(view_slice(column.view())[0], column[250]);
    assert_eq!(view_slice(column.view()).len(), 500);
    assert_eq!(view_reshape(column.view())[[3, 4]], column[34]);
    assert_eq!(view_transpose(column.view())[[4, 3]], column[34]);
    assert_eq!(scalar_first_last(column.view()), (column[0], column[999]));
}

#[test]
fn statistics_are_numpys() {
    // As defined by numpy: population standard deviation, percentiles with linear interpolation.
    let odd = array![4.0, 1.0, 3.0, 10.0, 2.0];
    let expected = Aggregate {
        mean: 4.0,
        std: 10.0_f64.sqrt(),
        median: 3.0,
        percentile_95: 8.8,
    };
    let got = aggregate(odd.view());
    same_numbers(
        &[got.mean, got.std, got.median, got.percentile_95],
        &[
            expected.mean,
            expected.std,
            expected.median,
            expected.percentile_95,
        ],
    )
    .unwrap();
    assert_eq!(aggregate(array![1.0, 2.0, 4.0, 3.0].view()).median, 2.5);
    assert_eq!(aggregate(array![7.0].view()).percentile_95, 7.0);
}

#[test]
fn computations_are_right() {
    let small = array![0.75, 0.25, 1.0];
    assert_eq!(bool_mask(small.view()), array![0.75, 1.0]);
    assert_eq!(sort(small.view()), array![0.25, 0.75, 1.0]);
    assert_eq!(dot(small.view(), small.view()), 0.5625 + 0.0625 + 1.0);
    let (waves, above) = arithmetic(small.view());
    assert_eq!(waves[1], 1.5_f64.sqrt().sin());
    assert_eq!(above, 3);
    assert_eq!(
        exp_log_where(small.view()),
        array![0.75_f64.exp(), 1.25_f64.ln(), 1.0_f64.exp()]
    );
    let mut assigned = small;
    element_assign(assigned.view_mut());
    assert_eq!(assigned, array![0.0, 0.5, 1.0]);
}

#[test]
fn long_text_is_elided_or_full() {
    let column = column();
    assert!(string_elided(column.view()).contains("..."));
    let full = string_full(column.view());
    assert_eq!(full.matches(',').count(), 999);
}

#[test]
fn pairs_agree() {
    for pair in pairs() {
        pair.check(column().view()).unwrap();
        pair.check(array![].view()).unwrap();
    }
}

#[test]
fn a_pair_that_disagrees_is_an_error() {
    // In the original demonstration, the slow version used only a tenth of the array.
    let unequal = Pair {
        name: "count",
        bad: |array| practice_bad(array.slice(ndarray::s![..100])),
        ..pairs()[3]
    };
    let error = unequal.check(column().view()).unwrap_err();
    assert!(error.starts_with("count: "), "{error}");
    assert!(same_numbers(&[1.0], &[1.0, 2.0]).is_err());
    assert!(same_numbers(&[f64::NAN], &[1.0]).is_err());
    assert!(same_numbers(&[1.0], &[1.000_001]).is_err());
}

#[test]
fn transfers_round_trip() {
    for transfer in Transfer::ALL {
        for array in [array![], array![0.1, -0.0, 1e300, 5e-324]] {
            for view in [array.view(), array.slice(s![..;-1])] {
                let mut bytes = Vec::new();
                transfer.encode(view, &mut bytes).unwrap();
                assert_eq!(transfer.decode(&bytes).unwrap(), view, "{transfer:?}");
            }
        }
        assert!(transfer.decode(b"[1").is_err(), "{transfer:?}");
    }
}

#[test]
fn truncated_messages_are_errors() {
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    send(&mut sent, b"abc").unwrap();
    assert!(receive(&mut sent.as_slice(), &mut received).unwrap());
    assert_eq!(received, b"abc");
    assert!(!receive(&mut [].as_slice(), &mut received).unwrap());
    assert!(receive(&mut &sent[..9], &mut received).is_err());
}

#[cfg(feature = "flight")]
#[test]
fn arrow_flight_returns_arrays() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(|| flight::serve(listener));
    let mut peer = flight::Peer::connect(port).unwrap();
    for array in [
        array![],
        array![0.1, -0.0, 1e300, 5e-324],
        Array1::linspace(0.0, 1.0, 500_000),
    ] {
        assert_eq!(peer.round_trip(array.view()).unwrap(), array);
        assert_eq!(
            peer.round_trip(array.slice(s![..;-1])).unwrap(),
            array.slice(s![..;-1])
        );
    }
}
