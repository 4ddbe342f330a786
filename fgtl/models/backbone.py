"""Backbone: a network that turns images in 0..255 into feature maps at named depths and one vector.

A new backbone is one file in this folder that registers an `Architecture` under its name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from fgtl.errors import InputError, UsageError, did_you_mean
from fgtl.models.taps import Tap, find_taps
from fgtl.registry import Registry


@dataclass(frozen=True)
class Architecture:
    """How to build one backbone.

    Args:
        trunk: input size -> the network without classifier, one input; one (B, H, W, C) output if taps is the default.
        preprocess: (B, S, S, 3) RGB in 0..255 -> what the trunk expects.
        input_size: pixels; the size that the published weights were trained at.
        smallest_size: pixels; below it some layer has nothing left to convolve.
        settle: called when the trunk is built and again when weights were loaded into it; most need nothing.
        keras_name: its name in keras.applications; empty when it is not from there.
        taps: trunk -> its taps, shallow to deep, with their tensors: the usual ones, and those that a backbone has only
            when it is asked for them by name; the default walks the graph.
        features: (trunk, {name of a usual tap: tensor}) -> the vector (B, D), computed from the trunk's tensors; the
            default is the mean of the deepest one over its grid.
        publish: fills a trunk with the weights that come with the name (`weights="imagenet"`); None: keras.applications
            or nobody has them.
        spec: JSON-ready; what a scheme needs to build the same network where its source is no longer at hand. It is
            saved with the model.
        multiple: pixels; the input size must be a multiple of it.
        fixed_size: it takes no other size than `input_size`.
        resized: (values of one of its weights at another input size, that weight here) -> values of the shape that it
            has here; others than those that follow the size come back as they are. None: no weight follows the size.
    """

    trunk: Callable[[int], keras.Model]
    preprocess: Callable[[Any], Any]
    input_size: int = 224
    smallest_size: int = 32
    settle: Callable[[keras.Model], None] | None = None
    keras_name: str = ""
    taps: Callable[[keras.Model], dict[Tap, Any]] = find_taps
    features: Callable[[keras.Model, dict[str, Any]], Any] | None = None
    publish: Callable[[keras.Model], None] | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)
    multiple: int = 1
    fixed_size: bool = False
    resized: Callable[[np.ndarray, Any], np.ndarray] | None = None


# So many names fit a message.
_LISTED = 40

BACKBONES: Registry[Architecture] = Registry("backbone", "fgtl.models")

# "scheme" of names such as "scheme:what" -> (what, spec or None) -> Architecture. Those that need TensorFlow live in
# fgtl.interop; the registry imports them when a name with a scheme is looked up.
SCHEMES: Registry[Callable[[str, Mapping[str, Any] | None], Architecture]] = Registry(
    "kind of backbone", "fgtl.models", "fgtl.interop"
)


def find_architecture(name: str, spec: Mapping[str, Any] | None = None) -> Architecture:
    """The architecture of a registered name, or of "scheme:what", such as "keras_hub:PRESET_OR_FOLDER".

    Args:
        spec: of a saved model: what its scheme noted.

    Raises:
        UsageError: no such name or scheme.
    """
    scheme, colon, what = name.partition(":")
    return SCHEMES[scheme](what, spec) if colon else BACKBONES[name]


@keras.saving.register_keras_serializable("fgtl")
class Backbone(keras.Model):
    """Images (B, S, S, 3) float32 RGB in 0..255 -> {"taps": {name: (B, H, W, C) or (B, N, C)}, "features": (B, D)}.

    `features`, float32, is the mean of the deepest usual tap over its grid, unless the architecture has another rule.
    Preprocessing is inside, so nobody can normalise twice. A saved model holds the name, the size, what the name's
    scheme noted and the taps that were asked for; loading builds the network anew and fills it.

    Args:
        name: a name in `BACKBONES`, or "scheme:what" with a scheme in `SCHEMES`.
        input_size: S in pixels; None for the size of the published weights.
        spec: of a saved model, see `Architecture`.
        taps: names of taps to have besides the usual ones, in any order; usual ones may be among them.

    Attributes:
        architecture: the name it was built from.
        spec: what its scheme noted; empty for registered names.
        input_size: S.
        taps: tuple of `Tap`, shallow to deep: the usual ones and those that were asked for.
        all_taps: tuple of `Tap`, shallow to deep: those, and what else could have been asked for.
        trunk: the network whose weight files can be loaded; shares its variables with the backbone.

    Raises:
        UsageError: no backbone of that name, or it has no tap of a name.
        InputError: the size is too small for this backbone.
    """

    def __init__(
        self,
        name: str,
        input_size: int | None = None,
        spec: Mapping[str, Any] | None = None,
        taps: Sequence[str] = (),
    ) -> None:
        architecture = find_architecture(name, spec)
        size = architecture.input_size if input_size is None else input_size
        if size < architecture.smallest_size:
            raise InputError(
                f"An image size of {size} pixels is too small for {name}.",
                expected=f"at least {architecture.smallest_size} (--image_size; input_size in Python).",
            )
        trunk = architecture.trunk(size)
        if architecture.settle:
            architecture.settle(trunk)
        tensors = architecture.taps(trunk)
        expect_taps(taps, list(tensors), trunk, name)
        had = [tap for tap in tensors if tap.usual or tap.name in taps]
        usual: dict[str, Any] = {tap.name: tensors[tap] for tap in had if tap.usual}
        asked = {tap.name: tensors[tap] for tap in had if not tap.usual}
        vector = {"features": architecture.features(trunk, usual)} if architecture.features else {}
        # Apart, because Keras lays out weights by the way from the outputs: what is asked for must not change their order.
        tapped = keras.Model(trunk.inputs[0], [usual | vector, asked], name="trunk")

        image = keras.Input((size, size, 3), name="image", dtype="float32")
        given, more = tapped(architecture.preprocess(image))
        features = ops.cast(given["features"], "float32") if vector else mean_of_grid(given[list(usual)[-1]])
        maps = {tap.name: (given if tap.usual else more)[tap.name] for tap in had}
        super().__init__(image, {"taps": maps, "features": features}, name=_layer_name(name))
        self.architecture = name
        self.spec = dict(architecture.spec)
        self.input_size = size
        self.taps: tuple[Tap, ...] = tuple(had)
        self.all_taps: tuple[Tap, ...] = tuple(tensors)
        self.trunk = trunk

    @property
    def feature_dim(self) -> int:
        """D, the size of `features`."""
        return self.output["features"].shape[-1]

    def get_config(self) -> dict[str, Any]:
        asked = [tap.name for tap in self.taps if not tap.usual]
        return {"name": self.architecture, "input_size": self.input_size, "spec": self.spec, "taps": asked}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Backbone":
        return cls(**config)


def expect_taps(wanted: Sequence[str], taps: Sequence[Tap], trunk: keras.Model, name: str) -> None:
    """Raise UsageError unless all that are wanted are among the taps of the trunk of the backbone called `name`."""
    names = [tap.name for tap in taps]
    strange = next((one for one in wanted if one not in names), None)
    if strange is None:
        return
    usual = ", ".join(tap.name for tap in taps if tap.usual)
    more = [tap.name for tap in taps if not tap.usual]
    # Those of a transformer are a few blocks, those of a convolutional network hundreds of layers.
    by_name = (
        f", and by name {', '.join(more)}"
        if len(more) <= _LISTED
        else ", and by its name each layer that gives a map (B, H, W, C), but for padding and names such as conv2d_7, "
        "which Keras counts up"
    )
    is_layer = any(layer.name == strange for layer in trunk.layers)
    raise UsageError(
        f"{name} has no tap {strange!r}" + (": what its layer of that name gives cannot be one." if is_layer else "."),
        expected=f"{usual or 'no tap by name'}{by_name if more else ''} (--plugin_taps; taps in Python).",
        fix=f"{did_you_mean(strange, names)} fgtl backbones {name} --taps '*' lists all.".strip(),
    )


def mean_of_grid(grid: Any) -> Any:
    """(B, H, W, C) -> (B, C) float32."""
    return keras.layers.GlobalAveragePooling2D(name="features", dtype="float32")(grid)


def _layer_name(name: str) -> str:
    # Keras takes no slash in a layer's name, and a scheme may have a path.
    return re.sub(r"[^\w.-]", "_", name)


def build_network(name: str, input_size: int | None = None, taps: Sequence[str] = ()) -> Backbone:
    """A backbone with fresh weights; `fgtl.interop.pretrained.build_backbone` also loads some."""
    return Backbone(name, input_size, taps=taps)
