"""Ctrl-C and SIGTERM end a training between two steps, after a checkpoint, rather than inside one."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from fgtl.console import warn


class GracefulStop:
    """Context manager; `requested` becomes true at the first signal, the second one interrupts at once.

    Outside the main thread, where Python delivers no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "GracefulStop":
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._ask) for one in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        warn("Stopping after this step, with a checkpoint. Once more to stop at once.")
