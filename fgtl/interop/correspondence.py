"""Which array of a file fills which variable of a network, and how its axes become ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fgtl.interop.matching import Shape

# Our layer's name (from `named_weights`) -> the other side's name of the same layer.
LayerNames = Callable[[str], str]

# (our weight, number of dimensions) -> (their weight, how their axes become ours)
Dialect = Mapping[tuple[str, int], tuple[str, tuple[int, ...]]]

_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}

# torch: (out, in, rows, columns) and (out, in). Keras: (rows, columns, in, out) and (in, out).
TORCH: Dialect = {
    ("kernel", 4): ("weight", (2, 3, 1, 0)),
    ("kernel", 2): ("weight", (1, 0)),
    ("bias", 1): ("bias", (0,)),
    **{(ours, 1): (theirs, (0,)) for ours, theirs in _NORM.items()},
}

SLIM: Dialect = {
    ("kernel", 4): ("weights", (0, 1, 2, 3)),
    ("bias", 1): ("biases", (0,)),
    **{(ours, 1): (ours, (0,)) for ours in _NORM},
}


@dataclass(frozen=True)
class Piece:
    """One array of a file and the variable that it fills.

    Args:
        name: in the file.
        shape: in the file.
        variable: the network's.
        convert: the file's array -> one of the variable's shape.
    """

    name: str
    shape: Shape
    variable: Any
    convert: Callable[[np.ndarray], np.ndarray] = np.asarray


def transposed(name: str, variable: Any, axes: tuple[int, ...]) -> Piece:
    """The piece whose array, its axes in the order `axes`, is the variable."""
    shape = tuple(int(variable.shape[axes.index(axis)]) for axis in range(len(axes)))
    return Piece(name, shape, variable, partial(np.transpose, axes=axes))


def pieces_by_layer(
    weights: Mapping[str, Any], their_layer: LayerNames, dialect: Dialect, separator: str
) -> list[Piece]:
    """Pieces of a network whose layers correspond one to one.

    Args:
        weights: from `named_weights`.
        their_layer: see `LayerNames`.
        dialect: TORCH or SLIM.
        separator: between layer and weight in their names.
    """
    pieces = []
    for name, variable in weights.items():
        layer, _, weight = name.rpartition("/")
        theirs, axes = dialect[weight, len(variable.shape)]
        pieces.append(transposed(f"{their_layer(layer)}{separator}{theirs}", variable, axes))
    return pieces
