"""The pictures of a probe: ticks say where they stand, and the ring is where the choice was made."""

import numpy as np
import pytest

from fgtl.reports.metrics import evaluate_predictions
from fgtl.reports.probe_page import choice_plot, dot_plot
from fgtl.reports.probe_table import Classified, ProbeTable, probe_table


def table_of(shares: list[float], images: int = 240) -> ProbeTable:
    rows = []
    for number, share in enumerate(shares):
        right = np.arange(images) < round(share * images)
        evaluation = evaluate_predictions(np.tile([0.9, 0.1], (images, 1)), np.where(right, 0, 1), ("wren", "crow"))
        tried = (("c", 0.1, False, 0.5), ("c", 1.0, False, share), ("c", 10.0, False, share))
        rows.append(Classified(f"net {number}", "logistic", "C 1", share, tried, evaluation, right))
    return probe_table("birds", "test", {}, rows)


@pytest.mark.parametrize("shares", [[0.85, 0.933], [0.5], [0.99, 0.2], [1.0, 0.995]])
@pytest.mark.parametrize("images", [40, 240, 20_000])
def test_a_tick_says_where_it_stands(shares: list[float], images: int) -> None:
    figure = dot_plot(table_of(shares, images))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    ticks = axes.get_xticks()
    said = [float(label.get_text().removesuffix(" %")) / 100 for label in axes.get_xticklabels()]
    assert len(ticks) >= 3 and said == pytest.approx(ticks, abs=1e-9)


def test_the_ring_is_around_the_first_of_the_best_settings() -> None:
    (axes,) = choice_plot(table_of([0.8])).axes
    (ring,) = [line for line in axes.lines if line.get_marker() == "o"]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (1.0, 0.8)
