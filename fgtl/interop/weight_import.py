"""Weights that were trained elsewhere, into a backbone: TF-Slim, torch, .npz."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.errors import DataError, UsageError
from fgtl.interop.correspondence import Piece
from fgtl.interop.filling import Filled, LeftoverKind, fill
from fgtl.interop.slim_networks import AVERAGE, slim_classifier, slim_leftover, slim_pieces
from fgtl.interop.torch_maps import torch_classifier, torch_leftover, torch_pieces
from fgtl.interop.weight_file import WeightFile, open_weights
from fgtl.interop.weight_names import named_weights
from fgtl.models.backbone import Backbone


def import_weights(backbone: Backbone, path: Path, *, ema: bool = False, partly: bool = False) -> Filled:
    """Fill a backbone from a file of named arrays.

    Args:
        path: TF-Slim checkpoint (prefix, file or folder), torch state dict, .safetensors or .npz, told by content.
        ema: the moving averages that are beside the weights, not the weights.
        partly: accept missing and unexplained arrays; the result lists them.

    Returns:
        What was filled and what was left over, by kind.

    Raises:
        UsageError: nobody has told fgtl what this network's layers are called on the other side.
        DataError: absent, damaged, another network's, or not finite; the backbone is unchanged then.
    """
    file = open_weights(path, ema=ema)
    weights = named_weights(backbone.trunk)
    pieces, leftover = _correspondence(backbone, weights, file, ema)
    forgotten = {id(variable) for variable in weights.values()} - {id(piece.variable) for piece in pieces}
    if forgotten:
        names = [name for name, variable in weights.items() if id(variable) in forgotten]
        raise UsageError(f"fgtl does not know what {names[0]} of {backbone.architecture} is called in a {file.kind}.")
    return fill(pieces, file, leftover, backbone.architecture, partly=partly)


def read_classifier(file: WeightFile, *, ema: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(kernel (D, K), bias (K,)) float32 of the classifier beside the trunk.

    K counts as the file does: ImageNet heads of slim have 1,001 classes, 0 the background.

    Raises:
        DataError: the file has none.
    """
    names = {"slim": slim_classifier, "torch": torch_classifier}.get(file.dialect, lambda _: None)(file.shapes)
    ending = AVERAGE if ema and file.dialect == "slim" else ""
    if names is None or any(name + ending not in file.shapes for name in names):
        raise DataError(f"{file.path} has no classifier that fgtl knows.", fix="Leave --head_output out.")
    kernel, bias = (file.read(name + ending).astype("float32") for name in names)
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise DataError(f"{file.path}: numbers of the classifier {names[0]} are not finite.")
    # slim: (1, 1, D, K) or (D, K); torch: (K, D).
    kernel = kernel.T if file.dialect == "torch" else kernel.reshape(kernel.shape[-2:])
    return np.ascontiguousarray(kernel), bias


def _correspondence(
    backbone: Backbone, weights: Mapping[str, Any], file: WeightFile, ema: bool
) -> tuple[list[Piece], LeftoverKind]:
    if file.dialect == "slim":
        return slim_pieces(backbone.architecture, weights, file.shapes, ema), slim_leftover
    if file.dialect == "torch":
        return torch_pieces(backbone.architecture, weights, file.shapes), partial(torch_leftover)
    if ema:
        raise DataError(f"{file.path}: an .npz has no moving averages beside its weights.", fix="Leave --ema out.")
    return [Piece(name, tuple(variable.shape), variable) for name, variable in weights.items()], lambda *_: ""
