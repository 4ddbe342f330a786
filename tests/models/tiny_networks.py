"""Each family of KerasHub at a size that is built in no time (`from tiny_networks import ...`)."""

import json
from typing import Any

import numpy as np

from fgtl.models.backbone import Backbone
from fgtl.models.keras_hub_families import STANDARDISED
from fgtl.models.keras_hub_networks import NETWORKS
from fgtl.models.keras_hub_rebuild import blueprint

_TOKENS = {"patch_size": 8, "num_layers": 4, "num_heads": 2, "hidden_dim": 8}
# Each family at a size that is built in no time: arguments, input size, and the taps as (name, stride, grid, channels).
_MAPS = [("p2", 4, 16), ("p3", 8, 8), ("p4", 16, 4), ("p5", 32, 2)]
TINY: dict[str, tuple[dict[str, Any], int, list[tuple[str, int, int]]]] = {
    "ViT": ({**_TOKENS, "mlp_dim": 16}, 32, [(f"block{i}", 8, 4) for i in (1, 2, 3, 4)]),
    "DeiT": ({**_TOKENS, "num_layers": 3, "intermediate_dim": 16}, 32, [(f"block{i}", 8, 4) for i in (1, 2, 3)]),
    "DINOV2": (
        {**_TOKENS, "intermediate_dim": 16, "num_register_tokens": 2, "position_embedding_shape": [40, 40, 3]},
        32,
        [(f"block{i}", 8, 4) for i in (1, 2, 3, 4)],
    ),
    "DINOV3": (
        {**_TOKENS, "intermediate_dim": 16, "num_register_tokens": 2},
        32,
        [(f"block{i}", 8, 4) for i in (1, 2, 3, 4)],
    ),
    "SwinTransformer": (
        {"embed_dim": 8, "depths": [1, 1, 2, 1], "num_heads": [1, 1, 2, 2], "window_size": 2},
        64,
        _MAPS,
    ),
    "MiT": (
        {
            "layerwise_depths": [1, 1, 1, 1],
            "num_layers": 4,
            "layerwise_num_heads": [1, 1, 2, 2],
            "layerwise_sr_ratios": [4, 2, 1, 1],
            "max_drop_path_rate": 0.1,
            "layerwise_patch_sizes": [7, 3, 3, 3],
            "layerwise_strides": [4, 2, 2, 2],
            "hidden_dims": [4, 4, 8, 8],
        },
        64,
        _MAPS,
    ),
    "ResNet": (
        {**NETWORKS["resnet_18"].arguments, "stackwise_num_blocks": [1] * 4, "stackwise_num_filters": [64, 8, 8, 8]},
        64,
        _MAPS,
    ),
    "DenseNet": ({"stackwise_num_repeats": [1, 1, 1, 1], "growth_rate": 4}, 64, _MAPS),
    "EfficientNet": (
        {
            **NETWORKS["efficientnet_b0"].arguments,
            "stackwise_num_repeats": [1] * 7,
            "stackwise_output_filters": [8] * 7,
            "stackwise_input_filters": [8] * 7,
        },
        64,
        _MAPS,
    ),
    "MobileNet": (
        {**NETWORKS["mobilenet_v3_small"].arguments, "stackwise_num_filters": [[8] * 2, [8] * 3, [8] * 2, [8] * 3]},
        64,
        _MAPS,
    ),
    "HGNetV2": (
        {
            "depths": [1, 1, 1, 1],
            "embedding_size": 8,
            "hidden_sizes": [8, 8, 8, 16],
            "stem_channels": [3, 8, 8],
            "hidden_act": "relu",
            "use_learnable_affine_block": False,
            "stackwise_stage_filters": [
                [8, 8, 8, 1, 1, 3],
                [8, 8, 8, 1, 1, 3],
                [8, 8, 8, 1, 1, 3],
                [8, 8, 16, 1, 1, 3],
            ],
            "apply_downsample": [False, True, True, True],
            "use_lightweight_conv_block": [False] * 4,
        },
        64,
        _MAPS,
    ),
    "CSPNet": (
        {
            "stem_filters": 8,
            "stem_kernel_size": 3,
            "stem_strides": 1,
            "stackwise_depth": [1] * 5,
            "stackwise_strides": [2] * 5,
            "stackwise_num_filters": [8] * 5,
            "block_type": "dark_block",
            "stage_type": "csp",
            "bottle_ratio": [0.5, 1.0],
            "block_ratio": [1.0, 0.5],
            "expand_ratio": [2.0, 1.0],
            "stem_padding": "same",
            "down_growth": True,
        },
        64,
        _MAPS,
    ),
    "VGG": ({"stackwise_num_repeats": [1] * 5, "stackwise_num_filters": [4] * 5}, 64, _MAPS),
    "Xception": (
        {
            "stackwise_conv_filters": [[4, 4], [8, 8], [12, 12], [16, 16], [20]],
            "stackwise_pooling": [True] * 4 + [False],
        },
        64,
        # Its first block convolves without padding.
        [("p2", 4, 15), *_MAPS[1:]],
    ),
}
PREFIX = {"ViT": 1, "DeiT": 2, "DINOV2": 3, "DINOV3": 3}


def tiny(kind: str, size: int | None = None) -> Backbone:
    arguments, usual, _ = TINY[kind]
    plan = blueprint(kind, arguments, *STANDARDISED, usual)
    return Backbone("keras_hub:tiny", size, json.loads(json.dumps(plan.spec)))


def images_of(backbone: Backbone) -> np.ndarray:
    side = backbone.input_size
    return np.random.default_rng(0).uniform(0, 255, (2, side, side, 3)).astype("float32")


def perturb(backbone: Backbone) -> None:
    """Other weights than any that a network is built with, some of them only smaller ones."""
    draws = np.random.default_rng(1)
    for variable in backbone.trainable_variables:
        variable.assign(variable - 0.02 * draws.uniform(0.5, 1, variable.shape))
