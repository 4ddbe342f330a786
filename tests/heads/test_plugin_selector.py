"""The selector: the published ranks, and every point either kept or dropped."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugin_reference import Reference

from fgtl.heads.plugin_layers import rows_of
from fgtl.heads.plugin_selector import select


@pytest.fixture(scope="module")
def reference(shared: Path) -> Reference:
    return Reference(shared)


@pytest.mark.parametrize("level", [1, 2])
def test_the_selector_ranks_and_keeps_as_published(reference: Reference, level: int) -> None:
    """Acceptance A9, with tokens and with a map."""
    features, logits = reference.points(f"A/in/x/layer{level}"), reference[f"A/in/logits/layer{level}"]
    features, count = features.reshape(*logits.shape[:2], -1), int(reference[f"A/in/num_select/layer{level}"])
    kept, order = select(logits, count), reference[f"A/out/order/layer{level}"]
    np.testing.assert_array_equal(select(logits, logits.shape[1]).index, order)
    np.testing.assert_array_equal(kept.index, order[:, :count])
    np.testing.assert_allclose(kept.all_confidence, reference[f"A/out/conf/layer{level}"], atol=1e-6)
    np.testing.assert_allclose(rows_of(features, kept.index), reference[f"A/out/selection/layer{level}"], atol=1e-6)
    np.testing.assert_allclose(rows_of(logits, kept.index), reference[f"A/out/select_layer{level}"], atol=1e-6)
    np.testing.assert_array_equal(
        [np.flatnonzero(row) for row in np.asarray(kept.dropped())], np.sort(order[:, count:], axis=1)
    )


@pytest.mark.parametrize("level", [1, 2])
def test_without_a_pyramid_it_keeps_the_same_points_too(reference: Reference, level: int) -> None:
    """Fixture A2: the published classifiers straight on the taps, which the whole published model cannot do."""
    features = reference.points(f"A2/in/x/layer{level}")
    features = features.reshape(3, -1, features.shape[-1])
    name = f"A2/w/classifier_l_layer{level}"
    logits = features @ reference[f"{name}.weight"].T + reference[f"{name}.bias"]
    np.testing.assert_allclose(logits, reference[f"A2/out/logits/layer{level}"], atol=1e-5)
    kept = select(logits, int(reference[f"A2/in/num_select/layer{level}"]))
    np.testing.assert_allclose(rows_of(features, kept.index), reference[f"A2/out/selection/layer{level}"], atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3), st.integers(2, 30), st.data(), st.integers(0, 2**31))
def test_each_point_is_either_kept_or_dropped_ties_or_not(batch: int, points: int, data: Any, seed: int) -> None:
    count = data.draw(st.integers(1, points - 1))
    # Few different logits: nearly everything ties.
    logits = np.random.default_rng(seed).integers(0, 2, (batch, points, 3)).astype("float32")
    kept = select(logits, count)
    for index, dropped in zip(np.asarray(kept.index), np.asarray(kept.dropped()), strict=True):
        assert sorted([*index, *np.flatnonzero(dropped)]) == list(range(points))
    # Of equal ones the first.
    expected = np.argsort(-np.asarray(kept.all_confidence), axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(kept.index, expected)


def test_a_constant_for_all_classes_of_a_point_does_not_change_its_rank() -> None:
    """Acceptance A14: a factor for all points can."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 50, 6)).astype("float32")
    order = np.asarray(select(logits, 50).index)
    moved = logits + rng.normal(size=(4, 50, 1)).astype("float32")
    np.testing.assert_array_equal(select(moved, 50).index, order)
    assert not np.array_equal(select(5 * logits, 50).index, order)


def test_half_precision_logits_are_ranked_in_float32() -> None:
    logits = np.zeros((1, 2, 2), "float16")
    logits[0, :, 0] = [14, 15]
    # In float16 both confidences are 1.
    assert list(np.asarray(select(logits, 2).index)[0]) == [1, 0]


def test_rows_are_taken_from_each_images_own_points() -> None:
    rng = np.random.default_rng(0)
    points, index = rng.normal(size=(3, 7, 2)).astype("float32"), rng.integers(0, 7, (3, 4))
    np.testing.assert_array_equal(rows_of(points, index), np.take_along_axis(points, index[..., None], axis=1))
