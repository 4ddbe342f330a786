"""What the layers of fgtl's networks are called in torch state dicts: a file for each family.

A family is a function: (weights from `named_weights`, the file's shapes) -> pieces. It is found by the backbone's name,
or, for networks from KerasHub, by their layers' names.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from fgtl.errors import UsageError
from fgtl.interop.correspondence import Piece
from fgtl.interop.matching import Shape
from fgtl.interop.torch_maps.densenet import densenet_pieces
from fgtl.interop.torch_maps.efficientnet_lite import efficientnet_lite_pieces
from fgtl.interop.torch_maps.resnet import resnet_pieces
from fgtl.interop.torch_maps.swin import swin_pieces
from fgtl.interop.torch_maps.vit import vit_pieces

Family = Callable[[Mapping[str, Any], Mapping[str, Shape]], list[Piece]]

_BY_NAME: dict[str, Family] = {
    r"resnet(18|34|50|101|152)_v1_5": resnet_pieces,
    r"densenet(121|169|201)": densenet_pieces,
    r"efficientnet_lite0": efficientnet_lite_pieces,
}
_BY_LAYER: dict[str, Family] = {
    r"(.*/)?vit_encoder/.*": vit_pieces,
    r"(.*/)?stage_0/blocks_0/attn/.*": swin_pieces,
}

# "head" is timm's; "head.fc" is Swin's, "_fc" EfficientNet-Lite0's.
_CLASSIFIERS = ("fc", "classifier", "head", "head.fc", "_fc")


def torch_pieces(architecture: str, weights: Mapping[str, Any], shapes: Mapping[str, Shape]) -> list[Piece]:
    """Which tensor fills which weight.

    Args:
        architecture: a backbone's name.
        weights: its, from `named_weights`.
        shapes: the file's.

    Raises:
        UsageError: fgtl has no map for this network.
    """
    for pattern, family in _BY_NAME.items():
        if re.fullmatch(pattern, architecture):
            return family(weights, shapes)
    for pattern, family in _BY_LAYER.items():
        if any(re.fullmatch(pattern, name) for name in weights):
            return family(weights, shapes)
    raise UsageError(
        f"fgtl does not know what the layers of {architecture} are called in torch.",
        expected="resnet18_v1_5 .. resnet152_v1_5, densenet121, 169, 201, efficientnet_lite0,\n"
        "or KerasHub's ViT or Swin (keras_hub:...).",
    )


def torch_leftover(name: str, wanted: set[str]) -> str:
    """What kind of thing a tensor is that no weight of the trunk wants; "" when it should not be there."""
    owner, _, last = name.rpartition(".")
    if last == "num_batches_tracked":
        return "counters of batches"
    if last in ("relative_position_index", "attn_mask"):
        return "tables that follow from the sizes"
    if owner in _CLASSIFIERS and last in ("weight", "bias"):
        return "classifier"
    return ""


def torch_classifier(shapes: Mapping[str, Shape]) -> tuple[str, str] | None:
    """(weight (K, D), bias (K,)) of the classifier, if the file has one."""
    for owner in _CLASSIFIERS:
        names = f"{owner}.weight", f"{owner}.bias"
        if all(name in shapes for name in names) and len(shapes[names[0]]) == 2:
            return names
    return None
