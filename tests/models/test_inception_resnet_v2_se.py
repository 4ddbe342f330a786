"""Inception-ResNet-V2-SE: keras.applications' Inception-ResNet-V2 with gates, under slim's names."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from fgtl.models.inception_resnet_v2_se import build_inception_resnet_v2

SIZE = 107


@pytest.fixture(scope="module")
def plain() -> keras.Model:
    return build_inception_resnet_v2(SIZE, se=False)


@pytest.fixture(scope="module")
def gated() -> keras.Model:
    return build_inception_resnet_v2(SIZE, se=True)


def test_without_gates_it_is_the_network_of_keras(
    plain: keras.Model, scramble: Callable[[keras.Model], list[np.ndarray]]
) -> None:
    theirs = keras.applications.InceptionResNetV2(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
    theirs.set_weights(scramble(plain))
    images = np.random.default_rng(1).uniform(-1, 1, (1, SIZE, SIZE, 3)).astype("float32")
    expected = np.asarray(theirs(images))
    assert expected.shape == (1, 2, 2, 1536)
    np.testing.assert_allclose(plain(images), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_43_gates_add_9249254_weights(plain: keras.Model, gated: keras.Model) -> None:
    # Acceptance E6.
    gates = [layer for layer in gated.layers if isinstance(layer, keras.layers.Multiply)]
    assert len(gates) == 43
    channels = [320] * 11 + [1088] * 21 + [2080] * 11
    assert [gate.output.shape[-1] for gate in gates] == channels
    assert gated.count_params() - plain.count_params() == 9_249_254
    assert sum(2 * c * (c // 16) + c // 16 + c for c in channels) == 9_249_254


@pytest.mark.parametrize(("block", "scale"), [("Repeat_1_block17_7", 0.1), ("Block8", 1.0)])
def test_a_gate_works_on_the_scaled_residual_before_it_is_added(gated: keras.Model, block: str, scale: float) -> None:
    added = gated.get_layer(f"{block}_Add")
    shortcut, residual = added.input
    up = gated.get_layer(f"{block}_Conv2d_1x1").output
    parts = keras.Model(gated.input, [shortcut, residual, up, added.output])
    images = np.random.default_rng(1).uniform(-1, 1, (1, SIZE, SIZE, 3)).astype("float32")
    x, gated_residual, unscaled, output = (np.asarray(part) for part in parts(images))
    first, second = (gated.get_layer(f"{block}_SE_block_{name}") for name in ("Conv", "Conv_1"))
    (down, bias), (back, offset) = ([np.asarray(w) for w in layer.get_weights()] for layer in (first, second))
    scaled = scale * unscaled
    hidden = np.maximum(scaled.mean((1, 2)) @ down[0, 0] + bias, 0)
    gate = 1 / (1 + np.exp(-(hidden @ back[0, 0] + offset)))
    np.testing.assert_allclose(gated_residual, scaled * gate[:, None, None], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(output, x + gated_residual, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "kernel"),
    [
        ("Mixed_5b_Branch_0_Conv2d_1x1", (1, 1, 192, 96)),
        ("Repeat_block35_10_Branch_2_Conv2d_0c_3x3", (3, 3, 48, 64)),
        ("Repeat_1_block17_20_Branch_1_Conv2d_0b_1x7", (1, 7, 128, 160)),
        ("Repeat_2_block8_9_Conv2d_1x1", (1, 1, 448, 2080)),
        ("Block8_Branch_1_Conv2d_0c_3x1", (3, 1, 224, 256)),
        ("Repeat_1_block17_20_SE_block_Conv_1", (1, 1, 68, 1088)),
        ("Conv2d_7b_1x1", (1, 1, 2080, 1536)),
    ],
)
def test_layers_have_slims_names(gated: keras.Model, layer: str, kernel: tuple[int, ...]) -> None:
    assert tuple(gated.get_layer(layer).kernel.shape) == kernel


def test_the_last_block_has_no_activation(gated: keras.Model) -> None:
    names = {layer.name for layer in gated.layers}
    assert "Repeat_2_block8_9_Relu" in names
    assert "Block8_Relu" not in names


@pytest.mark.slow
@pytest.mark.parametrize(("size", "grid"), [(299, 8), (448, 12), (560, 16)])
def test_it_builds_at_every_published_size(size: int, grid: int) -> None:
    assert build_inception_resnet_v2(size, se=True).output_shape == (None, grid, grid, 1536)
