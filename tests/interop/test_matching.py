"""The message about weights that do not fit."""

import pytest

from fgtl.errors import DataError
from fgtl.interop.matching import expect_same_order, expect_same_weights


def test_equal_names_and_shapes_pass() -> None:
    expect_same_weights({"a": (1, 2), "b": ()}, {"b": (), "a": (1, 2)}, "file", "net")
    expect_same_order([("a", (1,)), ("b", (2,))], [("x", (1,)), ("y", (2,))], "file", "net")


def test_each_kind_of_difference_is_counted_and_shown() -> None:
    with pytest.raises(DataError) as caught:
        expect_same_weights({"a": (1, 2), "b": (3,)}, {"a": (2, 1), "c": (4,)}, "x.h5", "net")
    message = str(caught.value)
    assert "x.h5 does not hold the weights of net: 1 of another shape, 1 missing, 1 left over" in message
    assert "a is (2, 1) in the file, (1, 2) in net" in message
    assert "b (3,) is not in the file" in message
    assert "c (4,) is in the file, but not in net" in message


def test_five_are_shown_and_the_rest_counted() -> None:
    with pytest.raises(DataError, match=r"and 4 more") as caught:
        expect_same_weights({str(index): (1,) for index in range(9)}, {}, "file", "net")
    assert str(caught.value).count("is not in the file") == 5


def test_by_position_the_two_names_are_shown() -> None:
    with pytest.raises(DataError, match=r"a is \(1,\) in net, but x in its place in the file is \(5,\)"):
        expect_same_order([("a", (1,))], [("x", (5,))], "file", "net")
    with pytest.raises(DataError, match="0 of another shape, 1 missing, 0 left over"):
        expect_same_order([("a", (1,)), ("b", (2,))], [("x", (1,))], "file", "net")
    with pytest.raises(DataError, match="0 of another shape, 0 missing, 1 left over"):
        expect_same_order([("a", (1,))], [("x", (1,)), ("y", (2,))], "file", "net")
