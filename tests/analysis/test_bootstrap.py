"""Resampled class means equal those of the drawn images; intervals hold the value, and as often as they say."""

import numpy as np
import pytest

from fgtl.analysis.bootstrap import ImagesByClass, blocks, interval_of
from fgtl.errors import InputError
from fgtl.features.feature_set import Features


def some_features(count: int = 60, classes: int = 7, dim: int = 5, seed: int = 0) -> Features:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count).astype(np.int32)
    rows = rng.normal(size=(count, dim)).astype(np.float32)
    return Features(rows, labels, np.arange(count).astype(str), tuple(map(str, range(classes))))


def test_means_and_sizes_are_those_of_the_drawn_images() -> None:
    features = some_features()
    wanted = np.array([0, 2, 5])
    images = ImagesByClass.of(features, wanted)
    drawn = images.draw(range(4), seed=1, stream=0)
    means, sizes = images.resampled(drawn)
    assert means.dtype == np.float32
    for resample in range(4):
        picked = np.repeat(images.rows, drawn[resample].astype(int))
        assert len(picked) == np.isin(features.labels, wanted).sum()
        for place, label in enumerate(wanted):
            own = features.features[picked][features.labels[picked] == label].astype(np.float64)
            assert sizes[resample, place] == len(own)
            np.testing.assert_allclose(means[resample, place], own.mean(axis=0) if len(own) else 0, atol=1e-6)


def test_a_resample_depends_on_its_number_alone() -> None:
    images = ImagesByClass.of(some_features(), np.arange(7))
    together = images.draw(range(6), seed=3, stream=2)
    np.testing.assert_array_equal(images.draw(range(4, 6), seed=3, stream=2), together[4:])
    assert (together.sum(axis=1) == 60).all()
    assert len(np.unique(together, axis=0)) == 6
    for other in (images.draw(range(6), seed=4, stream=2), images.draw(range(6), seed=3, stream=1)):
        assert (other != together).any()


def test_every_image_is_drawn_once_on_average() -> None:
    drawn = ImagesByClass.of(some_features(), np.arange(7)).draw(range(2000), seed=0, stream=0)
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.12)
    np.testing.assert_allclose(drawn.var(axis=0), 1 - 1 / 60, atol=0.2)


def test_blocks_cover_all_resamples_within_memory() -> None:
    images = ImagesByClass.of(some_features(), np.arange(7))
    each = 4 * 60 + 7 * (4 * 5 + 8)
    assert images.bytes_per_resample == each
    assert list(blocks(5, [images], 1)) == [range(5)]
    size = 2**20 // (1000 * each)
    found = list(blocks(2 * size + 1, [images] * 1000, 1))
    assert [len(one) for one in found] == [size, size, 1]
    assert list(blocks(2, [images], 0)) == [range(1), range(1, 2)]
    assert list(blocks(0, [images])) == []
    with pytest.raises(InputError):
        list(blocks(-1, [images]))


def test_the_interval_is_the_spread_around_the_value_and_the_shift_is_told_apart() -> None:
    spread = np.linspace(-1, 1, 401)
    found = interval_of(10.0, 13 + spread)
    assert (found.low, found.high) == pytest.approx((9.05, 10.95))
    assert found.bias == pytest.approx(3)
    assert interval_of(0.5, 1 + spread).low == 0
    assert interval_of(0.5, 1 + spread, floor=None).low == pytest.approx(-0.45)
    assert interval_of(0.0, np.zeros(9)) == interval_of(0.0, np.zeros(5))


def test_the_value_lies_in_its_interval() -> None:
    found = interval_of(1.0, np.array([1.0] * 99 + [1000.0]))
    assert found.low <= 1 <= found.high
