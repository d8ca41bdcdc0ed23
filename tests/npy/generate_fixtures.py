"""Writes arrays with numpy for the Rust tests: python3 generate_fixtures.py [FOLDER].

numpy.npz has all data types, byte orders and layouts; numpy_compressed.npz has a few of them with
DEFLATE; numpy_versions.npz has the same array in NPY 1.0, 2.0 and 3.0. They are committed, so that the
tests run without Python.
"""

import io
import pathlib
import sys
import zipfile

import numpy as np
from elements import array, names

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)

np.savez(folder / "numpy.npz", **{name: array(*rest) for name, *rest in names()})

few = {name: array(*rest) for name, *rest in names() if ".C" in name or ".deep" in name}
np.savez_compressed(folder / "numpy_compressed.npz", **few)

with zipfile.ZipFile(folder / "numpy_versions.npz", "w") as versions:
    for major in (1, 2, 3):
        file = io.BytesIO()
        np.lib.format.write_array(file, array("f8", "F"), version=(major, 0))
        versions.writestr(f"le.f8.F.v{major}.npy", file.getvalue())
