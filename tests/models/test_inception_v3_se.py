"""Inception-V3-SE: keras.applications' Inception-V3 with gates, under slim's names."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from fgtl.models.backbone import build_network
from fgtl.models.inception_v3_se import build_inception_v3

CHANNELS = [256, 288, 288, 768, 768, 768, 768, 768, 1280, 2048, 2048]


@pytest.fixture(scope="module")
def gated() -> keras.Model:
    return build_inception_v3(75, se=True)


def test_without_gates_it_is_the_network_of_keras(scramble: Callable[[keras.Model], list[np.ndarray]]) -> None:
    ours = build_inception_v3(139, se=False)
    theirs = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(139, 139, 3))
    theirs.set_weights(scramble(ours))
    images = np.random.default_rng(1).uniform(-1, 1, (2, 139, 139, 3)).astype("float32")
    expected = np.asarray(theirs(images))
    assert expected.shape == (2, 3, 3, 2048)
    np.testing.assert_allclose(ours(images), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_the_gates_add_1661620_weights(gated: keras.Model) -> None:
    # Acceptance E6.
    gates = sum(2 * c * (c // 16) + c // 16 + c for c in CHANNELS)
    assert gates == 1_661_620
    assert gated.count_params() - build_inception_v3(75, se=False).count_params() == gates


def test_each_of_the_eleven_blocks_ends_in_a_gate(gated: keras.Model) -> None:
    gates = [layer for layer in gated.layers if isinstance(layer, keras.layers.Multiply)]
    assert [gate.output.shape[-1] for gate in gates] == CHANNELS
    assert [gate.name for gate in gates] == [
        f"Mixed_{block}_SE_block" for block in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")
    ]
    assert gated.output is gates[-1].output


def test_taps_lie_behind_the_gates() -> None:
    backbone = build_network("inception_v3_se", 75)
    images = np.random.default_rng(1).uniform(0, 255, (1, 75, 75, 3)).astype("float32")
    gate = backbone.trunk.get_layer("Mixed_6e_SE_block").output
    expected = keras.Model(backbone.trunk.input, gate)(images / 127.5 - 1)
    np.testing.assert_allclose(backbone(images)["taps"]["p4"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "kernel"),
    [
        ("Mixed_5c_Branch_1_Conv2d_0b_1x1", (1, 1, 256, 48)),
        ("Mixed_5c_Branch_1_Conv_1_0c_5x5", (5, 5, 48, 64)),
        ("Mixed_5d_Branch_1_Conv2d_0b_5x5", (5, 5, 48, 64)),
        ("Mixed_6a_Branch_0_Conv2d_1a_1x1", (3, 3, 288, 384)),
        ("Mixed_6a_Branch_1_Conv2d_1a_1x1", (3, 3, 96, 96)),
        ("Mixed_6c_Branch_2_Conv2d_0d_7x1", (7, 1, 160, 160)),
        ("Mixed_7b_Branch_1_Conv2d_0b_3x1", (3, 1, 384, 384)),
        ("Mixed_7c_Branch_1_Conv2d_0c_3x1", (3, 1, 384, 384)),
    ],
)
def test_slims_names_with_their_slips(gated: keras.Model, layer: str, kernel: tuple[int, ...]) -> None:
    (weight,) = gated.get_layer(layer).weights
    assert (weight.name, tuple(weight.shape)) == ("kernel", kernel)
    norm = gated.get_layer(f"{layer}_BatchNorm")
    assert [w.name for w in norm.weights] == ["beta", "moving_mean", "moving_variance"]
    assert (norm.momentum, norm.epsilon) == (0.9997, 1e-3)


@pytest.mark.parametrize(
    ("size", "grid"),
    [pytest.param(299, 8, marks=pytest.mark.slow), pytest.param(448, 12, marks=pytest.mark.slow), (560, 16)],
)
def test_it_builds_at_every_published_size(size: int, grid: int) -> None:
    # Acceptance E5.
    trunk = build_inception_v3(size, se=True)
    assert trunk.output_shape == (None, grid, grid, 2048)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("inception_v3_se", 299),
        ("inception_v3_se", 448),
        ("inception_v3_se", 560),
        ("inception_v4", 448),
        ("inception_resnet_v2_se", 299),
    ],
)
def test_it_runs_and_keeps_its_outputs_through_a_file(name: str, size: int, tmp_path: Path) -> None:
    backbone = build_network(name, size)
    images = np.random.default_rng(1).uniform(0, 255, (1, size, size, 3)).astype("float32")
    features = np.asarray(backbone(images)["features"])
    assert np.isfinite(features).all()
    assert features.std() > 0
    backbone.save(tmp_path / "backbone.keras")
    again = keras.saving.load_model(tmp_path / "backbone.keras", safe_mode=True)
    assert np.array_equal(again(images)["features"], features)
