"""Text files with one entry a line, read so that every complaint names file and line."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from fgtl.datasets import Card
from fgtl.downloads import Tree
from fgtl.errors import DataError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank, and where it stands.

    Attributes:
        file: the file as messages call it (`Tree.where`).
        name: the file's name below the tree's top.
        number: from 1.
        text: without blanks around it.
    """

    file: str
    name: str
    number: int
    text: str

    @property
    def where(self) -> str:
        """ "FILE line N", as messages start."""
        return f"{self.file} line {self.number}"

    def error(self, problem: str, *, expected: str = "", fix: str = "") -> DataError:
        """A DataError about this line."""
        return DataError(f"{self.where}: {problem}.", expected=expected, fix=fix)


def read_lines(tree: Tree, name: str) -> Iterator[Line]:
    """Lines of a UTF-8 file; a byte order mark, CRLF ends and blank lines are tolerated.

    Raises:
        DataError: the file cannot be read, or a line is not UTF-8.
    """
    file = tree.where(name)
    for number, raw in enumerate(tree.read(name).removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            text = raw.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise DataError(f"{file} line {number} is not UTF-8: {error}.", fix="Save the file as UTF-8.") from None
        if text:
            yield Line(file, name, number, text)


def require_files(card: Card, tree: Tree, names: list[str]) -> None:
    """DataError naming the first of the files that is not there, and where the data set comes from."""
    missing = [name for name in names if not tree.is_file(name)]
    if missing:
        raise DataError(
            f"{tree.where(missing[0])} does not exist.",
            expected=f"{', '.join(names)} in {tree.where()}, the layout {card.layout!r} of {card.title or card.name}.",
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
        # Python reads 1_0 as 10; nobody who writes lists means that.
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise line.error(f"{what} {text!r} is not a number")
    return value


def enter(table: dict[T, Line], key: T, line: Line, what: str) -> None:
    """Remember where `key` was seen; DataError when an earlier line has it."""
    if key in table:
        raise line.error(f"{what} {key!r} is already on line {table[key].number} of {table[key].name}")
    table[key] = line


def below_root(line: Line, text: str) -> str:
    """An image path of a list, relative and staying below the root; DataError otherwise."""
    name = clean_name(text)
    if not name:
        raise line.error(f"{text!r} leads out of the data set's folder", expected="a path below it.")
    return name


def listed_path(tree: Tree, line: Line, text: str) -> str:
    """The same of a list that somebody made for their own images: an absolute path below the tree's top is one too."""
    if not text.startswith("/"):
        return below_root(line, text)
    top = tree.where().rstrip("/")
    name = clean_name(text.removeprefix(f"{top}/").lstrip("/")) if text.startswith(f"{top}/") else ""
    if not name:
        raise line.error(
            f"{text!r} is absolute and lies outside {top}",
            expected="a path below it.",
            fix="Move the list to a folder above its images.",
        )
    return name


def clean_name(text: str) -> str:
    """A path with slashes as a tree calls it, without "." and empty parts; "" when it leads out of the tree."""
    # For millions of images: PurePosixPath says the same and takes ten times as long.
    parts = text.split("/")
    if text.startswith("/") or ".." in parts or "\0" in text:
        return ""
    return text if "" not in parts and "." not in parts else "/".join(part for part in parts if part not in ("", "."))


def require_images(card: Card, tree: Tree, listed: Mapping[str, Line]) -> None:
    """DataError naming the first listed image that is not in the tree, and how many are missing.

    Args:
        card: says how large the archives should be.
        tree: what the names are relative to.
        listed: name -> the line that lists it, in list order.
    """
    require_all(card, tree, listed, lambda name: listed[name].where)


def require_all(card: Card, tree: Tree, names: Collection[str], where: Callable[[str], str]) -> None:
    """The same for names that have no `Line`; `where` says what lists one of them."""
    missing = [name for name in names if not tree.is_file(name)]
    if missing:
        cause = (
            "Separate folders by slashes, not as Windows does, and begin below that folder."
            if "\\" in missing[0]
            else f"The download or its unpacking is probably incomplete.\n{card.where_from()}".rstrip()
        )
        raise DataError(
            f"{where(missing[0])}: {missing[0]!r} does not exist under {tree.where()}.",
            expected=f"{len(names):,} images; {len(names) - len(missing):,} are there.",
            fix=cause,
        )
