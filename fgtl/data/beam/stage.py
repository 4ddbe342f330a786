"""The stage: a folder in which workers of any machine find shard tasks and leave finished shards, or what went wrong.

    .convert/stage-1f0a9c2e/00007.json         a task; removed when its shard was collected or nobody wants it any more
                            00007.error.json   why it failed
                            stop               no task is begun any more
                            NAME, .convert/    finished shards with their sidecars

Workers write nowhere else, and only the process that opened the stage moves shards to where they belong. So a task
that is done twice, even at once on two machines, or by a cluster that was never told that its user went away, harms
nothing.
"""

import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from fgtl.data.beam.task_files import read_task, write_task
from fgtl.data.shards import WORK_FOLDER, BadFile, BadImages, ShardResult, ShardTask, finished_shard, write_shard
from fgtl.errors import DataError, FgtlError
from fgtl.files import read_json, sync, write_atomically

PREFIX = "stage-"
_STOP = "stop"
_ERROR = ".error.json"
# Between two images a worker looks whether its task is still wanted, but on a network no more often than this.
_SECONDS_BETWEEN_LOOKS = 2.0


class Stage:
    """The side of the process that gives out tasks and collects shards. Make one with `staged`.

    Attributes:
        folder: absolute.
        count: tasks given out, numbered from 0.
        waiting: shard name -> (number, task) of those not collected yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self.waiting: dict[str, tuple[int, ShardTask]] = {}

    def add(self, task: ShardTask) -> None:
        """Write the file of one task, whose places must be known. Its samples alone are kept in memory."""
        write_task(task_file(self.folder, self.count), replace(task, path=self.folder / task.path.name))
        self.waiting[task.path.name] = (self.count, replace(task, places=()))
        self.count += 1

    def collect(self) -> Iterator[tuple[ShardTask, ShardResult]]:
        """Move the shards that were finished since the last call to where they belong.

        One listing of a folder, so that it can be called every second on a network file system too.
        """
        with suppress(FileNotFoundError):
            found = {sidecar.stem for sidecar in (self.folder / WORK_FOLDER).iterdir()}
            for name in sorted(found & self.waiting.keys()):
                yield from self._take(name)

    def collect_the_rest(self) -> Iterator[tuple[ShardTask, ShardResult]]:
        """The same by asking for each shard by its name: a listing may be a minute old on a network file system."""
        for name in list(self.waiting):
            yield from self._take(name)

    def failures(self) -> list[Exception]:
        """What the workers reported, as `write_shard` raised it."""
        files = (self.folder / f"{number:05d}{_ERROR}" for number, _ in self.waiting.values())
        errors = [_error(read_json(file)) for file in files if file.is_file()]
        for error in errors:
            if isinstance(error, OSError) and error.filename:
                # The stage will be gone: say it of the folder that the user knows.
                error.filename = error.filename.replace(str(self.folder), str(self.folder.parent.parent))
        return errors

    def withdraw(self) -> None:
        """Remove the tasks that are left: none is begun any more, and workers that are busy notice it and give up."""
        for number, _ in self.waiting.values():
            task_file(self.folder, number).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder, tasks and all."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _take(self, name: str) -> Iterator[tuple[ShardTask, ShardResult]]:
        number, task = self.waiting[name]
        result = _adopt(self.folder, task)
        if result is not None:
            del self.waiting[name]
            task_file(self.folder, number).unlink(missing_ok=True)
            yield task, result


@contextmanager
def staged(work: Path, tasks: Iterable[ShardTask]) -> Iterator[Stage]:
    """Open a stage in the work folder for these tasks; at the end what is finished is collected and the rest removed."""
    stage = Stage(work.absolute() / f"{PREFIX}{secrets.token_hex(4)}")
    stage.folder.mkdir()
    try:
        for task in tasks:
            stage.add(task)
        yield stage
    finally:
        for _ in stage.collect():
            pass
        stage.close()


def adopt_shards(work: Path, tasks: Iterable[ShardTask]) -> None:
    """Collect what earlier runs, which were killed, left on their stages, and remove these."""
    stages = [folder for folder in work.glob(f"{PREFIX}*") if folder.is_dir()]
    if stages:
        by_name = {task.path.name: task for task in tasks}
        for folder in stages:
            with suppress(FileNotFoundError):
                for sidecar in (folder / WORK_FOLDER).iterdir():
                    task = by_name.get(sidecar.stem)
                    if task is not None and finished_shard(task) is None:
                        _adopt(folder, task)
            shutil.rmtree(folder, ignore_errors=True)


def _adopt(folder: Path, task: ShardTask) -> ShardResult | None:
    result = finished_shard(replace(task, path=folder / task.path.name))
    if result is not None:
        (folder / task.path.name).replace(task.path)
        sync(task.path.parent)
        sidecar = Path(WORK_FOLDER) / f"{task.path.name}.json"
        # Last: without it the shard is not finished.
        (folder / sidecar).replace(task.path.parent / sidecar)
    return result


def task_file(folder: Path, number: int) -> Path:
    """Where the task with this number is."""
    return folder / f"{number:05d}.json"


def do_task(file: Path) -> None:
    """The side of a worker: write the shard of one task, or the report of what is wrong. Can be repeated.

    Does nothing when the task is no longer wanted, or another one has failed.

    Raises:
        Exception: neither shard nor report could be written, or the failure is none that a user can cause.
    """
    if not file.exists() or (file.parent / _STOP).exists():
        return
    try:
        task = read_task(file)
        if finished_shard(task) is None:
            write_shard(task, _while_wanted(file))
    except _Unwanted:
        pass
    except (BadImages, OSError, FgtlError) as error:
        if file.exists():  # else the stage was removed while the shard was being written
            _report(file, error)


class _Unwanted(Exception):
    """Nobody waits for this shard any more."""


def _while_wanted(file: Path) -> Callable[[int], None]:
    looked = time.monotonic()

    def advance(_images: int) -> None:
        nonlocal looked
        now = time.monotonic()
        if now - looked >= _SECONDS_BETWEEN_LOOKS:
            looked = now
            if not file.exists():
                raise _Unwanted

    return advance


def _report(file: Path, error: Exception) -> None:
    try:
        write_atomically(file.with_name(file.stem + _ERROR), json.dumps(_plain(error)))
        (file.parent / _STOP).touch()
    except OSError:
        # No room even for the report: then whoever runs the workers must say it.
        raise error from None


def _plain(error: Exception) -> dict[str, Any]:
    if isinstance(error, BadImages):
        return {"bad": [vars(bad) for bad in error.args[0]]}
    if isinstance(error, OSError):
        return {"errno": error.errno, "text": error.strerror or str(error), "file": error.filename}
    return {"is_data": isinstance(error, DataError), "text": str(error)}


def _error(plain: dict[str, Any]) -> Exception:
    if "bad" in plain:
        return BadImages([BadFile(**bad) for bad in plain["bad"]])
    if "errno" in plain:
        return OSError(plain["errno"], plain["text"], plain["file"])
    return DataError(plain["text"]) if plain["is_data"] else FgtlError(plain["text"])
