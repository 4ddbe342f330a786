"""Ways to damage one record on disk, for the tests of this room (`from harm import ...`)."""

from collections.abc import Callable

from fgtl.data import example
from fgtl.data.example import encode_example
from fgtl.data.records import Selection
from fgtl.tfrecord import FOOTER_BYTES, HEADER_BYTES, framed


def patch(selection: Selection, row: int, change: Callable[[bytearray], object]) -> None:
    """Let `change` work on the bytes of one record, header and footer included, without changing their number."""
    start = int(selection.offsets[row]) - HEADER_BYTES
    size = HEADER_BYTES + int(selection.lengths[row]) + FOOTER_BYTES
    with selection.shard_paths[int(selection.shards[row])].open("r+b") as file:
        file.seek(start)
        record = bytearray(file.read(size))
        change(record)
        file.seek(start)
        file.write(record)


def flip(byte: int) -> Callable[[Selection, int], None]:
    """Turn a bit of one byte of the record."""

    def harm(selection: Selection, row: int) -> None:
        def change(record: bytearray) -> None:
            record[byte] ^= 4

        patch(selection, row, change)

    return harm


def zeros(selection: Selection, row: int) -> None:
    """Overwrite the record with zeros."""
    patch(selection, row, lambda record: record.__setitem__(slice(None), bytes(len(record))))


def reseal(selection: Selection, row: int, payload: bytes) -> None:
    """Put a payload of the same length in the record's place, with right checksums."""
    assert len(payload) == selection.lengths[row]
    head, tail = framed(payload)
    patch(selection, row, lambda record: record.__setitem__(slice(None), head + payload + tail))


def no_example(selection: Selection, row: int) -> None:
    """Whole as a record, but not a tf.Example."""
    reseal(selection, row, b"\xff" * int(selection.lengths[row]))


def other_image(change: Callable[[bytearray], object]) -> Callable[[Selection, int], None]:
    """Whole as a record and a tf.Example, but the image file in it was changed."""

    def harm(selection: Selection, row: int) -> None:
        features = selection.example(row)
        image = bytearray(features[example.IMAGE][0])
        change(image)
        reseal(selection, row, encode_example({**features, example.IMAGE: [bytes(image)]}))

    return harm


def _no_header(image: bytearray) -> None:
    image[:20] = b"<!doctype html><html"


def _wrong_table(image: bytearray) -> None:
    at = image.index(b"\xff\xc4") + 5
    image[at : at + 16] = b"\xff" * 16


no_header = other_image(_no_header)
no_pixels = other_image(_wrong_table)

HARMS: dict[str, Callable[[Selection, int], None]] = {
    "data byte": flip(200),
    "length byte": flip(1),
    "length checksum": flip(9),
    "data checksum": flip(-1),
    "zeros": zeros,
    "no tf.Example": no_example,
    "no image header": no_header,
    "no pixels": no_pixels,
}
# What shows when a record is read; only a decoder sees the last one.
READ = [name for name in HARMS if name != "no pixels"]
