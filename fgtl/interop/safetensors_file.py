"""Read .safetensors: a length, a JSON header, and the raw numbers behind it.

Format: https://github.com/huggingface/safetensors#format. 8 bytes little-endian length of the header; the header maps
names to {"dtype", "shape", "data_offsets": [start, end)} counted from its end; "__metadata__" holds texts.
"""

import json
import struct
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.errors import DataError
from fgtl.interop.torch_file import without_prefixes

_LONGEST_HEADER = 100_000_000
# bfloat16 is looked at as raw 16 bits.
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_OTHERS = {"I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1}


def is_safetensors(start: bytes) -> bool:
    """Whether a file with these first bytes (9 or more) can be one."""
    return len(start) >= 9 and struct.unpack("<Q", start[:8])[0] <= _LONGEST_HEADER and start[8:9] == b"{"


def check_header_length(path: Path) -> None:
    """Raise DataError for a file that ends before its header does."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
    if 8 + length > path.stat().st_size:
        raise _damaged(path, "its header is longer than the file")


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name, in the order of their bytes. Whole numbers (counters) are left out; bfloat16 becomes float32.

    Raises:
        DataError: cut off, or a header whose parts overlap, leave gaps or reach outside the file, as the format forbids.
    """
    check_header_length(path)
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    start = 8 + length
    try:
        header = json.loads(content[8:start].decode())
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise _damaged(path, "its header is not an object")
    header.pop("__metadata__", None)
    entries = sorted((_entry(name, entry, path) for name, entry in header.items()), key=lambda entry: entry[3:])
    position = 0
    arrays = {}
    for name, dtype, shape, first, end in entries:
        if first != position or end > len(content) - start:
            raise _damaged(path, f"{name} overlaps, leaves a gap or reaches outside the file")
        position = end
        if dtype in _DTYPES:
            seen = np.frombuffer(content, _DTYPES[dtype], prod(shape), start + first).reshape(shape)
            arrays[name] = (seen.astype("uint32") << 16).view("float32") if dtype == "BF16" else seen
    if position != len(content) - start:
        raise _damaged(path, "there are bytes behind the last array")
    return dict(zip(without_prefixes(list(arrays)), arrays.values(), strict=True))


def _entry(name: str, entry: Any, path: Path) -> tuple[str, str, tuple[int, ...], int, int]:
    """(name, dtype, shape, first, end) of one checked entry."""
    match entry:
        case {"dtype": str() as dtype, "shape": list() as shape, "data_offsets": [int() as first, int() as end]}:
            pass
        case _:
            raise _damaged(path, f"{name} has no dtype, shape and data_offsets")
    size = np.dtype(_DTYPES[dtype]).itemsize if dtype in _DTYPES else _OTHERS.get(dtype)
    if size is None:
        raise DataError(f"{path}: {name} is of type {dtype[:20]!r}.", expected=f"one of: {', '.join(_DTYPES)}.")
    if any(type(side) is not int or not 0 <= side < 2**40 for side in shape) or len(shape) > 8:
        raise _damaged(path, f"{name} has an impossible shape")
    if first < 0 or end - first != prod(shape) * size:
        raise _damaged(path, f"{name} has {end - first:,} bytes for shape {tuple(shape)} of {dtype}")
    return name, dtype, tuple(shape), first, end


def _damaged(path: Path, why: str) -> DataError:
    return DataError(f"{path} is damaged or not a safetensors file: {why}.", fix="Download it again.")
