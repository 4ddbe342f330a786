"""The learning rate as a function of the step: Keras' curves, a warm-up that multiplies them, and the plug-in's."""

import math
from typing import Any

import keras
from keras import ops
from keras.optimizers import schedules

from fgtl.training.plan import Phase, Plan
from fgtl.training.settings import ScheduleKnobs


@keras.saving.register_keras_serializable("fgtl")
class WarmUp(schedules.LearningRateSchedule):
    """curve(step) * min(1, (step + 1) / steps): a ramp that never wastes a step at rate 0 and leaves the curve in place.

    Args:
        curve: a LearningRateSchedule.
        steps: length of the ramp; the last of them has the curve's own rate.
    """

    def __init__(self, curve: schedules.LearningRateSchedule, steps: int) -> None:
        self.curve, self.steps = curve, steps

    def __call__(self, step: Any) -> Any:
        """Scalar rate of a zero-based step."""
        ramp = (ops.cast(step, "float32") + 1) / self.steps
        return self.curve(step) * ops.minimum(ramp, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"curve": keras.saving.serialize_keras_object(self.curve), "steps": self.steps}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WarmUp":
        return cls(keras.saving.deserialize_keras_object(config["curve"]), config["steps"])


@keras.saving.register_keras_serializable("fgtl")
class LateCosine(schedules.LearningRateSchedule):
    """The plug-in paper's rate: a ramp, and behind it a cosine as long as the whole training, whose end is cut off.

    With W warm-up steps and N in all:
        step i < W:  start + (rate - start) * i / (W - 1)
        later:       end + (rate - end) * (1 + cos(pi * (i - W) / N)) / 2

    so the last step has the rate of step N - W of a whole cosine.

    Args:
        rate: the highest, of the last step of the ramp and the first behind it.
        warmup: W; with 1 its step has the rate START.
        length: N.
        end: what the whole cosine would fall to.
    """

    # Where the ramp begins.
    START = 1e-9

    def __init__(self, rate: float, warmup: int, length: int, end: float = 1e-12) -> None:
        self.rate, self.warmup, self.length, self.end = rate, warmup, length, end

    def __call__(self, step: Any) -> Any:
        """Scalar rate of a zero-based step."""
        step = ops.cast(step, "float32")
        ramp = self.START + (self.rate - self.START) * step / max(self.warmup - 1, 1)
        # (1 + cos x) / 2 is sin^2((pi - x) / 2), which loses no digits near the end.
        half = ops.sin((self.length + self.warmup - step) * (math.pi / 2 / self.length))
        return ops.where(step < self.warmup, ramp, self.end + (self.rate - self.end) * half**2)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "warmup": self.warmup, "length": self.length, "end": self.end}


def build_schedule(knobs: ScheduleKnobs, plan: Plan, phase: Phase) -> float | schedules.LearningRateSchedule:
    """The rate of one phase, by the phase's own steps (the optimizer's iterations).

    With N images and D = int(N * epochs_per_decay / batch):
        fixed:       rate
        staircase:   rate * decay_factor ^ floor(step / D)
        polynomial:  linear from rate to end_learning_rate over D steps, then flat
        cosine:      end + (rate - end) * (1 + cos(pi * step / T)) / 2 over the phase's T steps
        late_cosine: see `LateCosine`, N = T; its warm-up is its own

    Returns:
        A float for a fixed rate without warm-up (so that callbacks may change it), else a schedule.
    """
    rate, length = float(phase.learning_rate), max(len(phase.steps), 1)
    decay_steps = max(int(plan.images * knobs.epochs_per_decay / plan.batch_size), 1)
    warmup_steps = plan.warmup_steps(knobs) if phase.warms_up else 0
    if knobs.schedule == "late_cosine":
        # The published floor, unless another one is asked for.
        return LateCosine(rate, warmup_steps, length, knobs.end_learning_rate or 1e-12)
    if knobs.schedule == "fixed" and not warmup_steps:
        return rate
    if knobs.schedule == "fixed":
        curve = schedules.PiecewiseConstantDecay([length], [rate, rate])
    elif knobs.schedule == "staircase":
        curve = schedules.ExponentialDecay(rate, decay_steps, knobs.decay_factor, staircase=True)
    elif knobs.schedule == "polynomial":
        curve = schedules.PolynomialDecay(rate, decay_steps, knobs.end_learning_rate)
    else:
        curve = schedules.CosineDecay(rate, length, alpha=knobs.end_learning_rate / rate if rate else 0.0)
    return WarmUp(curve, warmup_steps) if warmup_steps else curve
