"""What a training writes down as it goes: metrics.jsonl and the curves, at the log interval and after each epoch."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import tensorflow as tf

from fgtl.training.journal import Journal
from fgtl.training.meter import Meter


class Scalars(Protocol):
    """Where curves are drawn, such as `fgtl.reports.tensorboard.EventWriter`."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One point for each named curve."""

    def flush(self) -> None:
        """Let readers see what was written."""


class Recorder:
    """Turns the steps' figures into lines.

    Args:
        journal: the file of lines.
        batch_size: images a step, for the rate.
        scalars: gets the same figures; None for none.
    """

    def __init__(self, journal: Journal, batch_size: int, scalars: Scalars | None = None) -> None:
        self.journal, self.meter = journal, Meter()
        self.note = ""
        self._scalars, self._batch_size = scalars, batch_size
        self._timed_from: tuple[float, int] | None = None

    def add(self, step: int, figures: tf.Tensor) -> None:
        """Figures of the step, or of the steps of one call, after which `step` steps are done."""
        self.meter.add(figures)
        # The first step of a process or phase compiles; the rate counts from its end.
        self._timed_from = self._timed_from or (time.monotonic(), step)

    def restart_clock(self) -> None:
        """The next step compiles: leave it out of the rate."""
        self._timed_from = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep what happens inside (validation, a checkpoint) out of the training rate."""
        start = time.monotonic()
        yield
        if self._timed_from:
            self._timed_from = (self._timed_from[0] + time.monotonic() - start, self._timed_from[1])

    def latest(self, step: int, names: tuple[str, ...]) -> dict[str, float]:
        """Figures of the last of `step` steps; waits for the device."""
        self.meter.read(step)
        return dict(zip(names, self.meter.last, strict=False))

    def epoch_means(self, step: int, names: tuple[str, ...]) -> dict[str, float]:
        """Means over the epoch that ends with `step` steps; the next epoch begins. Waits for the device."""
        self.meter.read(step)
        return dict(zip(names, self.meter.take_epoch(), strict=False))

    def log_training(self, place: dict[str, Any], names: tuple[str, ...], learning_rate: float) -> None:
        """A line with the means since the last one.

        Args:
            place: {"step", "epoch", "phase"} of the line.
            names: what the figures are called.
        """
        self.meter.read(place["step"])
        means = dict(zip(names, self.meter.take(), strict=False))
        if not means:
            return
        values = {f"train/{name}": value for name, value in means.items()} | {"learning_rate": learning_rate}
        rate = self._images_per_second(place["step"])
        if rate:
            values["images_per_second"] = round(rate, 3)
        self.note = f"loss {means['loss']:.3f}, top-1 {means['top1']:.1%}"
        self._write(place, values)

    def log_validation(self, place: dict[str, Any], figures: Mapping[str, float]) -> None:
        """A line with an epoch's validation figures."""
        self._write(place, {f"validation/{name}": value for name, value in figures.items()})

    def _write(self, place: dict[str, Any], values: dict[str, float]) -> None:
        self.journal.append(place | values)
        if self._scalars:
            self._scalars.scalars(place["step"], values)
            # Every line: an epoch may take hours, and a refit has no validation.
            self._scalars.flush()

    def _images_per_second(self, step: int) -> float | None:
        if self._timed_from is None or step <= self._timed_from[1]:
            return None
        since, first = self._timed_from
        now = time.monotonic()
        self._timed_from = (now, step)
        return (step - first) * self._batch_size / max(now - since, 1e-9)
