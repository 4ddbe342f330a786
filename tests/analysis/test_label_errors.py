"""Doubtful labels: the confident joint by hand, and swapped labels that are found again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.analysis.confidence import confidence
from fgtl.analysis.label_errors import class_thresholds, find_label_errors
from fgtl.analysis.near_duplicates import Pair
from fgtl.analysis.without_duplicates import Counts, effect_of_duplicates
from fgtl.errors import DataError, InputError, UsageError
from fgtl.features.feature_set import Features


def slow_suspects(probabilities: np.ndarray, labels: np.ndarray) -> list[tuple[int, int]]:
    """The paper's equations 1 and 2, one image at a time: (row, suggested), by margin."""
    classes = probabilities.shape[1]
    threshold = {}
    for label in range(classes):
        sure = [float(row[label]) for row, own in zip(probabilities, labels, strict=True) if own == label]
        threshold[label] = sum(sure) / len(sure) if sure else float("inf")
    found = []
    for place, (row, own) in enumerate(zip(probabilities, labels, strict=True)):
        sure = [label for label in range(classes) if row[label] >= threshold[label]]
        if sure:
            suggested = max(sure, key=lambda label: row[label])
            if suggested != own:
                found.append((float(row[own] - row[suggested]), place, suggested))
    return [(place, suggested) for _, place, suggested in sorted(found)]


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 30), st.integers(2, 6), st.integers(0, 2**31))
def test_equals_the_equations(count: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(classes, 0.4), count).astype(np.float32)
    labels = rng.integers(0, classes, count)
    found = find_label_errors(probabilities, labels)
    assert list(zip(found.rows.tolist(), found.suggested.tolist(), strict=True)) == slow_suspects(probabilities, labels)
    assert (np.diff(found.margins) <= 0).all()
    np.testing.assert_array_equal(found.given, labels[found.rows])


def test_a_class_is_as_sure_as_its_own_images_are() -> None:
    probabilities = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]], np.float32)
    np.testing.assert_allclose(class_thresholds(probabilities, np.array([0, 0, 1])), [0.7, 0.8])
    np.testing.assert_array_equal(class_thresholds(probabilities, np.array([0, 0, 0]))[1], np.inf)


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (np.full((2, 2), 0.5), [0], "shape"),
        (np.full((2, 2), 0.5), [0, 2], "0 to K - 1"),
        (np.full((2, 2), 0.9), [0, 1], "sum to 1"),
        (np.full((2, 2), np.nan), [0, 1], "sum to 1"),
        (np.full(2, 0.5), [0, 1], "(N, K)"),
    ],
)
def test_what_is_no_probability_or_label_is_said(probabilities: np.ndarray, labels: list[int], message: str) -> None:
    with pytest.raises(InputError) as error:
        find_label_errors(probabilities.astype(np.float32), np.array(labels))
    assert message in str(error.value)


def blobs(seed: int = 0, classes: int = 4, each: int = 30) -> Features:
    """Classes in directions of their own."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes, dtype=np.int32), each)
    rows = (2 * np.eye(classes, 6)[labels] + rng.normal(size=(len(labels), 6)) / 3).astype(np.float32)
    return Features(rows, labels, np.array([f"{row}" for row in range(len(labels))]), tuple("abcd"[:classes]))


def test_swapped_labels_are_found_with_their_true_class() -> None:
    clean = blobs()
    swapped = np.array([3, 40, 70, 100, 111])
    labels = clean.labels.copy()
    labels[swapped] = (labels[swapped] + 1) % 4
    dirty = Features(clean.features, labels, clean.ids, clean.class_names)
    probabilities, c = confidence(dirty)
    found = find_label_errors(probabilities, labels)
    assert c in (10, 100)
    assert set(found.rows[:5].tolist()) == set(swapped.tolist())
    np.testing.assert_array_equal(found.suggested[:5], clean.labels[found.rows[:5]])


def test_the_c_that_was_asked_for_is_used() -> None:
    assert confidence(blobs(), c=3.0)[1] == 3


def test_each_fit_is_told() -> None:
    told: list[int] = []
    confidence(blobs(), folds=3, tried=(1.0, 10.0), advance=told.append)
    assert told == [1] * 6


def test_too_few_images_are_said() -> None:
    with pytest.raises(UsageError, match="too few for 5 folds"):
        confidence(blobs().take(np.arange(4)))
    with pytest.raises(UsageError, match=r"1 class\(es\)"):
        confidence(blobs().take(np.arange(20)))


def test_a_test_image_known_by_heart_is_lost_without_its_copy() -> None:
    """An image among another class's: only its copy in the training images gives it away."""
    train, test = blobs(0), blobs(1)
    # Most like class 0, which is its label nowhere but in the copy.
    strange = np.array([[1, 0, 0.6, 0, 3, 0]], np.float32)
    rows = np.concatenate([train.features, strange])
    labels = np.append(train.labels, np.int32(2))
    leaked = Features(rows, labels, np.append(train.ids, "copy"), train.class_names)
    tested = Features(
        np.concatenate([test.features, strange]), np.append(test.labels, np.int32(2)), test.ids, test.class_names
    )
    effect = effect_of_duplicates(leaked, tested, [Pair(120, 120, "copy", 0, 1.0)], c=100)
    assert effect.repeated == Counts(images=1, before=1, after=0)
    assert effect.every.images == 121 and effect.others.images == 120
    assert effect.every.before == effect.others.before + 1 and effect.every.after == effect.others.after


def test_nothing_left_to_train_on_is_said() -> None:
    few = blobs().take(np.arange(3))
    with pytest.raises(DataError, match="Every training image"):
        effect_of_duplicates(few, few, [Pair(row, row, "copy", 0, 1.0) for row in range(3)], c=1)
