"""fgtl predict: the numbers of the evaluation, names that travel with the model, and files that are no images."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.records import RecordSet


def test_a_file_gets_the_probabilities_of_the_evaluation(finished_run: Path, records: Path, tmp_path: Path) -> None:
    selection = RecordSet.open(records).select("test")
    for place in range(len(selection)):
        (tmp_path / f"{place:02d}.jpg").write_bytes(selection.image(place))
    output = tmp_path / "found.json"
    words = [f"--run_dir={finished_run}", f"--output={output}", "--top=4", "--eval_batch_size=5"]
    assert main(["predict", *words, str(tmp_path)]) == 0
    rows = json.loads(output.read_text())
    assert [Path(row["image"]).name for row in rows] == [f"{place:02d}.jpg" for place in range(12)]
    with np.load(finished_run / "eval" / "test.npz") as stored:
        expected = dict(zip(stored["ids"].tolist(), stored["probabilities"], strict=True))
    for row, name in zip(rows, selection.ids.tolist(), strict=True):
        found = {entry["label"]: entry["probability"] for entry in row["classes"]}
        np.testing.assert_allclose([found[label] for label in range(4)], expected[name], atol=2e-5)


def test_csv_has_one_line_an_image_with_names(finished_run: Path, drawn: Path, tmp_path: Path) -> None:
    photos = sorted((drawn / "images").rglob("*.jpg"))[:3]
    output = tmp_path / "found.csv"
    words = [f"--run_dir={finished_run}", f"--output={output}", "--top=2", *map(str, photos)]
    assert main(["predict", *words]) == 0
    with output.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["image", "class_1", "probability_1", "class_2", "probability_2"]
    assert [row[0] for row in rows[1:]] == [str(photo) for photo in photos]
    names = set(
        RecordSet.open(Path(json.loads((finished_run / "run.json").read_text())["config"]["records"])).class_names
    )
    assert all(row[1] in names and float(row[2]) >= float(row[4]) for row in rows[1:])


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA", "I;16"])
def test_odd_pictures_are_looked_at(finished_run: Path, tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) % 251)
    picture = grey if mode == "I;16" else Image.fromarray(np.asarray(grey, np.uint8)).convert(mode)
    path = tmp_path / ("odd.jpg" if mode in ("L", "CMYK") else "odd.png")
    picture.save(path)
    assert main(["predict", f"--run_dir={finished_run}", f"--output={tmp_path / 'found.json'}", str(path)]) == 0


def test_a_file_that_is_no_image_is_named_with_exit_3(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.jpg").write_text("not a picture")
    output = tmp_path / "found.csv"
    words = [f"--run_dir={finished_run}", f"--output={output}", str(tmp_path / "notes.jpg")]
    assert main(["predict", *words]) == 3
    assert "notes.jpg" in capsys.readouterr().err
    assert not output.exists()
    assert main(["predict", *words, "--on_bad=skip"]) == 0
    assert "1 skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [([], "missing"), (["/no/such.jpg"], "/no/such.jpg"), (["--output=x.xlsx", "a.jpg"], ".csv or .json")],
)
def test_wrong_use_exits_2(
    finished_run: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", f"--run_dir={finished_run}", *words]) == 2
    assert message in capsys.readouterr().err
