"""timm's and Microsoft's Swin Transformers in KerasHub's."""

import re
from collections.abc import Mapping
from typing import Any

from fgtl.interop.correspondence import TORCH, Piece, pieces_by_layer
from fgtl.interop.matching import Shape

_ENDS = {"conv_projection": "proj", "norm": "norm"}
_TABLE = "relative_position_bias_table"


def swin_pieces(weights: Mapping[str, Any], shapes: Mapping[str, Shape]) -> list[Piece]:
    """stage_0/blocks_1/attn/attention_qkv/kernel -> layers.0.blocks.1.attn.qkv.weight

    timm >= 0.9 counts the merging of patches to the stage that it leads to, KerasHub and Microsoft's files to the one
    before. Queries, keys and values lie in one matrix on both sides, in the same order, and so do the merged patches.
    """
    shift = 0 if any(name.startswith("layers.0.downsample.") for name in shapes) else 1
    tables = {name: variable for name, variable in weights.items() if name.endswith(_TABLE)}
    others = {name: variable for name, variable in weights.items() if name not in tables}
    pieces = pieces_by_layer(others, lambda layer: _their_layer(layer, shift), TORCH, ".")
    for name, variable in tables.items():
        layer = _their_layer(name.removesuffix(f"/{_TABLE}"), shift)
        pieces.append(Piece(f"{layer}.{_TABLE}", tuple(variable.shape), variable))
    return pieces


def _their_layer(layer: str, shift: int) -> str:
    if found := re.fullmatch(r".*stage_(\d)/downsample/(norm|reduction)", layer):
        return f"layers.{int(found[1]) + shift}.downsample.{found[2]}"
    if found := re.fullmatch(r".*stage_(\d)/blocks_(\d+)/(.+)", layer):
        part = found[3].replace("attention_qkv", "qkv").replace("attention_projection", "proj").replace("/", ".")
        return f"layers.{found[1]}.blocks.{found[2]}.{part}"
    if found := re.fullmatch(r"patch_embedding/(conv_projection|norm)", layer):
        return f"patch_embed.{_ENDS[found[1]]}"
    return layer
