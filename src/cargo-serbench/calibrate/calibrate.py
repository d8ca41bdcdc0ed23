"""Times Python's steps on one array for `cargo serbench calibrate`, one command a line.

    calibrate.py ELEMENTS DTYPE AXES TEXT FOLDER

The first line written says which versions these are and whether orjson writes TEXT. Then each line
`NAME OPERATIONS` is answered by the CPU time of the thread in nanoseconds.
"""

import importlib.util
import io
import json
import os
import pickle
import shutil
import sys
import tempfile
import time

elements, dtype, axes, text, folder = sys.argv[1:]
# A cached file keeps its physical memory, which can make it permanently faster or slower. So each process
# uses its own copy.
copies = tempfile.mkdtemp(dir=folder)
package = os.path.dirname(importlib.util.find_spec("orjson").origin)
shutil.copytree(package, os.path.join(copies, "orjson"))
sys.path.insert(0, copies)

import numpy
import orjson

array = numpy.fromfile(elements, dtype=dtype).reshape([int(axis) for axis in axes.split("x")])
path = os.path.join(folder, "array.npy")
numpy.save(path, array)
pickled = pickle.dumps(array, protocol=5)


def listed():
    # Datetimes are text as in orjson; tolist alone would give their counts.
    return array.astype(str).tolist() if array.dtype.kind == "M" else array.tolist()


STEPS = {
    "orjson": lambda: orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY),
    "json": lambda: json.dumps(listed()).encode(),
    "tolist": lambda: array.tolist(),
    "pickle.dumps": lambda: pickle.dumps(array, protocol=5),
    "pickle.loads": lambda: pickle.loads(pickled),
    "np.save": lambda: numpy.save(io.BytesIO(), array),
    "np.load": lambda: numpy.load(path),
}

with open(text, "rb") as file:
    equal = STEPS["orjson"]() == file.read()
versions = {"python": sys.version.split()[0], "numpy": numpy.__version__, "orjson": orjson.__version__}
print(json.dumps({"versions": versions, "equal": equal, "steps": list(STEPS)}), flush=True)
for line in sys.stdin:
    name, operations = line.rsplit(maxsplit=1)
    step = STEPS[name]
    before = time.thread_time_ns()
    for _ in range(int(operations)):
        step()
    print(time.thread_time_ns() - before, flush=True)
