"""From --dataset and --data_dir to a card and a tree."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.converters import READERS
from fgtl.converters.detect import card_for, detect_layout, own_name
from fgtl.datasets import Archive, Card, load_card
from fgtl.downloads import FolderTree
from fgtl.errors import DataError, UsageError

Write = Callable[..., None]


def test_a_name_reads_its_default_folder_or_the_one_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/cub_200").mkdir(parents=True)
    (tmp_path / "birds").mkdir()
    for data_dir, folder in ((None, "data/cub_200"), (tmp_path / "birds", "birds")):
        card, tree = card_for("cub_200", data_dir)
        assert (card, tree.where()) == (load_card("cub_200"), str(tmp_path / folder))


def test_a_card_file_counts_as_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/mine").mkdir(parents=True)
    (tmp_path / "card.toml").write_text('schema = 1\nname = "mine"\nlayout = "lists"\n')
    card, tree = card_for("card.toml", None)
    assert (card.name, card.layout, tree.where()) == ("mine", "lists", str(tmp_path / "data/mine"))


def test_the_layout_of_a_folder_is_what_its_files_show(tmp_path: Path, cub: Path, write: Write) -> None:
    assert detect_layout(FolderTree(cub)) == "cub"
    photos = tmp_path / "my photos"
    write(photos, "a/1.jpg")
    for given in (("", photos), (str(photos), None), (str(photos), photos)):
        card, tree = card_for(*given)
        assert (card.name, card.layout, card.sha256, tree.where()) == ("my_photos", "folder", "", str(photos))
    (photos / "train.txt").touch()
    assert detect_layout(FolderTree(photos)) == "folder"
    (photos / "val.txt").touch()
    assert detect_layout(FolderTree(photos)) == "lists"
    (cub / "hierarchy.txt").touch()
    assert detect_layout(FolderTree(cub)) == "nabirds"
    for name in ("features.json", "dataset_info.json"):
        (tmp_path / name).touch()
    assert detect_layout(FolderTree(tmp_path)) == "tfds"


def test_the_folder_is_absolute_and_links_keep_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos" / "inner").mkdir(parents=True)
    (tmp_path / "photos" / "other").mkdir()
    (tmp_path / "link").symlink_to("photos")
    monkeypatch.chdir(tmp_path / "photos" / "inner")
    for given in (("", Path("..")), ("..", None), ("cub_200", Path(".."))):
        assert card_for(*given)[1].where() == str(tmp_path / "photos")
    assert card_for("", tmp_path / "link")[1].where() == str(tmp_path / "link")


def test_a_missing_folder_is_named_with_the_official_page_and_the_archive(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        card_for("cub_200", tmp_path / "absent")
    text = str(caught.value)
    assert f"{tmp_path / 'absent'} does not exist" in text
    assert "https://data.caltech.edu/records/65de6-vp158" in text
    assert "CUB_200_2011.tgz should have 1,150,585,339 bytes" in text
    with pytest.raises(DataError, match="absent does not exist"):
        card_for("", tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file"):
        card_for("cub_200", tmp_path / "file")


def test_nothing_two_things_and_an_unknown_name_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Neither --dataset nor --data_dir"):
        card_for("", None)
    (tmp_path / "one").mkdir()
    with pytest.raises(UsageError, match="two different places"):
        card_for(str(tmp_path / "one"), tmp_path)
    with pytest.raises(UsageError, match="Did you mean 'cub_200'"):
        card_for("cub200", None)


def pack(folder: Path, archive: Path) -> None:
    """A .zip or .tgz of a folder, under the folder's own name."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as zipped:
            for path in files:
                zipped.write(path, path.relative_to(folder.parent))
    else:
        with tarfile.open(archive, "w:gz") as packed:
            for path in files:
                packed.add(path, path.relative_to(folder.parent))


@pytest.mark.parametrize("ending", ["tgz", "zip"])
def test_a_card_is_read_from_its_folder_its_parent_the_archive_and_the_archives_folder(
    tmp_path: Path, cub: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    pack(cub, waiting / f"birds.{ending}")
    archive = Archive(f"birds.{ending}", holds="CUB_200_2011/images.txt")
    card = Card("birds", "cub", folder="CUB_200_2011", archives=(archive,))
    monkeypatch.setattr("fgtl.converters.detect.load_card", lambda name: card)
    expected = list(READERS["cub"](card, FolderTree(cub)))
    for data_dir in (cub, tmp_path, waiting / f"birds.{ending}", waiting):
        _, tree = card_for("birds.toml", data_dir)
        assert list(READERS["cub"](card, tree)) == expected


@pytest.mark.parametrize("ending", ["tgz", "zip"])
def test_own_photos_are_read_from_an_archive_whatever_folders_wrap_them(
    tmp_path: Path, write: Write, ending: str
) -> None:
    write(tmp_path / "a/b/my photos", "robin/1.jpg", "robin/2.jpg", "wren/3.jpg", "wren/4.jpg")
    pack(tmp_path / "a", tmp_path / f"my photos.{ending}")
    card, tree = card_for("", tmp_path / f"my photos.{ending}")
    assert (card.name, card.layout) == ("my_photos", "folder")
    assert {sample.path for sample in READERS["folder"](card, tree)} == {
        "robin/1.jpg", "robin/2.jpg", "wren/3.jpg", "wren/4.jpg"
    }  # fmt: skip


def test_a_single_class_is_not_taken_for_a_wrapping(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "photos", "robin/1.jpg", "robin/2.jpg")
    pack(tmp_path / "photos", tmp_path / "photos.zip")
    card, tree = card_for("", tmp_path / "photos.zip")
    assert {sample.class_name for sample in READERS["folder"](card, tree)} == {"robin"}


def test_levels_are_chosen_by_name(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "card.toml").write_text(
        'schema = 1\nname = "planes"\nlayout = "folder"\nclasses = 3\n[levels]\nvariant = 3\nfamily = 2\nmaker = 0\n'
    )
    named = str(tmp_path / "card.toml")
    chosen = [card_for(named, tmp_path / "data", level)[0] for level in ("", "family", "maker")]
    assert [(card.level, card.classes) for card in chosen] == [("variant", 3), ("family", 2), ("maker", None)]
    with pytest.raises(UsageError, match=r"(?s)no level 'familly'.*variant, family, maker.*Did you mean 'family'"):
        card_for(named, tmp_path / "data", "familly")
    with pytest.raises(UsageError, match=r"no --level"):
        card_for("", tmp_path / "data", "family")


def test_a_list_file_is_read_from_its_own_folder(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "mine.csv").write_text("path,label,split\na/1.jpg,robin,train\nb/2.jpg,wren,train\n")
    card, tree = card_for("", tmp_path / "mine.csv")
    assert (card.name, card.layout, tree.where()) == ("mine", "table", str(tmp_path))
    assert [sample.class_name for sample in READERS["table"](card, tree)] == ["robin", "wren"]


def test_an_archive_that_is_none_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(io.BytesIO(b"<!DOCTYPE html><title>404</title>").getvalue())
    with pytest.raises(DataError, match="HTML"):
        card_for("", tmp_path / "photos.zip")


def test_a_folder_above_the_classes_or_above_a_download_is_looked_into(tmp_path: Path, cub: Path, write: Write) -> None:
    write(tmp_path / "above/photos", "robin/1.jpg", "wren/2.jpg", "@eaDir/3.jpg")
    card, tree = card_for("", tmp_path / "above")
    assert (card.name, tree.where()) == ("above", str(tmp_path / "above/photos"))
    assert {sample.class_name for sample in READERS["folder"](card, tree)} == {"robin", "wren"}
    parent = tmp_path / "parent"
    parent.mkdir()
    cub.rename(parent / cub.name)
    card, tree = card_for("", parent)
    assert (card.layout, tree.where()) == ("cub", str(parent / cub.name))


def test_a_single_split_is_no_wrapping(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "photos", "train/robin/1.jpg", "train/wren/2.jpg")
    card, tree = card_for("", tmp_path / "photos")
    assert {sample.split for sample in READERS["folder"](card, tree)} == {"train"}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("my photos.tar.gz", "my_photos"),
        ("Vögel.zip", "Vögel"),
        ("list.v2.csv", "list.v2"),
        ("鳥/", "鳥"),
        ("a.b/", "a.b"),
    ],
)
def test_own_data_is_called_as_its_folder_or_its_file_without_the_ending(tmp_path: Path, place: str, name: str) -> None:
    path = tmp_path / place
    path.mkdir() if place.endswith("/") else path.touch()
    assert own_name("", path) == own_name(str(path), None) == name
    assert own_name("cub_200", path) == own_name("card.toml", path) == ""
