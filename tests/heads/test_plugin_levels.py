"""Which taps the plug-in stands on and how many points it keeps; what it refuses before anything is trained."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.errors import UsageError
from fgtl.heads.plugin_levels import Level, check_selects, find_levels, kept_points

# A convolutional network at 160 pixels.
SHAPES = {"p2": (None, 40, 40, 24), "p3": (None, 20, 20, 32), "p4": (None, 10, 10, 96), "p5": (None, 5, 5, 1280)}


def levels_of(*points: int) -> list[Level]:
    return [Level(f"level{n}", f"block{n}", 8, count, None) for n, count in enumerate(points, 1)]


def test_levels_count_up_with_depth() -> None:
    levels = find_levels(SHAPES)
    assert [(level.name, level.tap, level.points) for level in levels] == [
        ("level1", "p2", 1600),
        ("level2", "p3", 400),
        ("level3", "p4", 100),
        ("level4", "p5", 25),
    ]
    assert levels[0].grid == (40, 40) and str(levels[3]) == "level4 (tap p5, 5x5)"


@pytest.mark.parametrize("wanted", [(), ("block12", "block3", "last", "block9")])
def test_the_order_is_the_networks_and_neither_the_names_nor_the_users(wanted: tuple[str, ...]) -> None:
    levels = find_levels(dict.fromkeys(("block3", "block9", "block12", "last"), (None, 197, 768)), wanted)
    assert [level.tap for level in levels] == ["block3", "block9", "block12", "last"]
    assert levels[0].grid is None and levels[0].points == 197


def test_of_more_than_four_taps_the_last_four_are_taken_and_of_fewer_all() -> None:
    more = SHAPES | {"p6": (None, 3, 3, 8)}
    assert [level.tap for level in find_levels(more)] == ["p3", "p4", "p5", "p6"]
    assert [level.tap for level in find_levels({name: SHAPES[name] for name in ("p4", "p5")})] == ["p4", "p5"]


def test_taps_may_be_named() -> None:
    assert [level.tap for level in find_levels(SHAPES, ("p4", "p2"))] == ["p2", "p4"]


@pytest.mark.parametrize(
    ("shapes", "wanted", "message"),
    [
        ({}, (), r"got 0; the backbone's taps are: none"),
        (None, (), r"got 0; the backbone's taps are: none"),
        ({"p5": SHAPES["p5"]}, (), r"got 1; the backbone's taps are: p5 5x5x1280"),
        (SHAPES, ("p5",), "got 1"),
        (SHAPES, ("p5", "p9"), r"has no tap 'p9'[\s\S]*p2 40x40x24, p3 20x20x32, p4 10x10x96, p5 5x5x1280"),
        (SHAPES, ("p5", "p5"), "named twice"),
        ({"p4": (None, None, None, 8), "p5": SHAPES["p5"]}, (), "tap p4 has shape"),
        ({"p4": (None, 8), "p5": SHAPES["p5"]}, (), "tap p4 has shape"),
    ],
)
def test_a_backbone_without_the_taps_says_which_there_are(shapes: Any, wanted: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_levels(shapes, wanted)


@pytest.mark.parametrize(
    ("points", "wanted", "expected"),
    [
        # The published counts at 384 and 448 pixels.
        ((2304, 576, 144, 144), ("2048", "512", "128", "32"), [2048, 512, 128, 32]),
        # The same shares for other sizes, unless that is too little.
        ((2304, 576, 144, 144), (), [2048, 512, 128, 32]),
        ((785,) * 4, ("32",), [32] * 4),
        ((1600, 400, 100, 25), (), [1422, 355, 88, 5]),
        ((25, 9), (), [24, 8]),
        ((100, 100), ("0.29", "0.999"), [29, 99]),
        ((2304, 576, 144, 144), (".889", "0.889", "0.889", "0.223"), [2048, 512, 128, 32]),
        ((64, 4), ("0.5", "0.1"), [32, 1]),
    ],
)
def test_counts_are_numbers_shares_or_derived(points: Any, wanted: Any, expected: list[int]) -> None:
    assert kept_points(levels_of(*points), wanted) == expected


@pytest.mark.parametrize(
    ("points", "wanted", "message"),
    [
        # Acceptance A22.
        ((64, 49), ("32", "49"), r"num_selects=49 for level2 \(tap block2, 49 tokens\)[\s\S]*all of them are kept"),
        ((64, 49), ("32", "50"), r"level2[\s\S]*more are to be kept than there are[\s\S]*at most 48"),
        ((64, 49), ("20", "11"), r"keeps 31 points in all \(level1 20, level2 11\)[\s\S]*at least 32"),
        ((16, 4), (), r"keeps 18 points in all"),
        ((64, 1), (), r"level2 \(tap block2, 1 token\) has a single point"),
        ((64, 49), ("1", "2", "3"), r"3 values for 2 levels[\s\S]*level1 \(tap block1, 64 tokens\), level2"),
    ],
)
def test_counts_that_cannot_be_are_refused_with_the_level(points: Any, wanted: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        kept_points(levels_of(*points), wanted)


@pytest.mark.parametrize("word", ["0", "-3", "1.0", "0.0", "half", "1e3", "", "nan", "0.5%", "1.5"])
def test_a_word_that_is_no_count_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="neither how many points nor which share"):
        check_selects(["32", word])


@given(st.lists(st.integers(2, 4000), min_size=2, max_size=4), st.floats(0.01, 0.99))
def test_a_share_keeps_some_and_drops_some_of_every_level(points: list[int], share: float) -> None:
    word = f"{share:.3f}"
    check_selects([word])
    try:
        kept = kept_points(levels_of(*points), [word])
    except UsageError as error:
        assert "at least 32" in str(error)
        return
    for count, there in zip(kept, points, strict=True):
        assert 1 <= count < there
        assert count == 1 or 0 <= float(word) * there - count < 1 or count == pytest.approx(float(word) * there)


@given(st.lists(st.integers(2, 4000), min_size=2, max_size=4))
def test_derived_counts_are_32_in_all_and_drop_something_wherever_that_can_be(points: list[int]) -> None:
    if sum(min(32, count - 1) for count in points) < 32:
        return
    kept = kept_points(levels_of(*points), ())
    assert sum(kept) >= 32
    assert all(1 <= count < there for count, there in zip(kept, points, strict=True))
