"""What a phase needs while it runs: its optimizer, its learning rate and its compiled step."""

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from fgtl.console import say, warn
from fgtl.data.batch_size import check_batch_size
from fgtl.errors import InputError
from fgtl.training.compilation import compilation_explained, compiles, sliced_statistics, why_not_compiled
from fgtl.training.distribution import replicas_of, scope_of
from fgtl.training.ema import Ema
from fgtl.training.exchange import is_chief
from fgtl.training.layer_rates import rate_factors
from fgtl.training.optimizer import build_optimizer
from fgtl.training.plan import Phase, Plan
from fgtl.training.schedule import build_schedule
from fgtl.training.settings import TrainingKnobs
from fgtl.training.step import TrainStep
from fgtl.training.variables import trained_part


def check_phases(model: Any, plan: Plan, knobs: TrainingKnobs, strategy: tf.distribute.Strategy | None) -> None:
    """Refuse at the start what a phase would refuse when it begins, hours later perhaps.

    Raises:
        UsageError: the batch does not divide over the devices and their slices, knobs exclude each other, or the
            backbone has not the depths that one asks for.
    """
    check_batch_size(plan.batch_size, replicas_of(strategy), knobs.accumulate)
    for phase in plan.phases:
        compiles(model, phase.name, knobs, strategy)
        rate_factors(model, phase.name, knobs)
    changed = [sliced_statistics(model, phase.name, knobs) for phase in plan.phases]
    if any(changed) and is_chief(strategy):
        warn(max(changed))


class ActivePhase:
    """A phase of the plan, ready to train; each has an optimizer of its own, with fresh slots.

    Attributes:
        phase: of the plan.
        optimizer: built on the variables that the phase trains.
        step: (images, labels) -> figures.
        place: what a log line says of the phase.
    """

    def __init__(
        self,
        model: Any,
        plan: Plan,
        phase: Phase,
        knobs: TrainingKnobs,
        strategy: tf.distribute.Strategy | None,
        ema: Ema,
    ) -> None:
        self.phase = phase
        self._rate = build_schedule(knobs, plan, phase)
        with scope_of(strategy):
            half = knobs.precision == "mixed_float16"
            part = trained_part(model, phase.name)
            factors = rate_factors(model, phase.name, knobs)
            self.optimizer = build_optimizer(knobs, self._rate, part, factors=factors, scale_loss=half)
        self.step = TrainStep(model, self.optimizer, phase.name, knobs, strategy, ema)
        self.place = {"phase": phase.name, "xla": compiles(model, phase.name, knobs, strategy)}
        self._note = why_not_compiled(model, phase.name, knobs, strategy) if is_chief(strategy) else ""

    def advance(self, data: Iterator[Any], steps: range, *, in_one_call: bool) -> tf.Tensor:
        """Train on the next batches; one, unless they are worked through `in_one_call`.

        Returns:
            The figures, (T,), or (n, T) of one call.

        Raises:
            InputError: there are no more batches.
            FgtlError: XLA cannot compile the step, or it cannot be repeated as --determinism=strict asks.
        """
        if self._note:
            # Not before: a training that was finished enters its last phase too.
            say(self._note)
            self._note = ""
        try:
            with compilation_explained():
                return self.step.run(data, len(steps)) if in_one_call else self.step(*next(data))
        except (StopIteration, tf.errors.OutOfRangeError):
            raise InputError(
                f"The training batches ended before step {steps[-1]:,}.", expected="one for each step."
            ) from None

    @property
    def learning_rate(self) -> float:
        """The rate of the step that was last done; that of variables with a factor of their own is a multiple of it."""
        if isinstance(self._rate, float):
            # Not the constant: a callback may have changed it.
            return float(self.optimizer.learning_rate.value.numpy())
        return float(self._rate(max(int(self.optimizer.iterations.value.numpy()) - 1, 0)))
