"""The pictures of a probe: ticks say where they stand, and the ring is where the choice was made."""

from collections.abc import Callable

import numpy as np
import pytest

from fgtl.reports.metrics import evaluate_predictions
from fgtl.reports.probe_page import choice_plot, dot_plot, few_plot
from fgtl.reports.probe_table import Classified, ProbeTable, Shots, probe_table


def table_of(shares: list[float], images: int = 240, name: str = "net") -> ProbeTable:
    rows = []
    for number, share in enumerate(shares):
        right = np.arange(images) < round(share * images)
        evaluation = evaluate_predictions(np.tile([0.9, 0.1], (images, 1)), np.where(right, 0, 1), ("wren", "crow"))
        tried = (("c", 0.1, False, 0.5), ("c", 1.0, False, share), ("c", 10.0, False, share))
        rows.append(Classified(f"{name} {number}", "logistic", "C 1", share, tried, evaluation, right))
    few = [Shots(row.features, shots, (0.1 * shots, 0.12 * shots), None) for row in rows for shots in (1, 5)]
    return probe_table("birds", "test", {}, rows, few)


@pytest.mark.parametrize("shares", [[0.85, 0.933], [0.5], [0.99, 0.2], [1.0, 0.995]])
@pytest.mark.parametrize("images", [40, 240, 20_000])
def test_a_tick_says_where_it_stands(shares: list[float], images: int) -> None:
    figure = dot_plot(table_of(shares, images))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    ticks = axes.get_xticks()
    said = [float(label.get_text().removesuffix(" %")) / 100 for label in axes.get_xticklabels()]
    assert len(ticks) >= 3 and said == pytest.approx(ticks, abs=1e-9)


@pytest.mark.parametrize("draw", [choice_plot, few_plot])
def test_names_of_feature_sets_hide_no_line_and_take_no_room_from_the_panels(draw: Callable) -> None:
    figure = draw(table_of([0.8, 0.6, 0.7, 0.5], name="a network with a name, and weights with a rather long one, at"))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    for axes in figure.axes:
        panel = axes.get_window_extent()
        assert panel.width > 0.8 * figure.bbox.width and not panel.overlaps(box)
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width
    assert len(legend.get_texts()) == 4


def test_a_title_is_what_it_was_given() -> None:
    found = table_of([0.8])
    assert [draw(found, "birds").axes[0].get_title("left") for draw in (dot_plot, few_plot)] == ["birds", "birds"]


def test_the_ring_is_around_the_first_of_the_best_settings() -> None:
    (axes,) = choice_plot(table_of([0.8])).axes
    (ring,) = [line for line in axes.lines if line.get_marker() == "o"]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (1.0, 0.8)
