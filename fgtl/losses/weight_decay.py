"""Coupled weight decay: an L2 penalty on kernels, added to the loss."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

_KERNELS = {"kernel", "depthwise_kernel", "pointwise_kernel"}


def decayed_kernels(model: keras.Model) -> list[Any]:
    """The trainable kernels of convolutions and dense layers: no biases, no normalisation, nothing frozen.

    A frozen kernel would only add a constant to the loss.
    """
    return [variable for variable in model.trainable_variables if variable.name in _KERNELS]


def coupled_weight_decay(kernels: Sequence[Any], decay: float) -> Any:
    """L = decay/2 * sum of all squared weights        (slim's l2_regularizer)

    The half makes the gradient decay * w; Keras' `L2(l)` has no half: its l is decay/2.

    Args:
        kernels: variables or arrays of any shapes; see `decayed_kernels`.
        decay: the coefficient, >= 0.

    Returns:
        Scalar float32; 0 without kernels.
    """
    total = ops.zeros((), "float32")
    for kernel in kernels:
        total = total + ops.sum(ops.square(ops.cast(kernel, "float32")))
    return total * (decay / 2)
