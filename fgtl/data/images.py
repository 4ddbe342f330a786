"""The policy for image files: what is stored as it came, what is re-encoded, and what is refused.

Stored untouched: upright 8-bit RGB or greyscale JPEG and PNG. Everything else that can be decoded becomes
upright RGB; what cannot be decoded is a BadImage. The format is told by the content, never by the ending.
"""

from dataclasses import dataclass

from fgtl.data.image_headers import PNG_SIGNATURE, BadImage, ImageFacts, read_jpeg, read_png
from fgtl.data.orientation import upright_point, upright_size
from fgtl.datasets import Box
from fgtl.knobs import Knobs, flag

__all__ = ["BadImage", "ImageFacts", "ImagePolicy", "OddImages", "StoredImage", "inspect", "store"]

MAX_PIXELS = 64_000_000


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

    check: str = flag("header", "look at header and end marker, or decode every pixel", choices=("header", "decode"))


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image as it goes into a record.

    Attributes:
        data: the file's bytes: the original ones when `oddities` is empty.
        format: "jpeg" or "png".
        width, height: pixels of the stored image.
        oddities: why it was re-encoded (names from ODDITIES); empty for an untouched file.
        orientation: the EXIF orientation of the original, which the stored image no longer needs.
    """

    data: bytes
    format: str
    width: int
    height: int
    oddities: tuple[str, ...] = ()
    orientation: int = 1

    def map_point(self, x: float, y: float) -> tuple[float, float]:
        """A point of the original file's pixel grid on the stored image.

        Coordinates are continuous: pixel (i, j) covers [i, i+1) x [j, j+1), as boxes see it.
        """
        return upright_point(x, y, self.orientation, (self.width, self.height))

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
    from fgtl.data.reencode import read_other

    return read_other(data, max_pixels)


def store(data: bytes, policy: ImagePolicy) -> StoredImage:
    """The bytes to store for a file, under the policy.

    Re-encoding is deterministic for one version of Pillow: JPEG quality 95, 4:4:4, where the source was lossy,
    otherwise PNG; transparent pixels on white; the first frame of an animation; no metadata.

    Raises:
        BadImage: as `inspect`; the pixels cannot be decoded; or the image is odd and `policy.odd` is "fail".
    """
    facts = inspect(data, max_pixels=policy.max_pixels)
    if not facts.oddities:
        if policy.check == "decode":
            from fgtl.data.reencode import decode

            decode(data, facts)
        return StoredImage(data, facts.format, facts.width, facts.height)
    if policy.odd == "fail":
        raise BadImage(
            f"It is not stored as it came ({', '.join(facts.oddities)}), and --odd=fail forbids re-encoding."
        )
    from fgtl.data.reencode import reencode

    encoded, stored_format = reencode(data, facts)
    width, height = upright_size(facts.width, facts.height, facts.orientation)
    return StoredImage(encoded, stored_format, width, height, facts.oddities, facts.orientation)
