#!/usr/bin/env python3
"""Measures the real orjson beside the reference encoder and prints their ratio per data type.

    pip install orjson==3.13.0 numpy
    python3 tests/orjson/compare.py [--shape 100x50] [--processes 3] [DTYPE ...]

Builds the `json` bench and talks to it as `cargo serbench` does. For each data type the array of
the benchmark is fetched from the bench, and the text of both must be equal. Then, in fresh pairs
of processes on one core, single operations (small arrays: slices of 2 ms) of the two alternate.
Times are CPU times of the thread that works; the result is new each time and its freeing counts.
Both sides allocate from the C library. The ratio is reference / orjson: the median over all
alternations, with the range of the medians of the pairs of processes.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DTYPES = "bool i8 i16 i32 i64 u8 u16 u32 u64 f16 f32 f64 DatetimeNs".split()
SLICE_NS = 2_000_000


class Worker:
    """A bench executable that serves one benchmark."""

    def __init__(self, executable, benchmark):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            environment = {**os.environ, "SERBENCH_SOCKET": f"127.0.0.1:{port} x", "SERBENCH_FULL": "1"}
            self.process = subprocess.Popen(
                [executable, "--bench", "--exact", benchmark, "--sample-count", "1", "--sample-size", "1"],
                env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            listener.settimeout(10)
            try:
                self.connection, _ = listener.accept()
            except TimeoutError:
                self.process.kill()
                sys.exit(f"no worker for {benchmark}: {self.process.stderr.read().decode()}")
        self.stream = self.connection.makefile("rwb")
        self.answer()

    def answer(self):
        strings = {}
        while True:
            line = self.stream.readline()
            if not line:
                sys.exit(f"the bench ended: {self.process.stderr.read().decode()}")
            name, length = line.split()
            if name == b"end":
                return strings
            strings[name.decode()] = self.stream.read(int(length))

    def ask(self, command):
        self.stream.write(command.encode() + b"\n")
        self.stream.flush()
        return self.answer()

    def cpu_ns(self, operations):
        return float(self.ask(f"run 1 {operations}")["slice"].split()[2]) / operations

    def close(self):
        self.stream.close()
        self.connection.close()
        self.process.communicate()


class Orjson:
    """A Python process that serves `orjson.dumps` of one array."""

    def __init__(self, path, dtype, shape):
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--serve", path, dtype, shape],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def cpu_ns(self, operations):
        self.process.stdin.write(b"%d\n" % operations)
        self.process.stdin.flush()
        return float(self.process.stdout.readline()) / operations

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def load(path, dtype, shape):
    import numpy
    return numpy.fromfile(path, dtype=dtype).reshape([int(length) for length in shape.split("x")])


def serve(path, dtype, shape):
    import orjson
    array = load(path, dtype, shape)
    print("ready", flush=True)
    for line in sys.stdin:
        before = time.thread_time_ns()
        for _ in range(int(line)):
            orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY)
        print(time.thread_time_ns() - before, flush=True)


def build():
    command = ["cargo", "bench", "--quiet", "--bench", "json", "--no-run", "--message-format=json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    artifacts = (json.loads(line) for line in lines)
    return next(a["executable"] for a in artifacts
                if a["reason"] == "compiler-artifact" and a["target"]["name"] == "json" and a["executable"])


def compare(executable, encoder, dtype, shape, processes, alternations, path):
    import orjson
    benchmark = f"json::{encoder}::{dtype}::{shape}"
    worker = Worker(executable, benchmark)
    facts = worker.ask("verify")
    worker.close()
    with open(path, "wb") as file:
        file.write(facts["input"])
    name, axes = facts["dtype"].decode(), facts["shape"].decode()
    text = orjson.dumps(load(path, name, axes), option=orjson.OPT_SERIALIZE_NUMPY)
    same = text == facts["output"]
    del facts, text
    ratios, pairs, ours, theirs = [], [], [], []
    for _ in range(processes):
        worker, other = Worker(executable, benchmark), Orjson(path, name, axes)
        size = 1
        for _ in range(2):
            size = max(1, int(SLICE_NS / max(worker.cpu_ns(size), other.cpu_ns(size))))
        pair = []
        for alternation in range(alternations):
            if alternation % 2:
                a, b = worker.cpu_ns(size), other.cpu_ns(size)
            else:
                b, a = other.cpu_ns(size), worker.cpu_ns(size)
            pair.append(a / b)
            ours.append(a)
            theirs.append(b)
        worker.close()
        other.close()
        ratios += pair
        pairs.append(statistics.median(pair))
    return name, same, statistics.median(theirs) / 1e6, statistics.median(ours) / 1e6, statistics.median(ratios), pairs


def main():
    if sys.argv[1:2] == ["--serve"]:
        return serve(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="pynumpy", help="pynumpy or 100x50")
    parser.add_argument("--encoder", default="orjson", help="the bench function to put beside the real orjson")
    parser.add_argument("--processes", type=int, default=3, help="fresh pairs of processes per data type")
    parser.add_argument("--alternations", type=int, default=10, help="measurements per process")
    parser.add_argument("--core", type=int, default=0, help="core for both sides")
    parser.add_argument("--executable", help="an already built bench instead of cargo's")
    parser.add_argument("dtypes", nargs="*", default=DTYPES, help=" ".join(DTYPES))
    options = parser.parse_args()
    try:
        import numpy
        import orjson
    except ImportError as error:
        sys.exit(f"{error}; pip install orjson==3.13.0 numpy")
    executable = options.executable or build()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    print(f"orjson {orjson.__version__}, numpy {numpy.__version__}, shape {options.shape}, CPU time")
    print("| dtype | bytes | orjson ms | reference ms | ratio | of pairs |")
    print("|---|---|---|---|---|---|")
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        for dtype in options.dtypes:
            name, same, theirs, ours, ratio, pairs = compare(
                executable, options.encoder, dtype, options.shape, options.processes, options.alternations,
                os.path.join(folder, "array"))
            print(f"| {name} | {'equal' if same else 'DIFFERENT'} | {theirs:.4g} | {ours:.4g} | {ratio:.3f} "
                  f"| {min(pairs):.3f}-{max(pairs):.3f} |", flush=True)


if __name__ == "__main__":
    main()
