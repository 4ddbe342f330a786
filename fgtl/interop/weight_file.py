"""A file of named arrays from elsewhere: TF-Slim checkpoint, torch or safetensors state dict, .npz; told by content."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fgtl.errors import DataError, UsageError
from fgtl.interop.matching import Shape
from fgtl.interop.npz_weights import is_npz, npz_shapes, read_npz_array
from fgtl.interop.safetensors_file import check_header_length, is_safetensors, read_safetensors
from fgtl.interop.slim_file import SlimCheckpoint, find_checkpoint
from fgtl.interop.torch_file import LEGACY_START, read_state_dict

ENDING = ".weights.h5"
HDF5_START = b"\x89HDF\r\n\x1a\n"
Dialect = Literal["slim", "torch", "fgtl"]


@dataclass(frozen=True)
class WeightFile:
    """Arrays by name; each is read when it is asked for.

    Args:
        path: what the user gave, for messages.
        kind: for people: "TF-Slim checkpoint".
        dialect: whose names and axes the arrays have: slim's, torch's, or those of `fgtl import-weights --list`.
        shapes: of every array, in the file's order.
        read: name -> array.
    """

    path: Path
    kind: str
    dialect: Dialect
    shapes: dict[str, Shape]
    read: Callable[[str], np.ndarray]


def expect_weights_name(path: Path) -> None:
    """Raise UsageError unless Keras can write weights under this name."""
    if not path.name.endswith(ENDING) or path.is_dir():
        raise UsageError(f"{path} is no name for a file of weights.", expected=f"a name that ends in {ENDING}.")


def check_format(path: Path) -> None:
    """Raise DataError unless `path` is there and looks like a weight file, Keras' own among them.

    Reads a few bytes and needs no TensorFlow: for saying early what `open_weights` and `load_weights` would say later.
    """
    if find_checkpoint(path):
        return
    start = _start_of(path)
    if is_safetensors(start):
        check_header_length(path)
    elif not start.startswith((HDF5_START, b"PK", LEGACY_START)):
        raise _unknown(path)


def open_weights(path: Path, *, ema: bool = False) -> WeightFile:
    """Find out what `path` is and list its arrays.

    Args:
        path: a file; for slim's checkpoints also the prefix of their files, one of these, or their folder.
        ema: of a torch checkpoint that holds two state dicts, the averaged one.

    Raises:
        DataError: nothing there, nothing known, or damaged.
    """
    if checkpoint := find_checkpoint(path):
        slim = SlimCheckpoint(checkpoint, path)
        return WeightFile(path, "TF-Slim checkpoint", "slim", slim.shapes, slim.read)
    start = _start_of(path)
    if is_npz(path, start):
        return WeightFile(path, "npz", "fgtl", npz_shapes(path), lambda name: read_npz_array(path, name))
    if start.startswith(b"PK") or start == LEGACY_START:
        return _in_memory(path, "torch state dict", read_state_dict(path, ema=ema))
    if is_safetensors(start):
        return _in_memory(path, "safetensors", read_safetensors(path))
    raise _unknown(path)


def _start_of(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(
            f"There are no weights at {path}.", expected="none, imagenet, a file, or a checkpoint's prefix."
        )
    with path.open("rb") as file:
        return file.read(len(LEGACY_START))


def _unknown(path: Path) -> DataError:
    return DataError(
        f"{path} is no weight file that fgtl knows.",
        expected="Keras .weights.h5, .h5 or .keras, a TF-Slim checkpoint, a torch .pth, .safetensors or .npz, by content.",
    )


def _in_memory(path: Path, kind: str, arrays: dict[str, np.ndarray]) -> WeightFile:
    shapes = {name: array.shape for name, array in arrays.items()}
    return WeightFile(path, kind, "torch", shapes, arrays.__getitem__)
