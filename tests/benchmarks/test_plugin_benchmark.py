"""What the benchmark of the plug-in stands on: that sides agree before they race, and live in processes of their own."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from benchmarks.__main__ import programs
from benchmarks.plugin import QUICK, expect_same_answers, expect_same_losses
from benchmarks.plugin_size import Answers, Size, drawn_taps
from benchmarks.workers import Worker

RNG = np.random.default_rng(0)
ONE = Answers([RNG.normal(size=(10, 3))], [np.tile(np.arange(40), (10, 1))], RNG.normal(size=(10, 3)))


def test_it_is_one_of_the_programs_and_what_it_stands_on_is_not() -> None:
    names = {program.name for program in programs()}
    assert "plugin.py" in names
    assert not names & {"plugin_sides.py", "plugin_size.py", "plugin_torch.py", "workers.py", "multiply_adds.py"}


def test_equal_answers_pass_also_where_two_points_of_an_image_are_the_other_way_round() -> None:
    kept = ONE.kept[0].copy()
    kept[3, :2] = kept[3, 1::-1]
    expect_same_answers(ONE, replace(ONE, kept=[kept]))


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (replace(ONE, levels=[ONE.levels[0] + 1e-3]), "logits of a level"),
        (replace(ONE, kept=[ONE.kept[0][:, ::-1]]), "different points"),
        (replace(ONE, combined=ONE.combined + 1e-3), "combined logits"),
    ],
)
def test_other_answers_stop_the_run(other: Answers, what: str) -> None:
    with pytest.raises(AssertionError, match=what):
        expect_same_answers(ONE, other)


def test_other_losses_stop_the_run() -> None:
    expect_same_losses([30.0, 29.0], [30.001, 29.0])
    with pytest.raises(AssertionError, match="losses differ"):
        expect_same_losses([30.0, 29.0], [30.0, 29.01])


def test_both_sides_draw_the_same_taps() -> None:
    size: Size = replace(QUICK[0], batch=2)
    shapes = {"p2": (4, 4, 3), "p3": (2, 2, 5)}
    one, other = drawn_taps(size, shapes), drawn_taps(size, shapes)
    assert {name: tap.shape for name, tap in one.items()} == {"p2": (2, 4, 4, 3), "p3": (2, 2, 2, 5)}
    assert all(np.array_equal(one[name], other[name]) and one[name].min() == 0 for name in shapes)


def test_a_worker_keeps_its_object_and_passes_on_what_it_raises() -> None:
    with Worker(partial(list, (3, 4))) as worker:
        worker("append", 5)
        assert worker("index", 5) == 2
        with pytest.raises(ValueError, match="not in list"):
            worker("index", 6)
        assert worker.peak_mib() > 1


def test_a_worker_whose_object_cannot_be_made_says_why() -> None:
    with Worker(partial(int, "seven")) as worker, pytest.raises(ValueError, match="seven"):
        worker("bit_length")
