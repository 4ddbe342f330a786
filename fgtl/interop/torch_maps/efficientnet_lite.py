"""EfficientNet-Lite0 by the names of the published torch file."""

from collections.abc import Mapping
from typing import Any

from fgtl.interop.correspondence import TORCH, Piece, pieces_by_layer, transposed
from fgtl.interop.matching import Shape
from fgtl.models.efficientnet_lite import lite0_blocks

# torch: (channels, 1, rows, columns).
_DEPTHWISE = (2, 3, 0, 1)


def efficientnet_lite_pieces(weights: Mapping[str, Any], shapes: Mapping[str, Shape]) -> list[Piece]:
    """block3b_dwconv -> _blocks.4._depthwise_conv"""
    names = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "top_conv": "_conv_head", "top_bn": "_bn1"}
    depthwise = set()
    for index, block in enumerate(lite0_blocks()):
        # A block without expansion keeps the numbers of its batch norms.
        names[f"{block.name}_expand_conv"] = f"_blocks.{index}._expand_conv"
        names[f"{block.name}_expand_bn"] = f"_blocks.{index}._bn0"
        names[f"{block.name}_dwconv"] = f"_blocks.{index}._depthwise_conv"
        names[f"{block.name}_bn"] = f"_blocks.{index}._bn1"
        names[f"{block.name}_project_conv"] = f"_blocks.{index}._project_conv"
        names[f"{block.name}_project_bn"] = f"_blocks.{index}._bn2"
        depthwise.add(f"{block.name}_dwconv/kernel")
    others = {name: variable for name, variable in weights.items() if name not in depthwise}
    pieces = pieces_by_layer(others, names.__getitem__, TORCH, ".")
    for name in (name for name in weights if name in depthwise):
        pieces.append(transposed(f"{names[name.partition('/')[0]]}.weight", weights[name], _DEPTHWISE))
    return pieces
