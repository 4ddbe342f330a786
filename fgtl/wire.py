"""tf.Example messages as bytes, read without TensorFlow: the part of protobuf's wire format that they need.

    Example  { features: 1 }      Features { map<string, Feature> feature: 1 }
    Feature  { bytes_list: 1 | float_list: 2 | int64_list: 3 },  each { repeated value: 1 }, numbers packed

A message is a run of fields: a varint (field number << 3 | wire type), then the content.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fgtl.errors import DataError

BYTES, FLOAT, INT64 = 1, 2, 3
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5


def decode_example(data: bytes) -> dict[str, Any]:
    """Parse a serialised tf.Example, whoever wrote it.

    Returns:
        key -> list of bytes, (n,) int64 array or (n,) float32 array. A feature without a kind is left out.

    Raises:
        DataError: `data` is not a tf.Example.
    """
    try:
        found = {key: _decode_feature(data, start, end) for key, start, end in _features(data)}
    except (ValueError, IndexError) as error:
        raise _not_an_example(data, error) from None
    return {key: values for key, values in found.items() if values is not None}


def find_bytes(data: bytes, key: str) -> list[tuple[int, int]]:
    """Where the values of a feature of bytes lie in a serialised tf.Example, as (offset, length).

    Raises:
        DataError: `data` is not a tf.Example.
    """
    try:
        found: list[tuple[int, int]] = []
        for name, start, end in _features(data):
            if name == key:
                # As in any message, what comes later replaces what came before.
                found = [
                    (at, stop - at)
                    for listed, listed_end in _messages(data, BYTES, start, end)
                    for at, stop in _messages(data, 1, listed, listed_end)
                ]
        return found
    except (ValueError, IndexError) as error:
        raise _not_an_example(data, error) from None


def _not_an_example(data: bytes, error: Exception) -> DataError:
    return DataError(f"{len(data):,} bytes are not a tf.Example: {error}.")


def _features(data: bytes) -> Iterator[tuple[str, int, int]]:
    """(key, start, end) of each Feature message of an Example."""
    for features in _messages(data, 1, 0, len(data)):
        for entry in _messages(data, 1, *features):
            key, value = b"", (0, 0)
            for field, wire, start, end in _fields(data, *entry):
                if wire == DELIMITED and field == 1:
                    key = data[start:end]
                elif wire == DELIMITED and field == 2:
                    value = (start, end)
            yield key.decode(), *value


def _decode_feature(data: bytes, first: int, last: int) -> Any:
    values: Any = None
    for kind, wire, start, end in _fields(data, first, last):
        if wire != DELIMITED or kind not in (BYTES, FLOAT, INT64):
            continue
        if kind == BYTES:
            values = [data[at:stop] for at, stop in _messages(data, 1, start, end)]
        elif kind == FLOAT:
            values = np.frombuffer(b"".join(_numbers(data, FIXED32, start, end)), "<f4").astype(np.float32)
        else:
            packed = b"".join(_numbers(data, VARINT, start, end))
            values = np.array(list(_unpack_varints(packed)), np.uint64).astype(np.int64)
    return values


def _messages(data: bytes, wanted: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    for field, wire, at, stop in _fields(data, start, end):
        if field == wanted and wire == DELIMITED:
            yield at, stop


def _numbers(data: bytes, unpacked: int, start: int, end: int) -> Iterator[bytes]:
    """The bytes of field 1, packed or one by one: readers must accept both."""
    for field, wire, at, stop in _fields(data, start, end):
        if field == 1 and wire in (DELIMITED, unpacked):
            yield data[at:stop]


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(field number, wire type, start and end of the content) of the fields of the message in data[at:end]."""
    while at < end:
        tag, at = _read_varint(data, at)
        field, wire = tag >> 3, tag & 7
        if field == 0:
            raise ValueError("field number 0")
        start = at
        if wire == VARINT:
            _, at = _read_varint(data, at)
        elif wire == DELIMITED:
            length, start = _read_varint(data, at)
            at = start + length
        elif wire in (FIXED32, FIXED64):
            at += 4 if wire == FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire}")
        if at > end:
            raise ValueError(f"a field ends {at - end:,} bytes behind the end")
        yield field, wire, start, at


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than ten bytes")


def _unpack_varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _read_varint(data, at)
        yield value
