"""Sides that live in processes of their own: neither's memory, nor its idle threads, count for another."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from benchmarks.peak_memory import peak_mebibytes

_SIDE: Any = None


class Worker:
    """An object made in a process of its own, where its methods are called. Use it as a context.

    Several are made side by side: nothing waits for one before its first method is called.

    Args:
        build: makes the object; picklable, as are arguments and answers of its methods.
    """

    def __init__(self, build: Callable[[], object]) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        self._built = self._pool.submit(_build, build)

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __call__(self, method: str, *arguments: object) -> Any:
        """What the method returns; raises what it, or the making of the object, raises."""
        self._built.result()
        return self._pool.submit(_call, method, arguments).result()

    def peak_mib(self) -> float:
        """Largest resident size of the process so far, in MiB."""
        return self._pool.submit(peak_mebibytes).result()


def _build(build: Callable[[], object]) -> None:
    global _SIDE
    _SIDE = build()


def _call(method: str, arguments: tuple[object, ...]) -> Any:
    return getattr(_SIDE, method)(*arguments)
