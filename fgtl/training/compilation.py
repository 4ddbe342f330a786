"""Whether a phase's forward and backward pass is compiled by XLA, and what cannot be combined with that."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from fgtl.errors import FgtlError, UsageError
from fgtl.training.batch_norm import batch_norms
from fgtl.training.distribution import replicas_of
from fgtl.training.settings import TrainingKnobs

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
    exchanges = replicas_of(strategy) > 1 and knobs.sync_bn and _takes_statistics(model, trains, knobs)
    asked = [f"--accumulate={knobs.accumulate}"] * (knobs.accumulate > 1) + ["--jit=on"] * (knobs.jit == "on")
    if exchanges and asked:
        raise UsageError(
            f"{asked[0]} and --sync_bn over {replicas_of(strategy)} devices.",
            expected="one of them, where batch normalisation takes the batch's own statistics.",
            fix="Devices cannot exchange statistics inside a compiled or sliced forward pass: "
            f"add --nosync_bn, or leave {asked[0].split('=')[0]} out.",
        )
    if knobs.jit == "auto":
        stands_against = exchanges or _is_saved_model(model) or _bit_equal_kernels_asked()
        return _on_gpus(strategy) and not stands_against
    return knobs.jit == "on"


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
    from tensorflow.python.framework.config import is_op_determinism_enabled

    return is_op_determinism_enabled()


@contextmanager
def compilation_explained() -> Iterator[None]:
    """Turn what TensorFlow raises inside when XLA cannot compile something into an FgtlError."""
    try:
        yield
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        # Wrong values in a batch raise the same types, in other words; the names of files and nodes say nothing.
        lines = [line.strip() for line in str(error.message).split("\n")]
        said = [line for line in lines if _OF_XLA.search(line) and not line.startswith(("File ", "Detected at node"))]
        if not said:
            raise
        raise FgtlError(
            f"XLA cannot compile a training step of this model: {said[0][:300]}", fix="Give --jit=off."
        ) from error
