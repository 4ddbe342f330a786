"""Stochastic depth: in training a block's residual branch is left out of some images, more often deeper down.

Huang et al. 2016 (Deep Networks with Stochastic Depth). Inference is the same at every rate, so the rate belongs to a
training and not to a model: it is set when a training starts, and no saved model holds it.
"""

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from fgtl.errors import InputError
from fgtl.models.keras_private import private


@keras.saving.register_keras_serializable("fgtl")
class DropPath(keras.layers.Layer):
    """Each image's residual branch is 0 with probability `rate`, else divided by 1 - rate; in inference as it came.

    Unlike `keras.layers.Dropout` it can be switched on after it was built at rate 0.

    Args:
        rate: in [0, 1).
        seed: of its draws; None for a random one.
    """

    def __init__(self, rate: float = 0.0, seed: int | None = None, **layer: Any) -> None:
        super().__init__(**layer)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not training or self.rate == 0:
            return inputs
        shape = (ops.shape(inputs)[0],) + (1,) * (len(inputs.shape) - 1)
        kept = keras.random.uniform(shape, seed=self.seed_generator) >= self.rate
        return inputs * ops.cast(ops.cast(kept, "float32") / (1 - self.rate), inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def set_drop_path(backbone: Any, rate: float) -> int:
    """Give every layer that drops residual branches its rate: the l-th of L gets rate * l / L (equation 4).

    Those of keras.applications and KerasHub count too, except those that KerasHub builds only where a rate was asked
    for at construction, and DINO's, which blur instead of dropping. Call it before the training step is traced.

    Args:
        backbone: a `fgtl.models.backbone.Backbone`.
        rate: of the deepest layer, in [0, 1); 0 switches stochastic depth off.

    Returns:
        L; 0 when this backbone has no such layer.

    Raises:
        InputError: the rate is out of range.
    """
    if not 0 <= rate < 1:
        raise InputError(f"rate={rate} is out of range.", expected="0 <= rate < 1.")
    dropping = dropping_layers(backbone)
    for depth, layer in enumerate(dropping, start=1):
        setattr(layer, _rate_name(layer), rate * depth / len(dropping))
    return len(dropping)


def dropping_layers(backbone: Any) -> list[keras.layers.Layer]:
    """The layers of a backbone that `set_drop_path` gives a rate, shallow to deep."""
    found = {id(layer): layer for layer in _from_input_to_output(backbone.trunk) if _rate_name(layer)}
    return list(found.values())


def _from_input_to_output(layer: Any) -> Iterator[Any]:
    """All layers inside, those of a graph in the order of computation; `Model._flatten_layers` runs backwards."""
    for child in private(layer, "_layers"):
        yield child
        yield from _from_input_to_output(child)


def _rate_name(layer: keras.layers.Layer) -> str:
    """The attribute that holds a layer's rate; empty where the layer drops no residual branch."""
    kind = type(layer).__name__
    if kind == "StochasticDepth":
        return "drop_path_rate"
    if kind == "DropPath":
        return "rate" if hasattr(layer, "rate") else "drop_prob"
    # One number an image: EfficientNet's way to write it. Built at rate 0 it has no generator and stays off.
    drops_images = isinstance(layer, keras.layers.Dropout) and layer.noise_shape is not None
    return "rate" if drops_images and set(layer.noise_shape[1:]) == {1} and hasattr(layer, "seed_generator") else ""
