"""Nobody ever reads half a file."""

from pathlib import Path

import pytest

from fgtl.errors import DataError
from fgtl.files import atomic_folder, atomic_path, read_json, write_atomically, write_json


def test_a_failed_write_leaves_the_old_file_and_no_leftovers(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_atomically(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "set") as partial:
        (partial / "one").write_text("1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(tmp_path / "set") as partial:
        (partial / "one").write_text("1")
    assert (tmp_path / "set" / "one").read_text() == "1"


def test_json_round_trip_keeps_names_of_any_alphabet(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"class": "Grünfink"})
    assert read_json(tmp_path / "a.json") == {"class": "Grünfink"}


def test_damaged_json_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1,\n"b" 2}')
    with pytest.raises(DataError, match="a.json line 2"):
        read_json(tmp_path / "a.json")
