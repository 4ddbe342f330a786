import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.reports.confusion import MOST_DRAWN, MOST_NAMED, confusion_matrix, look_alike_order
from fgtl.reports.figures import to_svg
from fgtl.reports.metrics import Evaluation, evaluate_predictions


def evaluation(classes: int, mistakes: dict[int, int], each: int = 4) -> Evaluation:
    """Everything right, except that half of class k is taken for mistakes[k]."""
    labels = np.repeat(np.arange(classes), each)
    predicted = labels.copy()
    for true, other in mistakes.items():
        predicted[np.flatnonzero(labels == true)[: each // 2]] = other
    return evaluate_predictions(np.eye(classes, dtype=np.float32)[predicted], labels, [f"n{k}" for k in range(classes)])


def cells(figure) -> np.ndarray:
    return np.asarray(figure.axes[0].images[0].get_array())


def test_right_answers_are_blue_mistakes_orange_and_the_rest_is_clear():
    drawn = cells(confusion_matrix(evaluation(3, {0: 2})))
    assert drawn.shape == (3, 3, 4)
    assert drawn[1, 1, 3] == 255 and drawn[1, 1, 2] > drawn[1, 1, 0]
    assert 0 < drawn[0, 2, 3] < 255 and drawn[0, 2, 0] > drawn[0, 2, 2]
    assert drawn[0, 1, 3] == drawn[2, 0, 3] == 0


def test_look_alikes_become_neighbours():
    order = look_alike_order(evaluation(8, {0: 5, 5: 0, 3: 7}).confusion).tolist()
    assert sorted(order) == list(range(8))
    assert abs(order.index(0) - order.index(5)) == 1 and abs(order.index(3) - order.index(7)) == 1


@given(st.integers(1, 12), st.integers(0, 2**31))
@settings(max_examples=30)
def test_the_order_is_a_permutation_whatever_the_matrix(classes, seed):
    confusion = np.random.default_rng(seed).integers(0, 3, (classes, classes)) * (seed % 3)
    assert sorted(look_alike_order(confusion).tolist()) == list(range(classes))


def test_few_classes_have_their_percentages_written():
    texts = [text.get_text() for text in confusion_matrix(evaluation(4, {1: 2})).axes[0].texts]
    assert texts == ["100", "50", "50", "100", "100"]


@pytest.mark.parametrize("classes", [4, 24, 200])
def test_names_are_thinned_so_that_they_stay_readable(classes):
    axes = confusion_matrix(evaluation(classes, {0: 1})).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert len(names) <= MOST_NAMED and names[0] == "n0"
    assert (len(names) == classes) == (classes <= MOST_NAMED)


def test_a_single_mistake_survives_when_cells_are_shared():
    classes = 2 * MOST_DRAWN + 5
    drawn = cells(confusion_matrix(evaluation(classes, {700: 3}, each=2)))
    assert drawn.shape[0] <= MOST_DRAWN
    group = -(-classes // MOST_DRAWN)
    assert drawn[700 // group, 3 // group, 3] > 0


def test_the_picture_of_200_classes_stays_small():
    svg = to_svg(confusion_matrix(evaluation(200, {k: (k * 7) % 200 for k in range(200)}), together=True), "x")
    assert len(svg) < 150_000
