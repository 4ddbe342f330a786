"""Filling a network from named arrays: all, in part, or not at all."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from fgtl.errors import DataError
from fgtl.interop.correspondence import Piece, transposed
from fgtl.interop.filling import Filled, fill
from fgtl.interop.weight_file import WeightFile


@pytest.fixture
def kernel() -> keras.Variable:
    return keras.Variable(np.zeros((2, 3), "float32"))


@pytest.fixture
def bias() -> keras.Variable:
    return keras.Variable(np.zeros(3, "float32"))


GOOD: dict[str, Any] = {"w": np.arange(6.0).reshape(3, 2), "b": np.ones(3, "float16")}


def run(kernel: keras.Variable, bias: keras.Variable, arrays: dict[str, np.ndarray], **options: Any) -> Filled:
    shapes = {name: np.shape(array) for name, array in arrays.items()}
    file = WeightFile(Path("x.pth"), "torch state dict", "torch", shapes, arrays.__getitem__)
    pieces = [transposed("w", kernel, (1, 0)), Piece("b", (3,), bias)]
    return fill(pieces, file, lambda name, wanted: "steps" if name == "step" else "", "net", **options)


def test_arrays_are_turned_cast_and_counted(kernel: Any, bias: Any) -> None:
    filled = run(kernel, bias, {**GOOD, "step": np.asarray(3)})
    assert np.array_equal(np.asarray(kernel), GOOD["w"].T) and np.asarray(bias).tolist() == [1, 1, 1]
    assert (filled.used, filled.numbers, filled.left) == (("w", "b"), 9, {"steps": ["step"]})
    assert (filled.missing, filled.unknown) == ((), ())


@pytest.mark.parametrize(
    "change, message",
    [
        ({"b": None}, r"0 of another shape, 1 missing, 0 left over[\s\S]*b \(3,\) is not in the file"),
        ({"x": np.ones(1)}, r"0 missing, 1 left over[\s\S]*x \(1,\) is in the file, but not in net"),
        ({"w": np.ones((2, 3))}, r"w is \(2, 3\) in the file, \(3, 2\) in net"),
        ({"b": np.asarray([1, np.nan, np.inf])}, "2 of the 3 numbers of b are not finite"),
        ({"b": np.full(3, 1e300)}, "3 of the 3 numbers of b are not finite"),
        ({"b": np.ones(3, "int64")}, "b is of type int64"),
        ({"b": np.ones(3, "complex64")}, "b is of type complex64"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_changes(kernel: Any, bias: Any, change: Any, message: str) -> None:
    arrays = {name: array for name, array in {**GOOD, **change}.items() if array is not None}
    with pytest.raises(DataError, match=message):
        run(kernel, bias, arrays)
    assert not np.asarray(kernel).any() and not np.asarray(bias).any()


def test_in_part_what_is_missing_and_unknown_is_listed(kernel: Any, bias: Any) -> None:
    filled = run(kernel, bias, {"w": GOOD["w"], "x": np.ones(1), "step": np.asarray(3)}, partly=True)
    assert (filled.used, filled.missing, filled.unknown) == (("w",), ("b",), ("x",))
    assert np.asarray(kernel).any() and not np.asarray(bias).any()


def test_in_part_another_shape_or_nothing_at_all_is_still_an_error(kernel: Any, bias: Any) -> None:
    with pytest.raises(DataError, match=r"1 of another shape, 0 missing, 0 left over"):
        run(kernel, bias, {"w": np.ones((2, 3)), "x": np.ones(1)}, partly=True)
    with pytest.raises(DataError, match="has no weight of net"):
        run(kernel, bias, {"x": np.ones(1)}, partly=True)
