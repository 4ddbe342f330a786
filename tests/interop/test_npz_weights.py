"""Arrays of an .npz by name, and archives that are not one."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fgtl.errors import DataError
from fgtl.interop.npz_weights import is_npz, npz_shapes, read_npz_array


def start_of(path: Path) -> bytes:
    return path.read_bytes()[:16]


def test_names_with_slashes_shapes_and_numbers_come_back(tmp_path: Path) -> None:
    arrays = {"conv/kernel": np.arange(6.0).reshape(1, 2, 3), "conv/bias": np.float32(3), "half": np.ones(2, "float16")}
    np.savez_compressed(tmp_path / "x.npz", **arrays)
    assert is_npz(tmp_path / "x.npz", start_of(tmp_path / "x.npz"))
    assert npz_shapes(tmp_path / "x.npz") == {name: np.shape(array) for name, array in arrays.items()}
    for name, array in arrays.items():
        assert np.array_equal(read_npz_array(tmp_path / "x.npz", name), array)


def test_another_zip_archive_is_no_npz(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    assert not is_npz(tmp_path / "x.zip", start_of(tmp_path / "x.zip"))
    assert not is_npz(tmp_path / "x.zip", b"\x89HDF")


def test_objects_are_refused_without_being_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.asarray([print], dtype=object))
    with pytest.raises(DataError, match="a is of type object"):
        npz_shapes(tmp_path / "x.npz")
    with pytest.raises(DataError, match="damaged"):
        read_npz_array(tmp_path / "x.npz", "a")


def test_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, a=np.zeros(1000))
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(DataError, match=r"x\.npz is a damaged zip archive"):
        is_npz(path, start_of(path))
    for content in (b"", b"not an array", b"\x93NUMPY\x01\x00\xff\xff{"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", content)
        with pytest.raises(DataError, match="damaged"):
            npz_shapes(path)
    # A header that claims more than there is.
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"shape": (10**9,), "fortran_order": False, "descr": "<f4"})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header.getvalue() + b"\0" * 8)
    assert npz_shapes(path) == {"a": (10**9,)}
    with pytest.raises(DataError, match="damaged"):
        read_npz_array(path, "a")
