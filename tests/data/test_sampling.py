from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.data.draws import id_keys, image_keys, occurrence_keys
from fgtl.data.knobs import InputKnobs
from fgtl.data.order import rows_at
from fgtl.data.sampling import capped, image_weights, sampled_epoch, training_stream
from fgtl.errors import InputError, UsageError

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=9)
WEIGHTED = st.sampled_from(
    [
        {"sampling": "balanced"},
        {"sampling": "power", "sampling_beta": 0.5},
        {"sampling": "power", "sampling_beta": 0.0},
        {"sampling": "effective", "effective_beta": 0.9},
    ]
)


def labels_of(sizes: list[int]) -> np.ndarray:
    """(N,) int32: `sizes` images of each class, in disorder; every second class number is not there."""
    return np.random.default_rng(0).permutation(np.repeat(2 * np.arange(len(sizes)), sizes)).astype(np.int32)


def expected_times(labels: np.ndarray, **knobs: Any) -> np.ndarray:
    """(N,) how often each image is expected in an epoch, from the formulas, one image at a time."""
    weights = []
    for label in labels:
        n = int((labels == label).sum())
        weights.append(
            {
                "balanced": 1 / n,
                "power": n ** -knobs.get("sampling_beta", 0),
                "effective": 1 / sum(knobs.get("effective_beta", 0) ** k for k in range(n)),
            }[knobs["sampling"]]
        )
    return len(labels) * np.array(weights) / sum(weights)


class Chosen:
    """The part of `Selection` that `capped` reads."""

    def __init__(self, labels: np.ndarray, ids: np.ndarray) -> None:
        self.labels, self.ids = labels, ids

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> "Chosen":
        return Chosen(self.labels[rows], self.ids[rows])


@given(SIZES, WEIGHTED)
def test_weights_are_those_of_the_formulas(sizes: list[int], knobs: dict[str, Any]) -> None:
    labels = labels_of(sizes)
    weights = image_weights(labels, InputKnobs(**knobs))
    np.testing.assert_allclose(len(labels) * weights / weights.sum(), expected_times(labels, **knobs), rtol=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(1, 50), st.integers(0, 300))
def test_instance_sampling_is_the_plain_order(seed: int, count: int, first: int) -> None:
    positions = np.arange(first, first + 70)
    rows, epochs, occurrences = training_stream(np.zeros(count, np.int32), InputKnobs(), seed)(positions)
    plain, plain_epochs = rows_at(positions, seed, count)
    np.testing.assert_array_equal(rows, plain)
    np.testing.assert_array_equal(epochs, plain_epochs)
    assert not occurrences.any()


@settings(deadline=None)
@given(SIZES, WEIGHTED, st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_images_and_classes_come_as_often_as_expected_to_the_next_whole_number(
    sizes: list[int], knobs: dict[str, Any], seed: int, epoch: int
) -> None:
    labels = labels_of(sizes)
    count = len(labels)
    stream = training_stream(labels, InputKnobs(**knobs), seed)
    rows, epochs, occurrences = stream(np.arange(epoch * count, (epoch + 1) * count))
    assert set(epochs.tolist()) == {epoch}
    expected = expected_times(labels, **knobs)
    times = np.bincount(rows, minlength=count)
    assert ((times >= np.floor(expected - 1e-9)) & (times <= np.ceil(expected + 1e-9))).all()
    for label in np.unique(labels):
        due, came = expected[labels == label].sum(), times[labels == label].sum()
        assert np.floor(due - 1e-9) <= came <= np.ceil(due + 1e-9)
    # The appearances of an image are numbered 0, 1, 2 ...
    assert sorted(zip(rows, occurrences, strict=True)) == [(row, k) for row in range(count) for k in range(times[row])]


@settings(deadline=None, max_examples=40)
@given(SIZES, WEIGHTED, st.integers(0, 400), st.integers(1, 60), st.integers(0, 99))
def test_any_position_is_what_walking_there_finds(
    sizes: list[int], knobs: dict[str, Any], first: int, length: int, seed: int
) -> None:
    labels = labels_of(sizes)
    weights = image_weights(labels, InputKnobs(**knobs))
    epochs = range((first + length) // len(labels) + 1)
    walked = np.concatenate([sampled_epoch(labels, weights, seed, epoch) for epoch in epochs])
    rows, _, occurrences = training_stream(labels, InputKnobs(**knobs), seed)(np.arange(first, first + length))
    np.testing.assert_array_equal(np.stack([rows, occurrences], axis=1), walked[first : first + length])


def test_over_many_epochs_each_image_comes_in_proportion_to_its_weight() -> None:
    labels = labels_of([1, 3, 10, 36])
    knobs: dict[str, Any] = {"sampling": "power", "sampling_beta": 0.6}
    weights = image_weights(labels, InputKnobs(**knobs))
    times = sum(np.bincount(sampled_epoch(labels, weights, 5, epoch)[:, 0], minlength=50) for epoch in range(2000))
    # A fraction f of an appearance is a coin of variance f (1 - f) <= 1/4: 5 of its standard deviations.
    np.testing.assert_allclose(times / 2000, expected_times(labels, **knobs), atol=5 * 0.5 / np.sqrt(2000))


def test_an_epoch_is_well_shuffled_and_seeds_and_epochs_differ() -> None:
    labels = labels_of([30, 5])
    weights = image_weights(labels, InputKnobs(sampling="balanced"))
    orders = [tuple(sampled_epoch(labels, weights, seed, epoch)[:, 0]) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9
    halves = [labels[list(order[: len(order) // 2])].mean() / 2 for order in orders]
    assert 0.3 < np.mean(halves) < 0.7
    assert min(halves) > 0.15


def test_the_sampled_order_is_the_same_in_every_version() -> None:
    # A resumed run stands in the middle of this order: should NumPy ever change it, somebody must decide what to do.
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 2], np.int32)
    weights = image_weights(labels, InputKnobs(sampling="balanced"))
    assert sampled_epoch(labels, weights, 7, 3).tolist() == PINNED


PINNED = [[0, 0], [5, 0], [7, 2], [1, 0], [7, 1], [4, 0], [6, 0], [7, 0]]


def test_the_first_appearance_keeps_its_key_and_the_others_have_their_own() -> None:
    keys = image_keys(3, np.zeros(50, np.int64), id_keys([str(row) for row in range(50)]))
    np.testing.assert_array_equal(occurrence_keys(keys, np.zeros(50, np.int64)), keys)
    every = [occurrence_keys(keys, np.full(50, k)) for k in range(40)]
    assert len(np.unique(np.concatenate(every))) == 50 * 40


@given(SIZES, st.integers(1, 12), st.integers(0, 9))
def test_a_cap_leaves_no_class_more_and_no_small_class_less(sizes: list[int], cap: int, seed: int) -> None:
    labels = labels_of(sizes)
    whole: Any = Chosen(labels, np.array([f"id{row}" for row in range(len(labels))]))
    kept = capped(whole, cap, seed)
    assert np.bincount(kept.labels, minlength=2 * len(sizes))[::2][: len(sizes)].tolist() == [
        min(size, cap) for size in sizes
    ]
    places = {name: row for row, name in enumerate(whole.ids.tolist())}
    rows = [places[name] for name in kept.ids.tolist()]
    assert rows == sorted(rows)
    assert set(kept.ids) <= set(capped(whole, cap + 1, seed).ids)
    assert capped(whole, 0, seed) is whole


def test_what_a_cap_keeps_depends_on_seed_and_ids_not_on_the_listing() -> None:
    labels, ids = labels_of([30, 30]), np.array([f"id{row}" for row in range(60)])
    kept = capped(Chosen(labels, ids), 5, 1)  # type: ignore[arg-type]
    backwards = capped(Chosen(labels[::-1], ids[::-1]), 5, 1)  # type: ignore[arg-type]
    assert set(kept.ids) == set(backwards.ids)
    assert set(kept.ids) != set(capped(Chosen(labels, ids), 5, 2).ids)  # type: ignore[arg-type]


def test_says_what_came_and_what_was_expected() -> None:
    with pytest.raises(InputError, match="cap is -1"):
        capped(SimpleNamespace(), -1, 0)  # type: ignore[arg-type]
    for wrong in ({"sampling": "class"}, {"sampling_beta": 1.5}, {"effective_beta": 1.0}, {"max_per_class": -1}):
        with pytest.raises(UsageError, match=f"--{next(iter(wrong))}="):
            InputKnobs(**wrong)
