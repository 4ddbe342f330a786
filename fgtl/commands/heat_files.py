"""What `fgtl heat` writes: a name for each picture, and none of them that of an image that is looked at."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from fgtl.commands.answers import check_place
from fgtl.errors import UsageError

# As `fgtl.training.heat_pictures.HeatPictures.overlays` calls them; without points there are fewer.
OVERLAYS = ("kept", "class", "energy")


class Pictures(NamedTuple):
    """The files of one image.

    Attributes:
        sheet: of everything.
        overlays: what of `OVERLAYS` -> its file; empty where none is wanted.
    """

    sheet: Path
    overlays: dict[str, Path]


def planned_pictures(output: Path, stems: Sequence[str], overlays: bool) -> list[Pictures]:
    """The files of each image, none of which comes twice.

    Args:
        output: a folder; or, of one image, a picture.png.
        stems: what each image is called.
        overlays: in a folder: these too.

    Raises:
        UsageError: `output` is neither, or a single picture of several images.
        DataError: it cannot be written.
    """
    _check_output(output, len(stems))
    if output.suffix == ".png":
        return [Pictures(output, {})]
    planned: list[Pictures] = []
    taken: set[str] = set()
    last: dict[str, int] = {}
    for stem in (re.sub(r"[^\w.+=-]+", "_", stem) for stem in stems):
        number = last.get(stem, 0) + 1
        # An image may be called as another one's overlay, or its second namesake, is.
        while taken & set(_names(own := f"{stem}~{number}" if number > 1 else stem, overlays)):
            number += 1
        last[stem] = number
        sheet, *others = _names(own, overlays)
        taken |= {sheet, *others}
        files = {what: output / name for what, name in zip(OVERLAYS, others, strict=False)}
        planned.append(Pictures(output / sheet, files))
    return planned


def check_images_stay(output: Path, planned: Iterable[Pictures], images: Iterable[Path]) -> None:
    """Raise UsageError where a picture would be written over one of the images.

    Files are compared, not their names: a link, or another case where the disk knows none, leads to the same one.
    """
    own = {_identity(path) for path in images}
    written = (path for pictures in planned for path in (pictures.sheet, *pictures.overlays.values()))
    lost = [path for path in written if path.exists() and _identity(path) in own]
    if lost:
        more = f" and {len(lost) - 1:,} more" if len(lost) > 1 else ""
        raise UsageError(
            f"--output={output}: the pictures would replace {lost[0]}{more}, which they are to be made from.",
            expected="a folder of its own for the pictures, or another picture.png of one image.",
        )


def _check_output(output: Path, images: int) -> None:
    if output.suffix == ".png" and (images > 1 or output.is_dir()):
        what = "is a folder" if output.is_dir() else f"is one picture, of {images:,} images"
        raise UsageError(f"--output={output} {what}.", expected="a folder's name for several images.")
    if output.suffix not in ("", ".png") and not output.is_dir():
        raise UsageError(f"--output={output} has an unknown ending.", expected="a folder, or picture.png of one image.")
    if output.suffix != ".png" and output.is_file():
        raise UsageError(f"--output={output} is a file.", expected="a folder's name, or picture.png of one image.")
    check_place(output)


def _names(own: str, overlays: bool) -> list[str]:
    """The sheet's, and those of the overlays."""
    return [f"{own}.png", *(f"{own}-{what}.png" for what in OVERLAYS if overlays)]


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
