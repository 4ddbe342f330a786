"""What differs between KerasHub's image families: allowed sizes, taps, the feature vector, preprocessing."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import keras

from fgtl.models.taps import Tap, find_taps, map_tap, nominal_stride, with_layers

# scale and offset of preprocessing: x * scale + offset for x in 0..255, one number or one per channel
Scaling = tuple[Any, Any]

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STANDARDISED: Scaling = (
    [1 / (255 * deviation) for deviation in _DEVIATION],
    [-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)],
)
CENTRED: Scaling = (1 / 127.5, -1.0)
LITE: Scaling = (1 / 128, -127 / 128)

Config = Mapping[str, Any]


def any_size(config: Config) -> int:
    """Convolutions take every size."""
    return 1


def whole_patches(config: Config) -> int:
    """The image is cut into patches."""
    patch = config["patch_size"]
    return int(patch if isinstance(patch, int) else math.lcm(*patch))


def whole_windows(config: Config) -> int:
    """Attention windows tile the map of every stage: the published network knows no windows that are padded."""
    return int(config.get("patch_size", 4) * config["window_size"] * 2 ** (len(config["depths"]) - 1))


def halved_whole(config: Config) -> int:
    """Each stage halves the map without a rest."""
    return int(math.prod(config["layerwise_strides"]))


def pyramid_taps(trunk: Any) -> dict[Tap, Any]:
    """The pyramid outputs from stride 4 on; the deepest is the network's output, after its last normalisation."""
    tensors = list(trunk.pyramid_outputs.values())
    tensors = [tensor for tensor in tensors if len(tensor.shape) == 4]
    return _maps(trunk, [*tensors, trunk.outputs[0]])


def output_taps(trunk: Any) -> dict[Tap, Any]:
    """The stages that the network itself returns by name; its stem has the stride of the first."""
    return _maps(trunk, [tensor for name, tensor in trunk.output.items() if name != "stem"])


def block_taps(trunk: Any) -> dict[Tap, Any]:
    """The last tensor at each stride of a network that is a chain of blocks."""
    return _maps(trunk, [layer.output for layer in trunk.layers if not isinstance(layer, keras.layers.ZeroPadding2D)])


def _maps(trunk: Any, tensors: list[Any]) -> dict[Tap, Any]:
    """The last of the (B, H, W, C) tensors at each stride, from 4 on; to be asked for, the maps of all layers."""
    size = trunk.inputs[0].shape[1]
    latest: dict[int, Any] = {}
    for tensor in tensors:
        # A gate is a map of one cell, and so may be the output of a network on a small image.
        if (len(tensor.shape) == 4 and tensor.shape[1] > 1) or tensor is tensors[-1]:
            latest[nominal_stride(size, tensor.shape[1])] = tensor
    usual = {map_tap(latest[stride], stride): latest[stride] for stride in sorted(latest) if stride >= 4}
    return with_layers(trunk, usual, {})


class _BlockEnds(keras.layers.Layer):
    """The embedded tokens of a ViT or DeiT -> the tokens after each of its blocks, and the last ones normalised.

    KerasHub's encoder is one layer that returns the last only. This one shares its blocks.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__(name="blocks")
        self.blocks, self.norm = encoder.encoder_layers, encoder.layer_norm
        # DeiT has its dropout in the embedding.
        self.dropout = getattr(encoder, "dropout", None)
        self.built = True

    def call(self, tokens: Any, training: bool | None = None) -> list[Any]:
        ends = []
        if self.dropout:
            tokens = self.dropout(tokens, training=training)
        for block in self.blocks:
            tokens = block(tokens, training=training)
            # DeiT's blocks also return their attention, or None.
            tokens = tokens[0] if isinstance(tokens, tuple) else tokens
            ends.append(tokens)
        return [*ends, self.norm(tokens)]


def vit_taps(trunk: Any) -> dict[Tap, Any]:
    """The ends of the four quarters of the depth; the deepest after the final normalisation.

    To be asked for: "block1", "block2" ... of all other blocks, and the last one before the normalisation, such as
    "block12_before_norm".
    """
    encoder = next(layer for layer in trunk.layers if layer.name.endswith("_encoder"))
    prefix = encoder.input.shape[1] - math.prod(_patch_grid(trunk))
    *blocks, normalised = _BlockEnds(encoder)(encoder.input)
    return _token_taps(trunk, blocks, normalised, prefix)


def dino_taps(trunk: Any) -> dict[Tap, Any]:
    """As `vit_taps`; the tokens before the grid are the class token and the registers."""
    blocks = [trunk.pyramid_outputs[f"stage{index}"] for index in range(1, trunk.num_layers + 1)]
    return _token_taps(trunk, blocks, trunk.outputs[0], 1 + trunk.num_register_tokens)


def _token_taps(trunk: Any, blocks: list[Any], normalised: Any, prefix: int) -> dict[Tap, Any]:
    depth, grid = len(blocks), _patch_grid(trunk)
    stride = trunk.inputs[0].shape[1] // grid[0]
    usual = {f"block{math.ceil(depth * quarter / 4)}" for quarter in (1, 2, 3, 4)}
    tensors = {f"block{number}": block for number, block in enumerate(blocks[:-1], 1)}
    tensors |= {f"block{depth}_before_norm": blocks[-1], f"block{depth}": normalised}
    return {
        Tap(name, stride, tensor.shape[-1], grid, prefix, usual=name in usual): tensor
        for name, tensor in tensors.items()
    }


def _patch_grid(trunk: Any) -> tuple[int, int]:
    rows, columns = trunk.inputs[0].shape[1:3]
    patch = trunk.patch_size
    height, width = (patch, patch) if isinstance(patch, int) else patch
    return rows // height, columns // width


class _StageEnds(keras.layers.Layer):
    """Swin's tokens -> the tokens of each stage before and after its patches are merged, and the last ones normalised.

    One layer, because the blocks of different stages have the same names, which a graph of layers may not.
    """

    def __init__(self, trunk: Any) -> None:
        super().__init__(name="stages")
        self.stages, self.norm = trunk.stages, trunk.norm
        self.built = True

    def call(self, tokens: Any, training: bool | None = None) -> list[Any]:
        ends = []
        for stage in self.stages:
            for block in stage.blocks:
                tokens = block(tokens, training=training)
            if stage.downsample:
                ends.append(tokens)
                rows, columns = stage.input_resolution
                tokens = stage.downsample(tokens, H=rows, W=columns)
            ends.append(tokens)
        return [*ends, self.norm(tokens)]


def swin_taps(trunk: Any) -> dict[Tap, Any]:
    """Each stage before its patches are merged, as (B, H, W, C); the deepest after the final normalisation.

    To be asked for: "stage1" ... "stage4", what the stages of the published network give: the merged patches, and of
    the last stage the map before the normalisation.
    """
    size = trunk.inputs[0].shape[1]
    shapes: list[tuple[str, tuple[int, int, int]]] = []
    for number, stage in enumerate(trunk.stages, 1):
        rows, columns = stage.input_resolution
        own = "", (rows, columns, stage.dim)
        if stage.downsample:
            shapes += [own, (f"stage{number}", (rows // 2, columns // 2, 2 * stage.dim))]
        else:
            shapes += [(f"stage{number}", own[1]), own]
    taps: dict[Tap, Any] = {}
    ends = _StageEnds(trunk)(trunk.get_layer("pos_drop").output)
    for (name, shape), end in zip(shapes, ends, strict=True):
        tensor = keras.layers.Reshape(shape, name=name or f"grid_{len(taps)}")(end)
        tap = map_tap(tensor, nominal_stride(size, shape[0]))
        taps[replace(tap, name=name, usual=False) if name else tap] = tensor
    return taps


def class_token(trunk: Any, taps: Mapping[str, Any]) -> Any:
    """(B, C): the first token after the final normalisation, which is what the published classifiers see."""
    return list(taps.values())[-1][:, 0]


@dataclass(frozen=True)
class Family:
    """One of KerasHub's families.

    Args:
        taps: see `Architecture`; the trunk is KerasHub's own class.
        features: see `Architecture`; None for the mean of the deepest tap over its grid.
        multiple: config -> the input size must be a multiple of this.
        scaling: preprocessing that its published weights expect when a preset does not say.
    """

    taps: Callable[[Any], dict[Tap, Any]] = pyramid_taps
    features: Callable[[Any, Mapping[str, Any]], Any] | None = None
    multiple: Callable[[Config], int] = any_size
    scaling: Scaling = field(default=STANDARDISED)


_Transformer = partial(Family, features=class_token, multiple=whole_patches)

FAMILIES: dict[str, Family] = {
    "ViT": _Transformer(vit_taps, scaling=CENTRED),
    "DeiT": _Transformer(vit_taps),
    "DINOV2": _Transformer(dino_taps),
    "DINOV3": _Transformer(dino_taps),
    "SwinTransformer": Family(swin_taps, multiple=whole_windows),
    "MiT": Family(multiple=halved_whole),
    "EfficientNet": Family(),
    "ResNet": Family(),
    "DenseNet": Family(),
    "CSPNet": Family(),
    "MobileNet": Family(block_taps),
    "HGNetV2": Family(output_taps),
    "VGG": Family(find_taps),
    "Xception": Family(find_taps, scaling=CENTRED),
}


def expected_scaling(kind: str, config: Config) -> Scaling:
    """Preprocessing of a network whose preset does not say: its family's, but the Lite EfficientNets have their own."""
    lite = config.get("activation") == "relu6" and not any(config.get("stackwise_squeeze_and_excite_ratios", [1]))
    return LITE if kind == "EfficientNet" and lite else FAMILIES[kind].scaling
