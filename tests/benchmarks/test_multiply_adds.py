"""The count of multiply-adds says what papers say."""

import pytest

from benchmarks.multiply_adds import CORNERS, network_multiply_adds, plugin_multiply_adds
from fgtl.models.backbone import build_network

# Published Swin-Large at 384 px: (rows, columns, channels) of its taps.
SWIN = {"s1": (48, 48, 384), "s2": (24, 24, 768), "s3": (12, 12, 1536), "s4": (12, 12, 1536)}


@pytest.mark.parametrize(
    ("name", "pixels", "published", "classifier"),
    # Sandler et al. 2018, table 4; He et al. 2016, table 1. Both with their dense layer of 1000 classes.
    [("mobilenet_v2", 224, 300e6, 1280 * 1000), ("resnet50", 224, 3.8e9, 2048 * 1000)],
)
def test_networks_have_their_published_count(name: str, pixels: int, published: float, classifier: int) -> None:
    assert network_multiply_adds(build_network(name, pixels).trunk) + classifier == pytest.approx(published, rel=0.02)


def test_a_network_of_half_the_size_has_a_quarter() -> None:
    small, large = (network_multiply_adds(build_network("mobilenet_v2", pixels).trunk) for pixels in (96, 192))
    assert large == 4 * small


def test_the_plugin_is_the_sum_of_its_parts() -> None:
    """Projections 4.1, classifiers 8.5 and combiner 0.7 of 10^9, worked out by hand; and what doubling takes."""
    doubled = CORNERS * 1536 * (48 * 48 + 24 * 24 + 12 * 12)
    found = plugin_multiply_adds(SWIN, (2048, 512, 128, 32), 1536, 200) - doubled
    assert found == pytest.approx(13.3e9, abs=0.15e9)


def test_the_plugin_on_one_point_a_level_by_hand() -> None:
    # A level: 3*3 + 3*4 + 4*4 + 4*2 = 45, and 16 for the value that is carried to the next. 64 points are pooled to 2
    # joints: 2*64*4 + 2*(16 + 2*4*1) + 2*2*4 + 2*4 + 4*2 = 592.
    shapes = {"p4": (1, 1, 3), "p5": (1, 1, 3)}
    assert plugin_multiply_adds(shapes, (32, 32), 4, 2) == 45 + 16 + 45 + 592
