"""Every image is judged by a classifier that did not see it."""

import numpy as np
import pytest

from fgtl.analysis.logistic import fit_logistic
from fgtl.analysis.out_of_fold import fold_of, out_of_fold
from fgtl.errors import InputError


def test_each_class_is_spread_over_the_folds_evenly() -> None:
    labels = np.random.default_rng(0).integers(0, 7, 200)
    fold = fold_of(labels, 5, seed=1)
    for label in range(7):
        sizes = np.bincount(fold[labels == label], minlength=5)
        assert np.ptp(sizes) <= 1
    assert np.bincount(fold).tolist() == [40] * 5
    assert not np.array_equal(fold, fold_of(labels, 5, seed=2))


def test_probabilities_are_of_the_classifier_of_the_other_folds() -> None:
    rng = np.random.default_rng(3)
    labels = np.arange(60) % 3
    features = (np.eye(3)[labels] @ rng.normal(size=(3, 4)) + rng.normal(size=(60, 4))).astype("float32")
    found = out_of_fold(features, labels, 3, c=0.5, folds=4, seed=5)
    chosen = fold_of(labels, 4, 5) == 2
    model = fit_logistic(features[~chosen], labels[~chosen], 3, 0.5)
    np.testing.assert_array_equal(found[chosen], model.probabilities(features[chosen]))
    assert found.dtype == np.float32 and found.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_wrong_label_is_not_believed() -> None:
    rng = np.random.default_rng(4)
    labels = np.arange(90) % 3
    features = (5 * np.eye(3)[labels] + rng.normal(size=(90, 3))).astype("float32")
    labels[0] = 1
    found = out_of_fold(features, labels, 3)
    assert found[0, 1] < 0.05 and found[0].argmax() == 0


def test_the_only_image_of_a_class_gets_0() -> None:
    rng = np.random.default_rng(6)
    labels = np.array([0, 1] * 10 + [2])
    assert out_of_fold(rng.normal(size=(21, 3)).astype("float32"), labels, 3)[-1, 2] == 0


@pytest.mark.parametrize("folds", [1, 5])
def test_folds_out_of_range_are_refused(folds: int) -> None:
    with pytest.raises(InputError, match="folds of 4 rows"):
        out_of_fold(np.eye(4, dtype="float32"), np.array([0, 1, 0, 1]), 2, folds=folds)
