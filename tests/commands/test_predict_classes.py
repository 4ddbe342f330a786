"""fgtl predict on folders that are called after classes: the figures of an evaluation, and a confusion matrix beside them."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.records import RecordSet
from fgtl.files import read_json


@pytest.fixture(scope="module")
def class_folders(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test images of the drawn set, each in the folder of its class."""
    folder = tmp_path_factory.mktemp("photos")
    found = RecordSet.open(records)
    selection = found.select("test")
    for place, label in enumerate(selection.labels.tolist()):
        path = folder / found.class_names[label] / f"{place:02d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(selection.image(place))
    return folder


def test_the_figures_are_those_of_the_evaluation(
    finished_run: Path, class_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "found.csv"
    assert main(["predict", f"--run_dir={finished_run}", f"--output={output}", str(class_folders)]) == 0
    shown, expected = capsys.readouterr(), read_json(finished_run / "eval" / "test.json")
    assert f"top-1 accuracy       {expected['top1']:.6f}" in shown.out and shown.err.count("no figure") == 0
    assert f"-> {output}" in shown.out and f"confusion matrix: {tmp_path / 'found-confusion.png'}" in shown.out
    assert {path.name for path in tmp_path.iterdir()} == {"found.csv", "found-confusion.png", "found-classes.csv"}
    with (tmp_path / "found-classes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, own in zip(rows, expected["per_class"], strict=True):
        assert (row["class"], int(row["images"]), int(row["correct"])) == (own["name"], own["images"], own["correct"])
        assert float(row["accuracy"]) == pytest.approx(own["accuracy"], abs=1e-6)
    with output.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert all(line["true"] == Path(line["image"]).parent.name for line in lines)
    right = sum(line["true"] == line["class_1"] for line in lines)
    assert right / len(lines) == pytest.approx(expected["top1"])
    with Image.open(tmp_path / "found-confusion.png") as picture:
        assert min(picture.size) > 300


def test_without_an_output_they_are_printed_alone_and_what_is_named_twice_counts_once(
    finished_run: Path, class_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", f"--run_dir={finished_run}", str(class_folders), str(class_folders)]) == 0
    shown = capsys.readouterr().out
    assert "top-1 accuracy" in shown and "With --output=predictions.csv the confusion matrix is drawn too." in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("images ")]
    assert line.split()[1] == "12"


def test_folders_that_are_no_class_are_named_and_count_for_nothing(
    finished_run: Path, class_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(class_folders, photos)
    first, *others = sorted(path.name for path in photos.iterdir())
    (photos / first).rename(photos / f"{first}x")
    shutil.copy(next((photos / others[0]).iterdir()), photos / "loose.jpg")
    words = [f"--run_dir={finished_run}", f"--output={tmp_path / 'found.json'}", str(photos)]
    assert main(["predict", *words]) == 0
    shown = capsys.readouterr()
    assert "3 of 4 classes have images" in shown.out
    assert f"{first + 'x'!r}, which is no class of the run. Did you mean {first!r}?" in shown.err
    assert shown.err.endswith("  1 in no sub-folder.\n")
    rows = json.loads((tmp_path / "found.json").read_text())
    said = {Path(row["image"]).name if row["true"] is None else row["true"] for row in rows}
    assert len(rows) == 13 and said > {"loose.jpg", *others} and first not in said


def test_folders_without_the_classes_numbers_do_as_well(
    finished_run: Path, class_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(class_folders, photos)
    for path in list(photos.iterdir()):
        path.rename(photos / path.name.partition(".")[2])
    assert main(["predict", f"--run_dir={finished_run}", str(photos)]) == 0
    expected = read_json(finished_run / "eval" / "test.json")
    assert f"top-1 accuracy       {expected['top1']:.6f}" in capsys.readouterr().out


def test_folders_that_are_all_misnamed_are_said_in_one_line(
    finished_run: Path, class_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(class_folders, photos)
    for path in list(photos.iterdir()):
        path.rename(photos / f"{path.name}x")
    first = min(path.name for path in photos.iterdir())
    assert main(["predict", f"--run_dir={finished_run}", str(photos)]) == 0
    shown = capsys.readouterr()
    (line,) = [line for line in shown.err.splitlines() if "is called as a class" in line]
    assert f"{first!r} is no class of the run. Did you mean {first[:-1]!r}?" in line
    assert "accuracy" not in shown.out


def test_a_folder_without_classes_is_answered_as_ever(
    finished_run: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("monday/1.jpg", "tuesday/2.jpg"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True)
        shutil.copy(next((drawn / "images").rglob("*.jpg")), tmp_path / "photos" / name)
    words = [f"--run_dir={finished_run}", f"--output={tmp_path / 'found.csv'}", str(tmp_path / "photos")]
    assert main(["predict", *words]) == 0
    shown = capsys.readouterr()
    assert "accuracy" not in shown.out and "no figure" not in shown.err
    assert "'monday' is no class of the run. Its classes have names such as '001." in shown.err
    assert (tmp_path / "found.csv").read_text().startswith("image,class_1,probability_1")
    assert not (tmp_path / "found-confusion.png").exists()


def test_every_head_is_counted_when_asked_and_what_cannot_be_read_is_said(
    bright_run: Path, class_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(class_folders, photos)
    bad = sorted(photos.rglob("*.jpg"))[0]
    bad.write_text("not a picture")
    words = [f"--run_dir={bright_run}", f"--output={tmp_path / 'found.csv'}", "--heads", str(photos)]
    assert main(["predict", *words]) == 3
    assert not (tmp_path / "found.csv").exists()
    capsys.readouterr()
    assert main(["predict", *words, "--on_bad=skip"]) == 0
    shown = capsys.readouterr().out
    assert "combiner top-1" in shown and shown.count("the result") == 1 and "fused top-1" in shown
    assert "11  of 12; 1 could not be read" in shown
