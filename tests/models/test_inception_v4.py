"""Inception-V4 against the paper's figures."""

import keras
import pytest

from fgtl.models.inception_v4 import build_inception_v4


def conv(inputs: int, filters: int, rows: int, columns: int) -> int:
    """Kernel, and beta, mean and variance of the normalisation behind it."""
    return inputs * filters * rows * columns + 3 * filters


def chain(inputs: int, *steps: tuple[int, int, int]) -> int:
    """Convolutions (filters, rows, columns) one after the other."""
    total = 0
    for filters, rows, columns in steps:
        total += conv(inputs, filters, rows, columns)
        inputs = filters
    return total


# Figures 3 to 9 and table 1 of Szegedy et al. 2016, by hand.
STEM = (
    chain(3, (32, 3, 3), (32, 3, 3), (64, 3, 3))
    + conv(64, 96, 3, 3)
    + chain(160, (64, 1, 1), (96, 3, 3))
    + chain(160, (64, 1, 1), (64, 7, 1), (64, 1, 7), (96, 3, 3))
    + conv(192, 192, 3, 3)
)
A = conv(384, 96, 1, 1) * 2 + chain(384, (64, 1, 1), (96, 3, 3)) + chain(384, (64, 1, 1), (96, 3, 3), (96, 3, 3))
REDUCTION_A = conv(384, 384, 3, 3) + chain(384, (192, 1, 1), (224, 3, 3), (256, 3, 3))
B = (
    conv(1024, 128, 1, 1)
    + conv(1024, 384, 1, 1)
    + chain(1024, (192, 1, 1), (224, 1, 7), (256, 7, 1))
    + chain(1024, (192, 1, 1), (192, 1, 7), (224, 7, 1), (224, 1, 7), (256, 7, 1))
)
REDUCTION_B = chain(1024, (192, 1, 1), (192, 3, 3)) + chain(1024, (256, 1, 1), (256, 1, 7), (320, 7, 1), (320, 3, 3))
C = (
    conv(1536, 256, 1, 1) * 2
    + conv(1536, 384, 1, 1)
    + 2 * conv(384, 256, 1, 3)
    + chain(1536, (384, 1, 1), (448, 1, 3), (512, 3, 1))
    + 2 * conv(512, 256, 1, 3)
)


@pytest.fixture(scope="module")
def trunk() -> keras.Model:
    return build_inception_v4(299)


def test_its_size_is_the_sum_over_the_figures(trunk: keras.Model) -> None:
    expected = STEM + 4 * A + REDUCTION_A + 7 * B + REDUCTION_B + 3 * C
    assert trunk.count_params() == expected == 41_174_400
    # Ports with a gamma in place of two statistics are known by 42,679,816 with a classifier for 1000 classes.
    channels = sum(layer.output.shape[-1] for layer in trunk.layers if isinstance(layer, keras.layers.Conv2D))
    assert expected - channels + 1536 * 1000 + 1000 == 42_679_816


def test_grids_and_channels_are_those_of_figure_nine(trunk: keras.Model) -> None:
    ends = {name: trunk.get_layer(name).output.shape[1:] for name in ("Mixed_5a", "Mixed_5e", "Mixed_6h", "Mixed_7d")}
    assert ends == {
        "Mixed_5a": (35, 35, 384),
        "Mixed_5e": (35, 35, 384),
        "Mixed_6h": (17, 17, 1024),
        "Mixed_7d": (8, 8, 1536),
    }


@pytest.mark.parametrize(
    ("layer", "kernel"),
    [
        ("Mixed_3a_Branch_1_Conv2d_0a_3x3", (3, 3, 64, 96)),
        ("Mixed_4a_Branch_1_Conv2d_0c_7x1", (7, 1, 64, 64)),
        ("Mixed_6a_Branch_1_Conv2d_1a_3x3", (3, 3, 224, 256)),
        ("Mixed_6h_Branch_2_Conv2d_0d_7x1", (7, 1, 224, 224)),
        ("Mixed_7d_Branch_2_Conv2d_0b_3x1", (3, 1, 384, 448)),
        ("Mixed_7d_Branch_2_Conv2d_0e_3x1", (3, 1, 512, 256)),
    ],
)
def test_layers_have_slims_names(trunk: keras.Model, layer: str, kernel: tuple[int, ...]) -> None:
    assert tuple(trunk.get_layer(layer).kernel.shape) == kernel


@pytest.mark.slow
@pytest.mark.parametrize(("size", "grid"), [(448, 12), (560, 16)])
def test_it_builds_at_every_published_size(size: int, grid: int) -> None:
    assert build_inception_v4(size).output_shape == (None, grid, grid, 1536)
