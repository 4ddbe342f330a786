"""The reader of MATLAB files beside SciPy's, and on files that crash SciPy or make it allocate without end."""

import io
import struct
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from fgtl.converters.mat5 import NotReadable, read_mat5

CELLS, STRUCTS, TEXT, SPARSE, DOUBLE, FUNCTION = 1, 2, 4, 5, 6, 16


def head(order: str = "<") -> bytes:
    mark = b"IM" if order == "<" else b"MI"
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}H", 0x0100) + mark


def element(kind: int, data: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(
    category: int, shape: tuple[int, ...], rest: bytes = b"", name: bytes = b"labels", order: str = "<"
) -> bytes:
    flags = element(6, struct.pack(f"{order}II", category, 0), order)
    dimensions = element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
    return element(14, flags + dimensions + element(1, name, order) + rest, order)


def doubles(*values: float, order: str = "<") -> bytes:
    numbers = element(9, struct.pack(f"{order}{len(values)}d", *values), order)
    return matrix(DOUBLE, (1, len(values)), numbers, order=order)


def saved(compressed: bool, **variables: Any) -> bytes:
    output = io.BytesIO()
    savemat(output, variables, do_compression=compressed)
    return output.getvalue()


def ordinary(compressed: bool) -> bytes:
    rows = np.zeros((1, 3), dtype=[("fname", object), ("class", object)])
    for row in range(3):
        rows[0, row] = (f"{row}.jpg", row + 1)
    return saved(compressed, annotations=rows, labels=np.arange(9), names=np.array([["ab", "c"]], dtype=object))


def assert_equal(ours: Any, scipys: Any) -> None:
    """The same values in the same shape, down to the last cell."""
    assert ours.shape == scipys.shape
    assert ours.dtype.names == scipys.dtype.names
    if ours.dtype.names:
        for name in ours.dtype.names:
            assert_equal(ours[name], scipys[name])
    elif ours.dtype.kind == "O":
        for one, other in zip(ours.ravel(), scipys.ravel(), strict=True):
            assert_equal(one, other)
    else:
        assert ours.tolist() == scipys.tolist()


def assert_reads_as_scipy(content: bytes) -> None:
    ours, scipys = read_mat5(content), loadmat(io.BytesIO(content))
    assert set(ours) == {name for name in scipys if not name.startswith("__")}
    for name in ours:
        assert_equal(ours[name], scipys[name])


@pytest.mark.parametrize("compressed", [False, True])
def test_numbers_texts_cells_and_structs_are_what_scipy_reads(compressed: bool) -> None:
    assert_reads_as_scipy(ordinary(compressed))
    nested = np.array([["déjà", np.ones((2, 3))], [np.zeros((0, 0)), np.array([[1, "x"]], dtype=object)]], dtype=object)
    column = np.zeros((2, 1), dtype=[("a", object), ("much_longer_name", object)])
    column[0, 0], column[1, 0] = (1, "one"), (nested, np.int8(-5))
    assert_reads_as_scipy(saved(compressed, nested=nested, column=column, empty=np.zeros((0, 3)), text="a text"))
    assert_reads_as_scipy(saved(compressed, rows=np.array(["ab ", "cde"]), truth=np.array([True, False])))


def _as_cells(cells: list[Any]) -> np.ndarray:
    array = np.empty((1, len(cells)), dtype=object)
    for position, cell in enumerate(cells):
        array[0, position] = cell
    return array


numbers = st.one_of(
    *(
        st.lists(st.integers(*limits), max_size=6).map(lambda values, kind=kind: np.array([values], kind))
        for kind, limits in {"u1": (0, 255), "i2": (-9, 9), "u4": (0, 2**32 - 1), "i8": (-(2**60), 2**60)}.items()
    ),
    st.floats(allow_nan=False).map(lambda value: np.array([[value]])),
)
values = st.recursive(
    numbers
    | st.text(st.characters(codec="utf-16", exclude_characters="\0", max_codepoint=0xFFFF), min_size=1, max_size=9),
    lambda inner: st.lists(inner, max_size=3).map(_as_cells),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(value=values, compressed=st.booleans())
def test_whatever_scipy_writes_is_what_it_reads(value: Any, compressed: bool) -> None:
    assert_reads_as_scipy(saved(compressed, value=value))


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(order: str) -> None:
    assert_reads_as_scipy(head(order) + doubles(1, 2, 3, order=order))


def test_the_real_files_are_what_scipy_reads(shared: Path) -> None:
    for name in ("flowers102", "stanford_cars"):
        with tarfile.open(shared / f"data/annotations/{name}.tar.gz") as archive:
            for member in archive:
                if member.name.endswith(("setid.mat", "imagelabels.mat", "cars_meta.mat", "cars_train_annos.mat")):
                    assert_reads_as_scipy(archive.extractfile(member).read())


def test_variables_of_other_classes_are_left_out() -> None:
    assert list(read_mat5(head() + matrix(SPARSE, (1, 3)) + matrix(FUNCTION, (1, 3)) + doubles(1))) == ["labels"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it begins with b''"),
        (b"<!DOCTYPE html><html>404", "it begins with b'<!DOCTYPE html>"),
        (b"MATLAB 7.3 MAT-file, Platform".ljust(600), "version 7.3, which is HDF5"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 600, "version 7.3, which is HDF5"),
        (head()[:124] + b"\0\x02IM", "it begins with"),
        (struct.pack("<5i", 0, 1, 1, 0, 2) + b"a\0" + b"\0" * 200, "it begins with"),
        (head() + b"\x0e", "it is damaged"),
        (head() + element(9, b"\0" * 8), "an element of type 9 where a variable"),
        (head() + struct.pack("<II", 14, 1000), "reaches beyond"),
        (head() + element(14, element(5, b"\6\0\0\0\0\0\0\0")), "has no flags"),
        (head() + matrix(DOUBLE, (2**31 - 1,) * 8, element(9, b"")), "it is damaged"),
        (head() + element(14, element(6, b"\6\0\0\0\0\0\0\0")), "neither dimensions nor a name"),
        (head() + element(14, struct.pack("<II", 6, 800)), "reaches beyond"),
        (head() + matrix(DOUBLE, (3,)), r"has the shape \(3,\)"),
        (head() + matrix(DOUBLE, (1, -3)), r"has the shape \(1, -3\)"),
        (head() + matrix(DOUBLE, (1, 3), element(9, b"\0" * 16)), "it is damaged .*reshape"),
        (head() + matrix(DOUBLE, (1, 1), element(8, b"\0" * 8)), "numbers of type 8"),
        (head() + matrix(TEXT, (1, 3), element(16, b"ab")), "a text of 2 letters"),
        (head() + matrix(TEXT, (1, 2), element(16, b"\xff\xff")), "it is damaged .*utf-8"),
        (head() + matrix(TEXT, (1, 2), element(9, b"ab")), "letters of type 9"),
        (head() + matrix(CELLS, (1, 2), doubles(1)), "1 values have the shape"),
        (head() + matrix(CELLS, (1, 1), matrix(FUNCTION, (1, 1))), "a value of class 16"),
        (head() + matrix(STRUCTS, (1, 1), element(5, b"\0\0\0\0") + element(1, b"a\0b\0")), "no fields"),
        (head() + matrix(STRUCTS, (1, 1), element(5, b"\2\0\0\0") + element(1, b"a\0a\0")), "no different names"),
        (head() + element(15, zlib.compress(doubles(1))[:-9]), "ends inside a variable|is damaged"),
        (head() + element(15, b"not deflated"), "it is damaged"),
        (head() + element(15, zlib.compress(doubles(1) * 2)), "it is damaged"),
    ],
)
def test_what_is_no_mat_file_is_told(content: bytes, message: str) -> None:
    with pytest.raises(NotReadable, match=message):
        read_mat5(content)


@pytest.mark.parametrize(
    "claim",
    [
        matrix(CELLS, (1, 2**30)),
        matrix(TEXT, (1, 2**31 - 1), element(16, b"")),
        matrix(DOUBLE, (2**16, 2**16, 2**16), element(9, b"")),
        matrix(STRUCTS, (1, 2**30), element(5, struct.pack("<i", 1)) + element(1, b"ab")),
        matrix(STRUCTS, (1, 1), element(5, struct.pack("<i", 1)) + element(1, b"a" * 2**20)),
    ],
)
def test_claims_of_more_than_is_there_cost_nothing(claim: bytes) -> None:
    with pytest.raises(NotReadable):
        read_mat5(head() + claim)


def test_cells_in_cells_without_end_are_refused() -> None:
    nested = doubles(1)
    for _ in range(500):
        nested = matrix(CELLS, (1, 1), nested, name=b"")
    with pytest.raises(NotReadable, match="too deep"):
        read_mat5(head() + nested)


def test_a_bomb_is_refused_at_its_limit() -> None:
    stream = zlib.compressobj(9)
    bomb = b"".join(stream.compress(bytes(2**20)) for _ in range(17)) + stream.flush()
    assert len(bomb) < 100_000
    with pytest.raises(NotReadable, match="inflates to more than"):
        read_mat5(head() + element(15, bomb))


@settings(max_examples=300, deadline=None)
@given(compressed=st.booleans(), position=st.integers(0, 2000), value=st.integers(0, 255))
def test_a_changed_byte_ends_in_variables_or_in_a_reason(compressed: bool, position: int, value: int) -> None:
    content = bytearray(ordinary(compressed))
    content[position % len(content)] = value
    try:
        read_mat5(bytes(content))
    except NotReadable as error:
        assert str(error)
