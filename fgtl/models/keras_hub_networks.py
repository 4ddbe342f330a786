"""Networks that KerasHub builds from arguments, without a download: the published sizes of its image families.

The sizes are those of the papers; each count of parameters is tested against the one that KerasHub states for the
preset of the same network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Network:
    """One network that can be named without a download.

    Args:
        kind: KerasHub's class, without "Backbone".
        input_size: pixels that its published weights were trained at.
        arguments: of the class, without the image's shape.
        preset: KerasHub's preset with published weights for it; "" when there is none.
    """

    kind: str
    input_size: int
    arguments: Mapping[str, Any]
    preset: str = ""


def _vit(width: int, depth: int, heads: int, patch: int, size: int = 224, preset: str = "") -> Network:
    arguments = {
        "patch_size": patch,
        "num_layers": depth,
        "num_heads": heads,
        "hidden_dim": width,
        "mlp_dim": 4 * width,
    }
    return Network("ViT", size, arguments, preset)


def _deit(width: int, heads: int, size: int = 224, preset: str = "") -> Network:
    arguments = {
        "patch_size": 16,
        "num_layers": 12,
        "num_heads": heads,
        "hidden_dim": width,
        "intermediate_dim": 4 * width,
    }
    return Network("DeiT", size, arguments, preset)


def _swin(width: int, third: int, size: int, preset: str) -> Network:
    arguments = {
        "embed_dim": width,
        "depths": [2, 2, third, 2],
        "num_heads": [width // 32 * 2**stage for stage in range(4)],
        "window_size": size // 32,
    }
    return Network("SwinTransformer", size, arguments, preset)


def _dinov2(width: int, depth: int, registers: int, preset: str) -> Network:
    arguments = {
        "patch_size": 14,
        "num_layers": depth,
        "num_heads": width // 64,
        "hidden_dim": width,
        "intermediate_dim": 4 * width,
        "layer_scale_init_value": 1.0,
        "num_register_tokens": registers,
        "position_embedding_shape": [518, 518, 3],
    }
    return Network("DINOV2", 518, arguments, preset)


def _efficientnet(width: float, depth: float, size: int, preset: str = "") -> Network:
    arguments = {
        "stackwise_width_coefficients": [width] * 7,
        "stackwise_depth_coefficients": [depth] * 7,
        "stackwise_kernel_sizes": [3, 3, 5, 3, 5, 5, 3],
        "stackwise_num_repeats": [1, 2, 2, 3, 3, 4, 1],
        "stackwise_input_filters": [32, 16, 24, 40, 80, 112, 192],
        "stackwise_output_filters": [16, 24, 40, 80, 112, 192, 320],
        "stackwise_expansion_ratios": [1, 6, 6, 6, 6, 6, 6],
        "stackwise_squeeze_and_excite_ratios": [0.25] * 7,
        "stackwise_strides": [1, 2, 2, 2, 1, 2, 1],
        "stackwise_block_types": ["v1"] * 7,
        "include_stem_padding": True,
        "stem_conv_padding": "valid",
        "use_depth_divisor_as_min_depth": True,
        "cap_round_filter_decrease": True,
        "min_depth": None,
        "dropout": 0.0,
    }
    return Network("EfficientNet", size, arguments, preset)


def _resnet(block: str, blocks: list[int], style: str = "", preset: str = "") -> Network:
    """`style`: "" for He et al. 2015, "v2" for their pre-activation of 2016, "vd" for He et al. 2018's ResNet-D."""
    arguments = {
        "input_conv_filters": [32, 32, 64] if style == "vd" else [64],
        "input_conv_kernel_sizes": [3, 3, 3] if style == "vd" else [7],
        "stackwise_num_filters": [64, 128, 256, 512],
        "stackwise_num_blocks": blocks,
        "stackwise_num_strides": [1, 2, 2, 2],
        "block_type": f"{block}_block_vd" if style == "vd" else f"{block}_block",
        "use_pre_activation": style == "v2",
    }
    return Network("ResNet", 224, arguments, preset)


def _densenet(blocks: list[int], preset: str) -> Network:
    return Network("DenseNet", 224, {"stackwise_num_repeats": blocks, "growth_rate": 32}, preset)


# Kernel, squeeze-and-excitation, activation, stride, filters, channels of the expansion in each block
_MobileStage = tuple[int, bool, str, int, int, list[int]]
_SMALL: list[_MobileStage] = [
    (3, False, "relu", 2, 24, [72, 88]),
    (5, True, "hard_swish", 2, 40, [96, 240, 240]),
    (5, True, "hard_swish", 1, 48, [120, 144]),
    (5, True, "hard_swish", 2, 96, [288, 576, 576]),
]
_LARGE: list[_MobileStage] = [
    (3, False, "relu", 2, 24, [64, 72]),
    (5, True, "relu", 2, 40, [72, 120, 120]),
    (3, False, "hard_swish", 2, 80, [240, 200, 184, 184]),
    (3, True, "hard_swish", 1, 112, [480, 672]),
    (5, True, "hard_swish", 2, 160, [672, 960, 960]),
]


def _mobilenet_v3(stages: list[_MobileStage], first: dict[str, Any], last: int, preset: str) -> Network:
    """`first`: the block before the stages; `last`: filters of the convolution behind them."""

    def each_block(of_stage: Callable[[_MobileStage], Any]) -> list[list[Any]]:
        return [[of_stage(stage)] * len(stage[5]) for stage in stages]

    arguments = {
        "stackwise_num_blocks": [len(stage[5]) for stage in stages],
        "stackwise_expansion": [stage[5] for stage in stages],
        "stackwise_num_filters": each_block(lambda stage: stage[4]),
        "stackwise_kernel_size": each_block(lambda stage: stage[0]),
        "stackwise_num_strides": [[stage[3]] + [1] * (len(stage[5]) - 1) for stage in stages],
        "stackwise_se_ratio": each_block(lambda stage: 0.25 if stage[1] else None),
        "stackwise_activation": each_block(lambda stage: stage[2]),
        "stackwise_padding": each_block(lambda stage: stage[0] // 2),
        "output_num_filters": 1024,
        "input_num_filters": 16,
        "depthwise_filters": 16,
        "last_layer_filter": last,
        "input_activation": "hard_swish",
        "output_activation": "hard_swish",
    }
    return Network("MobileNet", 224, {**arguments, **first}, preset)


def _vgg(blocks: list[int], preset: str) -> Network:
    filters = [64, 128, 256, 512, 512]
    return Network("VGG", 224, {"stackwise_num_repeats": blocks, "stackwise_num_filters": filters}, preset)


NETWORKS: dict[str, Network] = {
    # Dosovitskiy et al. 2021; the two smallest are DeiT's sizes (Touvron et al. 2021).
    "vit_tiny_16": _vit(192, 12, 3, 16),
    "vit_small_16": _vit(384, 12, 6, 16),
    "vit_base_16": _vit(768, 12, 12, 16, 224, "vit_base_patch16_224_imagenet"),
    "vit_base_16_384": _vit(768, 12, 12, 16, 384, "vit_base_patch16_384_imagenet"),
    "vit_base_32_384": _vit(768, 12, 12, 32, 384, "vit_base_patch32_384_imagenet"),
    "vit_large_16": _vit(1024, 24, 16, 16, 224, "vit_large_patch16_224_imagenet"),
    "vit_large_16_384": _vit(1024, 24, 16, 16, 384, "vit_large_patch16_384_imagenet"),
    "vit_huge_14": _vit(1280, 32, 16, 14, 224, "vit_huge_patch14_224_imagenet21k"),
    # Touvron et al. 2021, with the distillation token.
    "deit_tiny_16": _deit(192, 3, 224, "deit_tiny_distilled_patch16_224_imagenet"),
    "deit_small_16": _deit(384, 6, 224, "deit_small_distilled_patch16_224_imagenet"),
    "deit_base_16": _deit(768, 12, 224, "deit_base_distilled_patch16_224_imagenet"),
    "deit_base_16_384": _deit(768, 12, 384, "deit_base_distilled_patch16_384_imagenet"),
    # Liu et al. 2021: windows of 7 at 224 pixels, of 12 at 384.
    "swin_tiny_224": _swin(96, 6, 224, "swin_tiny_patch4_window7_224"),
    "swin_small_224": _swin(96, 18, 224, "swin_small_patch4_window7_224"),
    "swin_base_224": _swin(128, 18, 224, "swin_base_patch4_window7_224"),
    "swin_base_384": _swin(128, 18, 384, "swin_base_patch4_window12_384"),
    "swin_large_224": _swin(192, 18, 224, "swin_large_patch4_window7_224"),
    "swin_large_384": _swin(192, 18, 384, "swin_large_patch4_window12_384"),
    # Oquab et al. 2024; with registers: Darcet et al. 2024.
    "dinov2_small_14": _dinov2(384, 12, 0, "dinov2_small"),
    "dinov2_base_14": _dinov2(768, 12, 0, "dinov2_base"),
    "dinov2_large_14": _dinov2(1024, 24, 0, "dinov2_large"),
    "dinov2_registers_small_14": _dinov2(384, 12, 4, "dinov2_with_registers_small"),
    "dinov2_registers_base_14": _dinov2(768, 12, 4, "dinov2_with_registers_base"),
    "dinov2_registers_large_14": _dinov2(1024, 24, 4, "dinov2_with_registers_large"),
    # Tan & Le 2019: width, depth, resolution.
    "efficientnet_b0": _efficientnet(1.0, 1.0, 224, "efficientnet_b0_ra_imagenet"),
    "efficientnet_b1": _efficientnet(1.0, 1.1, 240, "efficientnet_b1_ft_imagenet"),
    "efficientnet_b2": _efficientnet(1.1, 1.2, 260, "efficientnet_b2_ra_imagenet"),
    "efficientnet_b3": _efficientnet(1.2, 1.4, 300, "efficientnet_b3_ra2_imagenet"),
    "efficientnet_b4": _efficientnet(1.4, 1.8, 380, "efficientnet_b4_ra2_imagenet"),
    "efficientnet_b5": _efficientnet(1.6, 2.2, 456, "efficientnet_b5_sw_imagenet"),
    "resnet_18": _resnet("basic", [2, 2, 2, 2], "", "resnet_18_imagenet"),
    "resnet_34": _resnet("basic", [3, 4, 6, 3]),
    "resnet_50": _resnet("bottleneck", [3, 4, 6, 3], "", "resnet_50_imagenet"),
    "resnet_101": _resnet("bottleneck", [3, 4, 23, 3], "", "resnet_101_imagenet"),
    "resnet_152": _resnet("bottleneck", [3, 8, 36, 3], "", "resnet_152_imagenet"),
    "resnet_v2_50": _resnet("bottleneck", [3, 4, 6, 3], "v2", "resnet_v2_50_imagenet"),
    "resnet_v2_101": _resnet("bottleneck", [3, 4, 23, 3], "v2", "resnet_v2_101_imagenet"),
    "resnet_vd_18": _resnet("basic", [2, 2, 2, 2], "vd", "resnet_vd_18_imagenet"),
    "resnet_vd_34": _resnet("basic", [3, 4, 6, 3], "vd", "resnet_vd_34_imagenet"),
    "resnet_vd_50": _resnet("bottleneck", [3, 4, 6, 3], "vd", "resnet_vd_50_imagenet"),
    "resnet_vd_101": _resnet("bottleneck", [3, 4, 23, 3], "vd", "resnet_vd_101_imagenet"),
    # Huang et al. 2017.
    "densenet_121": _densenet([6, 12, 24, 16], "densenet_121_imagenet"),
    "densenet_169": _densenet([6, 12, 32, 32], "densenet_169_imagenet"),
    "densenet_201": _densenet([6, 12, 48, 32], "densenet_201_imagenet"),
    # Howard et al. 2019.
    "mobilenet_v3_small": _mobilenet_v3(
        _SMALL,
        {"depthwise_stride": 2, "depthwise_residual": False, "squeeze_and_excite": 0.5},
        576,
        "mobilenet_v3_small_100_imagenet",
    ),
    "mobilenet_v3_large": _mobilenet_v3(
        _LARGE,
        {"depthwise_stride": 1, "depthwise_residual": True, "squeeze_and_excite": None},
        960,
        "mobilenet_v3_large_100_imagenet",
    ),
    # Simonyan & Zisserman 2015.
    "vgg_16": _vgg([2, 2, 3, 3, 3], "vgg_16_imagenet"),
    "vgg_19": _vgg([2, 2, 4, 4, 4], "vgg_19_imagenet"),
}
