"""Gradients of all replicas together, and no longer than asked."""

from typing import Any

import keras
import tensorflow as tf


def summed_over_replicas(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """The sums over all devices, each of which calls this within `strategy.run`; one exchange for each type of number.

    A value that is not finite on one replica is so in the sum on all: they agree whether a step overflowed.
    """
    sums, replica = list(values), tf.distribute.get_replica_context()
    for kind in dict.fromkeys(value.dtype for value in values):
        places = [place for place, value in enumerate(values) if value.dtype == kind]
        together = replica.all_reduce(tf.distribute.ReduceOp.SUM, [values[place] for place in places])
        for place, total in zip(places, together, strict=True):
            sums[place] = total
    return sums


def clipped(gradients: list[tf.Tensor], longest: float, optimizer: keras.optimizers.Optimizer) -> list[tf.Tensor]:
    """g * min(1, longest / |g|), |g| the norm over all variables together (Pascanu et al. 2013, algorithm 1).

    Args:
        gradients: summed over the replicas; times the loss scale where `optimizer` has one.
        longest: of the gradients without it.

    Returns:
        As they came in; all NaN when the norm is not finite, which a loss scale takes as an overflow.
    """
    scale: Any = 1.0
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        # A power of two, so that clipping at the scaled length is exactly clipping the unscaled gradients.
        scale = optimizer.dynamic_scale.value
    return tf.clip_by_global_norm(gradients, longest * scale)[0]
