"""What people do wrong with the verbs that look at a run's points: each is refused, and nothing half-written is left."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.files import read_json

Refused = Callable[..., None]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "good.png"
    Image.new("RGB", (90, 60), (200, 30, 30)).save(path)
    return path


def test_a_set_without_parts_and_boxes_has_no_hits(
    bright_run: Path, drawn: Path, tmp_path: Path, refused: Refused
) -> None:
    """Folders of photographs have neither."""
    words = [f"--dataset={drawn / 'images'}", f"--output_dir={tmp_path / 'records'}", "--num_shards=1", "--workers=1"]
    assert main(["convert", *words]) == 0
    output, records = tmp_path / "regions.npz", f"--records={tmp_path / 'records'}"
    assert main(["regions", f"--run_dir={bright_run}", records, f"--output={output}"]) == 0
    words = ["hits", f"--regions={output}", records, f"--output={tmp_path / 'hits.html'}"]
    refused(words, "neither visible parts nor object boxes", "annotated images")
    assert not (tmp_path / "hits.html").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--class_name=Wabler"], ["No class is called 'Wabler'", "0 to 3", "Did you mean 'Warbler'?"]),
        (["--class_name=99"], ["No class is called '99'"]),
        (["--threshold=1.5"], ["--threshold=1.5 is out of range", "at most 1"]),
        (["--threshold=-0.1"], ["--threshold=-0.1 is out of range"]),
        (["--threshold=nan"], ["--threshold=nan is not finite", "at least 0 and at most 1"]),
        (["bad.jpg"], ["bad.jpg: It is a text file", "Leave it out"]),
        (["empty.jpg"], ["empty.jpg: It is an empty file"]),
        (["--output=bad.jpg"], ["bad.jpg"]),
        (["--output=file"], ["--output=", "is a file", "a folder's name"]),
        (["--output=file/heat"], ["--output=", "is no folder"]),
    ],
)
def test_heat_refuses_and_draws_nothing(
    bright_run: Path,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: list[str],
    refused: Refused,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    refused(["heat", f"--run_dir={bright_run}", str(photo), *words], *expected)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--best=-1"], ["--best=-1 is out of range"]),
        (["--split=train[:0]"], ["'train[:0]' selects no image"]),
        (["--output=file/regions.npz"], ["--output=", "is no folder"]),
        (["--records=nowhere"], ["nowhere", "--records"]),
        (["--run_dir=nowhere"], ["nowhere", "finished fgtl train"]),
    ],
)
def test_regions_refuse_before_they_look(
    bright_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: list[str],
    refused: Refused,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    refused(["regions", f"--run_dir={bright_run}", *words], *expected)
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and not (bright_run / "regions.npz").exists()


def test_regions_of_a_record_set_with_other_classes_are_refused(
    drawn: Path, bright_run: Path, tmp_path: Path, refused: Refused
) -> None:
    for path in sorted((drawn / "images").iterdir())[:3]:
        shutil.copytree(path, tmp_path / "photos" / path.name)
    words = [f"--dataset={tmp_path / 'photos'}", f"--output_dir={tmp_path / 'other'}", "--num_shards=1", "--workers=1"]
    assert main(["convert", *words]) == 0
    words = ["regions", f"--run_dir={bright_run}", f"--records={tmp_path / 'other'}"]
    refused(words, "has 3 classes, the run learned 4", "the same classes in the same order")


def test_a_record_set_is_no_folder_of_photographs(
    bright_run: Path, records: Path, tmp_path: Path, refused: Refused
) -> None:
    """It holds pictures: those of the data set's own page."""
    for verb in ("predict", "heat"):
        words = [verb, f"--run_dir={bright_run}", f"--output={tmp_path / 'x.csv'}", str(records)]
        refused(words, "is a record set", "fgtl evaluate")
    assert not list(tmp_path.iterdir())


def test_a_part_that_is_never_visible_is_named_and_left_out(
    drawn: Path, bright_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "birds"
    shutil.copytree(drawn, copied)
    lists = copied / "parts" / "part_locs.txt"
    rows = [line.split() for line in lists.read_text().splitlines()]
    rows = [[*row[:2], "0.0", "0.0", "0"] if row[1] == "1" else row for row in rows]
    lists.write_text("".join(f"{' '.join(row)}\n" for row in rows))
    gone = (copied / "parts" / "parts.txt").read_text().splitlines()[0].split(" ", 1)[1]
    words = ["--dataset=synth_birds", f"--data_dir={copied}", f"--output_dir={tmp_path / 'records'}", "--num_shards=1"]
    assert main(["convert", *words, "--workers=1"]) == 0
    output, records = tmp_path / "regions.npz", f"--records={tmp_path / 'records'}"
    assert main(["regions", f"--run_dir={bright_run}", records, f"--output={output}"]) == 0
    capsys.readouterr()
    assert main(["hits", f"--regions={output}", records, "--draws=2", f"--output={tmp_path / 'hits.json'}"]) == 0
    shown = capsys.readouterr().out
    assert f"Visible in none of these images, and left out: {gone}." in shown
    assert not any(line.startswith(f"{gone} ") for line in shown.splitlines())
    assert gone not in {row["name"] for row in read_json(tmp_path / "hits.json")["rows"]}
