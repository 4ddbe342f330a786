"""Losses that a network brings along, such as the regularisation of a SavedModel."""

from collections.abc import Callable
from typing import Any

import keras

from fgtl.models.layers_of import layers_of


def penalties_of(model: keras.Model) -> list[Callable[[], Any]]:
    """Functions () -> scalar, one for each loss that a trainable layer brings along in its attribute `penalties`.

    The training step adds them to the trained total. Keras' `model.losses` has them too, but with the kernel
    regularisers of keras.applications, in whose place --weight_decay stands.
    """
    layers = [layer for layer in layers_of(model) if layer.trainable]
    return [penalty for layer in layers for penalty in getattr(layer, "penalties", ())]
