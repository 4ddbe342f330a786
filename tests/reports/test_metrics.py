import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss, top_k_accuracy_score

from fgtl.errors import InputError
from fgtl.reports.metrics import Evaluation, evaluate_predictions, wilson_interval

problems = st.tuples(st.integers(1, 60), st.integers(1, 12), st.integers(0, 2**31))


def make(problem: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Random probabilities that are right more often than not; labels leave some classes out."""
    count, classes, seed = problem
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    logits = rng.normal(0, 1.5, (count, classes))
    logits[np.arange(count), labels] += rng.uniform(0, 3)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return probabilities.astype(np.float32), labels.astype(np.int32), [f"class {k}" for k in range(classes)]


def slow_rank(row: np.ndarray, label: int) -> int:
    """Place of the true class when all are sorted by falling probability, equal ones by index."""
    return sorted(range(len(row)), key=lambda k: (-row[k], k)).index(label)


def slow_calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Guo et al. 2017, eq. 5, one bin and one image at a time."""
    total = 0.0
    for b in range(15):
        inside = [(row, y) for row, y in zip(probabilities, labels, strict=True) if b / 15 < max(row) <= (b + 1) / 15]
        if inside:
            accuracy = sum(int(np.argmax(row)) == y for row, y in inside) / len(inside)
            confidence = sum(float(max(row)) for row, _ in inside) / len(inside)
            total += len(inside) / len(labels) * abs(accuracy - confidence)
    return total


@given(problems)
def test_every_figure_equals_its_definition_image_by_image(problem):
    probabilities, labels, names = make(problem)
    result = evaluate_predictions(probabilities, labels, names)
    ranks = [slow_rank(row, label) for row, label in zip(probabilities, labels, strict=True)]
    assert result.count == len(labels) and result.classes == len(names)
    assert result.top1 == pytest.approx(sum(rank == 0 for rank in ranks) / len(ranks), abs=1e-12)
    assert result.top5 == pytest.approx(sum(rank < 5 for rank in ranks) / len(ranks), abs=1e-12)
    recalls = []
    for k in range(len(names)):
        own = [rank == 0 for rank, label in zip(ranks, labels, strict=True) if label == k]
        assert (result.per_class[k].images, result.per_class[k].correct) == (len(own), sum(own))
        recalls += [sum(own) / len(own)] if own else []
    assert result.classes_present == len(recalls)
    assert result.mean_class == pytest.approx(sum(recalls) / len(recalls), abs=1e-12)
    costs = [-math.log(max(float(row[y]), 2.0**-23)) for row, y in zip(probabilities, labels, strict=True)]
    assert result.log_loss == pytest.approx(sum(costs) / len(costs), rel=1e-9, abs=1e-9)
    assert result.calibration_error == pytest.approx(slow_calibration_error(probabilities, labels), abs=1e-9)


@given(problems)
@settings(max_examples=30)
@pytest.mark.filterwarnings("ignore")
def test_agrees_with_scikit_learn(problem):
    probabilities, labels, names = make((problem[0], max(problem[1], 6), problem[2]))
    result, every = evaluate_predictions(probabilities, labels, names), list(range(len(names)))
    assert result.top5 == pytest.approx(top_k_accuracy_score(labels, probabilities, k=5, labels=every))
    assert result.mean_class == pytest.approx(balanced_accuracy_score(labels, probabilities.argmax(1)))
    assert result.log_loss == pytest.approx(log_loss(labels, probabilities, labels=every), rel=1e-4)
    np.testing.assert_array_equal(result.confusion, confusion_matrix(labels, probabilities.argmax(1), labels=every))


@given(problems)
def test_the_order_of_the_images_does_not_matter(problem):
    probabilities, labels, names = make(problem)
    order = np.random.default_rng(problem[2] + 1).permutation(len(labels))
    one = evaluate_predictions(probabilities, labels, names)
    other = evaluate_predictions(probabilities[order], labels[order], names)
    for name in ("top1", "top5", "mean_class", "log_loss", "calibration_error", "top1_interval"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-9)
    assert one.per_class == other.per_class
    np.testing.assert_array_equal(one.confusion, other.confusion)


@given(problems)
def test_renumbering_the_classes_only_renumbers_the_result(problem):
    probabilities, labels, names = make(problem)
    order = np.random.default_rng(problem[2] + 1).permutation(len(names))
    one = evaluate_predictions(probabilities, labels, names)
    other = evaluate_predictions(probabilities[:, order], np.argsort(order)[labels], [names[k] for k in order])
    for name in ("top1", "top5", "mean_class", "log_loss", "calibration_error"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-9)
    assert [one.per_class[k] for k in order] == list(other.per_class)
    np.testing.assert_array_equal(one.confusion[np.ix_(order, order)], other.confusion)


@given(problems)
def test_bounds_and_sums_hold(problem):
    probabilities, labels, names = make(problem)
    result = evaluate_predictions(probabilities, labels, names)
    assert 0 <= result.top1 <= result.top5 <= 1 and 0 <= result.calibration_error <= 1 and result.log_loss >= 0
    assert result.confusion.sum() == result.count == sum(b.images for b in result.reliability)
    assert np.trace(result.confusion) / result.count == result.top1
    if len(names) <= 5:
        assert result.top5 == 1.0


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_contains_the_estimate_and_solves_its_equation(counts):
    correct, count = counts
    low, high = wilson_interval(correct, count)
    share = correct / count
    assert 0 <= low <= share <= high <= 1 and low < high
    for bound in (low, high):
        # Wilson's bounds are the p with |share - p| = z * sqrt(p (1 - p) / n).
        assert (share - bound) ** 2 == pytest.approx(3.841458820694124 * bound * (1 - bound) / count, abs=1e-9)


def test_wilson_interval_of_a_published_example():
    # Newcombe 1998, table I: 81 of 263 -> 0.2553 to 0.3662.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_top_1_and_top_5_of_three_images_by_hand():
    probabilities = np.array(
        [
            [0.30, 0.20, 0.20, 0.10, 0.10, 0.10],  # true 0: first
            [0.30, 0.25, 0.20, 0.12, 0.08, 0.05],  # true 4: fifth
            [0.30, 0.25, 0.20, 0.12, 0.08, 0.05],  # true 5: sixth
        ]
    )
    result = evaluate_predictions(probabilities, np.array([0, 4, 5]), list("abcdef"))
    assert (result.top1, result.top5) == (1 / 3, 2 / 3)
    assert (result.mean_class, result.classes_present) == (1 / 3, 3)


def test_of_equally_probable_classes_the_lowest_index_ranks_first():
    probabilities = np.full((8, 8), 1 / 8)
    result = evaluate_predictions(probabilities, np.arange(8), list("abcdefgh"))
    assert (result.top1, result.top5) == (1 / 8, 5 / 8)
    assert result.confusion[:, 0].sum() == 8


def test_5209_of_5794_prints_as_the_original_printed_it():
    labels = np.zeros(5794, int)
    probabilities = np.zeros((5794, 2))
    probabilities[:5209, 0] = probabilities[5209:, 1] = 1
    result = evaluate_predictions(probabilities, labels, ["hit", "miss"])
    assert "0.899033" in result.table() and "5,794" in result.table()
    assert '"top1": 0.899033' in json.dumps(result.as_dict())


def test_mean_class_leaves_out_classes_without_images():
    probabilities = np.eye(4)[[0, 0, 1, 2]]
    result = evaluate_predictions(probabilities, np.array([0, 0, 0, 2]), list("abcd"))
    assert result.mean_class == pytest.approx((2 / 3 + 1) / 2)
    assert result.per_class[1].accuracy is None and result.classes_present == 2
    assert "2 of 4 classes have images; 2 absent" in result.table()


def test_a_confidence_on_a_bin_edge_belongs_to_the_bin_below():
    probabilities = np.array([[0.2, 0.8]] * 3)
    result = evaluate_predictions(probabilities, np.array([1, 1, 0]), ["a", "b"])
    (only,) = [b for b in result.reliability if b.images]
    assert (only.low, only.high) == pytest.approx((11 / 15, 12 / 15))
    assert result.calibration_error == pytest.approx(0.8 - 2 / 3)


def test_most_confused_is_sorted_by_count_then_by_class():
    labels = np.array([0] * 4 + [1] * 4 + [2] * 4)
    predicted = [0, 1, 1, 2, 1, 0, 0, 2, 2, 2, 2, 2]
    result = evaluate_predictions(np.eye(3)[predicted], labels, list("abc"))
    pairs = [(p.true, p.predicted, p.images, p.share) for p in result.most_confused(3)]
    assert pairs == [(0, 1, 2, 0.5), (1, 0, 2, 0.5), (0, 2, 1, 0.25)]
    assert [one.name for one in result.worst_to_best()] == ["a", "b", "c"]
    assert result.confusion[0, 0] == 1, "looking for mistakes must not change the matrix"


@given(problems)
@settings(max_examples=20)
def test_survives_json(problem):
    result = evaluate_predictions(*make(problem))
    again = Evaluation.from_dict(json.loads(json.dumps(result.as_dict(), allow_nan=False)) | {"split": "test"})
    assert again == result
    np.testing.assert_array_equal(again.confusion, result.confusion)
    assert again.table() == result.table()


@pytest.mark.parametrize(
    ("probabilities", "labels", "names", "words"),
    [
        (np.zeros((0, 2)), np.zeros(0, int), "ab", "N > 0"),
        (np.eye(2), np.zeros(3, int), "ab", "3 labels"),
        (np.eye(2), np.zeros(2, int), "abc", "3 class names"),
        (np.eye(2), np.array([0, 2]), "ab", "0..2"),
        (np.eye(2), np.array([0.0, 1.0]), "ab", "float64"),
        (np.eye(2)[0], np.array([0]), "ab", "2 dimensions"),
        (np.array([[3.0, -2.0]]), np.array([0]), "ab", "not logits"),
        (np.array([[np.nan, 1.0]]), np.array([0]), "ab", "row 0"),
    ],
)
def test_says_what_came_and_what_was_expected(probabilities, labels, names, words):
    with pytest.raises(InputError, match=words.replace(".", r"\.")):
        evaluate_predictions(probabilities, labels, list(names))
