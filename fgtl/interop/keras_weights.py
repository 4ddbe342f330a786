"""Read Keras weight files into a network, whole or not at all: Keras 3, the old HDF5 ones, and a run's model.keras."""

import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from fgtl.errors import DataError
from fgtl.interop.matching import Shape, expect_same_order, expect_same_weights
from fgtl.models.backbone import Backbone

# Layers behind the last feature map in keras.applications' files with a classifier. Not ConvNeXt's: with a
# classifier its last normalisation comes after the pooling, so its weights would mean something else.
_CLASSIFIER_LAYERS = {"predictions", "logits", "conv_preds", "conv_2", "fc1", "fc2", "fc1000"}


def load_h5(backbone: Backbone, path: Path) -> None:
    """Fill the trunk from a `.weights.h5` of Keras 3 or an `.h5` of weights from before, with or without classifier.

    Raises:
        DataError: damaged, a whole model instead of weights, or the weights of another architecture.
    """
    with _opened(path) as file:
        if "layer_names" in file.attrs:
            return _load_legacy(backbone, file, path)
        if "model_config" in file.attrs or "model_weights" in file:
            raise DataError(
                f"{path} is a whole model in the old HDF5 format; it can carry code, so it is not read.",
                fix='Save its weights: model.save_weights("name.weights.h5").',
            )
        expect_same_weights(_layout(backbone.trunk), _datasets(file), str(path), backbone.architecture)
    backbone.trunk.load_weights(path)
    return None


def load_keras_archive(backbone: Backbone, path: Path) -> None:
    """Fill the backbone from a `model.keras` of a run or of a `Backbone`. Only its numbers are read, no code.

    Raises:
        DataError: damaged, not made by fgtl, or made with another backbone.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            saved = json.loads(archive.read("config.json"))
            weights = archive.read("model.weights.h5")
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(f"{path} is damaged or not a .keras file: {error}.") from None
    name, prefix = _saved_backbone(saved, path)
    if name != backbone.architecture:
        raise DataError(f"{path} was made with {name}, not {backbone.architecture}.", fix=f"Use --backbone={name}.")
    with _opened(io.BytesIO(weights), path) as file, tempfile.TemporaryDirectory() as folder:
        group = file.get(prefix, {}) if prefix else file
        expect_same_weights(_layout(backbone), _datasets(group), str(path), name)
        part = Path(folder) / "part.weights.h5"
        with h5py.File(part, "w") as copy:
            for key in group:
                file.copy(group[key], copy, name=key)
        backbone.load_weights(part)


def _saved_backbone(saved: Any, path: Path) -> tuple[str, str]:
    """(the backbone's name, where its weights lie in the file) of a saved Classifier or Backbone."""
    match saved:
        case {"registered_name": "fgtl>Classifier", "config": {"backbone": str() as name}}:
            return name, "layers/backbone"
        case {"registered_name": "fgtl>Backbone", "config": {"name": str() as name}}:
            return name, ""
    raise DataError(f"{path} is a Keras model that fgtl did not make.", fix="Save its trunk's weights as .weights.h5.")


@contextmanager
def _opened(file: Path | io.BytesIO, path: Path | None = None) -> Iterator[h5py.File]:
    """An HDF5 file; whatever h5py stumbles over inside becomes a DataError."""
    try:
        with h5py.File(file, "r") as opened:
            yield opened
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path or file} is damaged or not an HDF5 file: {error}.", fix="Download it again.") from error


def _datasets(group: Any) -> dict[str, Shape]:
    """Shapes of the numbers inside an HDF5 group, by path. Links to other files are not followed, nor counted."""
    shapes = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub" and not item.is_virtual and not item.external:
            shapes[name] = tuple(item.shape)

    if isinstance(group, h5py.Group):
        group.visititems(note)
    return shapes


def _layout(model: keras.Model) -> dict[str, Shape]:
    """The paths and shapes of the weight file that this model would write."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layout.weights.h5"
        model.save_weights(path)
        with h5py.File(path, "r") as file:
            return _datasets(file)


def _load_legacy(backbone: Backbone, file: h5py.File, path: Path) -> None:
    """Match by position, as Keras does: the names of unnamed layers are counters that differ from file to file."""
    found = list(_legacy_weights(file))
    layers = [layer for layer in backbone.trunk.layers if layer.weights]
    # Trainable weights first: the order in which the old format wrote them.
    variables = [variable for layer in layers for variable in [*layer.trainable_weights, *layer.non_trainable_weights]]
    while len(found) > len(variables) and found[-1][0].split("/")[0].lower() in _CLASSIFIER_LAYERS:
        found.pop()
    wanted = [(variable.path, tuple(variable.shape)) for variable in variables]
    shapes = [(name, tuple(dataset.shape)) for name, dataset in found]
    expect_same_order(wanted, shapes, str(path), backbone.architecture)
    for variable, (_, dataset) in zip(variables, found, strict=True):
        variable.assign(np.asarray(dataset))


def _legacy_weights(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """(layer/weight, numbers) in the file's order."""
    for layer in _names(file, "layer_names"):
        for weight in _names(file[layer], "weight_names"):
            dataset = file[layer][weight]
            if dataset.is_virtual or dataset.external or dataset.file != file:
                raise DataError(f"{file.filename}: {layer}/{weight} lies in another file.")
            yield f"{layer}/{weight}", dataset


def _names(group: Any, attribute: str) -> list[str]:
    """A list of names; a long one is split over layer_names0, layer_names1, ..."""
    if attribute in group.attrs:
        raw = list(group.attrs[attribute])
    else:
        parts = [name for name in group.attrs if name.removeprefix(attribute).isdigit()]
        parts.sort(key=lambda name: int(name.removeprefix(attribute)))
        raw = [name for part in parts for name in group.attrs[part]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in raw]
