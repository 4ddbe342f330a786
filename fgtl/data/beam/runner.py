"""Conversion on Apache Beam: the function of the local pool, called by the workers of any Beam runner.

The pipeline carries the stage's folder and the number of tasks and nothing else, so that its graph is tiny for
millions of images; tasks, shards and errors are files on the file system that all machines share.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fgtl.console import Progress
from fgtl.data.beam.options import empty_pipeline
from fgtl.data.beam.stage import Stage, do_task, staged, task_file
from fgtl.data.plan import ConvertKnobs
from fgtl.data.pool import Advance
from fgtl.data.shards import ShardResult, ShardTask
from fgtl.errors import FgtlError

_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_TO_CANCEL = 10.0
_KEPT = "Finished shards are kept: the same command goes on from there."
_LOST_WORKER = "Worker subprocess exited with return code"


def run_on_beam(
    tasks: Iterable[ShardTask], count: int, knobs: ConvertKnobs, work: Path, advance: Advance
) -> Iterator[tuple[ShardTask, ShardResult]]:
    """Write the shards of all tasks on `knobs.runner` and yield (task, result) as each is collected.

    Args:
        tasks: with their places, taken one by one.
        count: how many tasks there are.
        knobs: runner and options, which `check_runner` has accepted.
        work: the work folder, on a file system that all workers see under the same path.
        advance: is called with the images of each shard that was collected.

    Raises:
        ExceptionGroup: shards failed, as `write_shard` raises it. Those that were begun are finished and yielded.
        FgtlError: the job failed, a worker process of DirectRunner was killed, or shards are missing at the end.
    """
    if not count:
        return
    with staged(work, _counted(tasks, count)) as stage:
        job = _Job(knobs, stage)
        try:
            while not job.has_ended(within=_SECONDS_BETWEEN_LOOKS):
                yield from _advancing(stage.collect(), advance)
        except BaseException:
            # Ctrl-C, or the caller has enough. Workers must be done before their folder is removed.
            stage.withdraw()
            job.cancel()
            raise
        yield from _advancing(stage.collect_the_rest(), advance)
        failures = stage.failures()
        if failures:
            raise ExceptionGroup("tasks failed", failures)
        if job.failure:
            raise FgtlError(job.failure, fix=_KEPT)
        if stage.waiting:
            raise FgtlError(
                f"The job on {knobs.runner} ended, but {len(stage.waiting):,} of {stage.count:,} shards are not in "
                f"{stage.folder.parent}, the first {next(iter(stage.waiting))}.",
                expected="--output_dir under the same path on every worker, on a file system that all share.",
                fix=_KEPT,
            )


def _counted(tasks: Iterable[ShardTask], count: int) -> Iterator[ShardTask]:
    with Progress("write tasks", count, unit="shards") as progress:
        for task in tasks:
            yield task
            progress.advance(1)


def _advancing(
    collected: Iterable[tuple[ShardTask, ShardResult]], advance: Advance
) -> Iterator[tuple[ShardTask, ShardResult]]:
    for task, result in collected:
        advance(len(task.samples))
        yield task, result


class _Job:
    """A pipeline that runs beside this thread, which Ctrl-C can therefore always reach.

    Attributes:
        failure: why it did not come to its end, for a person; empty while there is nothing to say.
    """

    def __init__(self, knobs: ConvertKnobs, stage: Stage) -> None:
        self.failure = ""
        self._runner = knobs.runner
        self._pipeline = _pipeline(knobs, stage)
        self._result: Any = None
        self._ended = threading.Event()
        # A daemon: a runner that hangs must not keep the process.
        threading.Thread(target=self._run, daemon=True).start()

    def has_ended(self, within: float) -> bool:
        """Wait so many seconds at most."""
        return self._ended.wait(within)

    def cancel(self) -> None:
        """Ask the runner to stop, and wait some seconds for it; workers without tasks come to an end by themselves."""
        if self._result is not None:
            threading.Thread(target=_try_to_cancel, args=[self._result], daemon=True).start()
        self._ended.wait(_SECONDS_TO_CANCEL)

    def _run(self) -> None:
        try:
            with _watching_workers(self._lose_worker):
                self._result = self._pipeline.run()
                state = self._result.wait_until_finish()
            if state != "DONE":
                self.failure = self.failure or f"The job on {self._runner} ended with the state {state}."
        except Exception as error:
            # Of any class: runners wrap what their workers, servers and networks raise as they like.
            lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            self.failure = self.failure or f"The job on {self._runner} failed: {lines[-1].strip()}"
        finally:
            self._ended.set()

    def _lose_worker(self) -> None:
        self.failure = "A worker process was killed, perhaps because memory ran out."
        self._ended.set()


def _pipeline(knobs: ConvertKnobs, stage: Stage) -> Any:
    import apache_beam as beam

    pipeline = empty_pipeline(knobs)
    # Bytes: text must be Unicode for Beam, and a folder's name need not be.
    begin = pipeline | "stage" >> beam.Create([(os.fsencode(stage.folder), stage.count)])
    numbered = begin | "tasks" >> beam.FlatMap(_numbered)
    # Without it the runner would fuse the steps, and one worker do everything.
    _ = numbered | "spread" >> beam.Reshuffle() | "write shards" >> beam.Map(_do)
    return pipeline


def _numbered(stage: tuple[bytes, int]) -> list[tuple[bytes, int]]:
    folder, count = stage
    return [(folder, number) for number in range(count)]


def _do(task: tuple[bytes, int]) -> None:
    folder, number = task
    do_task(task_file(Path(os.fsdecode(folder)), number))


def _try_to_cancel(result: Any) -> None:
    # Whatever the runner answers: this process is about to end, and says why itself.
    with suppress(Exception):
        result.cancel()


@contextmanager
def _watching_workers(lost: Callable[[], None]) -> Iterator[None]:
    """Call `lost()` when a worker process of DirectRunner dies, which would otherwise wait for it for ever."""
    before = threading.excepthook

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if str(arguments.exc_value).startswith(_LOST_WORKER):
            lost()
        else:
            before(arguments)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before
