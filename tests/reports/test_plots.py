import numpy as np
import pytest

from fgtl.reports import plots
from fgtl.reports.figures import to_svg
from fgtl.reports.history import History
from fgtl.reports.metrics import evaluate_predictions


def evaluation(classes: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), 10)
    probabilities = rng.dirichlet(np.full(classes, 0.3), len(labels)).astype(np.float32)
    return evaluate_predictions(probabilities, labels, [f"class {k}" for k in range(classes)])


def history() -> History:
    lines = [
        {"step": s, "epoch": s / 2, "phase": "head" if s < 4 else "all", "train/loss": 3 / s, "learning_rate": 0.1 / s}
        | ({"validation/loss": 4 / s} if s % 2 == 0 else {})
        for s in range(1, 9)
    ]
    return History(tuple(lines))


def test_curves_show_both_parts_the_phase_and_the_kept_epoch():
    figure = plots.curve(history(), "loss", "loss", best_epoch=3.0)
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "validation", "kept"]
    validation = next(line for line in axes.lines if line.get_label() == "validation")
    assert validation.get_xydata().tolist() == [[1, 2], [2, 1], [3, pytest.approx(2 / 3)], [4, 0.5]]
    kept = next(line for line in axes.lines if line.get_label() == "kept")
    assert kept.get_xydata().tolist() == [[3.0, pytest.approx(2 / 3)]]
    assert [text.get_text() for text in axes.texts] == ["all layers"]


def test_a_curve_without_a_point_and_one_with_a_single_point_can_be_drawn():
    to_svg(plots.curve(History(()), "loss", "loss", best_epoch=1.0), "empty")
    to_svg(plots.curve(History(history().lines[:1]), "loss", "loss"), "one")


def test_the_running_mean_of_a_line_is_the_line():
    values = np.linspace(0, 5, 101)
    smooth = plots._running_mean(values)
    np.testing.assert_allclose(smooth[5:-5], values[5:-5])
    assert smooth.min() >= values.min() and smooth.max() <= values.max()


def test_up_to_60_classes_each_has_a_bar_lowest_first():
    result = evaluation(12)
    axes = plots.class_bars(result).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [one.name for one in result.worst_to_best()]
    assert axes.texts[0].get_text() == f"{100 * result.worst_to_best()[0].accuracy:.0f} %"


def test_more_classes_show_the_ends_and_a_histogram_of_all():
    worst, best, spread = plots.class_bars(evaluation(90)).axes
    assert (len(worst.get_yticklabels()), len(best.get_yticklabels())) == (20, 10)
    assert sum(bar.get_height() for bar in spread.patches) == 90


def test_reliability_bars_end_at_the_accuracy():
    result = evaluation(6)
    bins = [one for one in result.reliability if one.images]
    above, below = plots.reliability_diagram(result).axes
    first = above.patches[: len(bins)]
    assert [bar.get_height() for bar in first] == pytest.approx([min(b.accuracy, b.confidence) for b in bins])
    assert [bar.get_height() for bar in below.patches] == [b.images for b in bins]


def test_class_sizes_are_drawn_largest_first():
    figure = plots.class_sizes({"train": [3, 9, 1], "test": [2, 2, 2]})
    train, test = figure.axes[0].lines
    assert train.get_ydata().tolist() == [9, 3, 1] and test.get_label() == "test"
