"""Where the taps of a network are."""

import keras
import pytest
from keras import layers

from fgtl.models.backbone import build_network
from fgtl.models.taps import Tap, find_taps


def names_of(trunk: keras.Model) -> dict[str, str]:
    """Name of a usual tap -> the layer whose output it is."""
    return {tap.name: tensor._keras_history.operation.name for tap, tensor in find_taps(trunk).items() if tap.usual}


def residual(x: object, name: str) -> object:
    inner = layers.Conv2D(x.shape[-1], 3, padding="same", name=f"{name}_conv")(x)  # type: ignore[attr-defined]
    return layers.Add(name=f"{name}_add")([x, inner])


def test_a_stage_ends_behind_its_last_residual_block_and_its_activation() -> None:
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 4, strides=4, name="stem")(image)
    x = layers.ReLU(name="first_relu")(residual(x, "first"))
    x = layers.Conv2D(64, 1, name="widen")(x)
    x = layers.ZeroPadding2D(1, name="pad")(x)
    x = residual(layers.Conv2D(16, 3, strides=2, name="shrink")(x), "second")
    assert names_of(keras.Model(image, x)) == {"p2": "first_relu", "p3": "second_add"}


def gated(x: object, name: str) -> object:
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return layers.Multiply(name=name)([x, layers.Conv2D(8, 1, activation="sigmoid")(gate)])


def test_a_gate_is_neither_a_join_nor_a_map() -> None:
    image = keras.Input((32, 32, 3))
    x = residual(layers.Conv2D(8, 4, strides=4)(image), "block")
    x = gated(layers.Conv2D(8, 1, name="next_block")(x), "excite")
    x = layers.Conv2D(8, 2, strides=2, name="end")(x)
    assert names_of(keras.Model(image, x)) == {"p2": "block_add", "p3": "end"}


def test_a_gate_right_behind_a_block_belongs_to_it() -> None:
    image = keras.Input((32, 32, 3))
    x = gated(residual(layers.Conv2D(8, 4, strides=4)(image), "block"), "excite")
    x = layers.Conv2D(8, 2, strides=2, name="end")(x)
    assert names_of(keras.Model(image, x)) == {"p2": "excite", "p3": "end"}


def test_without_joins_the_last_map_before_the_next_stride_is_taken() -> None:
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, padding="same", strides=4, name="one")(image)
    x = layers.Conv2D(8, 3, padding="same", name="two")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    assert names_of(keras.Model(image, x)) == {"p2": "two", "p3": "pool"}


def test_a_nested_model_counts_with_all_its_strides() -> None:
    image = keras.Input((32, 32, 3))
    stem = keras.Sequential([layers.Conv2D(4, 2, strides=2), layers.Conv2D(4, 2, strides=2)], name="stem")
    x = layers.Conv2D(8, 2, strides=2, name="end")(stem(image))
    taps = [tap for tap in find_taps(keras.Model(image, x)) if tap.usual]
    assert taps == [Tap("p2", 4, 4, (8, 8)), Tap("p3", 8, 8, (4, 4))]


# Sizes below the published ones keep the test quick; strides and channels do not depend on them.
@pytest.mark.parametrize(
    ("name", "size", "layers_by_tap", "channels"),
    [
        ("mobilenet_v2", 64, ["block_2_add", "block_5_add", "block_12_add", "out_relu"], [24, 32, 96, 1280]),
        ("efficientnet_b0", 64, ["block2b_add", "block3b_add", "block5c_add", "top_activation"], [24, 40, 112, 1280]),
        ("efficientnet_lite0", 64, ["block2b_add", "block3b_add", "block5c_add", "top_relu"], [24, 40, 112, 1280]),
        ("resnet50", 64, ["conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"], [256, 512, 1024, 2048]),
        ("resnet50_v2", 64, ["conv2_block2_out", "conv3_block3_out", "conv4_block5_out", "post_relu"], [256, 512, 1024, 2048]),
        ("densenet121", 64, ["pool2_relu", "pool3_relu", "pool4_relu", "relu"], [256, 512, 1024, 1024]),
        ("vgg16", 64, ["block3_conv3", "block4_conv3", "block5_conv3", "block5_pool"], [256, 512, 512, 512]),
    ],
)  # fmt: skip
def test_the_stages_that_the_field_names(name: str, size: int, layers_by_tap: list[str], channels: list[int]) -> None:
    backbone = build_network(name, size)
    assert list(names_of(backbone.trunk).values()) == layers_by_tap
    assert [(tap.name, tap.stride, tap.grid) for tap in backbone.taps] == [
        (f"p{level}", 2**level, (size // 2**level, size // 2**level)) for level in (2, 3, 4, 5)
    ]
    assert [tap.channels for tap in backbone.taps] == channels


@pytest.mark.parametrize(("size", "grid"), [(299, 8), (448, 12), (560, 16)])
def test_inception_builds_at_every_published_size(size: int, grid: int) -> None:
    backbone = build_network("inception_v3", size)
    assert (backbone.taps[-1].grid, backbone.feature_dim) == ((grid, grid), 2048)
    assert list(names_of(backbone.trunk).values())[1:] == ["mixed2", "mixed7", "mixed10"]
