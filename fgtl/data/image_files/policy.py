"""The policy for image files: what is stored as it came, what is re-encoded, and what is refused.

Stored untouched: upright 8-bit RGB or greyscale JPEG and PNG. Everything else that can be decoded becomes
upright RGB; what cannot be decoded is a BadImage. The format is told by the content, never by the ending.
Where a longest side is asked for, larger images become smaller JPEGs.
"""

import hashlib
from dataclasses import dataclass

from fgtl.data.image_files.headers import PNG_SIGNATURE, BadImage, ImageFacts, read_jpeg, read_png
from fgtl.data.image_files.orientation import upright_point, upright_size
from fgtl.data.image_files.shrink import fitted_size, shrunk_point
from fgtl.datasets import Box
from fgtl.knobs import Knobs, flag

__all__ = ["BadImage", "ImageFacts", "ImagePolicy", "OddImages", "Original", "StoredImage", "inspect", "store"]

MAX_PIXELS = 64_000_000
# What `StoredImage.changes` calls an image that was too large.
SHRUNK = "shrunk"


@dataclass(frozen=True)
class OddImages(Knobs):
    """Image files out of the ordinary."""

    odd: str = flag(
        "reencode", "CMYK, 16-bit, palette, transparent, rotated, animated, other formats", choices=("reencode", "fail")
    )
    max_pixels: int = flag(MAX_PIXELS, "refuse larger images, by their header", low=1)


@dataclass(frozen=True)
class ImagePolicy(OddImages):
    """What is done with image files."""

    check: str = flag(
        "header",
        "look at header and end marker, or decode every pixel and refuse what decoders paint over",
        choices=("header", "decode"),
    )
    max_side: int = flag(0, "shrink images whose longer side has more pixels than this; 0 = keep them", low=0)


@dataclass(frozen=True, slots=True)
class Original:
    """The file that a stored image was made from.

    Attributes:
        width, height: pixels of its picture, upright.
        sha256: of its bytes, hexadecimal.
    """

    width: int
    height: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image as it goes into a record.

    Attributes:
        data: the file's bytes: the original ones when there are no `changes`.
        format: "jpeg" or "png".
        width, height: pixels of the stored image.
        oddities: why it had to be re-encoded (names from ODDITIES).
        orientation: the EXIF orientation of the original, which the stored image no longer needs.
        original: what it was made from; None for a file that is stored as it came.
    """

    data: bytes
    format: str
    width: int
    height: int
    oddities: tuple[str, ...] = ()
    orientation: int = 1
    original: Original | None = None

    @property
    def is_shrunk(self) -> bool:
        """Whether it has fewer pixels than the original, because that was asked for."""
        return self.original is not None and (self.width, self.height) != self._upright

    @property
    def changes(self) -> tuple[str, ...]:
        """How it differs from the file, for a report: its oddities, and SHRUNK."""
        return (*self.oddities, SHRUNK) if self.is_shrunk else self.oddities

    @property
    def _upright(self) -> tuple[int, int]:
        return (self.width, self.height) if self.original is None else (self.original.width, self.original.height)

    def map_point(self, x: float, y: float) -> tuple[float, float]:
        """A point of the original file's pixel grid on the stored image.

        Coordinates are continuous: pixel (i, j) covers [i, i+1) x [j, j+1), as boxes see it.
        """
        x, y = upright_point(x, y, self.orientation, self._upright)
        return shrunk_point(x, y, self._upright, (self.width, self.height)) if self.is_shrunk else (x, y)

    def map_box(self, box: Box) -> Box:
        """A box of the original file's pixel grid on the stored image."""
        xs, ys = zip(self.map_point(box.x0, box.y0), self.map_point(box.x1, box.y1), strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys))


def inspect(data: bytes, *, max_pixels: int = MAX_PIXELS) -> ImageFacts:
    """What a file's header says, without decoding a pixel.

    Args:
        data: the whole file.
        max_pixels: the largest width x height that is accepted.

    Raises:
        BadImage: not an image, truncated, of no size, or larger than `max_pixels`.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return read_jpeg(data, max_pixels)
    if data.startswith(PNG_SIGNATURE):
        return read_png(data, max_pixels)
    # Imported here: Pillow is only needed for what is neither JPEG nor PNG, and `--help` should not wait for it.
    from fgtl.data.image_files.reencode import read_other

    return read_other(data, max_pixels)


def store(data: bytes, policy: ImagePolicy) -> StoredImage:
    """The bytes to store for a file, under the policy.

    Re-encoding is deterministic for one version of Pillow: JPEG quality 95, 4:4:4, where the source was lossy or is
    shrunk, otherwise PNG; transparent pixels on white; the first frame of an animation; no metadata. What is only
    shrunk stays grey if it was. The longer side then has exactly `policy.max_side` pixels; see `fitted_size`.

    Raises:
        BadImage: as `inspect`; the pixels cannot be decoded; or the image is odd and `policy.odd` is "fail".
    """
    facts = inspect(data, max_pixels=policy.max_pixels)
    if facts.oddities and policy.odd == "fail":
        raise BadImage(
            f"It is not stored as it came ({', '.join(facts.oddities)}), and --odd=fail forbids re-encoding."
        )
    upright = upright_size(facts.width, facts.height, facts.orientation)
    size = fitted_size(*upright, policy.max_side)
    if not facts.oddities and size == upright:
        if policy.check == "decode":
            from fgtl.data.image_files.reencode import check_pixels

            check_pixels(data, facts)
        return StoredImage(data, facts.format, *size)
    from fgtl.data.image_files.reencode import reencode

    encoded, stored_format = reencode(data, facts, size, strict=policy.check == "decode")
    original = Original(*upright, hashlib.sha256(data).hexdigest())
    return StoredImage(encoded, stored_format, *size, facts.oddities, facts.orientation, original)
