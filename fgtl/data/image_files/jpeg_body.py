"""Whether the coded pixels of a JPEG are whole, found out with Pillow's decoder and without its silence.

libjpeg paints what it cannot decode grey and only warns, and Pillow drops the warnings. But damage shows in two other
ways. Markers stand between the coded pixels where none belong. And a shifted bit stream makes the decoder end a
stretch of coded pixels (a scan, or what lies between two restart markers) elsewhere than the file does. So the decoder
is handed one stretch after the other without the marker behind it, and it is watched that it needs the last byte of
the stretch, and nothing behind that: a decoder in search of a marker swallows every byte, and one that waits for coded
pixels leaves some lying.

Of 3,300 photographs with damaged coded pixels (sequential, progressive, with restart markers) this refuses 99 % of those
that a decoder refuses which stops at libjpeg's first warning, and no other; Pillow's full decode refuses 5 %.

What no decoder can find: changed bits that are valid code of another picture, most of them a wrong colour in one place
or from there on; of single flipped bits that change a hundredth of the picture and more it is four in ten. And what is
not found here: stretches that end within 8 bytes of where they should.

Source: ITU-T T.81: B.1.1 (markers, fill and stuffed bytes), B.2 (order of segments), F.2.2 and G.2 (decoding).
"""

import io
from contextlib import closing
from dataclasses import dataclass

from PIL import Image

# Private, but without its count of used bytes damage cannot be told from wholeness. It is as old as Pillow.
from PIL.Image import _getdecoder
from PIL.JpegImagePlugin import JpegImageFile

from fgtl.data.image_files.headers import BadImage
from fgtl.data.image_files.jpeg_markers import Stretch, read_stretches

# The decoder fills a register of at most 64 bits before it takes the first of them.
_REGISTER = bytes(8)
_PROBE = bytes(1)


@dataclass(frozen=True)
class Decoded:
    """A decoded image, perhaps at a part of its size.

    Attributes:
        image: the pixels.
        size: (width, height) by the file's header.
        box: the part of `image` that the picture fills, (left, top, right, bottom) in its pixels.
    """

    image: Image.Image
    size: tuple[int, int]
    box: tuple[float, float, float, float]


def decode_jpeg(data: bytes, at_least: tuple[int, int] | None, *, strict: bool) -> Decoded:
    """Decode all of a JPEG, perhaps to fewer pixels.

    Args:
        data: the file.
        at_least: (width, height); the picture is decoded at 1/2, 1/4 or 1/8 of its size, but not below this, which
            is much faster and reads every coded byte all the same. None: at its own size.
        strict: find damage that decoders paint over.

    Raises:
        BadImage: the coded pixels are damaged.
        OSError, SyntaxError and whatever else Pillow raises for files that it cannot decode.
    """
    stretches = read_stretches(data) if strict else ()
    if not stretches:
        return _load(data, at_least, None)
    try:
        return _load(data, at_least, stretches)
    except _GoesOn:
        # Some cameras pad with zeros. That is no damage, and rare enough for a second try.
        return _load(data, at_least, (*stretches[:-1], _unpadded(data, stretches[-1])))


def _load(data: bytes, at_least: tuple[int, int] | None, stretches: tuple[Stretch, ...] | None) -> Decoded:
    image = JpegImageFile(io.BytesIO(data))
    size = image.size
    draft = None if at_least is None else image.draft(None, at_least)
    if stretches is None:
        image.load()
    else:
        _load_in_pieces(image, data, stretches)
    return Decoded(image, size, (0, 0, *image.size) if draft is None else draft[1])


class _GoesOn(BadImage):
    """Coded pixels go on where the decoder has all that it wants."""


def _load_in_pieces(image: JpegImageFile, data: bytes, stretches: tuple[Stretch, ...]) -> None:
    with closing(_Decoder(image)) as decoder:
        position = 0
        for stretch in stretches:
            last = stretch.end - 1
            decoder.feed(data[position:last])
            if not decoder.waits_for(data[last : stretch.end]):
                raise _GoesOn(
                    f"It is a damaged JPEG: the coded pixels before byte {stretch.end:,} are more than belong there."
                )
            decoder.feed(_REGISTER)
            if decoder.waits_for(_PROBE):
                raise BadImage(f"It is a damaged JPEG: coded pixels are missing before byte {stretch.end:,}.")
            position = stretch.end
        decoder.finish(data[position:])


def _unpadded(data: bytes, stretch: Stretch) -> Stretch:
    length = len(data[stretch.start : stretch.end].rstrip(b"\0"))
    # A zero behind FF belongs to it.
    length += length > 0 and data[stretch.start + length - 1] == 0xFF
    return Stretch(stretch.start, stretch.start + max(length, 1))


class _Decoder:
    """Pillow's decoder for an opened JPEG, fed by hand."""

    def __init__(self, image: JpegImageFile) -> None:
        ((_, extents, _, arguments),) = image.tile
        image.load_prepare()
        self._image = image
        self._decoder = _getdecoder(image.mode, "jpeg", arguments, image.decoderconfig)
        self._decoder.setimage(image.im, extents)
        self._left, self._is_done = b"", False

    def waits_for(self, byte: bytes) -> bool:
        """Feed one byte more, and say whether coded pixels were still missing before it.

        Without them the decoder either has bytes that it cannot use yet, or takes this one into a register that is too
        empty, and gives it back.
        """
        left_before = self._left
        self.feed(byte)
        return bool(left_before or self._left)

    def feed(self, data: bytes) -> None:
        """Decode as far as possible. OSError: it is no JPEG that libjpeg decodes."""
        if self._is_done:
            return
        self._left += data
        used, error = self._decoder.decode(self._left)
        if error < 0:
            raise OSError("its stream of coded pixels is broken")
        self._is_done = used < 0
        self._left = b"" if self._is_done else self._left[used:]

    def finish(self, data: bytes) -> None:
        """Feed the rest of the file; the image then has its pixels. OSError: some are missing."""
        self.feed(data)
        if not self._is_done:
            raise OSError("its coded pixels end early")
        self._image.tile = []

    def close(self) -> None:
        """Give the decoder's memory back."""
        self._decoder.cleanup()
