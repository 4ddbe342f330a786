"""A training that has left the finite numbers ends with a message that names the step, and is not saved."""

from collections.abc import Iterable

import keras
import tensorflow as tf

from fgtl.errors import FgtlError


def diverged(came: str, step: int) -> FgtlError:
    """The error to raise; `came`: what is no finite number, `step`: the zero-based step that made it so."""
    return FgtlError(
        f"{came} at step {step:,}.",
        expected="a finite number.",
        fix="Lower --learning_rate, add --warmup_epochs, or use --precision=float32. "
        "Checkpoints from before that step are kept; a changed setting needs a new --run_dir.",
    )


def check_weights(variables: Iterable[keras.Variable], step: int) -> None:
    """Raise FgtlError unless all floating variables are finite. Waits for the device; reads each variable once.

    The loss of a step is that of the weights before it, so nothing else sees what the last step did to them.
    """
    floating = [variable.value for variable in variables if "float" in str(variable.dtype)]
    if not bool(tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in floating])):
        raise diverged("The weights became infinite or not a number", step)
