"""fgtl predict: the numbers of the evaluation, names that travel with the model, and files that are no images."""

import csv
import json
import re
import weakref
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.image_files.policy import OddImages
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


class SeesPixels:
    """In the place of the network, which is hardly trained: its "probabilities" are every fourth pixel that it got."""

    @staticmethod
    def probabilities(images):
        return keras.ops.reshape(images[:, ::4, ::4], (-1, 8 * 8 * 3))


def odd_and_plain(picture: Image.Image, mode: str, path: Path) -> Image.Image:
    """Write the picture as an odd file; return what it shows, as RGB."""
    if mode == "I;16":
        grey = np.asarray(picture.convert("L"))
        Image.fromarray(grey.astype(np.uint16) * 256 + 77).save(path)
        return Image.fromarray(grey).convert("RGB")
    odd = picture.convert(mode)
    if mode == "RGBA":
        odd.putalpha(Image.linear_gradient("L").resize(odd.size))
    odd.save(path)
    with Image.open(path) as stored:
        if mode != "RGBA":
            return stored.convert("RGB")
        return Image.alpha_composite(Image.new("RGBA", stored.size, "white"), stored).convert("RGB")


# A CMYK picture is stored as JPEG, so its colours move a little.
@pytest.mark.parametrize(("mode", "tolerance"), [("L", 0), ("CMYK", 12), ("P", 0), ("RGBA", 0), ("I;16", 0)])
def test_odd_pictures_are_seen_as_the_same_in_plain_rgb(
    finished_run: Path, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, tolerance: int
) -> None:
    from fgtl.training import inference
    from fgtl.training.run import Run

    monkeypatch.setattr(inference, "load_classifier", lambda path, allowed: SeesPixels)
    with Image.open(next((drawn / "images").rglob("*.jpg"))) as picture:
        path = tmp_path / ("odd.jpg" if mode in ("L", "CMYK") else "odd.png")
        odd_and_plain(picture.convert("RGB"), mode, path).save(tmp_path / "plain.png")
    odd, plain = inference.RunPredictor(Run.open(finished_run), OddImages())([path, tmp_path / "plain.png"])
    assert (odd.problem, plain.problem) == (None, None)
    assert plain.probabilities.std() > 20, "pixels, 0 to 255"
    np.testing.assert_allclose(odd.probabilities, plain.probabilities, rtol=0, atol=tolerance)


def test_what_was_compiled_for_the_first_file_does_not_count_towards_the_rate(
    finished_run: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fgtl.console import Progress
    from fgtl.training import inference
    from fgtl.training.run import Run

    told: list[bool] = []

    class Bar(Progress):
        def advance(self, units: int, note: str = "", *, timed: bool = True) -> None:
            told.append(timed)

    monkeypatch.setattr(inference, "load_classifier", lambda path, allowed: SeesPixels)
    monkeypatch.setattr(inference, "Progress", Bar)
    monkeypatch.setattr(inference, "CHUNK", 2)
    photos = sorted((drawn / "images").rglob("*.jpg"))[:4]
    assert len([*inference.RunPredictor(Run.open(finished_run), OddImages(), batch_size=2)(photos)]) == 4
    assert told == [False, True, True, True]


def test_several_views_are_averaged_file_by_file(
    finished_run: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fgtl.data.many_views import VIEWS
    from fgtl.data.views import loose_batches
    from fgtl.training import inference
    from fgtl.training.run import Run

    monkeypatch.setattr(inference, "load_classifier", lambda path, allowed: SeesPixels)
    monkeypatch.setattr(inference, "CHUNK", 4)
    run, photos = Run.open(finished_run), sorted((drawn / "images").rglob("*.jpg"))[:5]
    found = inference.RunPredictor(run, OddImages(), batch_size=2, views="ten")(photos)
    files = [photo.read_bytes() for photo in photos]
    pixels = [
        np.concatenate([SeesPixels.probabilities(images) for images, _ in loose_batches(files, knobs, look)])
        for knobs in [run.view_knobs(eval_batch_size=5)]
        for look in VIEWS["ten"]
    ]
    assert np.std(pixels, axis=0).max() > 20, "the views differ"
    np.testing.assert_allclose([one.probabilities for one in found], np.mean(pixels, axis=0), atol=1e-3)


def test_a_picture_that_cannot_be_decoded_is_its_files_problem(
    finished_run: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Image.open(next((drawn / "images").rglob("*.jpg"))) as picture:
        for name in ("torn", "whole"):
            picture.save(tmp_path / f"{name}.png")
    data = bytearray((tmp_path / "torn.png").read_bytes())
    data[data.index(b"IDAT") + 20] ^= 1
    (tmp_path / "torn.png").write_bytes(data)
    words = [f"--run_dir={finished_run}", f"--output={tmp_path / 'found.json'}", str(tmp_path)]
    assert main(["predict", *words]) == 3
    assert f"{tmp_path / 'torn.png'}: It is a damaged PNG" in capsys.readouterr().err
    assert main(["predict", *words, "--on_bad=skip"]) == 0
    (row,) = json.loads((tmp_path / "found.json").read_text())
    assert row["image"] == str(tmp_path / "whole.png")


def test_one_bar_counts_all_images(
    finished_run: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = sorted((drawn / "images").rglob("*.jpg"))[:7]
    monkeypatch.setattr("fgtl.console.Progress.seconds_between_lines", 0.0)
    monkeypatch.setattr("fgtl.training.inference.CHUNK", 3)
    words = [f"--run_dir={finished_run}", f"--output={tmp_path / 'found.csv'}", "--eval_batch_size=2"]
    assert main(["predict", *words, *map(str, photos)]) == 0
    lines = re.findall(r"^predict: (\d+) of (\d+) ", capsys.readouterr().err, re.MULTILINE)
    assert lines == [(str(done), "7") for done in range(1, 8)]


def test_probabilities_are_not_kept(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fgtl.training import inference

    alive: list[weakref.ref] = []
    most = 0

    class Made(inference.RunPredictor):
        def __call__(self, paths):
            nonlocal most
            for path in paths:
                prediction = inference.ImagePrediction(path, np.full(4, 0.25, np.float32), ("a", "b", "c", "d"))
                alive.append(weakref.ref(prediction))
                yield prediction
                del prediction
                most = max(most, sum(one() is not None for one in alive))

    monkeypatch.setattr(inference, "RunPredictor", Made)
    for number in range(9):
        (tmp_path / f"{number}.jpg").touch()
    assert main(["predict", f"--run_dir={finished_run}", f"--output={tmp_path / 'found.csv'}", str(tmp_path)]) == 0
    assert len((tmp_path / "found.csv").read_text().splitlines()) == 10
    # The one that the loop's variable still holds.
    assert most == 1


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
    [([], "missing"), (["/no/such.jpg"], "/no/such.jpg"), (["--output=x.xlsx", "a.jpg"], "one of .csv, .json")],
)
def test_wrong_use_exits_2(
    finished_run: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", f"--run_dir={finished_run}", *words]) == 2
    assert message in capsys.readouterr().err
