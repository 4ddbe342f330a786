"""Arrays written row by row, and what a full disk is called."""

import errno
from pathlib import Path

import numpy as np
import pytest

from fgtl.features.npy import save_array


@pytest.mark.parametrize(
    "array", [np.arange(12.0).reshape(3, 4), np.asfortranarray(np.eye(3, 4)), np.array(["a", "bc"])]
)
def test_what_is_written_is_read_row_after_row(tmp_path: Path, array: np.ndarray) -> None:
    save_array(tmp_path / "x.npy", array)
    found = np.load(tmp_path / "x.npy", allow_pickle=False)
    np.testing.assert_array_equal(found, array)
    assert found.flags.c_contiguous and found.dtype == array.dtype


def test_a_full_disk_is_called_full() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    with pytest.raises(OSError) as caught:
        save_array(full, np.ones(100_000))
    assert caught.value.errno == errno.ENOSPC


def test_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        save_array(tmp_path / "x.npy", np.array([None]))
