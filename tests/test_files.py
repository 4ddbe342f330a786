"""Nobody ever reads half a file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fgtl.errors import DataError
from fgtl.files import (
    atomic_folder,
    atomic_path,
    clear_leftovers,
    read_json,
    write_atomically,
    write_json,
)


def test_a_failed_write_leaves_the_old_file_and_no_leftovers(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_atomically(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_two_that_write_one_file_at_once_each_write_it_whole(tmp_path: Path) -> None:
    # One process here; on two machines that share a folder, two of the same number.
    with atomic_path(tmp_path / "a.txt") as one, atomic_path(tmp_path / "a.txt") as two:
        one.write_text("one")
        two.write_text("two, longer")
    assert (tmp_path / "a.txt").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "set") as partial:
        (partial / "one").write_text("1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(tmp_path / "set") as partial:
        (partial / "one").write_text("1")
    assert (tmp_path / "set" / "one").read_text() == "1"


def test_a_folder_left_by_a_killed_process_of_the_same_number_is_no_obstacle(tmp_path: Path) -> None:
    # In a container every run may be process 1.
    left = tmp_path / f"set.{os.getpid()}.partial"
    left.mkdir()
    (left / "old").write_text("half")
    with atomic_folder(tmp_path / "set") as partial:
        (partial / "one").write_text("1")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["one"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_leftovers_of_dead_processes_are_cleared_and_nothing_else(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    kept = [f"set.{os.getpid()}.partial", f"other.{dead.pid}.partial", "set.x.partial", f"set.{dead.pid}", "set"]
    for name in (*kept, f"set.{dead.pid}.partial", f"set.{10**30}.partial"):
        (tmp_path / name / "inner").mkdir(parents=True)
    clear_leftovers(tmp_path / "set")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
    clear_leftovers(tmp_path / "absent" / "set")


def test_json_round_trip_keeps_names_of_any_alphabet(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"class": "Grünfink"})
    assert read_json(tmp_path / "a.json") == {"class": "Grünfink"}


def test_damaged_json_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1,\n"b" 2}')
    with pytest.raises(DataError, match="a.json line 2"):
        read_json(tmp_path / "a.json")
