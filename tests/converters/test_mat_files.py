"""Annotations in MATLAB files: what is read, and the file, variable and entry that every complaint names."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from fgtl.converters.mat_files import Entry, MatFile, enter_entry, read_mat, text_of, whole_numbers_of
from fgtl.downloads import FolderTree
from fgtl.errors import DataError


def written(folder: Path, **variables: object) -> MatFile:
    savemat(folder / "a.mat", variables)
    return read_mat(FolderTree(folder), "a.mat")


def structs() -> np.ndarray:
    rows = np.zeros((1, 2), dtype=[("fname", object), ("class", object)])
    rows[0, 0], rows[0, 1] = ("1.jpg", 7.0), (" 2.jpg ", np.uint8(200))
    return rows


def test_whole_numbers_texts_and_rows(tmp_path: Path) -> None:
    names = np.array([["ab"], [" c d "]], dtype=object)
    file = written(tmp_path, numbers=[1.0, 200.0], column=np.array([[3], [4]], np.uint8), names=names, rows=structs())
    assert (file.whole_numbers("numbers"), file.whole_numbers("column")) == ([1, 200], [3, 4])
    assert [entry.text for entry in file.texts("names")] == ["ab", "c d"]
    assert file.texts("names")[1].where == f"{tmp_path / 'a.mat'} entry 2"
    rows = file.rows("rows", ("fname", "class"))
    assert [text_of(entry, "fname", row["fname"]) for entry, row in rows] == ["1.jpg", "2.jpg"]
    assert [whole_numbers_of(entry, row, ("class",)) for entry, row in rows] == [[7], [200]]


def test_a_single_one_is_a_list_too(tmp_path: Path) -> None:
    file = written(tmp_path, number=3, name=np.array([["a"]], dtype=object), none=np.zeros((0, 0)))
    assert file.whole_numbers("number") == [3]
    assert [entry.text for entry in file.texts("name")] == ["a"]
    assert file.whole_numbers("none") == []


def test_what_a_variable_is_instead_is_told(tmp_path: Path) -> None:
    cells = np.array([["a", 5]], dtype=object)
    file = written(
        tmp_path, half=[0.5], table=np.ones((2, 2)), cells=cells, rows=structs(), empty=np.array([""], object)
    )
    with pytest.raises(DataError, match=r"(?s)a\.mat: half is numbers 0\.5.*whole numbers"):
        file.whole_numbers("half")
    with pytest.raises(DataError, match=r"(?s)a\.mat: table is numbers of shape \(2, 2\).*one row or one column"):
        file.whole_numbers("table")
    with pytest.raises(DataError, match=r"(?s)a\.mat: cells is cells of shape \(1, 2\).*whole numbers"):
        file.whole_numbers("cells")
    with pytest.raises(DataError, match=r"a\.mat entry 2: cells is numbers 5"):
        file.texts("cells")
    with pytest.raises(DataError, match=r"a\.mat entry 1: empty is text of shape \(0,\)"):
        file.texts("empty")
    with pytest.raises(DataError, match=r"(?s)a\.mat: rows is structs of shape \(1, 2\).*the field 'box'"):
        file.rows("rows", ("fname", "box"))
    with pytest.raises(DataError, match=r"(?s)a\.mat: half is numbers.*structs with the field 'box'"):
        file.rows("half", ("box",))
    with pytest.raises(DataError, match=r"a\.mat has no variable 'labels', only half, table, cells, rows, empty"):
        file.whole_numbers("labels")
    entry, row = file.rows("rows", ("fname", "class"))[0]
    with pytest.raises(DataError, match=r"(?s)a\.mat entry 1: fname is text '1\.jpg'.*a whole number"):
        whole_numbers_of(entry, row, ("class", "fname"))
    with pytest.raises(DataError, match=r"(?s)a\.mat entry 1: class is numbers 7\.0.*a text"):
        text_of(entry, "class", row["class"])


def test_an_entry_twice_is_told_with_both_places() -> None:
    table: dict[str, Entry] = {}
    enter_entry(table, "x", Entry("/a.mat", "a.mat", 2, "x"), "the image")
    with pytest.raises(DataError, match=r"/a\.mat entry 5: the image 'x' is already entry 2 of a\.mat"):
        enter_entry(table, "x", Entry("/a.mat", "a.mat", 5, "x"), "the image")


def test_files_that_are_no_mat_files_are_told_with_a_way_on(tmp_path: Path) -> None:
    tree = FolderTree(tmp_path)
    with pytest.raises(DataError, match=r"a\.mat does not exist"):
        read_mat(tree, "a.mat")
    (tmp_path / "a.mat").write_text("<html>404</html>")
    with pytest.raises(DataError, match=r"(?s)a\.mat cannot be read as a MATLAB file.*fetch it again"):
        read_mat(tree, "a.mat")
    with (tmp_path / "a.mat").open("wb") as file:
        file.truncate(2**24 + 1)
    with pytest.raises(DataError, match=r"a\.mat has 16,777,217 bytes"):
        read_mat(tree, "a.mat")


def content_of(compressed: bool) -> bytes:
    output = io.BytesIO()
    names = np.array([["ab"], ["c"]], dtype=object)
    savemat(output, {"rows": structs(), "labels": [1, 2], "names": names}, do_compression=compressed)
    return output.getvalue()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(compressed=st.booleans(), position=st.integers(0, 2000), value=st.integers(0, 255))
def test_a_changed_byte_ends_in_values_or_in_a_named_error(
    tmp_path: Path, compressed: bool, position: int, value: int
) -> None:
    content = bytearray(content_of(compressed))
    content[position % len(content)] = value
    (tmp_path / "a.mat").write_bytes(content)
    try:
        file = read_mat(FolderTree(tmp_path), "a.mat")
        file.whole_numbers("labels")
        file.texts("names")
        for entry, row in file.rows("rows", ("fname", "class")):
            text_of(entry, "fname", row["fname"])
            whole_numbers_of(entry, row, ("class",))
    except DataError as error:
        assert "a.mat" in str(error)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_that_ends_early_anywhere_is_told(tmp_path: Path, compressed: bool) -> None:
    content = content_of(compressed)
    for length in range(0, len(content), 7):
        (tmp_path / "a.mat").write_bytes(content[:length])
        with pytest.raises(DataError, match=r"a\.mat"):
            read_mat(FolderTree(tmp_path), "a.mat").texts("names")
