"""Which variables a phase trains.

Freezing is a choice of variables, not `layer.trainable = False`: that would also put batch normalisation into
inference mode, and the two are separate knobs here (`mode` and `frozen_bn`).
"""

from typing import Any

import keras

from fgtl.errors import InputError


def trained_part(model: Any, trains: str) -> keras.layers.Layer:
    """The part whose variables gradients reach: for "head" `model.head`, for "all" the model.

    Raises:
        InputError: another `trains`, or a part without trainable variables.
    """
    if trains not in ("head", "all"):
        raise InputError(f"trains={trains!r}.", expected="'head' or 'all'.")
    part = model.head if trains == "head" else model
    if not part.trainable_variables:
        raise InputError(f"{part.name} has no trainable variables.", expected="a built model with a trainable head.")
    return part
