"""All layers of a model or layer, those inside others included."""

from typing import Any

import keras

from fgtl.models.keras_private import private


def layers_of(part: keras.layers.Layer) -> list[Any]:
    """`part` itself and every layer below it, however deep, each once.

    Keras' public `Model.layers` stops at direct children, and other layers have no such list; what walks down is
    private, and so is asked here alone.
    """
    return list(private(part, "_flatten_layers")())
