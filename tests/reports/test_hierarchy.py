import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.errors import InputError
from fgtl.reports.hierarchy import HierarchyResult, Taxonomy
from fgtl.reports.metrics import Evaluation, evaluate_predictions

# Two orders; the gulls are one genus of two species, the tern a genus of its own, the finch of another order.
BIRDS = [
    ("shore", "gull", "ring"),
    ("shore", "gull", "herring"),
    ("shore", "tern", "common"),
    ("perch", "finch", "gold"),
]


def slow_height(paths: list[tuple[str, ...]], one: int, other: int) -> int:
    """Steps from the lowest common ancestor down to the deepest class below it, found by walking all paths."""
    shared = 0
    while one != other and paths[one][:shared] == paths[other][:shared]:
        shared += 1
    if one == other:
        return 0
    shared -= 1
    return max(len(path) for path in paths if path[:shared] == paths[one][:shared]) - shared


def test_levels_and_distances_by_hand():
    #          right  wrong species  wrong genus  wrong order
    predicted = [0, 0, 1, 2, 3]
    labels = np.array([0, 0, 0, 0, 0])
    result = evaluate_predictions(np.eye(4)[predicted], labels, list("abcd"))
    found = Taxonomy(BIRDS).evaluate(result.confusion)
    assert [(one.depth, one.groups, one.accuracy) for one in found.levels] == [(1, 2, 0.8), (2, 3, 0.6), (3, 4, 0.4)]
    assert found.height == 3
    assert found.mistake_height == pytest.approx((1 + 2 + 3) / 3)
    assert found.mean_height == pytest.approx(6 / 5)


def test_a_root_that_all_share_is_no_level_and_no_distance():
    rooted = [("aves", *path) for path in BIRDS]
    confusion = np.ones((4, 4), int)
    bare, found = Taxonomy(BIRDS).evaluate(confusion), Taxonomy(rooted).evaluate(confusion)
    assert (found.height, found.mistake_height) == (bare.height, bare.mistake_height)
    assert [one.groups for one in found.levels] == [2, 3, 4]
    assert [one.depth for one in found.levels] == [2, 3, 4]


paths_of_classes = st.lists(
    st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(lambda names: (*names, "leaf")),
    min_size=2,
    max_size=8,
    unique=True,
)


@given(paths_of_classes, st.integers(0, 2**31))
def test_equals_the_walk_along_the_paths(paths, seed):
    rng = np.random.default_rng(seed)
    confusion = rng.integers(0, 4, (len(paths),) * 2)
    confusion[0, 0] += 1
    found = Taxonomy(paths).evaluate(confusion)
    cells = [(t, p, int(n)) for (t, p), n in np.ndenumerate(confusion)]
    climbed = sum(n * slow_height(paths, t, p) for t, p, n in cells)
    wrong = sum(n for t, p, n in cells if t != p)
    assert found.mean_height == pytest.approx(climbed / confusion.sum())
    assert found.mistake_height == (pytest.approx(climbed / wrong) if wrong else None)
    for level in found.levels:
        # Below the end of a path its class stands for itself.
        keys = [path[: level.depth] for path in paths]
        right = sum(n for t, p, n in cells if keys[t] == keys[p])
        assert level.accuracy == pytest.approx(right / confusion.sum())
    assert found.levels[-1].accuracy == pytest.approx(np.trace(confusion) / confusion.sum())
    accuracies = [level.accuracy for level in found.levels]
    assert accuracies == sorted(accuracies, reverse=True)


@pytest.mark.parametrize("paths", [[("a",), ("a",), ("b",)], [("a",), ("a", "x"), ("b",)]])
def test_classes_in_one_place_and_above_others_are_still_told_apart(paths):
    found = Taxonomy(paths).evaluate(np.ones((3, 3), int))
    assert found.levels[-1].accuracy == pytest.approx(1 / 3)
    assert found.levels[-1].groups == 3
    assert Taxonomy(paths).height_of_common(np.array([0, 0]), np.array([1, 2])).tolist() == [1, 2]


def test_without_mistakes_there_is_no_distance_of_them():
    found = Taxonomy(BIRDS).evaluate(np.eye(4, dtype=int))
    assert (found.mistake_height, found.mean_height) == (None, 0)
    assert "distance of mistakes" in found.lines()[-1][0] and found.lines()[-1][1] == "-"


def test_survives_json_within_an_evaluation():
    result = evaluate_predictions(np.eye(4)[[0, 1, 1]], np.array([0, 1, 3]), list("abcd"))
    result = result.detailed(None, 100, Taxonomy(BIRDS))
    again = Evaluation.from_dict(json.loads(json.dumps(result.as_dict(), allow_nan=False)))
    assert again == result and isinstance(again.hierarchy, HierarchyResult)
    other = np.arange(16).reshape(4, 4)
    assert again.hierarchy.on(other) == Taxonomy(BIRDS).evaluate(other)
    assert "level 1 accuracy" in result.table() and "of 3; 1.0000 over all images" in result.table()


@pytest.mark.parametrize("paths", [[], [("a",), ()]])
def test_a_class_without_a_place_is_refused(paths):
    with pytest.raises(InputError, match="no place"):
        Taxonomy(paths)


def test_another_number_of_classes_is_refused():
    with pytest.raises(InputError, match="4 classes"):
        Taxonomy(BIRDS).evaluate(np.ones((3, 3), int))
