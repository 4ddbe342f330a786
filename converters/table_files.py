"""CSV, TSV and JSONL files as rows of named texts, read so that every complaint names file and line."""

import codecs
import csv
import io
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from fgtl.converters.json_files import parse_json
from fgtl.converters.tables import Line
from fgtl.downloads import Tree
from fgtl.errors import DataError, did_you_mean

ENDINGS = (".csv", ".tsv", ".jsonl")
Row = dict[str, str]
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}


class Columns(NamedTuple):
    """The columns of a table, in lower case; `aliases` are other names that people give them."""

    needed: tuple[str, ...]
    others: tuple[str, ...]
    aliases: Mapping[str, str]


def read_rows(tree: Tree, name: str, columns: Columns) -> Iterator[tuple[Line, Row]]:
    """(line, column -> text without blanks around it) of every row; columns in lower case. Blank lines are skipped.

    A CSV or TSV file starts with the names of its columns; cells are quoted as spreadsheets do it, and separated by
    commas, semicolons or tabs, whichever give the first line most of the known columns. Of a JSONL file each line is
    an object with texts, numbers, null (an empty text) and lists of numbers (joined by blanks). The text is UTF-8, or
    UTF-16 with a byte order mark; CRLF ends are tolerated. Memory: the file and one row.

    Raises:
        DataError: the text is neither, a needed column is missing, a quote is not closed, or a row has more or fewer
            cells than there are columns.
    """
    content = _utf8(tree, name)
    if name.lower().endswith(".jsonl"):
        return _read_objects(tree, name, content, columns)
    return _read_cells(tree, name, content, columns)


def _read_cells(tree: Tree, name: str, content: bytes, known: Columns) -> Iterator[tuple[Line, Row]]:
    file = tree.where(name)
    first = next((text.strip("\r\n") for _, text in _lines(file, content) if text.strip(" \t\r\n,;")), "")
    separator = _separator(first, known)
    rows = csv.reader((text for _, text in _lines(file, content)), delimiter=separator, strict=True)
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
            line = Line(file, name, line.number, first)
            _require_columns(line, columns, known, "a first line that names the columns")
            continue
        if len(cells) != len(columns):
            raise line.error(
                f"{len(cells)} cell{'s' if len(cells) > 1 else ''}",
                expected=f"{len(columns)}: {', '.join(columns)}.",
                fix=f"As in the first line, {_SEPARATORS[separator]} separate cells; quote a cell that holds some.",
            )
        yield line, dict(zip(columns, cells, strict=True))


def _separator(first: str, known: Columns) -> str:
    """What the columns of the first line are separated by: it gives most known names, or failing that, most names."""
    names = {*known.needed, *known.others, *known.aliases}

    def gives(separator: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([first], delimiter=separator, strict=True), [])
        except csv.Error:
            return 0, 0
        return len(names.intersection(cell.strip().lower() for cell in cells)), len(cells)

    return max(_SEPARATORS, key=gives)


def _require_columns(line: Line, there: Collection[str], known: Columns, form: str) -> None:
    """DataError, with the line as it stands, when a needed column is not there; `form` says where columns are named."""
    missing = [column for column in known.needed if column not in there]
    if not missing:
        return
    renames = [
        f"Rename the column {alias!r} to {column}."
        for column in missing
        for alias in there
        if known.aliases.get(alias) == column
    ]
    raise line.error(
        f"there is no column {missing[0]!r} in {line.text[:200]!r}",
        expected=f"{form}: {', '.join(known.needed)}, and perhaps {', '.join(known.others)}.",
        fix="\n".join(renames) or did_you_mean(missing[0], there),
    )


def _read_objects(tree: Tree, name: str, content: bytes, known: Columns) -> Iterator[tuple[Line, Row]]:
    file = tree.where(name)
    for number, text in _lines(file, content):
        if not text.strip():
            continue
        line = Line(file, name, number, text.strip())
        value = parse_json(text, line.where)
        if not isinstance(value, dict):
            raise line.error(f"{line.text:.100} is no object", expected='{"path": ..., "label": ...}.')
        row = {key.strip().lower(): _text(line, key, cell) for key, cell in value.items()}
        _require_columns(line, row, known, "an object with the keys")
        yield line, row


def _text(line: Line, key: str, value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    numbers = value if isinstance(value, list) else [value]
    if not all(type(one) in (int, float) for one in numbers):
        raise line.error(f"{key} = {value!r:.100}", expected="a text, a number or a list of numbers.")
    return " ".join(map(str, numbers))


def _utf8(tree: Tree, name: str) -> bytes:
    """The content without a byte order mark; what Excel calls Unicode text, UTF-16, becomes UTF-8."""
    content = tree.read(name)
    if not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode("utf-16").encode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{tree.where(name)} begins as UTF-16, but is not: {error}.", fix="Save the file as UTF-8."
        ) from None


def _lines(file: str, content: bytes) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(io.BytesIO(content), start=1):
        try:
            yield number, raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{file} line {number} is not UTF-8: {error}.",
                fix="Save the file as UTF-8; of Excel's choices it is the one called CSV UTF-8.",
            ) from None
