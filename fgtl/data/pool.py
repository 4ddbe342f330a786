"""Independent tasks over worker processes that never outlive the process that started them."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import wait as wait_for_any
from typing import Any, TypeVar

from fgtl.errors import FgtlError

Task = TypeVar("Task")
Result = TypeVar("Result")
Advance = Callable[[int], None]

# The least work for which a process is worth its start.
_IMAGES_PER_WORKER = 500
_SECONDS_BETWEEN_LOOKS = 0.2
# Tasks given out for each worker: the one it works on and the next.
_WAITING = 2
# Units a worker gathers before it takes the lock of the shared counter.
_UNITS_AT_ONCE = 16


def usable_cores() -> int:
    """Cores this process may use: in a container or under taskset fewer than the machine has."""
    # macOS and Windows have no sched_getaffinity.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worth_starting(asked: int, images: int) -> int:
    """Worker processes for a job: those asked for; for 0 one a core, but fewer for a job that is soon done."""
    return asked or min(usable_cores(), -(-images // _IMAGES_PER_WORKER))


def run_tasks(
    function: Callable[[Task, Advance], Result],
    tasks: Iterable[Task],
    workers: int,
    advance: Advance,
    *,
    kept: str = "",
) -> Iterator[tuple[Task, Result]]:
    """Call `function(task, advance)` for every task and yield (task, result) as each is finished.

    With one worker the calls happen here, otherwise in spawned processes (which do not import TensorFlow unless the
    function's module does; a script that calls this needs the usual `if __name__ == "__main__":`). `function`, tasks
    and results must then be picklable. Workers stop when this process is killed, even by SIGKILL.

    Args:
        tasks: taken one by one, shortly before their turn.
        function: calls its second argument with the units (images) it has done since.
        advance: is called here with the units done by all workers.
        kept: what the message about a killed worker says of the work done so far.

    Raises:
        ExceptionGroup: at least one call failed. Tasks that had not begun are dropped; those that had are finished,
            yielded, or in the group too.
        FgtlError: a worker was killed.
    """
    if workers <= 1:
        yield from _here(function, tasks, advance)
    else:
        yield from _in_processes(function, iter(tasks), workers, advance, kept)


def _here(
    function: Callable[[Task, Advance], Result], tasks: Iterable[Task], advance: Advance
) -> Iterator[tuple[Task, Result]]:
    for task in tasks:
        try:
            result = function(task, advance)
        except Exception as error:
            raise ExceptionGroup("tasks failed", [error]) from None
        yield task, result


def _in_processes(
    function: Callable[[Task, Advance], Result], tasks: Iterator[Task], workers: int, advance: Advance, kept: str
) -> Iterator[tuple[Task, Result]]:
    context = multiprocessing.get_context("spawn")
    counter, stop = context.Value("q", 0), context.Event()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker, initargs=(counter, stop))
    before = multiprocessing.active_children()
    seen = 0
    failures: list[Exception] = []
    try:
        pending = {pool.submit(_in_worker, function, task): task for task in islice(tasks, workers * _WAITING)}
        while pending:
            done, _ = wait(pending, timeout=_SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED)
            now = counter.value
            advance(now - seen)
            seen = now
            finished = [(pending.pop(future), future) for future in done]
            failures += [failure for _, future in finished if (failure := _failure_of(future))]
            if failures:
                pending = {future: task for future, task in pending.items() if not future.cancel()}
            else:
                more = islice(tasks, len(finished))
                pending |= {pool.submit(_in_worker, function, task): task for task in more}
            for task, future in finished:
                if not future.cancelled() and _failure_of(future) is None:
                    yield task, future.result()
    finally:
        # Reached early when the caller gives up (Ctrl-C): workers then stop at their next image.
        stop.set()
        _shut_down(pool, before)
    if failures:
        _raise(failures, kept)


def _shut_down(pool: ProcessPoolExecutor, before: list[Any]) -> None:
    try:
        pool.shutdown(cancel_futures=True)
    except RuntimeError:
        # A signal came while the pool was starting: it has processes, but not yet the thread that would end them.
        for process in multiprocessing.active_children():
            if process not in before:
                process.terminate()


def _failure_of(future: "Future[Any]") -> Exception | None:
    error = None if future.cancelled() else future.exception()
    if error is None or isinstance(error, Exception):
        return error
    raise error


def _raise(failures: list[Exception], kept: str) -> None:
    if any(isinstance(failure, BrokenProcessPool) for failure in failures):
        raise FgtlError(
            "A worker process was killed, perhaps because memory ran out.",
            fix=f"Run it again with fewer --workers. {kept}".strip(),
        )
    raise ExceptionGroup("tasks failed", failures)


class _Stopped(Exception):
    """The caller gave up; nobody waits for this worker's result."""


class _Worker:
    """What a worker process shares with its parent."""

    counter: Any = None
    stop: Any = None


def _begin_worker(counter: Any, stop: Any) -> None:
    _Worker.counter, _Worker.stop = counter, stop
    # Ctrl-C reaches the whole process group; the parent decides and tells the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_any([parent.sentinel])
        os._exit(1)


def _in_worker(function: Callable[[Task, Advance], Result], task: Task) -> Result:
    gathered = 0

    def advance(units: int) -> None:
        nonlocal gathered
        gathered += units
        if gathered >= _UNITS_AT_ONCE:
            _count(gathered)
            gathered = 0

    result = function(task, advance)
    _count(gathered)
    return result


def _count(units: int) -> None:
    if _Worker.stop.is_set():
        raise _Stopped
    with _Worker.counter.get_lock():
        _Worker.counter.value += units
