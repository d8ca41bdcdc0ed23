#!/usr/bin/env python3
"""Writes golden.jsonl, the cases of tests/orjson.rs, with orjson.

    pip install orjson==3.13.0 numpy
    python3 tests/orjson/generate.py

Each line is a case: the numpy data type, the shape, the little-endian bytes of the elements in
hexadecimal, and the text written by orjson, or its error.

    python3 tests/orjson/generate.py --dump INPUT DTYPE SHAPE OUTPUT

writes the text of a single array of raw bytes; tests/orjson.rs uses this for millions of values.
"""

import json
import os
import sys

try:
    import numpy as np
    import orjson
except ImportError as error:
    sys.exit(f"{error}; pip install orjson==3.13.0 numpy")

VERSION = "3.13.0"
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"]
SHAPES = [(0,), (0, 3), (3, 0), (2, 0, 3), (1,), (1, 1), (7,), (64,), (65,), (2, 3), (1, 129), (2, 3, 4), (2, 1, 2, 3),
          (2, 1, 2, 1, 3), ()]
# The last second that orjson's calendar (jiff) supports, and the first of year 0.
LAST, FIRST = 253402207200, -62167219200
PER_SECOND = {"W": 1 / 604800, "D": 1 / 86400, "h": 1 / 3600, "m": 1 / 60, "s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}


def dump(array):
    return orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def case(array):
    line = {"dtype": array.dtype.name, "shape": array.shape, "bytes": array.tobytes().hex()}
    try:
        line["text"] = dump(array)
    except TypeError as error:
        line["error"] = str(error)
    return json.dumps(line)


def integers(dtype):
    info = np.iinfo(dtype)
    values = {info.min, info.min + 1, -1, 0, 1, info.max - 1, info.max}
    for power in range(20):
        for value in (10**power, -(10**power)):
            values |= {value - 1, value, value + 1}
    return np.array(sorted(v for v in values if info.min <= v <= info.max), dtype=dtype)


def floats(dtype, random):
    info = np.finfo(dtype)
    one = dtype(1)
    special = [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, info.max, info.min, info.tiny, info.smallest_subnormal,
               -info.smallest_subnormal, info.tiny - info.smallest_subnormal, one, -one, np.nextafter(one, dtype(2)),
               np.nextafter(one, dtype(0)), 0.1, 0.2, 0.3, 1 / 3, 2 / 3, np.pi, 100, 1024, 65504, 2**24, 2**24 + 2, 2**53, 2**63]
    with np.errstate(over="ignore", under="ignore"):
        values = [dtype(value) for value in special]
        for power in (*range(-48, 40), *range(-324, 309, 12)):
            value = dtype(float(f"1e{power}"))
            values += [value, np.nextafter(value, dtype(0)), np.nextafter(value, info.max), -value, dtype(1.5) * value]
    width = {2: np.uint16, 4: np.uint32, 8: np.uint64}[dtype().itemsize]
    bits = random.integers(0, np.iinfo(width).max, 300, dtype=width, endpoint=True).view(dtype)
    return np.concatenate([np.array(values, dtype=dtype), bits])


def datetimes(unit, random):
    """Counts that orjson can represent, except those it gets wrong: months before 1970 other than January
    (orjson 3.13.0 aborts or rejects them), and counts that overflow when converted to seconds."""
    if unit == "Y":
        return np.array([-1970, -1001, -1, 0, 1, 54, 8029])
    if unit == "M":
        return np.array([-1970 * 12, -12, 0, 1, 11, 12, 649, 8029 * 12 + 11])
    if unit == "ns":
        first, last = -(2**63), 2**63 - 1
    else:
        per = PER_SECOND[unit]
        first, last = int(FIRST * per), int(LAST * per)
    edges = [first, first + 1, -1_000_001, -1_000_000, -999_999, -1001, -1000, -999, -1, 0, 1, 999, 1000, 1001,
             951782400, 951868799, 951868800, 1717243200, last - 1, last]
    counts = [count for count in edges if first <= count <= last]
    return np.concatenate([np.array(counts), random.integers(first, last, 60, endpoint=True)])


def cases():
    random = np.random.default_rng(20240601)
    for dtype in ["bool", *INTEGERS, *FLOATS, "datetime64[ns]"]:
        if dtype == "bool":
            values = random.random(300) < 0.5
            pool = np.array([False, True, *values])
        elif dtype in INTEGERS:
            values = random.integers(0, np.iinfo(dtype).max, 300, dtype=dtype)
            pool = integers(dtype)
        elif dtype in FLOATS:
            values = random.random(300).astype(dtype)
            pool = floats(np.dtype(dtype).type, random)
        else:
            values = random.integers(0, 2303683200 * 10**9, 300).view(dtype)
            pool = datetimes("ns", random).view(dtype)
        yield pool
        yield values.reshape(3, 100)
        for shape in SHAPES:
            yield random.choice(pool, shape).astype(dtype)
    for unit in UNITS[:-1]:
        yield datetimes(unit, random).view(f"datetime64[{unit}]")
        for count in [-(2**63), 2**63 - 1] if unit in ("Y", "M", "s", "ms", "us") else [10**12]:
            yield np.array([count]).view(f"datetime64[{unit}]")


def main():
    if orjson.__version__ != VERSION:
        sys.exit(f"needs orjson {VERSION}, found {orjson.__version__}")
    if sys.argv[1:2] == ["--dump"]:
        source, dtype, shape, target = sys.argv[2:]
        array = np.fromfile(source, dtype=dtype).reshape([int(length) for length in shape.split("x")])
        with open(target, "w") as file:
            file.write(dump(array))
        return
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.jsonl"), "w") as file:
        for array in cases():
            file.write(case(array) + "\n")


if __name__ == "__main__":
    main()
