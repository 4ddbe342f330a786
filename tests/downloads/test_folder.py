"""FolderTree: the files below a folder."""

import os
from pathlib import Path

import pytest

from fgtl.downloads import FolderTree, Listing, read_place
from fgtl.errors import DataError


@pytest.fixture
def tree(tmp_path: Path) -> FolderTree:
    top = tmp_path / "top"
    for name in ("b/2.jpg", "b/1.jpg", "b-c/3.jpg", "b.jpg", ".git/config", "b/.hidden.jpg", "d/e/f/4.jpg"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(name.encode())
    return FolderTree(top)


def test_walk_gives_sorted_names_without_hidden_ones(tree: FolderTree) -> None:
    names = list(tree.walk())
    assert names == sorted(names) == ["b-c/3.jpg", "b.jpg", "b/1.jpg", "b/2.jpg", "d/e/f/4.jpg"]


def test_walk_of_a_folder_gives_names_from_the_top(tree: FolderTree) -> None:
    assert list(tree.walk("d/e")) == ["d/e/f/4.jpg"]
    assert list(tree.below("d").walk("e")) == ["e/f/4.jpg"]


@pytest.mark.parametrize("folder", ["nothing", "b.jpg", "b/1.jpg/x"])
def test_walk_of_what_is_no_folder_is_empty(folder: str, tree: FolderTree) -> None:
    assert list(tree.walk(folder)) == []
    assert tree.list(folder) == Listing()


def test_walk_follows_links_to_files_but_not_to_folders(tree: FolderTree, tmp_path: Path) -> None:
    (tmp_path / "top/link").symlink_to(tmp_path / "top/b")
    (tmp_path / "top/linked.jpg").symlink_to(tmp_path / "top/b.jpg")
    (tmp_path / "top/lost.jpg").symlink_to("nowhere")
    assert {"linked.jpg", "lost.jpg"} <= set(tree.walk())
    assert not any(name.startswith("link/") for name in tree.walk())


def test_walk_goes_as_deep_as_a_disk_allows(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)
    assert list(FolderTree(tmp_path).walk()) == []
    for depth in range(1100, 0, -1):  # deeper than shutil.rmtree goes
        (tmp_path / ("d/" * depth)).rmdir()


def test_list_shows_hidden_names_and_leaves_out_links_upwards(tree: FolderTree, tmp_path: Path) -> None:
    (tmp_path / "top/up").symlink_to(tmp_path)
    assert tree.list() == Listing((".git", "b", "b-c", "d"), ("b.jpg",))


def test_answers_about_single_files(tree: FolderTree, tmp_path: Path) -> None:
    assert tree.is_file("b/1.jpg") and not tree.is_folder("b/1.jpg")
    assert tree.is_folder("b") and not tree.is_file("b")
    assert tree.is_folder("")
    assert tree.size("b/1.jpg") == 7
    assert tree.size("b/9.jpg") == -1
    assert tree.read("b/1.jpg") == read_place(tree.place("b/1.jpg")) == b"b/1.jpg"
    assert tree.where("b/1.jpg") == str(tmp_path / "top/b/1.jpg")


def test_what_cannot_be_read_is_named(tree: FolderTree) -> None:
    with pytest.raises(DataError, match=r"b/9\.jpg does not exist"):
        tree.read("b/9.jpg")
    with pytest.raises(DataError, match="/b: It is a folder, not a file"):
        tree.read("b")


def test_a_list_that_is_no_file_is_named_and_not_waited_for(tree: FolderTree, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, target, kind in (("1.txt", tmp_path / "fifo", "a fifo"), ("2.txt", "/dev/zero", "a device")):
        (tmp_path / "top" / name).symlink_to(target)
        assert not tree.is_file(name) and tree.state(name) == (-1, 0)
        with pytest.raises(DataError, match=f"{name}: It is {kind}, not a file"):
            tree.read(name)


def test_a_list_may_be_larger_than_an_image_but_not_of_any_size(tree: FolderTree, tmp_path: Path) -> None:
    (tmp_path / "top/huge.json").touch()
    os.truncate(tmp_path / "top/huge.json", 30 << 30)
    with pytest.raises(DataError, match=r"(?s)huge\.json: It has 30\.0 GiB .*at most 4\.0 GiB"):
        tree.read("huge.json")


def test_the_state_of_a_file_tells_whether_it_was_touched(tree: FolderTree, tmp_path: Path) -> None:
    file = tmp_path / "top/b/1.jpg"
    before = tree.state("b/1.jpg")
    assert before == (7, file.stat().st_mtime_ns) == tree.state("b/1.jpg")
    os.utime(file, ns=(0, before[1] + 1))
    assert tree.state("b/1.jpg") == (7, before[1] + 1)
    assert [tree.state(name) for name in ("b/9.jpg", "b", "b.jpg/x", "a\0b")] == [(-1, 0)] * 4
