import numpy as np
import pytest

from fgtl.reports import detail_plots
from fgtl.reports.figures import to_svg
from fgtl.reports.hierarchy import Taxonomy
from fgtl.reports.history import History
from fgtl.reports.metrics import Evaluation, evaluate_predictions


def evaluation(training, labels=None) -> Evaluation:
    classes = len(training)
    labels = np.repeat(np.arange(classes), 4) if labels is None else labels
    probabilities = np.random.default_rng(0).dirichlet(np.full(classes, 0.3), len(labels)).astype(np.float32)
    return evaluate_predictions(probabilities, labels, [f"c{k}" for k in range(classes)]).detailed(training, 100)


def test_each_class_with_images_is_a_dot_at_its_training_images():
    result = evaluation((500, 100, 99, 3, 0, 20), np.repeat(np.arange(5), 4))
    (axes,) = detail_plots.by_training_images(result, result.head_tail).axes
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    accuracies = [one.accuracy for one in result.per_class]
    np.testing.assert_allclose(lines["head"], [(500, accuracies[0]), (100, accuracies[1])])
    # On a logarithmic axis a class without training images stands left of one.
    np.testing.assert_allclose(lines["tail"], [(99, accuracies[2]), (3, accuracies[3]), (0.5, accuracies[4])])


@pytest.mark.parametrize("training", [(5, 6), (500, 600), (1,) * 40, (0, 0)])
def test_any_sizes_can_be_drawn(training):
    result = evaluation(training)
    to_svg(detail_plots.by_training_images(result, result.head_tail), "classes")


def test_levels_have_a_bar_each_from_the_root_down():
    paths = [("a", "x", "1"), ("a", "y", "2"), ("b", "z", "3"), ("b", "z", "4")]
    found = Taxonomy(paths).evaluate(evaluation((1, 1, 1, 1)).confusion)
    (axes,) = detail_plots.levels(found).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["2 groups", "3 groups", "4 classes"]
    shown = {bar.get_width() for bar in axes.patches} - {1.0}
    assert shown == {one.accuracy for one in found.levels} - {1.0}


def test_watched_checkpoints_are_a_curve_for_each_split():
    history = History(({"step": 2, "epoch": 0.5, "top1": 0.25}, {"step": 4, "epoch": 1.0, "top1": 0.5}))
    (axes,) = detail_plots.checkpoints({"validation": history, "test": History(history.lines[:1])}).axes
    assert [line.get_label() for line in axes.lines] == ["validation", "test"]
    assert axes.lines[0].get_xydata().tolist() == [[0.5, 0.25], [1.0, 0.5]]
