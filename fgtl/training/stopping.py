"""Ctrl-C and SIGTERM end a training between two steps, after a checkpoint, rather than inside one."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from fgtl.console import warn
from fgtl.errors import Terminated


class GracefulStop:
    """Context manager; `requested` becomes true at the first signal, the second one interrupts at once.

    Outside the main thread, where Python delivers no signals, it does nothing.

    Attributes:
        requested: whether a signal came.
        reason: what to raise then: Terminated, or after Ctrl-C KeyboardInterrupt. Where another worker process was the
            one to be asked, it is Terminated.
    """

    def __init__(self) -> None:
        self.requested = False
        self.reason: KeyboardInterrupt = Terminated()
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
        reason = KeyboardInterrupt() if number == signal.SIGINT else Terminated()
        if self.requested:
            raise reason
        self.requested, self.reason = True, reason
        warn("Stopping after this step, with a checkpoint. Once more to stop at once.")
