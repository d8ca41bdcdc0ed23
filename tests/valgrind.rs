//! Tests that a worker runs under valgrind, as `cargo serbench explain` needs it to. Does nothing if
//! valgrind isn't installed.

use std::{
    env,
    io::BufReader,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use serbench::protocol::{self, Answer, SOCKET, Slice};

#[divan::bench]
fn operation(bencher: divan::Bencher<'_, '_>) {
    serbench::bench(bencher, || (0..100_u64).sum::<u64>());
}

fn main() {
    if env::var_os(SOCKET).is_some() {
        return divan::main();
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut worker = Command::new("valgrind")
        .args(["--quiet", "--tool=none"])
        .arg(env::current_exe().unwrap())
        .args(["--bench", "--exact", "valgrind::operation"])
        .args(["--sample-count", "1", "--sample-size", "1"])
        .env(SOCKET, format!("{address} secret"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let stream = called(&listener, &mut worker);
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let hello = Answer::read(&mut answers).unwrap();
    assert_eq!(hello.text("secret"), Some("secret"));
    let (batches, size) = (2, 3);
    let run = protocol::Command::Run { batches, size };
    run.write(&stream).unwrap();
    let answer = Answer::read(&mut answers).expect("see the output of valgrind on stderr");
    assert_eq!(Slice::from_answer(&answer).unwrap().operations, 6);
    stream.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(worker.wait().unwrap().success());
}

/// Accepts the connection of the worker. Panics if the worker exits before it connects.
fn called(listener: &TcpListener, worker: &mut Child) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    loop {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(false).unwrap();
            return stream;
        }
        assert!(
            worker.try_wait().unwrap().is_none(),
            "the worker exited without connecting"
        );
        sleep(Duration::from_millis(1));
    }
}
