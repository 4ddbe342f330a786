"""What a person sees while a command runs: lines, and a bar with rate and time left."""

import sys
import time
from types import TracebackType

from tqdm import tqdm


def say(text: str = "") -> None:
    """One line of the command's own output; a bar that is being drawn moves below it."""
    with tqdm.external_write_mode():
        print(text, flush=True)


def warn(text: str) -> None:
    """One line beside the output, on stderr."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """A bar on a terminal; elsewhere a line every few seconds. Use as a context manager.

    Args:
        label: what is being done ("convert train").
        total: how many units there are.
        unit: plural noun for the rate ("images").
        done: units that were finished earlier (a resumed job); they do not count towards the rate.
    """

    seconds_between_lines = 5.0

    def __init__(self, label: str, total: int, *, unit: str = "images", done: int = 0) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._done = self._start_at = done
        self._start = self._last_line = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            self._bar = tqdm(desc=label, total=total, initial=done, unit=f" {unit}", file=sys.stderr, leave=False)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, units: int, note: str = "", *, timed: bool = True) -> None:
        """Count `units` more as done; `note` (a loss, say) follows the figures.

        Not `timed` are units that took longer than those to come will (a program was compiled): the rate and the time
        left are measured anew from here on.
        """
        self._done += units
        if not timed:
            self._start, self._start_at = time.monotonic(), self._done
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            if timed:
                self._bar.update(units)
            else:
                self._bar.n = self._bar.initial = self._bar.last_print_n = self._done
                self._bar.unpause()
                self._bar.refresh()
            return
        now = time.monotonic()
        if now - self._last_line >= self.seconds_between_lines:
            self._last_line = now
            warn(self._line(now, note))

    @property
    def rate(self) -> float:
        """Units per second so far."""
        return (self._done - self._start_at) / max(time.monotonic() - self._start, 1e-9)

    def _line(self, now: float, note: str) -> str:
        rate = (self._done - self._start_at) / max(now - self._start, 1e-9)
        text = f"{self._label}: {self._done:,} of {self._total:,} {self._unit}"
        if rate:
            digits = 1 if rate < 10 else 0
            text += f", {rate:,.{digits}f} {self._unit}/s, {_clock((self._total - self._done) / rate)} left"
        return f"{text}  {note}" if note else text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def table(header: list[str], rows: list[list[str]]) -> str:
    """Plain text table; the first column is left-aligned, the others right-aligned."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = []
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
