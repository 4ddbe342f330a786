"""Accuracies that somebody measured, from a CSV file."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from fgtl.errors import DataError, UsageError, did_you_mean

COLUMNS = ("name", "accuracy")


def read_accuracies(path: Path) -> dict[str, float]:
    """Name -> accuracy, of a CSV file with the columns `name` and `accuracy`, shares of 0 to 1; others do not matter.

    Raises:
        DataError: with file and line: no such file or columns, a name twice, or something that is no share.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", expected="a CSV file.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: {error}.", expected="a CSV file in UTF-8.") from None
    reader = csv.DictReader(io.StringIO(text))
    if not {*COLUMNS} <= {*(reader.fieldnames or ())}:
        raise DataError(
            f"{path} line 1 has the columns {', '.join(reader.fieldnames or ()) or 'none'}.",
            expected=f"{' and '.join(COLUMNS)} among them.",
        )
    found: dict[str, float] = {}
    for row in reader:
        where, name, word = f"{path} line {reader.line_num}", row["name"] or "", row["accuracy"] or ""
        try:
            value = float(word)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise DataError(f"{where}: the accuracy of {name!r} is {word!r}.", expected="a share, 0 to 1.")
        if name in found:
            raise DataError(f"{where}: {name!r} comes a second time.", expected="each name once.")
        found[name] = value
    return found


def matched(accuracies: Mapping[str, float], candidates: Sequence[Sequence[str]], path: Path) -> list[float | None]:
    """The accuracy of each candidate, None where the file has none.

    Args:
        accuracies: by name.
        candidates: of each the names that it may have.
        path: of the file, for messages.

    Raises:
        UsageError: a name of the file is no candidate's or several candidates', or two mean the same one.
    """
    found: list[float | None] = [None] * len(candidates)
    for name, value in accuracies.items():
        places = [place for place, words in enumerate(candidates) if name in words]
        if len(places) != 1 or found[places[0]] is not None:
            every = [word for words in candidates for word in words]
            raise UsageError(
                f"{path}: {name!r} is the name of {len(places)} candidates{', or its second' if places else ''}.",
                expected=f"for each one of: {'; '.join(' or '.join(words) for words in candidates)}.",
                fix=did_you_mean(name, every) if not places else "",
            )
        found[places[0]] = value
    return found
