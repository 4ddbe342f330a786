"""From --dataset and --data_dir to a card and a folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.converters.detect import card_for, detect_layout
from fgtl.datasets import load_card
from fgtl.errors import DataError, UsageError


def test_a_name_reads_its_default_folder_or_the_one_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/cub_200").mkdir(parents=True)
    (tmp_path / "birds").mkdir()
    assert card_for("cub_200", None) == (load_card("cub_200"), tmp_path / "data/cub_200")
    assert card_for("cub_200", tmp_path / "birds") == (load_card("cub_200"), tmp_path / "birds")


def test_a_card_file_counts_as_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/mine").mkdir(parents=True)
    (tmp_path / "card.toml").write_text('schema = 1\nname = "mine"\nlayout = "lists"\n')
    card, root = card_for("card.toml", None)
    assert (card.name, card.layout, root) == ("mine", "lists", tmp_path / "data/mine")


def test_the_layout_of_a_folder_is_what_its_files_show(tmp_path: Path, cub: Path, write: Callable[..., None]) -> None:
    assert detect_layout(cub) == "cub"
    photos = tmp_path / "my photos"
    write(photos, "a/1.jpg")
    for given in (("", photos), (str(photos), None), (str(photos), photos)):
        card, root = card_for(*given)
        assert (card.name, card.layout, card.sha256, root) == ("my_photos", "folder", "", photos)
    (photos / "train.txt").touch()
    assert detect_layout(photos) == "folder"
    (photos / "val.txt").touch()
    assert detect_layout(photos) == "lists"


def test_the_folder_is_absolute_and_links_keep_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("photos")
    monkeypatch.chdir(tmp_path / "photos" / "inner")
    for given in (("", Path("..")), ("..", None), ("cub_200", Path(".."))):
        assert card_for(*given)[1] == tmp_path / "photos"
    assert card_for("", tmp_path / "link")[1] == tmp_path / "link"


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
    with pytest.raises(DataError, match="is a file, not a folder"):
        card_for("cub_200", tmp_path / "file")


def test_nothing_two_things_and_an_unknown_name_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Neither --dataset nor --data_dir"):
        card_for("", None)
    (tmp_path / "one").mkdir()
    with pytest.raises(UsageError, match="two different folders"):
        card_for(str(tmp_path / "one"), tmp_path)
    with pytest.raises(UsageError, match="Did you mean 'cub_200'"):
        card_for("cub200", None)
