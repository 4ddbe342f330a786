"""Annotations in MATLAB files (.mat, version 5 to 7), read so that every complaint names file, variable and entry.

Nothing in such a file is ever executed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from fgtl.converters.mat5 import NotReadable, read_mat5
from fgtl.converters.tables import Line
from fgtl.downloads import Tree
from fgtl.errors import DataError

T = TypeVar("T")

# The largest of the official files has 0.2 MB.
_MAX_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Entry(Line):
    """One entry of a list in a .mat file; `number` counts from 1, `text` is the entry where it is a text."""

    @property
    def where(self) -> str:
        """ "FILE entry N", as messages start."""
        return f"{self.file} entry {self.number}"


@dataclass(frozen=True)
class MatFile:
    """The variables of a .mat file, as `read_mat5` makes them.

    Attributes:
        file: the file as messages call it (`Tree.where`).
        name: the file's name below the tree's top.
    """

    file: str
    name: str
    variables: Mapping[str, Any]

    def whole_numbers(self, variable: str) -> list[int]:
        """A row or column of whole numbers; DataError when there is no such variable or it is something else."""
        array = self._list(variable)
        if array.dtype.kind not in "uif" or not np.all(np.isfinite(array) & (array == np.trunc(array))):
            raise self._error(variable, "a list of whole numbers")
        return [int(value) for value in array]

    def texts(self, variable: str) -> list[Entry]:
        """A row or column of cells with a text each; DataError when there is none or a cell holds something else."""
        cells = self._list(variable)
        if cells.dtype.kind != "O":
            raise self._error(variable, "a list of texts")
        return [
            Entry(self.file, self.name, number, text_of(self._entry(number), variable, cell))
            for number, cell in enumerate(cells, start=1)
        ]

    def rows(self, variable: str, fields: Iterable[str]) -> list[tuple[Entry, Mapping[str, Any]]]:
        """A struct array: the values of `fields` in each row; DataError when there is none or it lacks a field."""
        structs = self._list(variable)
        missing = [field for field in fields if field not in (structs.dtype.names or ())]
        if missing:
            raise self._error(variable, f"a list of structs with the field {missing[0]!r}")
        return [
            (self._entry(number), {field: row[field] for field in fields})
            for number, row in enumerate(structs, start=1)
        ]

    def _list(self, variable: str) -> np.ndarray:
        """A variable without the dimensions that a list does not need."""
        array = self.variables.get(variable)
        if array is None:
            others = ", ".join(name for name in self.variables if name)
            raise DataError(f"{self.file} has no variable {variable!r}, only {others or 'none'}.")
        if not isinstance(array, np.ndarray) or array.size != max(array.shape, default=0):
            raise self._error(variable, "a list: one row or one column")
        return array.ravel()

    def _entry(self, number: int) -> Entry:
        return Entry(self.file, self.name, number, "")

    def _error(self, variable: str, expected: str) -> DataError:
        return DataError(f"{self.file}: {variable} is {_kind(self.variables[variable])}.", expected=f"{expected}.")


def read_mat(tree: Tree, name: str) -> MatFile:
    """A .mat file of annotations.

    Raises:
        DataError: there is no such file, it cannot be read, or it is larger than annotations ever are.
    """
    where = tree.where(name)
    if tree.size(name) > _MAX_BYTES:
        raise DataError(f"{where} has {tree.size(name):,} bytes.", expected=f"annotations below {_MAX_BYTES:,} bytes.")
    try:
        return MatFile(where, name, read_mat5(tree.read(name)))
    except NotReadable as error:
        raise DataError(
            f"{where} cannot be read as a MATLAB file: {error}.",
            expected="a .mat file of version 5, 6 or 7.",
            fix="The download is probably damaged, or a web page was saved in its place; fetch it again.",
        ) from None


def enter_entry(table: dict[T, Entry], key: T, entry: Entry, what: str) -> None:
    """Remember where `key` was seen; DataError when an earlier entry has it."""
    if key in table:
        raise entry.error(f"{what} {key!r} is already entry {table[key].number} of {table[key].name}")
    table[key] = entry


def text_of(entry: Entry, what: str, value: Any) -> str:
    """The text in a cell or field, without blanks around it; DataError when it holds something else."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.size == 1 and value.item().strip():
        return value.item().strip()
    raise entry.error(f"{what} is {_kind(value)}", expected="a text.")


def whole_numbers_of(entry: Entry, row: Mapping[str, Any], fields: Sequence[str]) -> list[int]:
    """The whole numbers in some fields of a struct; DataError when one holds something else."""
    numbers = []
    for field in fields:
        value = row[field]
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "uif" or value.size != 1 or value.item() % 1:
            raise entry.error(f"{field} is {_kind(value)}", expected="a whole number.")
        numbers.append(int(value.item()))
    return numbers


def _kind(value: Any) -> str:
    """What a value is, in a few words."""
    if not isinstance(value, np.ndarray):
        return f"a {type(value).__name__}"
    kinds = {"U": "text", "O": "cells", "u": "numbers", "i": "numbers", "f": "numbers", "V": "structs"}
    kind = kinds.get(value.dtype.kind, str(value.dtype))
    return (
        f"{kind} {value.item()!r}" if value.size == 1 and value.dtype.kind != "V" else f"{kind} of shape {value.shape}"
    )
