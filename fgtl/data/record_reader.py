"""The payloads of a selection for the pipeline; with --bad_records=skip, what is used in the stead of bad ones."""

import functools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from fgtl.data.bad_records import BadRecord, Tolerance
from fgtl.data.damage import decode_or_say_why
from fgtl.data.draws import uniforms
from fgtl.data.image_stream import Arrays
from fgtl.data.knobs import ReadKnobs
from fgtl.data.records import Selection
from fgtl.errors import InputError

# Far behind the draws of the augmentation.
_SUBSTITUTE_DRAW = 1 << 20


class RecordReader:
    """Reads records by row, as the knobs say: once only with --cache ram, past bad ones with --bad_records skip.

    Args:
        selection: N >= 1 records.
        knobs: how.
        dct: with which `decode` tells whether an image is bad.

    Raises:
        InputError: the selection is empty.
    """

    def __init__(self, selection: Selection, knobs: ReadKnobs, dct: str) -> None:
        if not len(selection):
            raise InputError("The selection holds no images.", expected="at least one.")
        self._selection, self._dct = selection, dct
        self.tolerant = knobs.bad_records == "skip"
        self._tolerance = Tolerance(selection)
        read = self._read_or_nothing if self.tolerant else selection.payload
        self._payload = functools.cache(read) if knobs.cache == "ram" else read

    def payloads(self, rows: NDArray[np.int64]) -> NDArray[np.object_]:
        """(n,) object: the records, bytes; with --bad_records skip b"" for one that cannot be read, which is no image."""
        return np.array([self._payload(row) for row in rows.tolist()], object)

    def sound(self, rows: Iterable[int], view: Callable[[int], Arrays]) -> Iterator[Arrays]:
        """The images of those rows that can be decoded, one by one; the bad ones between them are named and counted.

        Args:
            rows: to try, in this order.
            view: row -> payload (1,) object, window (1, 4) int32 and the rest (1, ...).

        Yields:
            (h, w, 3) uint8 pixels of the window, and the rest (...).

        Raises:
            DataError: too many records of the selection are bad; before all of them are.
        """
        for row in rows:
            payload, window, *rest = (array[0] for array in view(row))
            if not payload:
                continue  # it is named already
            pixels = decode_or_say_why(payload, window, self._dct)
            if isinstance(pixels, str):
                self._tolerance.note(row, self._selection.bad_record(row, pixels))
            else:
                yield (pixels, *rest)

    def _read_or_nothing(self, row: int) -> bytes:
        try:
            payload = self._selection.payload(row)
            if not payload:
                raise self._selection.bad_record(row, "it is empty")
            return payload
        except BadRecord as bad:
            self._tolerance.note(row, bad)
            return b""


def substitutes(row: int, key: NDArray[np.uint64], count: int) -> Iterator[int]:
    """`row` itself, then all rows from a random one on.

    Random, and not the next: many records that were lost together are not all replaced by their one neighbour.

    Args:
        row: 0 ... count - 1.
        key: (1,) uint64 of the row and epoch (fgtl.data.draws).
        count: N, rows of the selection.
    """
    yield row
    first = int(uniforms(key, _SUBSTITUTE_DRAW, 1)[0, 0] * count)
    for step in range(count):
        yield (first + step) % count
