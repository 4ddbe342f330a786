"""Backbones called saved_model:FOLDER_OR_HANDLE: any SavedModel that turns images into features."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from fgtl.console import warn
from fgtl.errors import DataError, InputError
from fgtl.interop.saved_model_endpoint import Endpoint, find_endpoint, load_saved_model
from fgtl.interop.saved_model_folder import find_again, find_folder, folder_sha256, read_facts
from fgtl.interop.saved_model_layer import SavedModelLayer
from fgtl.models.backbone import SCHEMES, Architecture, mean_of_grid
from fgtl.models.taps import Tap, map_tap, nominal_stride
from fgtl.models.trust import expect_saved_models_allowed

_USUAL_SIZE = 224
# What the one vector among several outputs is called: by TensorFlow Hub, and by common exports.
_VECTOR_NAMES = ("default", "features", "feature_vector", "pooled", "pooler_output", "embedding")


@dataclass(frozen=True)
class Reference:
    """What a trained model keeps of its SavedModel, besides the weights.

    Args:
        path: its folder, absolute.
        sha256: of all its files, see `folder_sha256`.
        input_size: pixels that it was made for.
        low: what black is to it.
        high: what white is.
        fixed_size: it takes no other size than `input_size`.
    """

    path: str
    sha256: str
    input_size: int
    low: float
    high: float
    fixed_size: bool = False

    def preprocess(self, image: Any) -> Any:
        """(B, S, S, 3) in 0..255 -> low..high."""
        scale = (self.high - self.low) / 255
        return keras.layers.Rescaling(scale, offset=self.low, dtype="float32", name="preprocess")(image)


@SCHEMES.register("saved_model")
def saved_model_architecture(what: str, spec: Mapping[str, Any] | None = None) -> Architecture:
    """The architecture of saved_model:WHAT.

    Images are given to it in 0..1, TensorFlow Hub's convention, unless its folder's fgtl.json says otherwise. Taps:
    its (B, H, W, C) outputs, the last by name at each stride. Features: see `vector`. Its weights are those of the
    folder, and networks that are built from one `Architecture` share them.

    Args:
        what: a folder, or a handle for tensorflow_hub.
        spec: of a saved model, see `Reference`. The program is then loaded when the network is built, only inside
            `saved_models_allowed`, and only if no file has changed.

    Raises:
        UsageError: a handle, and tensorflow_hub is not installed.
        DataError: no SavedModel, or one that does not take images.
    """
    if spec:
        reference = Reference(**spec)
        trunk: Callable[[int], keras.Model] = partial(_load_again, what, reference)
    else:
        reference, trunk = _load_first(what)
    return Architecture(
        trunk=trunk,
        preprocess=reference.preprocess,
        input_size=reference.input_size,
        smallest_size=1,
        fixed_size=reference.fixed_size,
        taps=map_taps,
        features=vector,
        # They are in the folder, and the network has them already.
        publish=lambda trunk: None,
        spec=asdict(reference),
    )


def map_taps(trunk: keras.Model) -> dict[Tap, Any]:
    """The (B, H, W, C) outputs with a grid, shallow to deep; of several at one stride the last by name."""
    latest: dict[int, Any] = {}
    for name in sorted(trunk.output, key=_natural):
        tensor = trunk.output[name]
        if len(tensor.shape) == 4 and min(tensor.shape[1:3]) > 1:
            latest[nominal_stride(trunk.inputs[0].shape[1], tensor.shape[1])] = tensor
    return {map_tap(latest[stride], stride): latest[stride] for stride in sorted(latest)}


def vector(trunk: keras.Model, taps: Mapping[str, Any]) -> Any:
    """(B, D): the output that is called as one, else the mean of the deepest tap, else the only vector.

    Raises:
        DataError: there are several vectors without a known name, or none.
    """
    vectors = {name: tensor for name, tensor in trunk.output.items() if len(tensor.shape) == 2}
    for name in _VECTOR_NAMES:
        if name in vectors:
            return vectors[name]
    if taps:
        return mean_of_grid(list(taps.values())[-1])
    if len(vectors) == 1:
        return next(iter(vectors.values()))
    shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in sorted(trunk.output.items()))
    raise DataError(
        f"The outputs of the SavedModel are {shapes}.",
        expected=f"a map (B, H, W, C), or a vector (B, D) called one of: {', '.join(_VECTOR_NAMES)}.",
    )


def _load_first(what: str) -> tuple[Reference, Callable[[int], keras.Model]]:
    folder = find_folder(what)
    facts = read_facts(folder)
    sha256 = folder_sha256(folder)
    loaded = load_saved_model(folder)
    endpoint = find_endpoint(loaded, folder)
    size = endpoint.image_shape[0] or facts.input_size or _USUAL_SIZE
    fixed = endpoint.image_shape[0] is not None
    reference = Reference(str(folder), sha256, size, facts.low, facts.high, fixed)
    return reference, partial(_network, what, loaded, endpoint)


def _load_again(what: str, reference: Reference, size: int) -> keras.Model:
    expect_saved_models_allowed(reference.path)
    places = [reference.path, *([] if "://" in what else [what])]
    folder = find_again(places, reference.sha256)
    loaded = load_saved_model(folder)
    return _network(what, loaded, find_endpoint(loaded, folder), size)


def _network(what: str, loaded: Any, endpoint: Endpoint, size: int) -> keras.Model:
    fixed = endpoint.image_shape
    if any(side not in (None, size) for side in fixed):
        raise InputError(
            f"An image size of {size} pixels does not suit saved_model:{what}.",
            expected=f"{fixed[0]}: it was saved for that alone.",
        )
    if endpoint.limits:
        warn(f"saved_model:{what}: {endpoint.limits}.")
    image = keras.Input((size, size, 3), dtype="float32")
    try:
        outputs = SavedModelLayer(loaded, endpoint, size)(image)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise DataError(
            f"The SavedModel {what} does not take {size} x {size} images: {error}",
            expected="one that does, or its own size: --image_size, or input_size in its folder's fgtl.json.",
        ) from None
    return keras.Model(image, outputs, name="trunk")


def _natural(name: str) -> list[Any]:
    """Sorts Mixed_5d before Mixed_10a: parts that are digits by their value."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name)]
