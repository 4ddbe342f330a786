"""Fetching from a compressed archive: one plain file, whole or not there, used again by a later run."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.downloads import read_place
from fgtl.downloads.archives import open_archive
from fgtl.downloads.compressed_tar import CompressedTar
from fgtl.errors import DataError

FILES = {f"{number}.jpg": bytes([number]) * (100 + number) for number in range(20)}


@pytest.fixture
def archive(tmp_path: Path, pack: Callable[..., Path]) -> Path:
    return pack(tmp_path / "x.tar.gz", FILES)


class Counter:
    """Counts what `fetch` reports, and how often the archive is inflated."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.advanced = self.passes = 0
        contents = CompressedTar.contents

        def counted(tree, names):
            self.passes += 1
            return contents(tree, names)

        monkeypatch.setattr(CompressedTar, "contents", counted)

    def __call__(self, count: int) -> None:
        self.advanced += count


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    return Counter(monkeypatch)


def spools(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_gives_each_file_its_place_in_one_plain_file(archive: Path, tmp_path: Path, counter: Counter) -> None:
    tree = open_archive(archive)
    wanted = ["7.jpg", "3.jpg", "19.jpg"]
    tree.fetch(wanted, tmp_path / "spool", counter)
    assert [read_place(tree.place(name)) for name in wanted] == [FILES[name] for name in wanted]
    assert counter.advanced == 3
    assert {tree.place(name).file for name in wanted} == {str(tmp_path / "spool" / spools(tmp_path / "spool")[0])}
    assert len(spools(tmp_path / "spool")) == 1


def test_the_same_files_are_not_inflated_again(archive: Path, tmp_path: Path, counter: Counter) -> None:
    for _ in range(2):
        tree = open_archive(archive)
        tree.fetch(list(FILES), tmp_path / "spool", counter)
        tree.fetch(["3.jpg"], tmp_path / "spool", counter)
        assert tree.read("3.jpg") == FILES["3.jpg"]
    assert counter.passes == 1
    assert counter.advanced == 2 * (len(FILES) + 1)


def test_a_later_run_that_wants_less_uses_what_is_there(archive: Path, tmp_path: Path, counter: Counter) -> None:
    open_archive(archive).fetch(list(FILES), tmp_path / "spool", counter)
    tree = open_archive(archive)
    tree.fetch(["5.jpg", "9.jpg"], tmp_path / "spool", counter)
    assert (tree.read("5.jpg"), tree.read("9.jpg")) == (FILES["5.jpg"], FILES["9.jpg"])
    assert counter.passes == 1


def test_a_later_run_that_wants_more_replaces_it(archive: Path, tmp_path: Path, counter: Counter) -> None:
    open_archive(archive).fetch(["5.jpg"], tmp_path / "spool", counter)
    tree = open_archive(archive)
    tree.fetch(["5.jpg", "9.jpg"], tmp_path / "spool", counter)
    assert len(spools(tmp_path / "spool")) == 1
    assert tree.read("9.jpg") == FILES["9.jpg"]


def test_fetching_more_keeps_the_places_given_before(archive: Path, tmp_path: Path, counter: Counter) -> None:
    tree = open_archive(archive)
    tree.fetch(["5.jpg"], tmp_path / "spool", counter)
    place = tree.place("5.jpg")
    tree.fetch(["9.jpg", "5.jpg"], tmp_path / "spool", counter)
    assert read_place(place) == FILES["5.jpg"]
    assert tree.read("9.jpg") == FILES["9.jpg"]


@pytest.mark.parametrize("damage", ["cut", "emptied", "longer"])
def test_a_spool_that_is_not_whole_is_replaced(damage: str, archive: Path, tmp_path: Path, counter: Counter) -> None:
    open_archive(archive).fetch(list(FILES), tmp_path / "spool", counter)
    path = tmp_path / "spool" / spools(tmp_path / "spool")[0]
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-20], "emptied": b"", "longer": b"x" + whole}[damage])
    tree = open_archive(archive)
    tree.fetch(list(FILES), tmp_path / "spool", counter)
    assert path.read_bytes() == whole
    assert tree.read("7.jpg") == FILES["7.jpg"]


def test_a_spool_of_another_archive_is_replaced(archive: Path, tmp_path: Path, counter: Counter, pack) -> None:
    open_archive(archive).fetch(list(FILES), tmp_path / "spool", counter)
    changed = {**FILES, "7.jpg": b"\xff" * len(FILES["7.jpg"])}
    pack(archive, changed)
    os.utime(archive, ns=(0, 12345))
    tree = open_archive(archive)
    tree.fetch(list(FILES), tmp_path / "spool", counter)
    assert tree.read("7.jpg") == changed["7.jpg"]
    assert len(spools(tmp_path / "spool")) == 1


def test_what_a_killed_run_left_is_removed_and_strangers_are_kept(archive: Path, tmp_path: Path, counter) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    for name in ("x.spool.123.partial", "y.spool", "notes.txt"):
        (folder / name).write_bytes(b"half")
    open_archive(archive).fetch(list(FILES), folder, counter)
    assert not {"x.spool.123.partial", "y.spool"} & set(spools(folder))
    assert "notes.txt" in spools(folder)


def test_too_little_space_is_said_before_anything_is_written(
    archive: Path, tmp_path: Path, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10, 10, 1000))
    with pytest.raises(DataError, match=r"take [\d.,]+ (bytes|KiB), but .*spool has [\d.,]+ (bytes|KiB) left"):
        open_archive(archive).fetch(list(FILES), tmp_path / "spool", counter)
    assert spools(tmp_path / "spool") == []


def test_a_disk_that_becomes_full_leaves_nothing(
    archive: Path, tmp_path: Path, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = open_archive(archive)

    def full(self: Path, *_: object, **__: object) -> object:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        with pytest.raises(OSError, match="No space left"):
            tree.fetch(list(FILES), tmp_path / "spool", counter)
    assert spools(tmp_path / "spool") == []


def test_an_archive_that_changes_meanwhile_is_refused(archive: Path, tmp_path: Path, counter: Counter, pack) -> None:
    tree = open_archive(archive)
    pack(archive, {**FILES, "more.jpg": b"more"})
    with pytest.raises(DataError, match="has changed since it was opened"):
        tree.fetch(list(FILES), tmp_path / "spool", counter)
    with pytest.raises(DataError, match="has changed since it was opened"):
        list(tree.contents(list(FILES)))
    assert not (tmp_path / "spool").exists()


def test_no_name_of_the_archive_becomes_a_name_on_disk(tmp_path: Path, pack, counter: Counter) -> None:
    tree = open_archive(pack(tmp_path / "x.tar.gz", {"harmful/name.jpg": b"1"}))
    tree.fetch(["harmful/name.jpg"], tmp_path / "spool", counter)
    assert not list(tmp_path.rglob("*harmful*")) and not list(tmp_path.rglob("*name*"))


def test_of_what_is_not_there_nothing_is_written(archive: Path, tmp_path: Path, counter: Counter) -> None:
    with pytest.raises(DataError, match=r"holds no file '99\.jpg'"):
        open_archive(archive).fetch(["1.jpg", "99.jpg"], tmp_path / "spool", counter)
    assert not (tmp_path / "spool").exists()


def test_inner_archives_are_other_files_to_a_spool(tmp_path: Path, pack, counter: Counter) -> None:
    inner = pack(tmp_path / "in.tar", {"1.jpg": b"1", "2.jpg": b"inner"}).read_bytes()
    path = pack(tmp_path / "x.tar.gz", {"in.tar": inner, "2.jpg": b"outer"})
    # Each is the second file in its way of reading, and of the same size.
    open_archive(path).fetch(["2.jpg"], tmp_path / "spool", counter)
    deep = open_archive(path, nested=True)
    deep.fetch(["in/2.jpg"], tmp_path / "spool", counter)
    assert deep.read("in/2.jpg") == b"inner"


def test_a_tree_can_be_fetched_again_after_its_first_folder_went(
    archive: Path, tmp_path: Path, counter: Counter
) -> None:
    tree = open_archive(archive)
    for folder in ("first", "second"):
        tree.fetch(["7.jpg"], tmp_path / folder, counter)
        assert read_place(tree.place("7.jpg")) == FILES["7.jpg"]
        shutil.rmtree(tmp_path / folder)
    assert counter.passes == 2
