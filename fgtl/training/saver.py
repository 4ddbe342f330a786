"""When a checkpoint is due, and in which order what belongs to it is written: log lines before, best.json after."""

import time
from dataclasses import asdict
from typing import Any

import tensorflow as tf

from fgtl.console import say, warn
from fgtl.errors import DataError
from fgtl.training.best import Best, publish
from fgtl.training.checkpoint import Checkpoints, Groups
from fgtl.training.divergence import check_weights
from fgtl.training.exchange import agreed, by_chief, check_same, is_chief
from fgtl.training.journal import Journal
from fgtl.training.run import Stage
from fgtl.training.settings import TrainingKnobs


class Saver:
    """The checkpoints of one stage, with the files that must agree with them.

    Args:
        stage: where they are.
        knobs: of them keep, checkpoint_every_steps, checkpoint_every_seconds and refit are read.
        journal: whose lines a checkpoint must not be newer than.
        strategy: of several worker processes all call the same methods at the same steps; the chief writes, the others
            go on when it has.
    """

    def __init__(
        self, stage: Stage, knobs: TrainingKnobs, journal: Journal, strategy: tf.distribute.Strategy | None = None
    ) -> None:
        self._stage, self._knobs, self._journal, self._strategy = stage, knobs, journal, strategy
        self._checkpoints = Checkpoints(stage.checkpoints, knobs.keep, stage.identity)
        self._saved, self._since = -1, time.monotonic()

    def newest(self) -> dict[str, Any] | None:
        """State of the newest checkpoint that can be used, None when there is none at all.

        Raises:
            DataError: there are some, and none can be used.
            FgtlError: other worker processes see another one.
        """
        state = self._checkpoints.newest()
        check_same(self._strategy, state["step"] if state else -1, "the newest checkpoint that they see")
        return state

    def has_best(self, best: Best | None, otherwise: str) -> bool:
        """Whether there is a best epoch whose checkpoint can be used; says so where it cannot.

        Before a refit its number is enough, and nothing is looked at.

        Args:
            best: of the training.
            otherwise: what happens then, for the message.
        """
        lost = False
        if best and not self._knobs.refit:
            try:
                self._checkpoints.state(best.step)
            except (DataError, OSError) as error:
                lost = True
                warn(f"The weights of the best epoch, {best.epoch}, are lost; {otherwise}: {error}")
        return best is not None and not agreed(self._strategy, lost)

    def restore(self, step: int, groups: Groups, best: Best | None) -> None:
        """Load the variables of step-N and take back what was written after it."""
        self._checkpoints.load(step, groups)
        self._saved, self._since = step, time.monotonic()
        self.rewind(step, best)

    def begin_again(self) -> None:
        """Take back what a training left that ended before its first checkpoint."""
        if is_chief(self._strategy) and self._stage.metrics.is_file() and self._stage.metrics.stat().st_size:
            say(f"no checkpoint in {self._stage.checkpoints}: starting again from the first step")
        self.rewind(-1, None)

    def rewind(self, step: int, best: Best | None) -> None:
        """Take back log lines after `step`, and a best epoch that was found after it."""

        def take_back() -> None:
            self._journal.rewind(step)
            publish(self._stage.best, best)

        by_chief(self._strategy, take_back, "take back what was written after the checkpoint")

    def is_due(self, step: int) -> bool:
        """Whether a checkpoint should follow `step`."""
        every_steps, every_seconds = self._knobs.checkpoint_every_steps, self._knobs.checkpoint_every_seconds
        if every_steps and step % every_steps == 0:
            return True
        return bool(every_seconds) and time.monotonic() - self._since >= every_seconds

    def save(self, step: int, groups: Groups, state: dict[str, Any], best: Best | None) -> None:
        """Write a checkpoint of `step`; where there is one, only its state, which may have changed without a step.

        Args:
            state: JSON-ready; the best epoch is added, and its checkpoint is kept for as long as this one.

        Raises:
            FgtlError: a weight is not finite.
        """
        check_weights(groups["model"], step)
        state = state | {"best": asdict(best) if best else None}

        def write() -> None:
            if self._saved == step:
                self._checkpoints.amend(step, state | {"pinned": best.step if best else None})
            else:
                self._journal.sync()
                self._checkpoints.save(step, groups, state, best.step if best else None)
            publish(self._stage.best, best)

        by_chief(self._strategy, write, "write the checkpoint")
        self._saved, self._since = step, time.monotonic()

    def load_best(self, best: Best, groups: Groups) -> None:
        """Load the variables of the best epoch.

        Raises:
            DataError: its checkpoint is gone, damaged, or does not fit the model.
        """
        try:
            self._checkpoints.load(best.step, groups)
        except DataError as error:
            raise DataError(
                f"The checkpoint of the best epoch, step-{best.step}, cannot be used: {error}",
                fix=f"Put it back from a copy, or remove {self._stage.checkpoints} to train from the beginning.",
            ) from None
