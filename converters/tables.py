"""Text files with one entry a line, read so that every complaint names file and line."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from fgtl.datasets import Card
from fgtl.errors import DataError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank, and where it stands."""

    file: Path
    number: int
    text: str

    @property
    def where(self) -> str:
        """ "FILE line N", as messages start."""
        return f"{self.file} line {self.number}"

    def error(self, problem: str, *, expected: str = "", fix: str = "") -> DataError:
        """A DataError about this line."""
        return DataError(f"{self.where}: {problem}.", expected=expected, fix=fix)


def read_lines(file: Path) -> Iterator[Line]:
    """Lines of a UTF-8 file; a byte order mark, CRLF ends and blank lines are tolerated.

    Raises:
        DataError: a line is not UTF-8.
    """
    for number, raw in enumerate(file.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            text = raw.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise DataError(f"{file} line {number} is not UTF-8: {error}.", fix="Save the file as UTF-8.") from None
        if text:
            yield Line(file, number, text)


def require_files(card: Card, folder: Path, names: list[str]) -> None:
    """DataError naming the first of the files that is not there, and where the data set comes from."""
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder / missing[0]} does not exist.",
            expected=f"{', '.join(names)} in {folder}, the layout {card.layout!r} of {card.title or card.name}.",
            fix=card.where_from(),
        )


def integer(line: Line, text: str, what: str) -> int:
    """A whole number of a line; `what` names it in the message."""
    # Eighteen digits fit int64; Python refuses to read thousands of them with an error of its own.
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 18):
        raise line.error(f"{what} {text!r} is not a whole number")
    return int(text)


def number(line: Line, text: str, what: str) -> float:
    """A finite number of a line; `what` names it in the message."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise line.error(f"{what} {text!r} is not a number")
    return value


def enter(table: dict[T, Line], key: T, line: Line, what: str) -> None:
    """Remember where `key` was seen; DataError when an earlier line has it."""
    if key in table:
        raise line.error(f"{what} {key!r} is already on line {table[key].number} of {table[key].file.name}")
    table[key] = line


def below_root(line: Line, text: str) -> str:
    """An image path of a list, relative and staying below the root; DataError otherwise."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\0" in text:
        raise line.error(f"{text!r} leads out of the data set's folder", expected="a path below it.")
    return str(path)


def require_images(card: Card, root: Path, listed: Mapping[str, Line]) -> None:
    """DataError naming the first listed image that does not exist under `root`, and how many are missing.

    Args:
        card: says how large the archives should be.
        root: folder that the paths are relative to.
        listed: path -> the line that lists it, in list order.
    """
    missing = [path for path in listed if not (root / path).is_file()]
    if not missing:
        return
    raise listed[missing[0]].error(
        f"{missing[0]!r} does not exist under {root}",
        expected=f"{len(listed):,} images; {len(listed) - len(missing):,} are there.",
        fix=f"The download or its unpacking is probably incomplete.\n{card.where_from()}".rstrip(),
    )
