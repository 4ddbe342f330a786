"""Fill a network from a file of arrays: whole and with nothing unexplained left over, or not at all."""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np

from fgtl.errors import DataError
from fgtl.interop.correspondence import Piece
from fgtl.interop.matching import expect_same_weights
from fgtl.interop.weight_file import WeightFile

# (name in the file, names that the network wants) -> kind of leftover for people; "" when unexplained.
LeftoverKind = Callable[[str, set[str]], str]


@dataclass(frozen=True)
class Filled:
    """What went where.

    Args:
        file: the source.
        used: names of the arrays that filled something.
        numbers: how many numbers those were.
        left: kind -> arrays that every such file has and no trunk needs.
        missing: names that the network wants and the file lacks.
        unknown: arrays that nobody has an explanation for.
    """

    file: WeightFile
    used: tuple[str, ...]
    numbers: int
    left: dict[str, list[str]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def fill(
    pieces: list[Piece], file: WeightFile, leftover: LeftoverKind, network: str, *, partly: bool = False
) -> Filled:
    """Assign every piece's variable.

    Args:
        pieces: one for each of the network's variables, or several.
        file: where the arrays are.
        leftover: see `LeftoverKind`.
        network: its name, for messages.
        partly: accept that some are missing, or left over without an explanation.

    Raises:
        DataError: names or shapes differ, or a weight is not a finite number; no variable has changed then.

    Cost: the network's weights once more in memory.
    """
    wanted = {piece.name: piece.shape for piece in pieces}
    names = set(wanted)
    left: dict[str, list[str]] = {}
    found = {}
    for name, shape in file.shapes.items():
        kind = "" if name in wanted else leftover(name, names)
        if kind:
            left.setdefault(kind, []).append(name)
        else:
            found[name] = shape
    if partly:
        shared = [name for name in wanted if name in found]
        if not shared:
            raise DataError(f"{file.path} has no weight of {network}.", fix="Name the backbone it was made with.")
        expect_same_weights(
            {name: wanted[name] for name in shared}, {name: found[name] for name in shared}, str(file.path), network
        )
    else:
        expect_same_weights(wanted, found, str(file.path), network)
    filling = [piece for piece in pieces if piece.name in found]
    arrays = [_checked(piece, file) for piece in filling]
    for piece, array in zip(filling, arrays, strict=True):
        piece.variable.assign(array)
    return Filled(
        file,
        tuple(dict.fromkeys(piece.name for piece in filling)),
        sum(array.size for array in arrays),
        left,
        tuple(name for name in wanted if name not in found),
        tuple(name for name in found if name not in wanted),
    )


def _checked(piece: Piece, file: WeightFile) -> np.ndarray:
    """The array in the variable's shape and type; DataError unless all its numbers are finite there."""
    array = file.read(piece.name)
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise DataError(f"{file.path}: {piece.name} is of type {array.dtype}.", expected="floating-point weights.")
    # float64 may be too large for the network's type; NumPy would warn before the check below says which one it is.
    with np.errstate(over="ignore"):
        converted = piece.convert(array).astype(keras.backend.standardize_dtype(piece.variable.dtype))
    if bad := int(converted.size - np.isfinite(converted).sum()):
        raise DataError(
            f"{file.path}: {bad:,} of the {converted.size:,} numbers of {piece.name} are not finite.",
            fix="Nothing was loaded. The training that wrote it had diverged, or the file is damaged.",
        )
    return converted
