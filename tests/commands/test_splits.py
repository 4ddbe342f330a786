import json
from pathlib import Path

import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.converters import READERS
from fgtl.converters.detect import card_for
from fgtl.data.open_world.reader import read_open_world


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten classes of six photographs, one folder a class; a class of two besides."""
    for label in range(11):
        for number in range(6 if label < 10 else 2):
            path = tmp_path / "wild ones" / f"species {label}" / f"{number} a.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (20 * label, 30 * number, 0)).save(path)
    return tmp_path / "wild ones"


def splits(photos: Path, tmp_path: Path, *flags: str) -> int:
    return main(["splits", f"--data_dir={photos}", f"--output_dir={tmp_path / 'lists'}", *flags])


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shows_every_list_and_writes_them(photos, tmp_path, capsys) -> None:
    assert splits(photos, tmp_path) == 0
    output = capsys.readouterr().out.splitlines()
    # Ten classes have enough images: 3 test classes, and one of the seven others is known: 4 of its 6 are labelled.
    assert [line.split() for line in output[:7]] == [
        ["list", "images", "classes"],
        ["lin_train_set1.txt", "4", "1"],
        ["uin_train_set1.txt", "2", "1"],
        ["uout_train_set1.txt", "36", "6"],
        ["in_train_set1.txt", "6", "1"],
        ["train_set1.txt", "42", "7"],
        ["test_set1.txt", "18", "3"],
    ]
    assert output[7] == "left out: 1 classes with fewer than 3 images, 2 images"
    assert output[8] == f"wild_ones: written -> {tmp_path / 'lists'}"
    listed = [line for name in ("train_set1.txt", "test_set1.txt") for line in lines(tmp_path, name)]
    assert len(listed) == 60
    assert all((photos / path).is_file() for path in listed)


def lines(tmp_path: Path, name: str) -> list[str]:
    return (tmp_path / "lists" / name).read_text().splitlines()


def test_the_same_command_says_so_and_another_one_asks_for_overwrite(photos, tmp_path, capsys) -> None:
    splits(photos, tmp_path)
    before = content(tmp_path / "lists")
    capsys.readouterr()
    assert splits(photos, tmp_path) == 0
    assert "wild_ones: the same lists were there -> " in capsys.readouterr().out
    assert content(tmp_path / "lists") == before
    assert splits(photos, tmp_path, "--seed=1") == 3
    assert "Name another --output_dir, or give --overwrite" in capsys.readouterr().err
    assert content(tmp_path / "lists") == before
    assert splits(photos, tmp_path, "--seed=1", "--overwrite") == 0
    assert content(tmp_path / "lists") != before


def test_the_lists_do_not_depend_on_where_the_images_lie(photos, tmp_path) -> None:
    splits(photos, tmp_path)
    (tmp_path / "moved").mkdir()
    moved = photos.rename(tmp_path / "moved" / photos.name)
    assert main(["splits", f"--dataset={moved}", f"--output_dir={tmp_path / 'again'}"]) == 0
    assert content(tmp_path / "lists") == content(tmp_path / "again")


def test_flags_reach_the_division(photos, tmp_path) -> None:
    words = ["--test_share=0.5", "--known_one_in=2", "--labelled_share=0.5", "--min_labelled=1", "--min_images=2"]
    assert splits(photos, tmp_path, *words, "--test_prefix=Inaturalist_", "--strata=none") == 0
    told = json.loads((tmp_path / "lists" / "splits.json").read_text())
    counts = {name: (fact["images"], fact["classes"]) for name, fact in told["lists"].items()}
    assert counts["train_set1.txt"][1] == 5
    assert counts["Inaturalist_test_set1.txt"][1] == 6
    assert counts["lin_train_set1.txt"][1] == 2
    assert told["rule"]["labelled_share"] == 0.5
    assert "output_dir" not in told["rule"]


def test_official_birds_are_divided_and_read_back_by_official_id(drawn, tmp_path) -> None:
    flags = ["--dataset=synth_birds", f"--data_dir={drawn}", f"--output_dir={tmp_path / 'lists'}"]
    assert main(["splits", *flags, "--known_one_in=1", "--pool=train"]) == 0
    world = read_open_world(tmp_path / "lists")
    card, tree = card_for("synth_birds", drawn)
    samples = {sample.id: sample for sample in READERS[card.layout](card, tree)}
    # Four classes of six training images, of which two are held out and two known.
    assert [len(world.labelled), len(world.unlabelled_known), len(world.test)] == [8, 4, 12]
    assert all(samples[image.id].path == image.path for image in world.train + world.test)
    assert all(samples[image.id].label == image.label for image in world.train + world.test)
    assert all(samples[image.id].split == "train" for image in world.train + world.test)
    assert read_open_world(tmp_path / "lists", samples.values()) == world


def test_without_output_dir_the_lists_are_called_as_the_data_set(photos, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["splits", "--data_dir=wild ones"]) == 0
    assert (tmp_path / "splits" / "wild_ones" / "splits.json").is_file()


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--test_share=1"], 2, "--test_share=1.0 is out of range"),
        (["--pool=val"], 2, "--pool=val is not a choice"),
        (["--min_labelled=5"], 2, "--min_images=3 and --min_labelled=5"),
        (["--test_prefix=a/"], 2, "makes no file name"),
        (["--min_images=7"], 3, "No class is left for training"),
        (["--level=family"], 2, "has no level 'family'"),
    ],
)
def test_what_cannot_be_done_has_an_exit_code_and_a_reason(photos, tmp_path, capsys, flags, code, message) -> None:
    assert splits(photos, tmp_path, *flags) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "lists").exists()


def test_no_data_set_is_a_usage_error(capsys) -> None:
    assert main(["splits"]) == 2
    assert "Neither --dataset nor --data_dir" in capsys.readouterr().err
