"""A training that has left the finite numbers ends with a message that names the step, and is not saved."""

import math
from collections.abc import Iterable, Mapping

import keras
import tensorflow as tf

from fgtl.errors import FgtlError


def diverged(came: str, step: int) -> FgtlError:
    """The error to raise.

    Args:
        came: what is no finite number.
        step: the step at which it was seen, as metrics.jsonl and the checkpoints count: the first is 1.
    """
    exact = keras.config.dtype_policy().name == "float32"
    return FgtlError(
        f"{came} at step {step:,}.",
        expected="a finite number.",
        fix=f"Lower --learning_rate, add --warmup_epochs{' or --clip_norm' if exact else ', or use --precision=float32'}. "
        "Checkpoints of the steps before are kept; a changed setting needs a new --run_dir once there is one.",
    )


def check_validation(figures: Mapping[str, float], step: int) -> None:
    """Raise FgtlError unless the validation loss after `step` steps is finite."""
    if not math.isfinite(figures["loss"]):
        raise diverged(f"The validation loss became {figures['loss']}", step)


def check_weights(variables: Iterable[keras.Variable], step: int) -> None:
    """Raise FgtlError unless all floating variables are finite. Waits for the device; reads each variable once.

    The loss of a step is that of the weights before it, so nothing else sees what the last step did to them.
    """
    floating = [variable.value for variable in variables if "float" in str(variable.dtype)]
    if not bool(tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in floating])):
        raise diverged("The weights became infinite or not a number", step)
