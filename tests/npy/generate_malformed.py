"""Writes valid, unusual and malicious NPY and NPZ files: python3 generate_malformed.py FOLDER.

expected.tsv has a line for each: the name of the file, and `ok` or the expected error. If a file is
`ok` and numpy can load it, FILE.elements has the elements as read by numpy, as native bytes in C order.
"""

import io
import pathlib
import struct
import sys
import zipfile
import zlib

import numpy as np

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
lines = []


def add(name, data, expected):
    (folder / name).write_bytes(data)
    lines.append(f"{name}\t{expected}\n")
    if expected != "ok":
        return
    try:
        found = np.load(folder / name, allow_pickle=False)
        found = found if name.endswith(".npy") else found["x"]
    except (ValueError, OSError, KeyError, zipfile.BadZipFile):
        return
    native = np.ascontiguousarray(found).astype(found.dtype.newbyteorder("="))
    (folder / f"{name}.elements").write_bytes(native.tobytes())


def saved(array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), version=version)
    return file.getvalue()


def npy(header, payload=np.arange(6.0).tobytes(), version=(1, 0), length=None):
    header = header.encode("latin1") if isinstance(header, str) else header
    length = len(header) if length is None else length
    packed = struct.pack("<H" if version[0] == 1 else "<I", length)
    return b"\x93NUMPY" + bytes(version) + packed + header + payload


def head(descr="'<f8'", fortran="False", shape="(6,)"):
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


X = np.arange(6.0)


def npy_files():
    for name, array in {
        "vector": X,
        "scalar": X[0],
        "matrix": X.reshape(2, 3),
        "fortran": np.asfortranarray(X.reshape(2, 3)),
        "empty": X[:0],
        "empty_axis": X[:0].reshape(0, 5),
        "big_endian": X.astype(">f8"),
        "half": X.astype("f2"),
        "bool": X > 2,
        "complex": X + 1j,
        "datetime": X.astype("M8[us]"),
        "duration": X.astype("m8[ns]"),
        "axes_32": X.reshape((1,) * 31 + (6,)),
        "axes_64": X.reshape((1,) * 63 + (6,)),
    }.items():
        add(f"numpy_{name}.npy", saved(array), "ok")
    for version in ((1, 0), (2, 0), (3, 0)):
        add(f"version_{version[0]}.npy", saved(X, version), "ok")
    for version in ((0, 0), (1, 1), (2, 1), (3, 7), (4, 0), (255, 255)):
        data = npy(head(), version=version)
        add(f"version_{version[0]}_{version[1]}.npy", data, "UnsupportedVersion")
    whole = saved(X)
    for cut, expected in {
        0: "TooShort",
        3: "TooShort",
        8: "TooShort",
        9: "TooShort",
        10: "HeaderTooLarge",
        100: "HeaderTooLarge",
        128: "Truncated",
        175: "Truncated",
    }.items():
        add(f"cut_{cut}.npy", whole[:cut], expected)
    add("trailing.npy", whole + b"x" * 100, "ok")
    add("magic.npy", b"\x94" + whole[1:], "BadMagic")
    add("header_4gib.npy", npy(head(), version=(2, 0), length=0xFFFFFFFF), "HeaderTooLarge")
    add("header_64kib.npy", npy(head(), length=0xFFFF), "HeaderTooLarge")
    add("header_10001.npy", npy(head().ljust(10_001)), "HeaderTooLarge")
    add("header_10000.npy", npy(head().ljust(10_000)), "ok")
    add("header_0.npy", npy(""), "InvalidHeader")
    shapes()
    headers()
    dtypes()


def shapes():
    for name, shape, expected in [
        ("list", "[6]", "InvalidHeader"),
        ("number", "(6)", "InvalidHeader"),
        ("float", "(6.0,)", "InvalidHeader"),
        ("true", "(True,)", "InvalidHeader"),
        ("hex", "(0x6,)", "InvalidHeader"),
        ("underscore", "(1_2,)", "InvalidHeader"),
        ("negative", "(-6,)", "InvalidHeader"),
        ("text", "('6',)", "InvalidHeader"),
        ("nested", "((6,),)", "InvalidHeader"),
        ("unclosed", "(6, ", "InvalidHeader"),
        ("deep", "(" * 4000, "InvalidHeader"),
        ("long", "(6L,)", "ok"),
        ("plus", "(+6,)", "ok"),
        ("spread", "(2\n,\t3\n)", "ok"),
        ("empty_huge", f"(0, {1 << 62}, {1 << 62})", "ShapeOverflow"),
        ("product", f"({1 << 62}, 8)", "ShapeOverflow"),
        ("wraps", f"({1 << 32}, {1 << 32})", "ShapeOverflow"),
        ("bytes", f"({1 << 60},)", "ShapeOverflow"),
        ("digits", f"({'9' * 5000},)", "ShapeOverflow"),
        ("terabyte", f"({1 << 37},)", "Truncated"),
        ("one_more", "(7,)", "Truncated"),
        ("axes_65", f"({'1, ' * 65})", "TooManyAxes"),
    ]:
        add(f"shape_{name}.npy", npy(head(shape=shape)), expected)


def headers():
    for name, header, expected in [
        ("order", "{'shape': (6,), 'fortran_order': False, 'descr': '<f8'}", "ok"),
        ("python_2", head(descr="u'<f8'").replace("'shape'", "u'shape'"), "ok"),
        ("quotes", head().replace("'", '"'), "ok"),
        ("no_newline", head().rstrip(), "ok"),
        ("no_comma", "{'descr': '<f8', 'fortran_order': False, 'shape': (6,)}", "ok"),
        ("list", "['descr']", "InvalidHeader"),
        ("missing", "{'descr': '<f8', 'shape': (6,)}", "InvalidHeader"),
        ("extra", head()[:-3] + "'x': 1}", "InvalidHeader"),
        ("twice", head()[:-3] + "'shape': (6,)}", "InvalidHeader"),
        ("after", head() + "1", "InvalidHeader"),
        ("nul", head() + "\0", "InvalidHeader"),
        ("comment", head() + "# x", "InvalidHeader"),
        ("expression", head(fortran="not True"), "InvalidHeader"),
        ("call", head(descr="__import__('os').getcwd()"), "InvalidHeader"),
        ("comprehension", "{k: 1 for k in ('descr',)}", "InvalidHeader"),
        ("braces", "{" * 9000, "InvalidHeader"),
        ("brackets", head(descr="[" * 4000), "InvalidHeader"),
        ("escape", head(descr="'\\x3cf8'"), "InvalidHeader"),
    ]:
        add(f"header_{name}.npy", npy(header), expected)


def dtypes():
    for name, array, expected in [
        ("text", np.array(["a", "b"]), "UnsupportedDtype"),
        ("bytes", np.array([b"a", b"b"]), "UnsupportedDtype"),
        ("void", np.zeros(2, "V3"), "UnsupportedDtype"),
        ("long_double", X.astype(np.longdouble), "UnsupportedDtype"),
        ("complex_long", X.astype(np.clongdouble), "UnsupportedDtype"),
        ("structured", np.zeros(2, [("x", "f8"), ("ü", "i4", (2,))]), "UnsupportedDtype"),
        ("datetimes_by_25", X.astype("M8[25s]"), "ok"),
        ("durations_by_25", X.astype("m8[25s]"), "ok"),
        ("generic_datetimes", np.zeros(2, "M8"), "ok"),
        ("generic_durations", np.zeros(2, "m8"), "ok"),
    ]:
        add(f"dtype_{name}.npy", saved(array), expected)
    file = io.BytesIO()
    np.save(file, np.array([{}, None]), allow_pickle=True)
    add("dtype_object.npy", file.getvalue(), "ObjectDtype")
    for index, descr in enumerate(["<float64", "<f3", "<i8garbage", "", "<", "<M8[xs]", "O5"]):
        add(f"dtype_wrong_{index}.npy", npy(head(descr=repr(descr))), "UnsupportedDtype")
    for index, descr in enumerate(["<f8", ">f8", "=f8", "f8", "float64", "d", "<d", ">d", "double"]):
        add(f"dtype_right_{index}.npy", npy(head(descr=repr(descr))), "ok")
    for index, descr in enumerate(["|b1", "?", "|u1", "<i1"]):
        add(f"dtype_byte_{index}.npy", npy(head(descr=repr(descr)), b"\0\1" * 3), "ok")
    names = ["float32", "uint8", "bool", "f", ">H", "e", "datetime64[ns]", "<M8[25s]", "<m8[1s]", "F", ">D"]
    for index, descr in enumerate(names + ["b", "?", ">i", "q", "half", "csingle", "<M8", "timedelta64"]):
        add(f"dtype_name_{index}.npy", npy(head(descr=repr(descr)), b"\0\1" * 48), "ok")
    add("bool_2.npy", npy(head(descr="'|b1'"), b"\0\1\2\0\0\0"), "InvalidBool")


def archive(*members, method=zipfile.ZIP_STORED, comment=b""):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as npz:
        for name, content in members:
            npz.writestr(name, content)
        npz.comment = comment
    return bytearray(file.getvalue())


def numpy_archive(save, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return bytearray(file.getvalue())


def npz_files():
    x = ("x.npy", saved(X))
    stored, deflated = archive(x), archive(x, method=zipfile.ZIP_DEFLATED)
    add("numpy_stored.npz", numpy_archive(np.savez, y=X[:2], x=X), "ok")
    add("numpy_deflated.npz", numpy_archive(np.savez_compressed, y=X[:2], x=X), "ok")
    add("zipfile_stored.npz", stored, "ok")
    add("zipfile_deflated.npz", deflated, "ok")
    add("comment.npz", archive(x, comment=b"PK\5\6" * 100), "ok")
    add("empty.npz", archive(), "Missing")
    add("twice.npz", archive(("x.npy", saved(X + 1)), x), "ok")
    add("exact_name.npz", archive(x, ("x", saved(X + 2))), "ok")
    add("text.npz", archive(("x", b"hello")), "NotNpy")
    add("inner_object.npz", archive(("x.npy", npy(head(descr="'|O'")))), "Npy")
    add("bzip2.npz", archive(x, method=zipfile.ZIP_BZIP2), "UnsupportedMethod")
    add("lzma.npz", archive(x, method=zipfile.ZIP_LZMA), "UnsupportedMethod")
    add("prefix.npz", b"junk" + stored, "ok")
    add("line_break.npz", stored + b"\n", "ok")
    add("nuls.npz", stored + b"\0" * 512, "ok")
    add("half_end.npz", stored + b"PK\5\6", "ok")
    add("cut.npz", stored[:-1], "NotAnArchive")
    many = archive(*((f"m{i}.npy", b"") for i in range(65_601)), x)
    add("zip64_count.npz", many, "ok")
    streamed(x)
    patched(stored, deflated)


def streamed(x):
    """Sizes in a data descriptor, because the writer can't go back."""

    class Stream(io.RawIOBase):
        data = bytearray()

        def writable(self):
            return True

        def write(self, piece):
            self.data += piece
            return len(piece)

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as npz:
        with npz.open(x[0], "w", force_zip64=True) as member:
            member.write(x[1])
    add("streamed.npz", stream.data, "ok")


def patched(stored, deflated):
    """One field each is wrong. Offsets as in APPNOTE.TXT 4.3.7, 4.3.12 and 4.3.16."""

    def patch(data, signature, offset, form, value):
        data = bytearray(data)
        struct.pack_into(form, data, data.rindex(signature) + offset, value)
        return data

    local, record, end = b"PK\3\4", b"PK\1\2", b"PK\5\6"
    for name, data, signature, offset, form, value, expected in [
        ("encrypted", stored, record, 8, "<H", 1, "Encrypted"),
        ("method_1", stored, record, 10, "<H", 1, "UnsupportedMethod"),
        ("crc", stored, record, 16, "<I", 1, "WrongCrc"),
        ("crc_deflated", deflated, record, 16, "<I", 1, "WrongCrc"),
        ("compressed_size", stored, record, 20, "<I", 5, "InvalidMember"),
        ("compressed_huge", stored, record, 20, "<I", 1 << 31, "InvalidArchive"),
        ("size", stored, record, 24, "<I", 5, "InvalidMember"),
        ("size_less", deflated, record, 24, "<I", 5, "InvalidMember"),
        ("size_more", deflated, record, 24, "<I", 500, "InvalidMember"),
        ("size_4gib", deflated, record, 24, "<I", 0xFFFFFFFE, "TooLarge"),
        ("size_1gib", deflated, record, 24, "<I", 1 << 30, "InvalidMember"),
        ("name_length", stored, record, 28, "<H", 0xFFFF, "InvalidArchive"),
        ("extra_length", stored, record, 30, "<H", 1, "InvalidArchive"),
        ("offset", stored, record, 42, "<I", 1, "InvalidMember"),
        ("offset_outside", stored, record, 42, "<I", 1 << 30, "InvalidArchive"),
        ("no_record", stored, record, 0, "<I", 0, "InvalidArchive"),
        ("no_local", stored, local, 0, "<I", 0, "InvalidMember"),
        ("local_name", stored, local, 26, "<H", 0xFFFF, "InvalidMember"),
        ("local_name_other", stored, local, 30, "<B", ord("y"), "InvalidMember"),
        ("patched_data", stored, record, 8, "<H", 1 << 5, "UnsupportedFeature"),
        ("version_6_4", stored, record, 6, "<H", 64, "UnsupportedFeature"),
        ("local_sizes", stored, local, 18, "<Q", 0, "ok"),
        ("local_sizes_full", deflated, local, 18, "<Q", 0xFFFFFFFFFFFFFFFF, "ok"),
        ("disk", stored, end, 4, "<H", 1, "InvalidArchive"),
        ("count_0", stored, end, 8, "<I", 0, "InvalidArchive"),
        ("count_2", stored, end, 8, "<I", 0x20002, "InvalidArchive"),
        ("count_max", stored, end, 8, "<I", 0xFFFFFFFF, "InvalidArchive"),
        ("directory_size", stored, end, 12, "<I", 5, "InvalidArchive"),
        ("directory_offset", stored, end, 16, "<I", 5, "InvalidArchive"),
        ("directory_outside", stored, end, 16, "<I", 0xFFFFFFFF, "InvalidArchive"),
        ("comment_length", stored, end, 20, "<H", 1, "NotAnArchive"),
    ]:
        add(f"{name}.npz", patch(data, signature, offset, form, value), expected)
    damaged = bytearray(deflated)
    start = 30 + len("x.npy")
    damaged[start : start + 4] = b"\xff" * 4
    add("no_deflate.npz", damaged, "InvalidMember")
    # 8 MiB of zeros compress to this few bytes.
    zeros = archive(("x.npy", saved(np.zeros(1 << 20))), method=zipfile.ZIP_DEFLATED)
    add("zeros.npz", zeros, "ok")
    small = zlib.compressobj(9, wbits=-15)
    small = small.compress(b"\0" * (1 << 20)) + small.flush()
    liar = archive(("x.npy", small))
    liar = patch(patch(liar, record, 10, "<H", 8), record, 24, "<I", 100)
    add("zeros_as_100.npz", liar, "InvalidMember")


npy_files()
npz_files()
(folder / "expected.tsv").write_text("".join(lines))
print(f"{len(lines)} files")
