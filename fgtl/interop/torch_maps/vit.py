"""timm's Vision Transformers (vit_*_patch*, deit_* without distillation) in KerasHub's ViT.

timm's vit_*.augreg_* were trained on images in -1..1, which keras_hub:vit_* feeds; DeiT's on standardised images, for which
the first convolution of a network that is not fine-tuned would have to be rescaled. Positions belong to one image size.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from fgtl.errors import UsageError
from fgtl.interop.correspondence import TORCH, Piece, transposed
from fgtl.interop.matching import Shape

_LAYERS = {
    "ln_1": "norm1",
    "ln_2": "norm2",
    "mlp/dense_1": "mlp.fc1",
    "mlp/dense_2": "mlp.fc2",
    "mha/attention_output": "attn.proj",
}
_QKV = ("query", "key", "value")


def vit_pieces(weights: Mapping[str, Any], shapes: Mapping[str, Shape]) -> list[Piece]:
    """transformer_block_1/mha/query/kernel (D, H, D/H) -> the first third of blocks.0.attn.qkv.weight (3 D, D)"""
    return [_piece(name, variable) for name, variable in weights.items()]


def _piece(name: str, variable: Any) -> Piece:
    if found := re.fullmatch(r".*transformer_block_(\d+)/(.+)/(\w+)", name):
        block = f"blocks.{int(found[1]) - 1}"
        return _block_piece(block, found[2], found[3], variable)
    if found := re.fullmatch(r".*patch_embedding/(kernel|bias)", name):
        theirs, axes = TORCH[found[1], len(variable.shape)]
        return transposed(f"patch_embed.proj.{theirs}", variable, axes)
    if found := re.fullmatch(r".*vit_encoder/ln/(gamma|beta)", name):
        return transposed(f"norm.{TORCH[found[1], 1][0]}", variable, (0,))
    if name.endswith("class_token"):
        return Piece("cls_token", tuple(variable.shape), variable)
    if name.endswith("position_embedding/embeddings"):
        return Piece("pos_embed", (1, *variable.shape), variable, partial(np.squeeze, axis=0))
    raise UsageError(f"fgtl does not know what {name} is called in timm's ViT.")


def _block_piece(block: str, layer: str, weight: str, variable: Any) -> Piece:
    shape = tuple(variable.shape)
    if layer.startswith("mha/") and layer.removeprefix("mha/") in _QKV:
        # (D, H, D/H) or (H, D/H); theirs holds queries, keys and values one below the other.
        third = _QKV.index(layer.removeprefix("mha/"))
        width = int(np.prod(shape[-2:]))
        theirs = (3 * width, shape[0]) if weight == "kernel" else (3 * width,)
        ending = TORCH[weight, len(theirs)][0]
        return Piece(f"{block}.attn.qkv.{ending}", theirs, variable, partial(_third, third=third, shape=shape))
    if layer == "mha/attention_output" and weight == "kernel":
        # (H, D/H, D) from (D, D).
        flat = (shape[2], shape[0] * shape[1])
        return Piece(f"{block}.attn.proj.weight", flat, variable, lambda array: array.T.reshape(shape))
    theirs_name, axes = TORCH[weight, len(shape)]
    return transposed(f"{block}.{_LAYERS[layer]}.{theirs_name}", variable, axes)


def _third(array: np.ndarray, third: int, shape: Shape) -> np.ndarray:
    return np.split(array, 3)[third].T.reshape(shape)
