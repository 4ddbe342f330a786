"""Card: what a data set is, where it officially comes from, and which reader understands it."""

import dataclasses
import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from fgtl.datasets.sample import SPLITS
from fgtl.errors import DataError, UsageError, did_you_mean

SCHEMA = 1
ANNOTATIONS = ("boxes", "parts", "hierarchy")


@dataclass(frozen=True)
class Archive:
    """One file of the official download.

    Attributes:
        name: as it is downloaded.
        bytes, sha256: None and "" where they are not known.
        holds: a file or folder that is there once it is unpacked; until then the archive itself is read.
            "" for a file that is used as it is (a .mat file).
        into: the folder that it is unpacked into, "" for the top.
        nested: its members are archives themselves, each unpacked into a folder of its own name.
        optional: a conversion can do without it.
    """

    name: str
    bytes: int | None = None
    sha256: str = ""
    holds: str = ""
    into: str = ""
    nested: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Card:
    """A data set as its makers published it. Only `name` and `layout` are always known.

    Attributes:
        name: what --dataset calls it; names the shards too.
        layout: the reader that understands the files (`cub`, `folder`, `lists`).
        classes: number of classes, None where it is not fixed.
        images: official number of images of each split; empty where it is not fixed. A reader compares.
        class_order: the rule that gives a class its label.
        annotations: which of "boxes", "parts", "hierarchy" the download must hold.
        part_names: the parts in official order; empty where the files alone decide.
        folder: what the archive unpacks to; --data_dir may be it, or its parent, or the archive.
        levels: what a class may be -> number of classes (0 where not fixed), the default first. E.g. {"variant": 100,
            "family": 70}: readers look at `level`.
        level: the chosen one; "" for a data set without levels.
        archives: what is downloaded from `homepage`.
        options: what the reader wants to know besides (each reader's docstring lists its own).
        sha256: of the card's TOML text; "" when it was made without a file.
    """

    name: str
    layout: str
    title: str = ""
    homepage: str = ""
    licence: str = ""
    citation: str = ""
    classes: int | None = None
    images: Mapping[str, int] = field(default_factory=dict)
    class_order: str = ""
    annotations: tuple[str, ...] = ()
    part_names: tuple[str, ...] = ()
    folder: str = ""
    levels: Mapping[str, int] = field(default_factory=dict)
    level: str = ""
    archives: tuple[Archive, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""

    def at_level(self, level: str) -> "Card":
        """The card with another of its levels chosen; "" keeps the default. Raises UsageError for an unknown one."""
        if not level:
            return self
        if level not in self.levels:
            raise UsageError(
                f"{self.title or self.name} has no level {level!r}.",
                expected=f"one of {', '.join(self.levels)}." if self.levels else "no --level.",
                fix=did_you_mean(level, self.levels),
            )
        return dataclasses.replace(self, level=level, classes=self.levels[level] or None)

    def where_from(self) -> str:
        """Where the data set is downloaded and what arrives, for messages; "" when the card does not know."""
        lines = [f"The official page is {self.homepage}"] if self.homepage else []
        lines += [describe_archive(archive) for archive in self.archives]
        return "\n".join(lines)


def describe_archive(archive: Archive) -> str:
    """One line: the archive's name and the size it should have."""
    return f"{archive.name} should have {archive.bytes:,} bytes." if archive.bytes else f"It comes as {archive.name}."


def card_names() -> list[str]:
    """Names of the cards that come with fgtl."""
    return sorted(entry.name.removesuffix(".toml") for entry in files(__package__).iterdir() if _is_card(entry.name))


def load_card(name_or_path: str | Path) -> Card:
    """The card of that name which comes with fgtl, or the card in a .toml file.

    Raises:
        UsageError: there is no card of this name.
        DataError: the file is missing, is not TOML, or a key is unknown, missing or of the wrong type.
    """
    if _is_card(str(name_or_path)):
        path = Path(name_or_path)
        if not path.is_file():
            raise DataError(f"The card {path} does not exist.", fix=f"The cards of fgtl: {', '.join(card_names())}.")
        return parse_card(path.read_bytes(), str(path))
    known = card_names()
    if name_or_path not in known:
        raise UsageError(
            f"There is no data set called {str(name_or_path)!r}.",
            expected=f"one of {', '.join(known)}; or a card file (.toml); or a folder of images.",
            fix=did_you_mean(str(name_or_path), known),
        )
    entry = files(__package__) / f"{name_or_path}.toml"
    return parse_card(entry.read_bytes(), str(entry))


def parse_card(content: bytes, where: str) -> Card:
    """A card from the bytes of its TOML; `where` names the file in messages. Raises DataError as `load_card`."""
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{where} is not TOML: {error}.") from None
    values = _checked(table, _CARD_KEYS, ("schema", "name", "layout"), where)
    if values.pop("schema") != SCHEMA:
        raise DataError(f"{where}: schema = {table['schema']}.", expected=f"schema = {SCHEMA}.")
    if "levels" in values:
        values["level"] = next(iter(values["levels"]))
    return Card(**values, sha256=hashlib.sha256(content).hexdigest())


def _is_card(name: str) -> bool:
    return name.endswith(".toml")


def _checked(
    table: dict[str, Any], keys: dict[str, Callable[[Any], Any]], required: tuple[str, ...], where: str
) -> dict[str, Any]:
    """Every value of a TOML table through its key's check; DataError names the file and the key."""
    for key in table.keys() - keys.keys():
        raise DataError(f"{where}: unknown key {key!r}.", expected=f"{', '.join(keys)}.", fix=did_you_mean(key, keys))
    for key in required:
        if key not in table:
            raise DataError(f"{where}: the key {key!r} is missing.")
    values = {}
    for key, value in table.items():
        try:
            values[key] = keys[key](value)
        except _NotThat as error:
            raise DataError(f"{where}: {key} = {value!r}.", expected=f"{error}.") from None
    return values


class _NotThat(ValueError):
    """What a value should have been."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _NotThat("a text in quotes")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][\w.-]*", value, re.ASCII):
        raise _NotThat("letters, digits, '_', '.' and '-'")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _NotThat("a whole number, at least 1")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(set(map(str, value))) != len(value):
        raise _NotThat("a list of different texts")
    return tuple(map(_text, value))


def _annotations(value: Any) -> tuple[str, ...]:
    if not set(_texts(value)) <= set(ANNOTATIONS):
        raise _NotThat(f"a list of some of {', '.join(ANNOTATIONS)}")
    return _texts(value)


def _images(value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or not value.keys() <= set(SPLITS):
        raise _NotThat(f"a table of counts for some of {', '.join(SPLITS)}")
    return {split: _count(count) for split, count in value.items()}


def _archives(value: Any) -> tuple[Archive, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise _NotThat("[[archives]] tables")
    for entry in value:
        if "name" not in entry or not entry.keys() <= _ARCHIVE_KEYS.keys():
            raise _NotThat(f"in each archive a name and perhaps {', '.join(_ARCHIVE_KEYS.keys() - {'name'})}")
    return tuple(Archive(**{key: _ARCHIVE_KEYS[key](entry[key]) for key in entry}) for entry in value)


def _sha256(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise _NotThat("64 hexadecimal digits, lower case")
    return value


def _options(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _NotThat("a table of texts")
    return {key: _text(text) for key, text in value.items()}


def _levels(value: Any) -> dict[str, int]:
    if (
        not isinstance(value, dict)
        or not value
        or not all(type(count) is int and count >= 0 for count in value.values())
    ):
        raise _NotThat("a table of level = number of classes (0: not fixed)")
    return {_name(level): count for level, count in value.items()}


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _NotThat("true or false")
    return value


_ARCHIVE_KEYS: dict[str, Callable[[Any], Any]] = {
    "name": _text,
    "bytes": _count,
    "sha256": _sha256,
    "holds": _text,
    "into": _text,
    "nested": _truth,
    "optional": _truth,
}
_CARD_KEYS: dict[str, Callable[[Any], Any]] = {
    "schema": _count,
    "name": _name,
    "layout": _name,
    "title": _text,
    "homepage": _text,
    "licence": _text,
    "citation": _text,
    "classes": _count,
    "images": _images,
    "class_order": _text,
    "annotations": _annotations,
    "part_names": _texts,
    "folder": _text,
    "levels": _levels,
    "archives": _archives,
    "options": _options,
}
