"""Means of the steps' figures, read from the device only when a line is due."""

from typing import Any

import numpy as np
import tensorflow as tf

from fgtl.training.divergence import diverged


class Meter:
    """Collects a vector of figures for each step; `read` is the only place that waits for the device.

    Its state goes into the checkpoint, so that a resumed run logs the same means as one that was never stopped.
    """

    def __init__(self) -> None:
        self._waiting: list[tf.Tensor] = []
        self._rows: list[list[float]] = []
        self._epoch = np.zeros(0)
        self._epoch_steps = 0

    def add(self, figures: tf.Tensor) -> None:
        """One step's (T,) float32 figures, or (n, T) of n steps; nothing is read yet."""
        self._waiting.append(figures)

    def read(self, step: int) -> None:
        """Fetch what waits. `step`: how many steps were done in all, to name the one that failed.

        Raises:
            FgtlError: a loss that is not a finite number; says at which step.
        """
        if not self._waiting:
            return
        waiting = [tf.reshape(figures, [-1, figures.shape[-1]]) for figures in self._waiting]
        rows = tf.concat(waiting, axis=0).numpy().astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(rows[:, 0]))
        if len(bad):
            failed = step - len(rows) + int(bad[0]) + 1
            raise diverged(f"The loss became {rows[bad[0], 0]}", failed)
        self._rows += rows.tolist()
        self._epoch = rows.sum(axis=0) + (self._epoch if self._epoch_steps else 0.0)
        self._epoch_steps += len(rows)
        self._waiting.clear()

    @property
    def last(self) -> list[float]:
        """Figures of the latest step that was read."""
        return self._rows[-1] if self._rows else []

    def take(self) -> list[float]:
        """Means since the last `take`; empty when there was no step."""
        means = np.mean(self._rows, axis=0).tolist() if self._rows else []
        self._rows.clear()
        return means

    def take_epoch(self) -> list[float]:
        """Means since the last `take_epoch`."""
        means = (self._epoch / self._epoch_steps).tolist() if self._epoch_steps else []
        self._epoch_steps = 0
        return means

    def state(self) -> dict[str, Any]:
        """JSON-ready; floats survive exactly. Call after `read`."""
        return {"rows": self._rows, "epoch": self._epoch.tolist(), "epoch_steps": self._epoch_steps}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self._waiting.clear()
        self._rows, self._epoch = list(state["rows"]), np.array(state["epoch"])
        self._epoch_steps = state["epoch_steps"]
