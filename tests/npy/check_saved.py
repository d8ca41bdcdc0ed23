"""Loads files saved by the Rust tests with numpy: python3 check_saved.py FOLDER.

Fails unless every file contains the array from elements.py with its name, and is byte for byte as
written by numpy.
"""

import io
import pathlib
import pickle
import sys

import numpy as np
from elements import array

folder = pathlib.Path(sys.argv[1])
checked = 0


def check(name, found):
    global checked
    order, code, layout = name.split(".")[:3]
    expected = array(code, layout, "<" if order == "le" else ">")
    assert type(found) is np.ndarray, (name, type(found))
    assert found.dtype == expected.dtype, (name, found.dtype)
    assert found.shape == expected.shape, (name, found.shape)
    assert found.tobytes() == expected.tobytes(), (name, found, expected)
    assert found.flags.c_contiguous == expected.flags.c_contiguous, name
    assert found.flags.f_contiguous == expected.flags.f_contiguous, name
    assert found.flags.writeable and found.flags.aligned, name
    checked += 1
    return expected


def written(expected):
    file = io.BytesIO()
    np.save(file, expected)
    return file.getvalue()


for path in folder.glob("*.npy"):
    expected = check(path.stem, np.load(path, allow_pickle=False))
    assert path.read_bytes() == written(expected), f"{path.stem}: bytes differ from numpy.save"

for path in folder.glob("*.pickle"):
    found = pickle.loads(path.read_bytes())
    check(path.stem, found)
    if found.size:
        found[...] = found.flat[0]

for path in folder.glob("*.npz"):
    with np.load(path, allow_pickle=False) as npz:
        assert npz.zip.testzip() is None, path
        for name in npz.files:
            expected = check(name, npz[name])
            assert npz.zip.read(f"{name}.npy") == written(expected), name

print(f"numpy {np.__version__} loaded {checked} arrays")
