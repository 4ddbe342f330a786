"""What a phase needs while it runs: its optimizer, its learning rate and its compiled step."""

from typing import Any

import tensorflow as tf

from fgtl.training.distribution import scope_of
from fgtl.training.optimizer import build_optimizer
from fgtl.training.plan import Phase, Plan
from fgtl.training.schedule import build_schedule
from fgtl.training.settings import TrainingKnobs
from fgtl.training.step import TrainStep
from fgtl.training.variables import trained_part


class ActivePhase:
    """A phase of the plan, ready to train; each has an optimizer of its own, with fresh slots.

    Attributes:
        phase: of the plan.
        optimizer: built on the variables that the phase trains.
        step: (images, labels) -> figures.
    """

    def __init__(
        self, model: Any, plan: Plan, phase: Phase, knobs: TrainingKnobs, strategy: tf.distribute.Strategy | None
    ) -> None:
        self.phase = phase
        self._rate = build_schedule(knobs, plan, phase)
        with scope_of(strategy):
            half = knobs.precision == "mixed_float16"
            part = trained_part(model, phase.name)
            self.optimizer = build_optimizer(knobs, self._rate, part, scale_loss=half)
        self.step = TrainStep(model, self.optimizer, phase.name, knobs, strategy)

    @property
    def learning_rate(self) -> float:
        """The rate of the step that was last done."""
        if isinstance(self._rate, float):
            # Not the constant: a callback may have changed it.
            return float(self.optimizer.learning_rate.value.numpy())
        return float(self._rate(max(int(self.optimizer.iterations.value.numpy()) - 1, 0)))
