"""One .npy file, written so that a full disk is called one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray


def save_array(path: Path, array: NDArray[Any]) -> None:
    """np.save, row after row.

    Raises:
        OSError: with the number of what went wrong, such as ENOSPC.

    Memory: 16 MB; the whole array where it lies in memory column after column.
    """
    with path.open("wb") as file:
        # To a real file NumPy writes by its own means, whose error says how many numbers are missing, and not why.
        np.save(SimpleNamespace(write=file.write), np.asarray(array, order="C"), allow_pickle=False)
