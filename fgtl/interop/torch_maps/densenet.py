"""torchvision's and timm's DenseNet-121, -169 and -201 in keras.applications' networks.

Their batch norms add 1e-5 to the variance, keras.applications' 1.001e-5: a relative difference of 5e-9 at variance 1.
"""

import re
from collections.abc import Mapping
from typing import Any

from fgtl.interop.correspondence import TORCH, Piece, pieces_by_layer
from fgtl.interop.matching import Shape

_ENDS = {"conv1_conv": "features.conv0", "conv1_bn": "features.norm0", "bn": "features.norm5"}


def densenet_pieces(weights: Mapping[str, Any], shapes: Mapping[str, Shape]) -> list[Piece]:
    """conv2_block1_1_conv -> features.denseblock1.denselayer1.conv1, pool2_bn -> features.transition1.norm.

    Files from before torch 0.4 have "norm.1" for "norm1" and so on; these are followed.
    """
    old = any(".denselayer1.norm.1." in name for name in shapes)
    return pieces_by_layer(weights, lambda layer: _their_layer(layer, "." if old else ""), TORCH, ".")


def _their_layer(layer: str, dot: str) -> str:
    if found := re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(bn|conv)", layer):
        # Ours counts a batch norm before each convolution from 0, theirs from 1.
        kind, number = ("norm", int(found[3]) + 1) if found[4] == "bn" else ("conv", int(found[3]))
        return f"features.denseblock{int(found[1]) - 1}.denselayer{found[2]}.{kind}{dot}{number}"
    if found := re.fullmatch(r"pool(\d)_(bn|conv)", layer):
        return f"features.transition{int(found[1]) - 1}.{'norm' if found[2] == 'bn' else 'conv'}"
    return _ENDS[layer]
