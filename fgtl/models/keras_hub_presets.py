"""KerasHub presets, from a local folder or a handle: their arguments, their preprocessing, their weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras import ops

from fgtl.errors import DataError
from fgtl.models.keras_hub_families import FAMILIES, expected_scaling
from fgtl.models.keras_hub_rebuild import Blueprint, blueprint, expect_plain, load_keras_hub

# Of the families with one learnt position for each token: a class token, and DeiT's for distillation. (DINOv2's
# registers have no position.)
_TOKENS_BEFORE_THE_GRID = {"ViT": 1, "DeiT": 2, "DINOV2": 1}
_WEIGHTS = "model.weights.h5"


def read_folder(folder: Path) -> Blueprint:
    """The network that a preset folder describes, without its weights.

    Raises:
        DataError: no config.json, or not one of an image backbone that fgtl knows.
    """
    saved = _json(folder / "config.json")
    kind = str(saved.get("class_name", "")).removesuffix("Backbone")
    converter_file = folder / "image_converter.json"
    converter = _json(converter_file).get("config", {}) if converter_file.is_file() else {}
    expect_plain({key: converter.get(key) for key in ("scale", "offset", "image_size")}, str(converter_file))
    return _with_preprocessing(kind, saved.get("config", {}), converter)


def read_handle(handle: str) -> Blueprint:
    """The same of a preset that KerasHub downloads, or has downloaded before.

    Raises:
        DataError: it cannot be had, or is no image backbone that fgtl knows.
    """
    keras_hub = load_keras_hub()
    backbone = _from_preset(handle, load_weights=False)
    try:
        converter = keras_hub.layers.ImageConverter.from_preset(handle).get_config()
    # Not every preset has one, and KerasHub says so with several kinds of error.
    except Exception:
        converter = {}
    kind = type(backbone).__name__.removesuffix("Backbone")
    return _with_preprocessing(kind, backbone.get_config(), converter)


def load_preset_weights(trunk: keras.Model, kind: str, preset: str) -> None:
    """Copy a preset's weights into a network of any input size; position tables are resized to it.

    Raises:
        DataError: they cannot be had, are damaged, or do not fit.
    """
    # DINOv2 resizes its table itself, from the published one, when it is built for the size.
    size = {"image_shape": trunk.inputs[0].shape[1:]} if kind == "DINOV2" else {}
    source = _from_preset(preset, load_weights=True, **size)
    if (Path(preset) / _WEIGHTS).is_file():
        _expect_all_used(Path(preset) / _WEIGHTS, source)
    own, theirs = trunk.weights, source.weights
    if [variable.name for variable in own] != [variable.name for variable in theirs]:
        raise DataError(f"The weights of {preset} are those of another network.", expected=f"{len(own)} variables.")
    for variable, other in zip(own, theirs, strict=True):
        values = resized_weight(ops.convert_to_numpy(other), variable, kind)
        if values.shape != variable.shape:
            raise DataError(
                f"{preset}: {variable.path} has shape {values.shape}.",
                expected=f"{tuple(variable.shape)}, as the network has.",
            )
        variable.assign(values)


def resized_positions(table: np.ndarray, tokens: int, grid_before: int, grid_after: int) -> np.ndarray:
    """A position table for another grid, by bicubic interpolation as in DeiT (Touvron et al. 2021, appendix).

    Args:
        table: (..., P + grid_before**2, C) float32.
        tokens: P, tokens before the grid; their rows stay.
        grid_before: cells in a row of the square grid that the table is for.
        grid_after: cells in a row wanted.

    Returns:
        (..., P + grid_after**2, C).
    """
    flat = table.reshape(table.shape[-2:])
    square = flat[tokens:].reshape(1, grid_before, grid_before, -1)
    resized = ops.image.resize(square, (grid_after, grid_after), interpolation="bicubic", data_format="channels_last")
    grid = ops.convert_to_numpy(resized).reshape(grid_after**2, -1)
    return np.concatenate([flat[:tokens], grid]).reshape(*table.shape[:-2], -1, table.shape[-1])


def resized_weight(values: np.ndarray, target: Any, kind: str) -> np.ndarray:
    """A weight of a network for the network of another input size: a position table is resized, others stay.

    Args:
        values: the weight's.
        target: the same weight of the other network; only its path and shape are read.
        kind: the networks' family.
    """
    prefix = _TOKENS_BEFORE_THE_GRID.get(kind, 0)
    if values.shape == target.shape or not prefix or "position_embedding" not in target.path:
        return values
    before, after = ((shape[-2] - prefix) ** 0.5 for shape in (values.shape, target.shape))
    if not (before.is_integer() and after.is_integer()):
        return values
    return resized_positions(values, prefix, int(before), int(after))


def _expect_all_used(path: Path, source: keras.Model) -> None:
    """Keras asks for each of the network's numbers, but not whether the file has more of them."""
    found = 0

    def count(_: str, item: Any) -> None:
        nonlocal found
        found += isinstance(item, h5py.Dataset) and item.dtype.kind == "f"

    with h5py.File(path, "r") as file:
        file.visititems(count)
    wanted = sum("float" in variable.dtype for variable in source.variables)
    if found != wanted:
        raise DataError(f"{path} has weights of {found} variables.", expected=f"the {wanted} that config.json makes.")


def _with_preprocessing(kind: str, config: Mapping[str, Any], converter: Mapping[str, Any]) -> Blueprint:
    """The converter's scale and offset where the preset has one, even if it neither scales nor shifts."""
    if kind not in FAMILIES:
        raise DataError(
            f"The preset is a {kind or 'nameless object'}.", expected=f"one of: {', '.join(sorted(FAMILIES))}."
        )
    scale, offset = expected_scaling(kind, config)
    if converter:
        scale = 1.0 if converter.get("scale") is None else converter["scale"]
        offset = 0.0 if converter.get("offset") is None else converter["offset"]
    shape = converter.get("image_size") or config.get("image_shape") or config.get("input_shape") or [None]
    return blueprint(kind, config, scale, offset, shape[0] or 224)


def _from_preset(preset: str, **arguments: Any) -> Any:
    keras_hub = load_keras_hub()
    try:
        return keras_hub.models.Backbone.from_preset(preset, **arguments)
    # KerasHub, kagglehub, huggingface_hub and h5py each raise their own.
    except Exception as error:
        local = Path(preset).is_dir()
        raise DataError(
            f"The preset {preset} could not be {'read' if local else 'had'}: {type(error).__name__}: {error}",
            expected="a folder that KerasHub wrote with save_to_preset."
            if local
            else "to download it (or its arguments, where no weights are wanted), or to find it in the cache of\n"
            "kagglehub or huggingface_hub.",
            fix=""
            if local
            else "Where there is a network, run keras_hub.models.Backbone.from_preset(...).save_to_preset(FOLDER), bring "
            "the folder\nhere, and name it: --backbone=keras_hub:FOLDER.",
        ) from None


def _json(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.", expected="a preset folder's JSON file.") from None
    if not isinstance(loaded, dict):
        raise DataError(f"{path} holds a {type(loaded).__name__}.", expected="a JSON object.")
    return loaded
