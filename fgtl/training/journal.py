"""metrics.jsonl: one JSON object a line, each step once even when a run was killed and resumed."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fgtl.console import warn
from fgtl.files import write_atomically


class Journal:
    """Appends to a file of JSON lines; each line has a "step".

    Args:
        path: the file.
        writes: False for a worker process whose chief writes it; nothing is then changed.
    """

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self.path, self._writes = path, writes

    def append(self, line: dict[str, Any]) -> None:
        """Add one line. Not-a-number, which JSON lacks, is written as null."""
        if not self._writes:
            return
        clean = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in line.items()
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(clean, allow_nan=False) + "\n")

    def sync(self) -> None:
        """Make what was appended durable; a checkpoint must not be newer than its lines."""
        if self._writes and self.path.exists():
            with self.path.open("rb") as file:
                os.fsync(file.fileno())

    def rewind(self, step: int) -> None:
        """Drop the lines after `step`, those that are damaged, and a last line that a kill left unfinished."""
        if self._writes and self.path.exists():
            kept = [json.dumps(line) + "\n" for line in self.lines() if line["step"] <= step]
            write_atomically(self.path, "".join(kept))

    def lines(self) -> Iterator[dict[str, Any]]:
        """All whole lines, oldest first.

        A damaged one is named on stderr and left out: a training goes on from its checkpoint, and needs none of them.
        """
        texts = self.path.read_bytes().split(b"\n") if self.path.exists() else [b""]
        # What follows the last line break is empty, or a line cut off by a kill.
        for number, text in enumerate(texts[:-1], 1):
            line = _parsed(text)
            if line is None:
                warn(f"{self.path} line {number} is damaged and left out: {text[:60].decode(errors='replace')!r}")
            else:
                yield line


def _parsed(text: bytes) -> dict[str, Any] | None:
    """The JSON object with a whole number "step" that a line holds, None where it holds something else."""
    try:
        line = json.loads(text.decode())
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) and type(line.get("step")) is int else None
