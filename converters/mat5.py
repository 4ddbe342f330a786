"""Reader of MATLAB files (.mat, version 5 to 7) with numbers, texts, cells and structs, after the format's document.

SciPy reads such files too, but a file with one wrong byte, or with cells in cells without end, ends the process there
instead of raising, and a few kilobytes may claim gigabytes. Here nothing is made that the file does not hold.

A file is a head of 128 bytes and elements. An element is a tag of two words, type and number of bytes, and its data; up
to four bytes of data may lie in the tag's second word. A matrix is an element of elements: flags, dimensions, name, and
what depends on its class.  ("MAT-File Format", MathWorks: Level 5 MAT-File Format)
"""

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

_HEADER = 128
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_LETTERS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELLS, _STRUCTS, _TEXT = 1, 2, 4
# Doubles, singles and eight kinds of integers. Left out: objects, sparse arrays, functions.
_NUMERIC = range(6, 16)
_COMPLEX = 0x0800

# The largest of the official files inflates to 3 MB and has cells in a struct.
_MAX_INFLATED = 16 * 2**20
_MAX_DEPTH = 8
_MAX_FIELDS = 1000


class NotReadable(ValueError):
    """Why a file is not read, as the end of a sentence."""


def read_mat5(content: bytes) -> dict[str, np.ndarray]:
    """The variables of a file by name.

    Numbers keep the type they are stored in; texts are arrays of one str for each row; cells are arrays of objects;
    structs are structured arrays of objects. Every array has at least two dimensions, texts one less. Variables of
    other classes are left out.

    Raises:
        NotReadable: it is no such file, or damaged, or larger or deeper than annotations ever are.
    """
    order = _byte_order(content)
    variables: dict[str, np.ndarray] = {}
    left = _MAX_INFLATED
    try:
        for element in _elements(content, _HEADER, len(content), order, aligned=False):
            if element.kind == _COMPRESSED:
                inflated = _inflate(element.data, left)
                left -= len(inflated)
                (element,) = _elements(inflated, 0, len(inflated), order)
            if element.kind != _MATRIX:
                raise NotReadable(f"it holds an element of type {element.kind} where a variable should be")
            matrix = _Matrix.of(element, order)
            if matrix.category in (_CELLS, _STRUCTS, _TEXT, *_NUMERIC):
                variables[matrix.name] = _array(matrix, order, 0)
    except (struct.error, zlib.error, ValueError, OverflowError) as error:
        raise error if isinstance(error, NotReadable) else NotReadable(f"it is damaged ({error})") from None
    return variables


@dataclass(frozen=True, slots=True)
class _Element:
    kind: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Matrix:
    """What every matrix begins with, and the elements that follow."""

    category: int
    shape: tuple[int, ...]
    name: str
    rest: Sequence[_Element]

    @classmethod
    def of(cls, element: _Element, order: str) -> "_Matrix":
        if not element.data:
            # An empty element stands for an empty matrix.
            return cls(_NUMERIC[0], (0, 0), "", [_Element(9, b"")])
        head, *rest = _elements(element.data, 0, len(element.data), order)
        if head.kind != _UINT32 or len(head.data) < 4:
            raise NotReadable("a variable has no flags")
        (flags,) = struct.unpack_from(f"{order}I", head.data)
        if flags & 0xFF not in (_CELLS, _STRUCTS, _TEXT, *_NUMERIC):
            return cls(flags & 0xFF, (), "", [])
        if len(rest) < 2 or rest[0].kind != _INT32 or rest[1].kind != _INT8 or flags & _COMPLEX:
            raise NotReadable("a variable is complex or has neither dimensions nor a name")
        shape = struct.unpack(f"{order}{len(rest[0].data) // 4}i", rest[0].data)
        if not 2 <= len(shape) <= 8 or min(shape) < 0:
            raise NotReadable(f"a variable has the shape {shape}")
        return cls(flags & 0xFF, shape, rest[1].data.decode("ascii"), rest[2:])


def _byte_order(content: bytes) -> str:
    """As `struct` writes it."""
    if content.startswith((b"MATLAB 7.3 MAT-file", b"\x89HDF")):
        raise NotReadable("it has version 7.3, which is HDF5")
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None or struct.unpack_from(f"{order}H", content, 124) != (0x0100,):
        raise NotReadable(f"it begins with {content[:16]!r}")
    return order


def _inflate(data: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj()
    inflated = stream.decompress(data, limit + 1)
    if len(inflated) > limit:
        raise NotReadable(f"it inflates to more than {_MAX_INFLATED:,} bytes")
    if not stream.eof:
        raise NotReadable("it ends inside a variable")
    return inflated


def _elements(data: bytes, start: int, end: int, order: str, aligned: bool = True) -> Iterator[_Element]:
    """The elements that follow each other in data[start:end]."""
    while start < end:
        kind, size = struct.unpack_from(f"{order}II", data, start)
        first = start + 8
        if kind >> 16:
            kind, size, first = kind & 0xFFFF, kind >> 16, start + 4
        if first + size > end or (first < start + 8 and size > 4):
            raise NotReadable("an element reaches beyond what holds it")
        yield _Element(kind, data[first : first + size])
        start = max(first + size, start + 8)
        if aligned:
            # Elements begin on multiples of eight bytes; the last one's filling may be missing.
            start += -start % 8


def _array(matrix: _Matrix, order: str, depth: int) -> np.ndarray:
    if depth > _MAX_DEPTH:
        raise NotReadable("its cells lie in cells too deep")
    if matrix.category == _CELLS:
        return _cells(matrix, order, depth)
    if matrix.category == _STRUCTS:
        return _structs(matrix, order, depth)
    if matrix.category == _TEXT:
        return _texts(matrix, order)
    if matrix.category not in _NUMERIC:
        raise NotReadable(f"it holds a value of class {matrix.category}: neither numbers, text, cells nor structs")
    (data,) = matrix.rest
    if data.kind not in _NUMBERS:
        raise NotReadable(f"it has numbers of type {data.kind}")
    return np.frombuffer(data.data, f"{order}{_NUMBERS[data.kind]}").reshape(matrix.shape, order="F")


def _texts(matrix: _Matrix, order: str) -> np.ndarray:
    """A str for each row of letters."""
    (data,) = matrix.rest or [_Element(16, b"")]
    if data.kind not in _LETTERS:
        raise NotReadable(f"it has letters of type {data.kind}")
    encoding = _LETTERS[data.kind]
    if not encoding.endswith("-8") and encoding != "latin-1":
        encoding += "-le" if order == "<" else "-be"
    letters = data.data.decode(encoding)
    if len(letters) != math.prod(matrix.shape) or len(matrix.shape) != 2:
        raise NotReadable(f"a text of {len(letters):,} letters has the shape {matrix.shape}")
    rows = matrix.shape[0] if letters else 0
    # Letters lie column by column.
    return np.array([letters[row::rows] for row in range(rows)], dtype=np.str_)


def _cells(matrix: _Matrix, order: str, depth: int) -> np.ndarray:
    return _objects(matrix.rest, matrix.shape, order, depth)


def _structs(matrix: _Matrix, order: str, depth: int) -> np.ndarray:
    width, packed, *values = matrix.rest
    (length,) = struct.unpack(f"{order}i", width.data)
    if length < 1 or len(packed.data) > length * _MAX_FIELDS:
        raise NotReadable("a struct has no fields or too many")
    names = [
        packed.data[start : start + length].split(b"\0")[0].decode("ascii")
        for start in range(0, len(packed.data), length)
    ]
    if len(set(names)) != len(names) or "" in names:
        raise NotReadable("the fields of a struct have no different names")
    # The fields of the first struct, then those of the next.
    fields = _objects(values, (len(names), *matrix.shape), order, depth)
    structs = np.empty(matrix.shape, dtype=[(name, object) for name in names])
    for name, column in zip(names, fields, strict=True):
        structs[name] = column
    return structs


def _objects(elements: Sequence[_Element], shape: tuple[int, ...], order: str, depth: int) -> np.ndarray:
    """Matrices as an array of objects, column by column."""
    if len(elements) != math.prod(shape) or any(element.kind != _MATRIX for element in elements):
        raise NotReadable(f"{len(elements):,} values have the shape {shape}")
    array = np.empty(len(elements), dtype=object)
    for position, element in enumerate(elements):
        array[position] = _array(_Matrix.of(element, order), order, depth + 1)
    return array.reshape(shape, order="F")
