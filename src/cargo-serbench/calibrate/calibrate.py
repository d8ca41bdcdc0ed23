"""Times Python's steps on one array for `cargo serbench calibrate`, one command a line.

    calibrate.py ELEMENTS DTYPE AXES FOLDER

First writes which versions these are, and the names of the steps. Then answers each line `NAME OPERATIONS`
with the CPU time of the thread in nanoseconds, and `equals FILE` with whether orjson writes that file.
"""

import functools
import importlib.util
import io
import itertools
import json
import os
import pickle
import shutil
import sys
import tempfile
import time

elements, dtype, axes, folder = sys.argv[1:]
# A cached file keeps its physical memory, which can make it permanently faster or slower. So each process
# uses its own copy.
private = tempfile.mkdtemp(dir=folder)
package = os.path.dirname(importlib.util.find_spec("orjson").origin)
shutil.copytree(package, os.path.join(private, "orjson"))
sys.path.insert(0, private)

import numpy
import orjson

array = numpy.fromfile(elements, dtype=dtype).reshape([int(axis) for axis in axes.split("x")])

# Copies in another order take turns, as in `serbench::bench_encoder`, so that branch predictors don't learn one
# array by heart.
copies = max(1, min(64, 40_000 // max(1, array.size))) - 1
order = numpy.random.default_rng(1)
arrays = [array] + [order.permutation(array.ravel()).reshape(array.shape) for _ in range(copies)]
turns = itertools.cycle(arrays)


# What a process allocated and freed before changes how its allocator serves later steps, so these are made
# only where they are needed.
@functools.cache
def pickled():
    return pickle.dumps(array, protocol=5)


@functools.cache
def saved():
    path = os.path.join(folder, "array.npy")
    numpy.save(path, array)
    return path


def listed():
    # Datetimes are text as in orjson; tolist alone would give their counts.
    array = next(turns)
    return array.astype(str).tolist() if array.dtype.kind == "M" else array.tolist()


def encoded(array):
    return orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY)


STEPS = {
    "orjson": lambda: encoded(next(turns)),
    "json": lambda: json.dumps(listed()).encode(),
    "tolist": lambda: next(turns).tolist(),
    "pickle.dumps": lambda: pickle.dumps(array, protocol=5),
    "pickle.loads": lambda: pickle.loads(pickled()),
    "np.save": lambda: numpy.save(io.BytesIO(), array),
    "np.load": lambda: numpy.load(saved()),
}

versions = {"python": sys.version.split()[0], "numpy": numpy.__version__, "orjson": orjson.__version__}
print(json.dumps({"versions": versions, "steps": list(STEPS)}), flush=True)
for line in sys.stdin:
    name, argument = line.rstrip("\n").split(" ", 1)
    if name == "equals":
        with open(argument, "rb") as file:
            print(json.dumps(encoded(array) == file.read()), flush=True)
        continue
    step = STEPS[name]
    before = time.thread_time_ns()
    for _ in range(int(argument)):
        step()
    print(time.thread_time_ns() - before, flush=True)
