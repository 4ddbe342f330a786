"""The published metrics against the published numbers, and the order that their names promise."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugin_reference import Reference
from published_metrics import published_best, published_hits

from fgtl.heads.plugin_metrics import by_confidence, confidence_hits, percentages

# One image, three heads, two classes: the surest says class 0, the other two say class 1.
HEADS = np.array([[[0.9, 0.1], [0.4, 0.6], [0.3, 0.7]]])


def test_all_31_published_percentages_come_out(shared: Path) -> None:
    """Acceptance A17."""
    reference = Reference(shared)
    outputs = {key[5:]: reference[key] for key in reference.arrays if key.startswith("F/in/")}
    labels, size = outputs.pop("labels"), int(outputs.pop("batch_size"))
    rows = [slice(start, start + size) for start in range(0, len(labels), size)]
    metrics = percentages(published_hits({k: v[r] for k, v in outputs.items()}, labels[r]) for r in rows)
    names = [str(name) for name in reference["F/out/metric_names"]]
    assert list(metrics) == names
    assert [metrics[name] for name in names] == pytest.approx(list(reference["F/out/metric_values_f64"]), abs=1e-9)
    assert published_best(metrics) == ("highest-4", 79.167)


def test_the_published_order_asks_the_least_sure_head_first() -> None:
    np.testing.assert_allclose(by_confidence(HEADS, "least")[0, 0], HEADS[0, 1])
    np.testing.assert_allclose(by_confidence(HEADS, "most")[0, 0], HEADS[0, 0])
    hits = confidence_hits(HEADS, np.array([0]))
    assert [hits[f"most_confident_{k}"][0] for k in (1, 2, 3)] == [1, 1, 1]
    assert [hits[f"least_confident_{k}"][0] for k in (1, 2, 3)] == [0, 0, 1]


@given(st.integers(1, 5), st.integers(2, 6), st.integers(2, 5), st.integers(0, 2**31))
def test_all_heads_together_are_their_mean_in_either_order(images: int, heads: int, classes: int, seed: int) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(classes), (images, heads))
    for first in ("most", "least"):
        means = by_confidence(probabilities, first)
        np.testing.assert_allclose(means[:, -1], probabilities.mean(1), rtol=1e-9)
        np.testing.assert_allclose(means.sum(-1), 1, rtol=1e-9)
    surest = probabilities.max(-1).argmax(1)
    np.testing.assert_array_equal(by_confidence(probabilities)[:, 0], probabilities[np.arange(images), surest])


def test_batches_of_different_sizes_count_by_their_images() -> None:
    assert percentages([{"a": (1, 1)}, {"a": (0, 2)}]) == {"a": 33.333}


def test_of_equal_metrics_the_later_is_called_best() -> None:
    assert published_best({"layer1-top-1": 50.0, "layer1-top-3": 90.0, "highest-1": 50.0}) == ("highest-1", 50.0)
