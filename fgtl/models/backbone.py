"""Backbone: a network that turns images in 0..255 into feature maps at named depths and one vector.

A new backbone is one file in this folder that registers an `Architecture` under its name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from fgtl.errors import InputError
from fgtl.models.taps import Tap, find_taps
from fgtl.registry import Registry


@dataclass(frozen=True)
class Architecture:
    """How to build one backbone.

    Args:
        trunk: input size -> the network without classifier, one input and one (B, H, W, C) output.
        preprocess: (B, S, S, 3) RGB in 0..255 -> what the trunk expects.
        input_size: pixels; the size that the published weights were trained at.
        smallest_size: pixels; below it some layer has nothing left to convolve.
        settle: called when the trunk is built and again when weights were loaded into it; most need nothing.
        keras_name: its name in keras.applications; empty when it is not from there.
    """

    trunk: Callable[[int], keras.Model]
    preprocess: Callable[[Any], Any]
    input_size: int = 224
    smallest_size: int = 32
    settle: Callable[[keras.Model], None] | None = None
    keras_name: str = ""


BACKBONES: Registry[Architecture] = Registry("backbone", "fgtl.models")


@keras.saving.register_keras_serializable("fgtl")
class Backbone(keras.Model):
    """Images (B, S, S, 3) float32 RGB in 0..255 -> {"taps": {name: (B, H, W, C)}, "features": (B, D)}.

    `features` is the mean of the deepest tap over its grid, float32. Preprocessing is inside, so nobody can
    normalise twice. A saved model holds the name and the size; loading builds the network anew and fills it.

    Args:
        name: a name in `BACKBONES`.
        input_size: S in pixels; None for the size of the published weights.

    Attributes:
        architecture: the name it was built from.
        input_size: S.
        taps: tuple of `Tap`, shallow to deep.
        trunk: the network whose weight files can be loaded; shares its variables with the backbone.

    Raises:
        UsageError: no backbone of that name.
        InputError: the size is too small for this backbone.
    """

    def __init__(self, name: str, input_size: int | None = None) -> None:
        architecture = BACKBONES[name]
        size = architecture.input_size if input_size is None else input_size
        if size < architecture.smallest_size:
            raise InputError(
                f"input_size={size} is too small for {name}.", expected=f">= {architecture.smallest_size}."
            )
        trunk = architecture.trunk(size)
        if architecture.settle:
            architecture.settle(trunk)
        taps = find_taps(trunk)
        tapped = keras.Model(trunk.input, {tap.name: tensor for tap, tensor in taps.items()}, name="trunk")

        image = keras.Input((size, size, 3), name="image", dtype="float32")
        maps = tapped(architecture.preprocess(image))
        deepest = list(taps)[-1]
        features = keras.layers.GlobalAveragePooling2D(name="features", dtype="float32")(maps[deepest.name])
        super().__init__(image, {"taps": maps, "features": features}, name=name)
        self.architecture = name
        self.input_size = size
        self.taps: tuple[Tap, ...] = tuple(taps)
        self.trunk = trunk

    @property
    def feature_dim(self) -> int:
        """D, the size of `features`."""
        return self.taps[-1].channels

    def get_config(self) -> dict[str, Any]:
        return {"name": self.architecture, "input_size": self.input_size}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Backbone":
        return cls(**config)


def build_network(name: str, input_size: int | None = None) -> Backbone:
    """A backbone with fresh weights; `fgtl.interop.pretrained.build_backbone` also loads some."""
    return Backbone(name, input_size)
