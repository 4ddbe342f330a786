"""Whether a phase's forward and backward pass is compiled by XLA, and what cannot be combined with that."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from fgtl.errors import FgtlError, UsageError
from fgtl.models.batch_norms import batch_norms
from fgtl.training.distribution import replicas_of
from fgtl.training.settings import TrainingKnobs

_UNSEEDED = "When determinism is enabled, random ops must have a seed"
_OF_XLA = re.compile("XLA|tf2xla|to compile|compile-time|compilation")


def backbone_trains(trains: str, knobs: TrainingKnobs) -> bool:
    """Whether the backbone takes the batch's own statistics, with its dropout and stochastic depth on.

    Args:
        trains: "head" or "all".
        knobs: of them frozen_bn and tuned_bn are read.
    """
    return (knobs.frozen_bn if trains == "head" else knobs.tuned_bn) == "train"


def compiles(model: Any, trains: str, knobs: TrainingKnobs, strategy: tf.distribute.Strategy | None = None) -> bool:
    """Whether to compile: as --jit says; "auto" does on GPUs, unless something stands against it.

    Replicas that share the statistics of their batches stop in mid-forward to exchange them, which neither a compiled
    pass nor a loop over slices can do. Kernels that XLA picks by timing them may differ from one process to the next,
    so auto does not compile where --determinism=strict asks for bit-equal ones. Nor does it compile SavedModels, which
    may hold what XLA has no counterpart for.

    Raises:
        UsageError: such an exchange with --jit=on or --accumulate.
    """
    asked = [f"--accumulate={knobs.accumulate}"] * (knobs.accumulate > 1) + ["--jit=on"] * (knobs.jit == "on")
    if asked and _exchanges(model, trains, knobs, strategy):
        raise UsageError(
            f"{asked[0]} and --sync_bn over {replicas_of(strategy)} devices.",
            expected="one of them, where batch normalisation takes the batch's own statistics.",
            fix="Devices cannot exchange statistics inside a compiled or sliced forward pass: "
            f"add --nosync_bn, or leave {asked[0].split('=')[0]} out.",
        )
    if knobs.jit == "auto":
        return _on_gpus(strategy) and not _stands_against(model, trains, knobs, strategy)
    return knobs.jit == "on"


def why_not_compiled(
    model: Any, trains: str, knobs: TrainingKnobs, strategy: tf.distribute.Strategy | None = None
) -> str:
    """One line for people where --jit=auto leaves XLA off on GPUs; empty where it is on, or off as everybody expects."""
    why = _stands_against(model, trains, knobs, strategy) if knobs.jit == "auto" and _on_gpus(strategy) else ""
    return f"XLA is off: {why}" if why else ""


def sliced_statistics(model: Any, trains: str, knobs: TrainingKnobs) -> str:
    """One line for people where --accumulate changes the update; empty where it does not."""
    if knobs.accumulate == 1 or not _takes_statistics(model, trains, knobs):
        return ""
    whose = "the head's" if batch_norms(model.head) else "the backbone's"
    return (
        f"--accumulate={knobs.accumulate}: {whose} batch normalisation takes the statistics of a slice, not of the "
        "batch; the update is not quite that of --accumulate=1."
    )


def _stands_against(model: Any, trains: str, knobs: TrainingKnobs, strategy: tf.distribute.Strategy | None) -> str:
    """Why auto does not compile, and what would change that; empty where nothing stands against it."""
    if _exchanges(model, trains, knobs, strategy):
        return "batch statistics are exchanged between devices; --nosync_bn turns it on."
    if _is_saved_model(model):
        return "the backbone is a SavedModel, which may hold what XLA has no counterpart for; --jit=on tries it."
    if _bit_equal_kernels_asked():
        return "--determinism=strict, and XLA picks kernels by timing them; --jit=on compiles all the same."
    return ""


def _exchanges(model: Any, trains: str, knobs: TrainingKnobs, strategy: tf.distribute.Strategy | None) -> bool:
    return replicas_of(strategy) > 1 and knobs.sync_bn and _takes_statistics(model, trains, knobs)


def _takes_statistics(model: Any, trains: str, knobs: TrainingKnobs) -> bool:
    # A head always runs in training mode.
    return bool(batch_norms(model.head)) or (backbone_trains(trains, knobs) and bool(batch_norms(model.backbone)))


def _is_saved_model(model: Any) -> bool:
    return str(getattr(model.backbone, "architecture", "")).startswith("saved_model:")


def _on_gpus(strategy: tf.distribute.Strategy | None) -> bool:
    if strategy is None:
        return bool(tf.config.list_logical_devices("GPU"))
    return all("GPU" in device.upper() for device in strategy.extended.worker_devices)


def _bit_equal_kernels_asked() -> bool:
    # TensorFlow exports only the setter.
    try:
        from tensorflow.python.framework.config import is_op_determinism_enabled
    except ImportError:
        raise FgtlError(
            f"TensorFlow {tf.__version__} does not fit this version of fgtl: it does not say whether operations are "
            "deterministic.",
            fix="Give --jit=on or --jit=off.",
        ) from None

    return is_op_determinism_enabled()


@contextmanager
def compilation_explained() -> Iterator[None]:
    """Turn what TensorFlow raises inside into an FgtlError: XLA cannot compile something, or --determinism=strict
    meets random numbers without a seed.
    """
    try:
        yield
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        if _UNSEEDED in str(error.message):
            raise FgtlError(
                "--determinism=strict: this model draws random numbers without a seed, as the dropout in a SavedModel does.",
                expected="a network whose randomness fgtl can repeat.",
                fix="Give --determinism=order. Or leave the SavedModel in inference mode, where nothing is drawn: "
                "--frozen_bn=inference with --mode=head, --tuned_bn=inference with the others.",
            ) from error
        # Wrong values in a batch raise the same types, in other words; the names of files and nodes say nothing.
        lines = [line.strip() for line in str(error.message).split("\n")]
        said = [line for line in lines if _OF_XLA.search(line) and not line.startswith(("File ", "Detected at node"))]
        if not said:
            raise
        raise FgtlError(
            f"XLA cannot compile a training step of this model: {said[0][:300]}", fix="Give --jit=off."
        ) from error
