"""The protocol: nothing is chosen by the test images, everything else is fitted on, each image counts once."""

import numpy as np
import pytest

from fgtl.analysis.logistic import SWEEP, fit_logistic
from fgtl.analysis.probe import probe
from fgtl.analysis.probe_knobs import ProbeKnobs
from fgtl.analysis.scaling import Scaling
from fgtl.data.splits import carve_validation
from fgtl.errors import DataError, InputError, UsageError
from fgtl.features.feature_set import Features

NAMES = ("a", "b", "c", "d")


def drawn(count: int, first: int, seed: int = 0, spread: float = 1.5, classes: int = 4) -> Features:
    """`count` images of classes that overlap; ids count from `first`. The columns differ in scale."""
    labels = (np.arange(count) % classes).astype("int32")
    centres = np.random.default_rng(9).normal(size=(4, 8))
    rows = centres[labels] + spread * np.random.default_rng(seed).normal(size=(count, 8))
    ids = np.array([f"{first + i}.jpg" for i in range(count)])
    return Features((rows * 4.0 ** np.arange(-4, 4)).astype("float32"), labels, ids, NAMES)


def shuffled_labels(part: Features) -> Features:
    return Features(part.features, part.labels[::-1].copy(), part.ids, part.class_names)


def test_the_labels_of_the_test_images_have_no_say_in_anything() -> None:
    train, test = drawn(80, 0), drawn(40, 100, seed=1)
    one, other = probe(train, None, test), probe(train, None, shuffled_labels(test))
    for mine, theirs in zip(one.outcomes, other.outcomes, strict=True):
        assert mine.setting == theirs.setting and mine.tried == theirs.tried
        assert np.array_equal(mine.predicted, theirs.predicted)
        assert mine.evaluation.top1 != theirs.evaluation.top1


def test_the_last_fit_has_all_training_images_and_the_chosen_setting() -> None:
    train, test = drawn(120, 0), drawn(60, 200, seed=1)
    result = probe(train, None, test, ProbeKnobs(classifiers=("logistic",), standardise="on"))
    (outcome,) = result.outcomes
    scaling = Scaling.fit(train.features, normalise=False, standardise=True)
    model = fit_logistic(scaling(train.features), train.labels, 4, outcome.setting["c"])
    assert np.array_equal(outcome.predicted, model.predict(scaling(test.features)))
    assert outcome.evaluation.count == 60
    assert result.images == {"train": 108, "validation": 12, "test": 60} and result.carved


def test_the_setting_is_the_best_on_the_carved_images_and_of_equal_ones_the_most_regularised() -> None:
    train, test = drawn(120, 0), drawn(20, 200, seed=1)
    (outcome,) = probe(train, None, test, ProbeKnobs(classifiers=("logistic",), standardise="off")).outcomes
    fitting, held = carve_validation(train, 0.1, 0)
    assert [setting["c"] for setting, _ in outcome.tried] == list(SWEEP)
    accuracies = [share for _, share in outcome.tried]
    assert outcome.setting["c"] == SWEEP[int(np.argmax(accuracies))]
    model = fit_logistic(fitting.features, fitting.labels, 4, outcome.setting["c"])
    assert outcome.validation == np.mean(model.predict(held.features) == held.labels)


def test_a_validation_part_that_is_there_is_used() -> None:
    result = probe(drawn(80, 0), drawn(24, 100, seed=2), drawn(20, 200, seed=1))
    assert result.images == {"train": 80, "validation": 24, "test": 20} and not result.carved


def test_standardising_is_chosen_on_validation_images_where_columns_differ_in_scale() -> None:
    settings = {}
    for how in ("auto", "on", "off"):
        knobs = ProbeKnobs(classifiers=("ridge",), standardise=how)
        (outcome,) = probe(drawn(200, 0), None, drawn(200, 300, seed=1), knobs).outcomes
        settings[how] = {one["standardised"] for one, _ in outcome.tried}
    assert settings == {"auto": {False, True}, "on": {True}, "off": {False}}


def test_a_given_c_is_taken_on_raw_features_and_needs_no_validation_image() -> None:
    """The paper's notebook: scikit-learn's defaults on features as they are."""
    train, test = drawn(80, 0), drawn(40, 100, seed=1)
    result = probe(train, None, test, ProbeKnobs(classifiers=("logistic",), c=1.0))
    (outcome,) = result.outcomes
    assert outcome.setting == {"c": 1.0, "standardised": False} and outcome.validation is None
    assert result.images["train"] == 80 and result.images["validation"] == 0
    assert np.array_equal(outcome.predicted, fit_logistic(train.features, train.labels, 4).predict(test.features))


def test_f4_separable_blobs_reach_1_0_with_every_classifier() -> None:
    train, test = drawn(80, 0, spread=0.01), drawn(40, 100, seed=1, spread=0.01)
    assert [outcome.evaluation.top1 for outcome in probe(train, None, test).outcomes] == [1, 1, 1]


def test_classes_without_training_images_are_counted_and_wrong() -> None:
    result = probe(drawn(60, 0, classes=3, spread=0.01), None, drawn(40, 100, seed=1, spread=0.01))
    assert result.absent == 1 and result.unseen == 10
    for outcome in result.outcomes:
        assert outcome.evaluation.top1 == 0.75 and 3 not in outcome.predicted


def test_few_shots_are_the_same_for_the_same_seed_and_grow_with_the_images() -> None:
    knobs = ProbeKnobs(classifiers=("ridge",), shots=("1", "10", "99"), seeds=4)
    train, test = drawn(120, 0), drawn(200, 300, seed=1)
    few, again = (probe(train, None, test, knobs).few for _ in range(2))
    assert few == again
    assert [one.shots for one in few] == [1, 10, 99] and [one.short for one in few] == [0, 0, 4]
    assert few[0].mean < few[1].mean
    low, high = few[0].interval or (1, 0)
    assert low < few[0].mean < high and len(few[0].each) == 4
    # All images there are, in each draw.
    assert len(set(few[2].each)) == 1


def test_few_shots_know_no_lengths_where_rows_are_normalised() -> None:
    train, test = drawn(120, 0), drawn(80, 300, seed=1)
    lengths = np.random.default_rng(5).uniform(0.1, 10, (120, 1)).astype("float32")
    stretched = Features(train.features * lengths, train.labels, train.ids, NAMES)
    knobs = ProbeKnobs(classifiers=("ridge",), shots=("5",), normalise=True)
    one, other = (probe(part, None, test, knobs).few[0].each for part in (train, stretched))
    assert one == pytest.approx(other, abs=0.03)
    plain = probe(stretched, None, test, ProbeKnobs(classifiers=("ridge",), shots=("5",))).few[0].each
    assert plain != other


@pytest.mark.parametrize("where", ["train", "validation"])
def test_an_image_that_is_tested_cannot_be_fitted_on_or_chosen_by(where: str) -> None:
    parts = {"train": drawn(40, 0), "validation": drawn(8, 50), "test": drawn(8, 100)}
    ids = parts[where].ids.astype("U9")
    ids[3] = "104.jpg"
    parts[where] = Features(parts[where].features, parts[where].labels, ids, NAMES)
    with pytest.raises(InputError, match=r"twice, such as 104\.jpg"):
        probe(*parts.values())


def test_rows_are_brought_to_length_1_before_columns_to_unit_variance() -> None:
    rows = np.random.default_rng(0).normal(2, 1, (50, 3)).astype("float32")
    scaled = Scaling.fit(rows, normalise=True, standardise=True)(rows)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(scaled, unit / unit.std(axis=0), rtol=1e-4)
    zeros = np.zeros((2, 3), "float32")
    assert (Scaling.fit(zeros, normalise=True, standardise=True)(zeros) == 0).all()


def damaged(part: Features) -> Features:
    features = part.features.copy()
    features[7, 2] = np.nan
    return Features(features, part.labels, part.ids, part.class_names)


@pytest.mark.parametrize(
    ("train", "test", "knobs", "error", "message"),
    [
        (drawn(40, 0, classes=1), drawn(8, 100), {}, DataError, "All 40 training images are a"),
        (damaged(drawn(40, 0)), drawn(8, 100), {}, DataError, "7.jpg"),
        (drawn(40, 0), damaged(drawn(8, 100)), {}, DataError, "107.jpg"),
        (drawn(40, 0), drawn(8, 100), {"shots": ("1", "few")}, UsageError, "'few'"),
        (drawn(4, 0), drawn(8, 100), {}, UsageError, "validation fraction"),
        (drawn(40, 0), Features(np.ones((1, 3), "f4"), np.zeros(1, "i4"), np.array(["x"]), NAMES), {}, InputError, "3"),
    ],
)
def test_what_cannot_be_probed_is_said(
    train: Features, test: Features, knobs: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        probe(train, None, test, ProbeKnobs(**knobs))
    assert message in str(caught.value)
