"""One record's content: its keys, and their tf.Example written without TensorFlow (`fgtl.wire` has the format).

The encoder sorts keys, so equal content gives equal bytes. It equals protobuf's deterministic serialisation.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from fgtl.errors import InputError
from fgtl.wire import BYTES, DELIMITED, FLOAT, INT64

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
# Only of images that are not stored as they came: the file they were made from.
ORIGINAL_HEIGHT, ORIGINAL_WIDTH, ORIGINAL_SHA256 = (f"image/original/{what}" for what in ("height", "width", "sha256"))
PART_Y, PART_X, PART_VISIBLE = (f"image/object/part/{what}" for what in ("y", "x", "visible"))

KINDS = {
    **dict.fromkeys((IMAGE, FORMAT, FILENAME, ID, CLASS_TEXT, HIERARCHY, ORIGINAL_SHA256), BYTES),
    **dict.fromkeys((HEIGHT, WIDTH, ORIGINAL_HEIGHT, ORIGINAL_WIDTH, LABEL, PART_VISIBLE), INT64),
    **dict.fromkeys((BOX_YMIN, BOX_XMIN, BOX_YMAX, BOX_XMAX, PART_Y, PART_X), FLOAT),
}
# What does not change from record to record: the key with the tag of its value, and the tag of its list.
_CONSTANT = {
    key: (b"\x0a" + bytes((len(key),)) + key.encode() + b"\x12", bytes((kind << 3 | DELIMITED,)))
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
        elif KINDS.get(key) == FLOAT:
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
    if kind == BYTES:
        content = b"".join([b"\x0a" + _varint(len(value)) + value for value in values])
    else:
        if kind == FLOAT:
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


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _SMALL[value]
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    if value < 0x200000:
        return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))
    return bytes((value & 0x7F | 0x80,)) + _varint(value >> 7)
