"""torchvision's and timm's ResNet-18 to -152 (version 1.5), whose names our layers bear with "_" for "."."""

import re
from collections.abc import Mapping
from typing import Any

from fgtl.interop.correspondence import TORCH, Piece, pieces_by_layer
from fgtl.interop.matching import Shape


def resnet_pieces(weights: Mapping[str, Any], shapes: Mapping[str, Shape]) -> list[Piece]:
    """layer1_0_downsample_0 -> layer1.0.downsample.0"""
    return pieces_by_layer(weights, lambda layer: re.sub("_", ".", layer), TORCH, ".")
