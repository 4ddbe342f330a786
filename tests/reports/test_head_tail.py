import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.errors import InputError
from fgtl.reports.head_tail import HeadTail, head_and_tail
from fgtl.reports.intervals import wilson_interval
from fgtl.reports.metrics import Evaluation, evaluate_predictions

# Class 0: 3 of 4 right, class 1: 1 of 1, class 2: 1 of 5, class 3: no images.
CONFUSION = np.array([[3, 1, 0, 0], [0, 1, 0, 0], [2, 2, 1, 0], [0, 0, 0, 0]])


def test_both_groups_by_hand():
    parts = head_and_tail(CONFUSION, [100, 99, 0, 250], 100)
    assert (parts.head.classes, parts.head.classes_present) == (2, 1)
    assert (parts.head.correct, parts.head.images, parts.head.accuracy, parts.head.mean_class) == (3, 4, 0.75, 0.75)
    assert (parts.tail.correct, parts.tail.images, parts.tail.accuracy) == (2, 6, 1 / 3)
    assert parts.tail.mean_class == pytest.approx((1 + 1 / 5) / 2)
    assert parts.tail.interval == wilson_interval(2, 6)
    assert parts.untrained == 1
    head, tail = parts.lines()
    assert head == ("head accuracy", "0.750000", "4 images of 1 of 2 classes with >= 100 training images")
    assert tail[2].endswith("< 100 training images, 1 of them without one")


def test_a_group_without_images_has_no_accuracy():
    parts = head_and_tail(CONFUSION, [5, 5, 5, 500], 100)
    assert (parts.head.accuracy, parts.head.interval, parts.head.mean_class) == (None, None, None)
    assert parts.lines()[0][1] == "-"


@given(st.integers(2, 9), st.integers(1, 200), st.integers(0, 2**31))
def test_the_groups_share_all_images_and_classes(classes, threshold, seed):
    rng = np.random.default_rng(seed)
    confusion = rng.integers(0, 5, (classes, classes))
    parts = head_and_tail(confusion, rng.integers(0, 200, classes).tolist(), threshold)
    assert parts.head.classes + parts.tail.classes == classes
    assert parts.head.images + parts.tail.images == confusion.sum()
    assert parts.head.correct + parts.tail.correct == np.trace(confusion)


def test_survives_json_within_an_evaluation():
    result = evaluate_predictions(np.eye(3)[[0, 1, 1]], np.array([0, 1, 2]), list("abc")).detailed([5, 50, 1], 10)
    again = Evaluation.from_dict(json.loads(json.dumps(result.as_dict(), allow_nan=False)))
    assert again == result and again.head_tail.head.images == 1
    assert HeadTail.from_dict(asdict(result.head_tail)) == result.head_tail
    assert re.search(r"^tail accuracy +0.500000  2 images of 2 of 2 classes with < 10", result.table(), re.MULTILINE)


def test_an_evaluation_of_before_there_were_groups_can_be_read():
    old = evaluate_predictions(np.eye(2), np.array([0, 1]), list("ab")).as_dict()
    del old["head_tail"], old["hierarchy"]
    assert Evaluation.from_dict(old).head_tail is None


def test_counts_of_other_classes_are_refused():
    with pytest.raises(InputError, match="3 counts for 4 classes"):
        head_and_tail(CONFUSION, [1, 2, 3], 100)


def test_where_all_classes_are_of_one_kind_nothing_is_said_of_the_other():
    result = evaluate_predictions(np.eye(3)[[0, 1, 1]], np.array([0, 1, 2]), list("abc")).detailed([5, 50, 1], 100)
    assert not result.head_tail.are_both
    assert "tail" not in result.table()


def test_the_run_whose_images_were_counted_is_named_where_it_is_another_one():
    parts = replace(head_and_tail(CONFUSION, [100, 99, 0, 250], 100), of_run="runs/first")
    assert parts.lines()[0][2].endswith(">= 100 training images, of runs/first")
    assert HeadTail.from_dict(json.loads(json.dumps(asdict(parts)))) == parts
    other = parts.on(2 * CONFUSION)
    assert (other.of_run, other.training, other.head.images) == ("runs/first", parts.training, 8)
    old = asdict(parts)
    del old["of_run"]
    assert HeadTail.from_dict(old).of_run == ""
