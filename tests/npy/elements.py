"""The arrays that the Rust tests expect for each name; see `nth` in elements.rs."""

import numpy as np

PLAIN = "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split()
UNITS = "Y M W D h m s ms us ns ps fs as".split()
LAYOUTS = {
    "C": (2, 3),
    "F": (2, 3),
    "scalar": (),
    "vector": (5,),
    "empty": (0, 4),
    "deep": (1, 2, 1, 3, 1, 2),
}


def array(code, layout, order="<"):
    """Elements 0, 1, 2, … in C order, of the type `code` in the byte order `order`."""
    shape = LAYOUTS[layout]
    count = int(np.prod(shape, dtype=int))
    i = np.arange(count)
    kind = code[0]
    if kind == "b":
        flat = i % 2 == 1
    elif kind == "u":
        flat = i * 40
    elif kind == "f":
        flat = i * 0.25 - 1
    elif kind == "c":
        flat = i * 0.25 - 1 - 1j * i
    else:
        flat = i - 3
    dtype = np.dtype(code if np.dtype(code).itemsize == 1 else order + code)
    return np.asarray(flat.astype(dtype).reshape(shape), order="F" if layout == "F" else "C")


def names():
    """(name, code, layout, byte order) of every array."""
    for code in PLAIN:
        for layout in LAYOUTS:
            for order in "<>" if np.dtype(code).itemsize > 1 else "<":
                yield f"{'be' if order == '>' else 'le'}.{code}.{layout}", code, layout, order
    for kind in "Mm":
        for unit in UNITS:
            yield f"le.{kind}8[{unit}].vector", f"{kind}8[{unit}]", "vector", "<"
