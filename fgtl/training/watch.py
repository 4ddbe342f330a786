"""Evaluating a run while it is trained: each checkpoint that appears once, on a device of its own.

The trainer knows nothing of it. A checkpoint may be gone before or while it is read (the trainer keeps a few only), and
the training may end or be killed and resumed meanwhile.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fgtl.errors import DataError, FgtlError, UsageError
from fgtl.files import read_json, write_atomically
from fgtl.training.checkpoint import Checkpoints
from fgtl.training.journal import Journal
from fgtl.training.run import Run


@dataclass(frozen=True)
class Pace:
    """How long to wait. Seconds.

    poll: between two looks. timeout: without anything new, after which one gives up; 0: never.
    """

    poll: float = 10.0
    timeout: float = 0.0

    def wait(self, since: float, what: str) -> None:
        """Sleep until the next look.

        Args:
            since: `time.monotonic()` when there last was something new.
            what: is waited for.

        Raises:
            FgtlError: it takes longer than `timeout`.
        """
        waited = time.monotonic() - since
        if self.timeout and waited >= self.timeout:
            raise FgtlError(
                f"No {what} for {waited:,.0f} seconds.",
                expected=f"one within --timeout_seconds={self.timeout:g}.",
                fix="See whether fgtl train is still running; the same command goes on from here.",
            )
        time.sleep(min(self.poll, self.timeout - waited) if self.timeout else self.poll)


def open_unfinished(folder: Path, pace: Pace | None = None) -> Run:
    """A run that may still be in training.

    Args:
        pace: wait for a folder that is not a run yet; None: do not wait.

    Raises:
        DataError: it is no run, or its run.json is not whole.
        FgtlError: it did not become one in time.
    """
    path, start = folder / "run.json", time.monotonic()
    while not path.is_file():
        if pace is None:
            raise DataError(
                f"{folder} is not a run folder: it has no run.json.", expected="the --run_dir of fgtl train."
            )
        pace.wait(start, f"run at {folder}")
    facts = read_json(path)
    if not isinstance(facts, dict) or not {"config", "dataset"} <= facts.keys():
        raise DataError(f"{path} lacks config or dataset.", expected="the file as fgtl train wrote it.")
    return Run(folder, facts, resumed=True)


class StepLog:
    """eval/<split>-steps.jsonl: one line for each checkpoint that was evaluated.

    Locked until this object or the process ends.

    Args:
        path: of the file; a line that a kill cut off is removed from it.
        identity: of the run's stage; lines of another run that was in the folder before do not count and go.

    Attributes:
        lines: step -> its line.

    Raises:
        UsageError: another process writes it.
    """

    def __init__(self, path: Path, identity: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(
                f"Another process is writing {path}.", fix="One is enough: each checkpoint once."
            ) from None
        self.path = path
        self._journal, self._identity = Journal(path), identity
        self.lines = {line["step"]: line for line in self._journal.lines() if line.get("run") == identity}
        write_atomically(path, "".join(json.dumps(line) + "\n" for line in self.lines.values()))

    def add(self, line: dict[str, Any]) -> None:
        """Append one line, durably."""
        line = line | {"run": self._identity}
        self.lines[line["step"]] = line
        self._journal.append(line)
        self._journal.sync()


def new_steps(run: Run, known: Callable[[int], bool], pace: Pace) -> Iterator[int]:
    """Steps of the checkpoints that are not known, oldest first, as they appear; ends with the training.

    Args:
        known: whether a step is done with; asked again after each one that was yielded.
        pace: of the looking.

    Raises:
        FgtlError: nothing new for too long.
    """
    checkpoints, since = checkpoints_of(run), time.monotonic()
    while True:
        # First: what appears between the two looks must not be missed.
        over = is_over(run)
        fresh = sorted(step for step in checkpoints.steps() if not known(step))
        if fresh:
            yield fresh[0]
            since = time.monotonic()
        elif over:
            return
        else:
            pace.wait(since, f"new checkpoint in {checkpoints.folder}")


def is_over(run: Run) -> bool:
    """Whether no more checkpoints come: the run is finished, or has gone on to its refit, which is not followed."""
    # An empty folder is left by a start that was refused.
    return run.is_finished or any((run.folder / "refit").glob("*"))


def checkpoints_of(run: Run) -> Checkpoints:
    """Those of a run's main training, to read."""
    stage = run.stage()
    return Checkpoints(stage.checkpoints, identity=stage.identity)
