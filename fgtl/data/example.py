"""One record's content: the wire format of tf.Example for the keys that fgtl writes, without TensorFlow.

    Example  { features: 1 }      Features { map<string, Feature> feature: 1 }
    Feature  { bytes_list: 1 | float_list: 2 | int64_list: 3 },  each { repeated value: 1 }, numbers packed

The encoder sorts keys, so equal content gives equal bytes. It equals protobuf's deterministic serialisation.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from fgtl.errors import DataError, InputError

IMAGE = "image/encoded"
FORMAT = "image/format"
HEIGHT = "image/height"
WIDTH = "image/width"
FILENAME = "image/filename"
ID = "image/id"
LABEL = "image/class/label"
CLASS_TEXT = "image/class/text"
HIERARCHY = "image/class/hierarchy"
BOX_YMIN, BOX_XMIN, BOX_YMAX, BOX_XMAX = (f"image/object/bbox/{side}" for side in ("ymin", "xmin", "ymax", "xmax"))
PART_Y, PART_X, PART_VISIBLE = (f"image/object/part/{what}" for what in ("y", "x", "visible"))

_BYTES, _FLOAT, _INT64 = 1, 2, 3
KINDS = {
    **dict.fromkeys((IMAGE, FORMAT, FILENAME, ID, CLASS_TEXT, HIERARCHY), _BYTES),
    **dict.fromkeys((HEIGHT, WIDTH, LABEL, PART_VISIBLE), _INT64),
    **dict.fromkeys((BOX_YMIN, BOX_XMIN, BOX_YMAX, BOX_XMAX, PART_Y, PART_X), _FLOAT),
}
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
# What does not change from record to record: the key with the tag of its value, and the tag of its list.
_CONSTANT = {
    key: (b"\x0a" + bytes((len(key),)) + key.encode() + b"\x12", bytes((kind << 3 | _DELIMITED,)))
    for key, kind in KINDS.items()
}
_SMALL = [bytes((value,)) for value in range(0x80)]


def encode_example(features: Mapping[str, Sequence[Any]]) -> bytes:
    """Serialise the values of each key, in a fixed order.

    Args:
        features: key of `KINDS` -> values: bytes, ints (64-bit) or floats (stored as float32), as the key demands.

    Raises:
        InputError: a key that is not one of fgtl's.
    """
    parts = [b"\x0a", b""]
    for key in sorted(features):
        if key == IMAGE:
            (image,) = features[key]
            listed = b"\x0a" + _varint(len(image))
            parts += (_entry_head(key, len(listed) + len(image)), listed, image)
        elif KINDS.get(key) == _FLOAT:
            parts.append(_entry(key, features[key]))
        else:
            parts.append(_frequent_entry(key, tuple(features[key])))
    parts[1] = _varint(sum(map(len, parts)) - 1)
    # One join: an image's bytes are copied once between the file and the record.
    return b"".join(parts)


def _entry(key: str, values: Sequence[Any]) -> bytes:
    """One key's part of the message."""
    kind = KINDS.get(key)
    if kind is None:
        raise InputError(f"{key!r} is not a key of a record.", expected=f"one of: {', '.join(KINDS)}.")
    if kind == _BYTES:
        content = b"".join([b"\x0a" + _varint(len(value)) + value for value in values])
    else:
        if kind == _FLOAT:
            content = np.asarray(values, "<f4").tobytes()
        else:
            content = b"".join([_varint(int(value) & 0xFFFFFFFFFFFFFFFF) for value in values])
        content = content and b"\x0a" + _varint(len(content)) + content
    return _entry_head(key, len(content)) + content


# Label, class name and size come again and again. Not for floats: a cache takes 0.0 and -0.0 for the same.
_frequent_entry = lru_cache(maxsize=1024)(_entry)


def _entry_head(key: str, size: int) -> bytes:
    """What stands before the `size` bytes of a key's list of values."""
    name, tag = _CONSTANT[key]
    listed = tag + _varint(size)
    head = name + _varint(len(listed) + size) + listed
    return b"\x0a" + _varint(len(head) + size) + head


def decode_example(data: bytes) -> dict[str, Any]:
    """Parse a serialised tf.Example, whoever wrote it.

    Returns:
        key -> list of bytes, (n,) int64 array or (n,) float32 array. A feature without a kind is left out.

    Raises:
        DataError: `data` is not a tf.Example.
    """
    try:
        found: dict[str, Any] = {}
        for features in _messages(data, 1):
            for entry in _messages(features, 1):
                key, value = b"", b""
                for field, wire, content in _fields(entry):
                    if wire == _DELIMITED and field == 1:
                        key = content
                    elif wire == _DELIMITED and field == 2:
                        value = content
                values = _decode_feature(value)
                if values is not None:
                    found[key.decode()] = values
        return found
    except (ValueError, IndexError) as error:
        raise DataError(f"{len(data):,} bytes are not a tf.Example: {error}.") from None


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _SMALL[value]
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    if value < 0x200000:
        return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))
    return bytes((value & 0x7F | 0x80,)) + _varint(value >> 7)


def _decode_feature(data: bytes) -> Any:
    values: Any = None
    for kind, wire, content in _fields(data):
        if wire != _DELIMITED or kind not in (_BYTES, _FLOAT, _INT64):
            continue
        if kind == _BYTES:
            values = list(_messages(content, 1))
        elif kind == _FLOAT:
            values = np.frombuffer(b"".join(_numbers(content, _FIXED32)), "<f4").astype(np.float32)
        else:
            packed = b"".join(_numbers(content, _VARINT))
            values = np.array(list(_unpack_varints(packed)), np.uint64).astype(np.int64)
    return values


def _messages(data: bytes, wanted: int) -> Iterator[bytes]:
    for field, wire, content in _fields(data):
        if field == wanted and wire == _DELIMITED:
            yield content


def _numbers(data: bytes, unpacked: int) -> Iterator[bytes]:
    """The bytes of field 1, packed or one by one: readers must accept both."""
    for field, wire, content in _fields(data):
        if field == 1 and wire in (_DELIMITED, unpacked):
            yield content


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(field number, wire type, raw content) of a message's fields."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _read_varint(data, at)
        field, wire = tag >> 3, tag & 7
        if field == 0:
            raise ValueError("field number 0")
        start = at
        if wire == _VARINT:
            _, at = _read_varint(data, at)
        elif wire == _DELIMITED:
            length, start = _read_varint(data, at)
            at = start + length
        elif wire in (_FIXED32, _FIXED64):
            at += 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire}")
        if at > end:
            raise ValueError(f"a field ends {at - end:,} bytes behind the end")
        yield field, wire, data[start:at]


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
