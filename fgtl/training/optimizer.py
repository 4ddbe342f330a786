"""Keras optimizers from knobs, built on the variables that a phase trains."""

from typing import Any

import keras

from fgtl.losses.weight_decay import decayed_kernels
from fgtl.training.settings import OptimizerKnobs


def build_optimizer(
    knobs: OptimizerKnobs, learning_rate: Any, part: keras.layers.Layer, *, scale_loss: bool = False
) -> keras.optimizers.Optimizer:
    """An optimizer with its slots for a part's trainable variables; decoupled decay touches kernels only.

    Args:
        learning_rate: float or LearningRateSchedule.
        part: what will be trained; gradients come in the order of its `trainable_variables`.
        scale_loss: wrap it for float16, whose small gradients would be lost (dynamic loss scaling).

    Call it in the strategy's scope.
    """
    optimizer = _optimizer(knobs, learning_rate)
    if knobs.decoupled:
        kernels = {id(kernel) for kernel in decayed_kernels(part)}
        optimizer.exclude_from_weight_decay(var_list=[v for v in part.trainable_variables if id(v) not in kernels])
    if scale_loss:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(part.trainable_variables)
    return optimizer


def _optimizer(knobs: OptimizerKnobs, learning_rate: Any) -> keras.optimizers.Optimizer:
    decay = knobs.weight_decay if knobs.decoupled else None
    if knobs.optimizer in ("adam", "adamw"):
        return keras.optimizers.Adam(
            learning_rate,
            beta_1=knobs.adam_beta1,
            beta_2=knobs.adam_beta2,
            epsilon=knobs.adam_epsilon,
            weight_decay=decay,
        )
    momentum = knobs.momentum if knobs.optimizer == "momentum" else 0.0
    return keras.optimizers.SGD(learning_rate, momentum=momentum, weight_decay=decay)
