"""Trees made of trees: Below, Mounted, Overlay."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.downloads import FolderTree, Listing, Mounted, Overlay, Tree, read_place
from fgtl.downloads.archives import open_archive
from fgtl.errors import DataError


def folder_of(top: Path, names: list[str]) -> FolderTree:
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(f"{top.name} {name}")
    return FolderTree(top)


def ignore(count: int) -> None:
    """No progress is shown."""


def test_below_is_the_folder_as_a_tree(tmp_path: Path) -> None:
    tree = folder_of(tmp_path / "t", ["a/b/1.jpg", "a/2.jpg", "3.jpg"]).below("a")
    assert list(tree.walk()) == ["2.jpg", "b/1.jpg"]
    assert tree.list() == Listing(("b",), ("2.jpg",))
    assert list(tree.below("b").walk()) == ["1.jpg"]
    assert tree.read("b/1.jpg") == b"t a/b/1.jpg"
    assert tree.where("2.jpg") == str(tmp_path / "t/a/2.jpg")
    assert not tree.is_file("3.jpg")


def test_below_the_top_is_the_tree_itself(tmp_path: Path) -> None:
    tree = FolderTree(tmp_path)
    assert tree.below("") is tree


def test_mounted_is_seen_below_its_folder_only(tmp_path: Path) -> None:
    tree = Mounted(folder_of(tmp_path / "t", ["1.jpg", "b/2.jpg"]), "x/train")
    assert list(tree.walk()) == list(tree.walk("x")) == ["x/train/1.jpg", "x/train/b/2.jpg"]
    assert list(tree.walk("x/train/b")) == ["x/train/b/2.jpg"]
    assert list(tree.walk("y")) == list(tree.walk("x/tra")) == []
    assert tree.list() == Listing(("x",))
    assert tree.list("x") == Listing(("train",))
    assert tree.list("x/train") == Listing(("b",), ("1.jpg",))
    assert tree.list("b") == Listing()
    assert all(map(tree.is_folder, ["", "x", "x/train", "x/train/b"]))
    assert not any(map(tree.is_folder, ["b", "x/tra", "train"]))
    assert tree.is_file("x/train/1.jpg") and not tree.is_file("1.jpg")
    assert tree.size("x/train/1.jpg") == len("t 1.jpg")
    assert tree.size("1.jpg") == -1
    assert tree.state("x/train/1.jpg") == (7, (tmp_path / "t/1.jpg").stat().st_mtime_ns)
    assert tree.state("1.jpg") == (-1, 0)
    assert read_place(tree.place("x/train/b/2.jpg")) == tree.read("x/train/b/2.jpg") == b"t b/2.jpg"
    with pytest.raises(DataError, match="holds no 1.jpg"):
        tree.read("1.jpg")


def test_in_an_overlay_the_first_tree_counts(tmp_path: Path) -> None:
    tree = Overlay(
        [folder_of(tmp_path / "one", ["a/1.jpg"]), folder_of(tmp_path / "two", ["a/1.jpg", "a/2.jpg", "b/3"])]
    )
    assert list(tree.walk()) == ["a/1.jpg", "a/2.jpg", "b/3"]
    assert list(tree.walk("b")) == ["b/3"]
    assert tree.list("a") == Listing((), ("1.jpg", "2.jpg"))
    assert tree.read("a/1.jpg") == b"one a/1.jpg"
    assert read_place(tree.place("a/2.jpg")) == b"two a/2.jpg"
    assert tree.where("a/2.jpg") == str(tmp_path / "two/a/2.jpg")
    assert tree.state("a/1.jpg") == (len("one a/1.jpg"), (tmp_path / "one/a/1.jpg").stat().st_mtime_ns)
    assert tree.state("a/2.jpg") == (len("two a/2.jpg"), (tmp_path / "two/a/2.jpg").stat().st_mtime_ns)
    assert tree.state("a/9.jpg") == tree.state("a") == (-1, 0)
    assert tree.where() == str(tmp_path / "one")
    with pytest.raises(DataError, match="one/a/9.jpg does not exist"):
        tree.read("a/9.jpg")


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_folders_and_archives_mix_and_fetch_through_all_layers(
    kind: str, tmp_path: Path, pack: Callable[..., Path]
) -> None:
    first = open_archive(pack(tmp_path / f"first.{kind}", {"set/1.jpg": b"1", "set/2.jpg": b"2"}))
    second = open_archive(pack(tmp_path / f"second.{kind}", {"3.jpg": b"3"}))
    folder = folder_of(tmp_path / "folder", ["set/lists/all.txt"])
    tree: Tree = Overlay([folder, first, Mounted(second, "set/more")]).below("set")
    names = list(tree.walk())
    assert names == ["1.jpg", "2.jpg", "lists/all.txt", "more/3.jpg"]
    tree.fetch(names, tmp_path / "spool", ignore)
    assert [read_place(tree.place(name)) for name in names] == [b"1", b"2", b"folder set/lists/all.txt", b"3"]
    for file in (second.path, first.path):
        tree.check_unchanged()
        facts = file.stat()
        os.utime(file, ns=(0, 0))
        with pytest.raises(DataError, match=f"{file.name} has changed"):
            tree.check_unchanged()
        os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
