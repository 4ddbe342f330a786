"""Averaged weights: a shadow of every float variable follows it slowly, and is what gets validated and saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from fgtl.training.checkpoint import Groups
from fgtl.training.distribution import scope_of


class Ema:
    """Exponential moving averages of a model's float variables, statistics of batch normalisation included.

        shadow -= (1 - d_t) (shadow - value),   d_t = min(decay, (1 + t) / (10 + t))       (tf.train's rule)

    t counts the updates before this one, of all phases: the first has d_0 = 0.1, so that the start is soon forgotten.

    Args:
        model: built; the shadows start at its values.
        decay: the highest d_t; 0: no averages, then nothing below does anything.
        strategy: the one the model was built under, None for one device.

    Attributes:
        variables: those of the model that have a shadow.
        shadows: in the same order, named like them, so that a checkpoint's shadows can be loaded into a model.
        updates: t, in a list of its own beside theirs; empty without averages.
    """

    def __init__(self, model: keras.Model, decay: float, strategy: tf.distribute.Strategy | None = None) -> None:
        self._decay, self._strategy = decay, strategy
        floats = [variable for variable in model.variables if "float" in str(variable.dtype)]
        self.variables: list[keras.Variable] = floats if decay else []
        with scope_of(strategy):
            self.shadows = [
                keras.Variable(variable.value.numpy(), dtype=variable.dtype, trainable=False, name=variable.name)
                for variable in self.variables
            ]
            count = [keras.Variable(0, dtype="int64", trainable=False, name="updates")] if self.shadows else []
        self.updates: list[keras.Variable] = count
        self._exchange = tf.function(self._exchange_on_all, autograph=False)
        self._shown = False

    def follow(self, moved: Any = True) -> None:
        """Move the shadows towards the variables.

        To be called on each replica, within the step: each has copies of its own.

        Args:
            moved: bool or scalar bool tensor, whether there was an update; a loss scale skips one that overflowed.
        """
        if not self.shadows:
            return
        (count,) = self.updates
        done = ops.cast(count.value, "float32")
        keep = ops.minimum(self._decay, (1 + done) / (10 + done))
        for shadow, variable in zip(self.shadows, self.variables, strict=True):
            rest = ops.cast(1 - keep, shadow.dtype)
            # Not a factor of 0: after an overflow a variable may be infinite.
            shadow.assign(ops.where(moved, shadow.value - rest * (shadow.value - variable.value), shadow.value))
        count.assign_add(ops.cast(moved, count.dtype))

    @property
    def groups(self) -> Groups:
        """What a checkpoint keeps; the count apart, so that "ema" has one entry for each of a model's floats."""
        return {"ema": self.shadows, "ema_updates": self.updates}

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While the block runs, the model has the averaged weights; then its own again, bit for bit."""
        self.show(True)
        try:
            yield
        finally:
            self.show(False)

    def show(self, averaged: bool) -> None:
        """Give the model its averaged weights, or its own; they change places, so that nothing is lost or copied."""
        if self.shadows and averaged is not self._shown:
            self._exchange()
            self._shown = averaged

    def _exchange_on_all(self) -> None:
        if self._strategy is None:
            self._exchange_on_one()
        else:
            self._strategy.run(self._exchange_on_one)

    def _exchange_on_one(self) -> None:
        for shadow, variable in zip(self.shadows, self.variables, strict=True):
            averaged, own = tf.identity(shadow.value), tf.identity(variable.value)
            variable.assign(averaged)
            shadow.assign(own)
