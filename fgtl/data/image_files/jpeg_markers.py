"""The markers of a whole JPEG: where its coded pixels lie, and whether everything between them is in order.

Source: ITU-T T.81: B.1.1 (markers, fill and stuffed bytes), B.2 (order of segments), G.1.1.1 (progressive scans).
"""

import re
import struct
from typing import NamedTuple

from fgtl.data.image_files.headers import BadImage

# Behind a byte FF in coded pixels: 0 says that the FF is data, another FF is a fill byte, all else makes a marker.
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_END, _SCAN, _LINES, _INTERVAL = 0xD9, 0xDA, 0xDC, 0xDD
_RESTARTS = range(0xD0, 0xD8)
_TABLES = (0xC4, 0xCC, 0xDB, _INTERVAL)
_REMARKS = (_LINES, 0xFE, *range(0xE0, 0xF0))
_FRAMES = tuple(marker for marker in range(0xC0, 0xD0) if marker not in (0xC4, 0xC8, 0xCC))
_HUFFMAN = (0xC0, 0xC1, 0xC2)
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_COEFFICIENTS = 64


class Stretch(NamedTuple):
    """Coded pixels without a marker: from byte `start` up to `end`."""

    start: int
    end: int


def read_stretches(data: bytes) -> tuple[Stretch, ...]:
    """Follow the markers from the first to the end marker.

    Args:
        data: a file that `read_jpeg` has accepted.

    Returns:
        The stretches of coded pixels in order; none for codings other than Huffman, sequential or progressive.

    Raises:
        BadImage: a marker stands where none belongs, a scan is missing, or there is no end.
    """
    try:
        return _Walk(data).run()
    except (IndexError, struct.error, ValueError):
        raise BadImage("It is a damaged JPEG: it ends without an end marker.") from None


class _Walk:
    """The state of one walk over a file's segments."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 2
        self._interval = 0
        self._frame = 0
        self._blocks = 0
        # Component -> for each coefficient, how many of its lowest bits are still to come; 255: all of them.
        self._to_come: dict[int, bytearray] = {}
        self._found: list[Stretch] = []

    def run(self) -> tuple[Stretch, ...]:
        while (marker := self._next_marker()) != _END:
            start = self._position + 4
            end = start - 2 + ((self._data[start - 2] << 8) | self._data[start - 1])
            if marker in _FRAMES and not self._frame:
                self._frame = marker
                height, width = struct.unpack_from(">HH", self._data, start + 1)
                self._blocks = -(-width // 8) * -(-height // 8)
                self._to_come = {
                    self._data[start + 6 + 3 * number]: bytearray(b"\xff" * _COEFFICIENTS)
                    for number in range(self._data[start + 5])
                }
            elif marker == _INTERVAL:
                self._interval = (self._data[start] << 8) | self._data[start + 1]
            elif marker == _SCAN:
                self._enter_scan(start)
                end = self._walk_scan(end)
            elif marker not in (*_TABLES, *_REMARKS) or (self._is_complete and marker in _TABLES):
                raise self._stray(marker)
            self._position = end
        if not self._found:
            raise BadImage("It is a damaged JPEG: it holds no coded pixels.")
        if not self._is_complete:
            raise BadImage("It is a damaged JPEG: scans are missing.")
        return tuple(self._found) if self._frame in _HUFFMAN else ()

    @property
    def _is_complete(self) -> bool:
        return bool(self._found) and not any(map(any, self._to_come.values()))

    def _stray(self, marker: int) -> BadImage:
        return BadImage(
            f"It is a damaged JPEG: the marker {marker:02X} at byte {self._position:,} does not belong there."
        )

    def _next_marker(self) -> int:
        if self._data[self._position] != 0xFF:
            raise BadImage(f"It is a damaged JPEG: byte {self._position:,} should start a marker.")
        while self._data[self._position + 1] == 0xFF:  # fill bytes
            self._position += 1
        return self._data[self._position + 1]

    def _enter_scan(self, start: int) -> None:
        """Note what the scan brings; its header's content is at `start`."""
        count = self._data[start]
        first, last, bits = self._data[start + 1 + 2 * count : start + 4 + 2 * count]
        if self._frame not in _PROGRESSIVE:
            first, last, bits = 0, _COEFFICIENTS - 1, 0
        if not self._to_come or self._is_complete or last >= _COEFFICIENTS:
            raise self._stray(_SCAN)
        for number in range(count):
            component = self._to_come.get(self._data[start + 1 + 2 * number])
            if component is None:
                raise self._stray(_SCAN)
            component[first : last + 1] = bytes((bits & 0x0F,)) * (last + 1 - first)

    def _walk_scan(self, start: int) -> int:
        """Note the stretches of a scan whose coded pixels begin at `start`; returns where the marker behind it is."""
        count = 0
        for match in _MARKER.finditer(self._data, start):
            found = match.start()
            self._found.append(Stretch(start, self._without_fill(found)))
            marker = self._data[found + 1]
            if marker not in _RESTARTS:
                return found
            if not self._interval or marker != _RESTARTS[count % len(_RESTARTS)] or count >= self._blocks:
                raise BadImage(f"It is a damaged JPEG: a restart marker at byte {found:,} does not belong there.")
            count += 1
            start = found + 2
        raise BadImage("It is a damaged JPEG: its coded pixels go on to the end of the file.")

    def _without_fill(self, end: int) -> int:
        while self._data[end - 1] == 0xFF:  # a coded FF is followed by 0
            end -= 1
        return end
