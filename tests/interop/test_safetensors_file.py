"""safetensors written by hand from the format's description, whole and hostile."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fgtl.errors import DataError
from fgtl.interop.safetensors_file import is_safetensors, read_safetensors

VALUES = {
    "a.weight": np.arange(6, dtype="<f4").reshape(2, 3),
    "a.bias": np.arange(2, dtype="<f2"),
    "n": np.asarray(3, "<i8"),
}
NAMES = {"<f4": "F32", "<f2": "F16", "<i8": "I64"}


def entry(dtype: Any, shape: Any, first: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, end]}


def packed(header: Any, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def whole() -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, array in VALUES.items():
        header[name] = entry(NAMES[array.dtype.str], array.shape, len(body), len(body) + array.nbytes)
        body += array.tobytes()
    return packed(header, body)


def test_arrays_come_back_and_counters_are_left_out(write: Any) -> None:
    read = read_safetensors(write(whole()))
    assert list(read) == ["a.weight", "a.bias"]
    for name, array in read.items():
        assert array.dtype == VALUES[name].dtype and np.array_equal(array, VALUES[name])
    assert is_safetensors(whole()[:16]) and not is_safetensors(b"PK\x03\x04aaaaaaa") and not is_safetensors(b"{")


def test_bfloat16_becomes_the_same_numbers_in_float32(write: Any) -> None:
    values = np.asarray([1.0, -2.5, 3.0e38], "float32")
    halves = (values.view("uint32") >> 16).astype("<u2")
    exact = (halves.astype("uint32") << 16).view("float32")
    read = read_safetensors(write(packed({"x": entry("BF16", [3], 0, 6)}, halves.tobytes())))["x"]
    assert read.dtype == np.float32 and np.array_equal(read, exact) and read[1] == -2.5


def test_a_wrappers_prefix_is_taken_off(write: Any) -> None:
    header = {f"module.model.{name}": entry("F32", [1], at, at + 4) for name, at in (("a", 0), ("b", 4))}
    assert list(read_safetensors(write(packed(header, b"\0" * 8)))) == ["a", "b"]


@pytest.mark.parametrize(
    "header, body, message",
    [
        (b"{", b"", "not JSON"),
        (b"{" + b'"a":[' * 50_000, b"", "not JSON"),
        (b"[1]", b"", "not an object"),
        ({"a": 3}, b"", "has no dtype, shape and data_offsets"),
        ({"a": entry("F32", [1], 0, 8)}, b"\0" * 8, "has 8 bytes for shape"),
        ({"a": entry("F32", [-1], 0, 4)}, b"\0" * 4, "impossible shape"),
        ({"a": entry("F32", [True], 0, 4)}, b"\0" * 4, "impossible shape"),
        ({"a": entry("F32", [2**40], 0, 4)}, b"\0" * 4, "impossible shape"),
        ({"a": entry("F32", [2**30] * 8, 0, 4)}, b"\0" * 4, "has 4 bytes"),
        ({"a": entry("Q4", [1], 0, 4)}, b"\0" * 4, "is of type 'Q4'"),
        ({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 0, 4)}, b"\0" * 4, "overlaps"),
        ({"a": entry("F32", [1], 4, 8)}, b"\0" * 8, "leaves a gap"),
        ({"a": entry("F32", [2], 0, 8)}, b"\0" * 4, "reaches outside"),
        ({"a": entry("F32", [1], 0, 4)}, b"\0" * 8, "bytes behind the last array"),
        ({"a": entry("F32", [1], -4, 0)}, b"\0" * 4, "has 4 bytes"),
    ],
)
def test_hostile_headers_are_refused(write: Any, header: Any, body: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_safetensors(write(packed(header, body)))


def test_a_header_longer_than_the_file_is_refused(write: Any) -> None:
    with pytest.raises(DataError, match="longer than the file"):
        read_safetensors(write(struct.pack("<Q", 1000) + b"{}"))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.booleans())
def test_any_damage_is_a_message_or_still_arrays(tmp_path: Path, where: int, byte: int, cut: bool) -> None:
    content = bytearray(whole())
    content[where % len(content)] = byte
    path = tmp_path / "x"
    path.write_bytes(content[: where % len(content)] if cut else content)
    if is_safetensors(path.read_bytes()[:16]):
        try:
            read_safetensors(path)
        except DataError:
            pass
