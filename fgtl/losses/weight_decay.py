"""Coupled weight decay: an L2 penalty, added to the loss; by default on kernels."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

_KERNELS = {"kernel", "depthwise_kernel", "pointwise_kernel"}


def decayed_weights(model: keras.Model, *, everything: bool = False) -> list[Any]:
    """The trainable kernels of convolutions and dense layers: no biases, no normalisation, nothing frozen.

    A frozen kernel would only add a constant to the loss.

    Args:
        everything: all that is trained, as PyTorch's SGD does it: biases, normalisation, tables of positions too.
    """
    return [variable for variable in model.trainable_variables if everything or variable.name in _KERNELS]


def coupled_weight_decay(weights: Sequence[Any], decay: float) -> Any:
    """L = decay/2 * sum of all squared weights        (slim's l2_regularizer)

    The half makes the gradient decay * w; Keras' `L2(l)` has no half: its l is decay/2.

    Args:
        weights: variables or arrays of any shapes; see `decayed_weights`.
        decay: the coefficient, >= 0.

    Returns:
        Scalar float32; 0 without weights.
    """
    total = ops.zeros((), "float32")
    for weight in weights:
        total = total + ops.sum(ops.square(ops.cast(weight, "float32")))
    return total * (decay / 2)
