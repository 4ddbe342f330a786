"""CSV, TSV and JSONL files as rows of named texts, read so that every complaint names file and line."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from fgtl.converters.json_files import parse_json
from fgtl.converters.tables import Line
from fgtl.downloads import Tree
from fgtl.errors import DataError

ENDINGS = (".csv", ".tsv", ".jsonl")
Row = dict[str, str]


def read_rows(tree: Tree, name: str) -> Iterator[tuple[Line, Row]]:
    """(line, column -> text without blanks around it) of every row; columns in lower case. Blank lines are skipped.

    A CSV or TSV file starts with the names of its columns; cells are quoted as spreadsheets do it. Of a JSONL file each
    line is an object with texts, numbers, null (an empty text) and lists of numbers (joined by blanks). A byte order
    mark and CRLF ends are tolerated. Memory: the file and one row.

    Raises:
        DataError: the file is not UTF-8, a quote is not closed, or a row has more or fewer cells than there are
            columns.
    """
    if name.lower().endswith(".jsonl"):
        return _read_objects(tree, name)
    return _read_cells(tree, name, "\t" if name.lower().endswith(".tsv") else ",")


def _read_cells(tree: Tree, name: str, delimiter: str) -> Iterator[tuple[Line, Row]]:
    file = tree.where(name)
    rows = csv.reader((text for _, text in _lines(tree, name)), delimiter=delimiter, strict=True)
    columns: list[str] = []
    while True:
        # A quoted cell may hold line ends: a complaint names the line where its row starts.
        line = Line(file, name, rows.line_num + 1, "")
        try:
            cells = [cell.strip() for cell in next(rows)]
        except StopIteration:
            return
        except csv.Error as error:
            raise line.error(
                f"the row that starts here cannot be read: {error}", fix="Look for a stray quote."
            ) from None
        if not any(cells):
            continue
        if not columns:
            columns = [cell.lower() for cell in cells]
            twice = [column for column in columns if columns.count(column) > 1]
            if twice:
                raise line.error(f"two columns are called {twice[0]!r}")
            continue
        if len(cells) != len(columns):
            raise line.error(
                f"{len(cells)} cells", expected=f"{len(columns)}: {', '.join(columns)}.", fix="Quote cells with commas."
            )
        yield line, dict(zip(columns, cells, strict=True))


def _read_objects(tree: Tree, name: str) -> Iterator[tuple[Line, Row]]:
    file = tree.where(name)
    for number, text in _lines(tree, name):
        if not text.strip():
            continue
        line = Line(file, name, number, "")
        value = parse_json(text, line.where)
        if not isinstance(value, dict):
            raise line.error(f"{text.strip():.100} is no object", expected='{"path": ..., "label": ...}.')
        yield line, {key.strip().lower(): _text(line, key, cell) for key, cell in value.items()}


def _text(line: Line, key: str, value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    numbers = value if isinstance(value, list) else [value]
    if not all(type(one) in (int, float) for one in numbers):
        raise line.error(f"{key} = {value!r:.100}", expected="a text, a number or a list of numbers.")
    return " ".join(map(str, numbers))


def _lines(tree: Tree, name: str) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(io.BytesIO(tree.read(name).removeprefix(b"\xef\xbb\xbf")), start=1):
        try:
            yield number, raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{tree.where(name)} line {number} is not UTF-8: {error}.", fix="Save the file as UTF-8."
            ) from None
