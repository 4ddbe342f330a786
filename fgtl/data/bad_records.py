"""Records that cannot be read: the error that names one, the list of those met, and how many are too many."""

import shlex
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.console import warn
from fgtl.errors import DataError

if TYPE_CHECKING:
    from fgtl.data.records import Selection

# Of the records of a selection. Bit rot hits one in millions; where one in twenty is gone, something else is wrong.
LARGEST_BAD_SHARE = 0.05
_NAMED = 10


class BadRecord(DataError):
    """One record cannot be read.

    Attributes:
        id: its image id, as the index says.
        path: the shard.
        byte: offset in the shard, of the damage or else of the record's payload.
        what: what is wrong there.
    """

    def __init__(self, name: str, path: Path, byte: int, what: str) -> None:
        super().__init__(f"The record {name} cannot be read: {path} byte {byte:,}: {what.rstrip('.')}.")
        self.id, self.path, self.byte, self.what = name, path, byte, what


class BadRecords:
    """The unreadable records of a set that were met so far, in the order they were met. Safe from several threads.

    Attributes:
        ruin: the error about too many of them, None as long as there are few.
    """

    def __init__(self) -> None:
        self._found: dict[str, BadRecord] = {}
        self._lock = threading.Lock()
        self.ruin: DataError | None = None

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[BadRecord]:
        return iter(list(self._found.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def add(self, record: BadRecord) -> None:
        """Remember a record, and name it on stderr the first time."""
        with self._lock:
            if record.id in self._found:
                return
            self._found[record.id] = record
        warn(f"{record} It is left out (--bad_records=skip).")

    def __str__(self) -> str:
        return could_not_be_read(tuple(self._found))


def could_not_be_read(names: tuple[str, ...]) -> str:
    """The phrase "3 could not be read: a, b, c", with the first ids."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{len(names):,} could not be read: {', '.join(names[:_NAMED])}{more}"


class Tolerance:
    """Lets some records of a selection be bad: LARGEST_BAD_SHARE of them, at least one, but never all.

    Which records are read instead does not depend on what is remembered here, so a process that goes on where another
    one was killed does the same as that one would have done.
    """

    def __init__(self, selection: "Selection") -> None:
        self._selection = selection
        self._rows: set[int] = set()
        self._ruin: DataError | None = None
        self._most = min(max(1, int(len(selection) * LARGEST_BAD_SHARE)), len(selection) - 1)

    def note(self, row: int, record: BadRecord) -> None:
        """Count a bad record.

        Raises:
            DataError: there are too many.
        """
        bad = self._selection.bad
        bad.add(record)
        self._rows.add(row)
        if len(self._rows) > self._most:
            # Several threads may come here before the first error is heard.
            bad.ruin = self._ruin = self._ruin or self._too_many(record)
            raise self._ruin

    def _too_many(self, record: BadRecord) -> DataError:
        folder = shlex.quote(str(self._selection.records.folder))
        return DataError(
            f"{len(self._rows):,} of {len(self._selection):,} selected records cannot be read, the last: {record}",
            expected=f"at most {self._most:,} ({LARGEST_BAD_SHARE:.0%}, or one, but not all) for --bad_records=skip.",
            fix=f"fgtl verify --check=decode --records {folder} names all. Restore the files, or convert again.",
        )
