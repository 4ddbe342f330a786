"""fgtl probe: sets side by side, a file of each kind, the paper's mode, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest

from fgtl.commands.app import main
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.writing import write_feature_set
from fgtl.files import read_json

QUICK = ["--classifiers=logistic,ridge", "--standardise=off"]


def written(folder: Path, backbone: str, spread: float, first: int = 0, dataset: str = "birds") -> str:
    """60 training and 20 test images of four classes that lie `spread` apart."""
    rng = np.random.default_rng(3)
    labels = (np.arange(80) % 4).astype("int32")
    features = rng.normal(size=(80, 6)) + spread * rng.normal(size=(4, 6))[labels]
    splits = np.array([0] * 60 + [2] * 20, "uint8")
    ids = np.array([f"{first + i}.jpg" for i in range(80)])
    rows = Features(features.astype("float32"), labels, ids, ("wren", "crow", "tern", "finch"))
    write_feature_set(folder, rows, splits, Extractor(backbone, input_size=64), dataset=dataset)
    return str(folder)


@pytest.fixture
def sets(tmp_path: Path) -> list[str]:
    return [written(tmp_path / name, name, spread) for name, spread in {"poor_net": 0.4, "good_net": 3.0}.items()]


def test_two_sets_stand_side_by_side_with_intervals_and_a_test(
    sets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for ending in ("json", "csv", "html", "png"):
        assert main(["probe", *sets, *QUICK, "--shots=1,5", f"--output={tmp_path / f'found.{ending}'}"]) == 0
    shown = capsys.readouterr().out
    assert "54 training, 6 validation and 20 test images of birds" in shown
    assert "Most often wrong, ridge on poor_net: " in shown or "Most often wrong, logistic regression on poor" in shown
    assert " taken for " in shown
    facts = read_json(tmp_path / "found.json")
    assert {row["features"] for row in facts["rows"][:2]} == {"good_net"}
    assert [row["features"] for row in facts["rows"][2:]] == ["poor_net"] * 2
    assert len(facts["differences"]) == 2 and all(one["difference"] > 0 for one in facts["differences"])
    assert len(facts["few"]) == 4 and facts["few"][0]["shots"] == 1
    assert len(facts["rows"][0]["tried"]) in (17, 45)
    assert facts["rows"][0]["chosen"] in facts["rows"][0]["tried"]
    assert facts["rows"][0]["chosen"][3] == facts["rows"][0]["validation"]
    page = (tmp_path / "found.html").read_text()
    assert "Confusions" in page and "logistic regression on good_net" in page and "mathdefault" not in page
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "found.csv").read_text().startswith("features,classifier,setting,images,top1,low,high")


def test_the_papers_mode_needs_no_validation_image(sets: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--classifiers=logistic", "--c=1", "--max_iterations=100"]
    assert main(["probe", sets[1], *words, "--train_split=train[:58]"]) == 0
    shown = capsys.readouterr().out
    assert "58 training, 0 validation" in shown and "C 1 " in shown


def test_an_early_stop_is_said(sets: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", sets[0], "--classifiers=logistic", "--c=100", "--max_iterations=2"]) == 0
    assert "--max_iterations, short of its optimum" in capsys.readouterr().out


def test_sets_of_other_images_are_not_compared_image_by_image(
    sets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = written(tmp_path / "other", "other_net", 1.0, first=1000)
    assert main(["probe", sets[0], other, "--classifiers=ridge"]) == 0
    shown = capsys.readouterr().out
    assert "Other test images" in shown and "difference of" not in shown


def test_sets_of_the_same_images_in_other_classes_are_not_compared_image_by_image(
    sets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = FeatureSet.open(Path(sets[0]))
    labels = np.array(one.labels)
    labels[-1] = (labels[-1] + 1) % 4
    for name, (own, names) in {
        "labels": (labels, one.class_names),
        "names": (one.labels, (*one.class_names[:3], "robin")),
    }.items():
        rows = Features(np.array(one.features), own, one.ids, names)
        write_feature_set(tmp_path / name, rows, one.splits, Extractor(name, input_size=64), dataset="birds")
        assert main(["probe", sets[0], str(tmp_path / name), "--classifiers=ridge"]) == 0
        shown = capsys.readouterr().out
        assert "Other test images or classes" in shown and "difference of" not in shown


def test_each_data_set_says_its_own_images(sets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = written(tmp_path / "other", "other_net", 1.0, first=1000, dataset="flowers")
    assert main(["probe", sets[0], other, "--classifiers=ridge"]) == 0
    shown = capsys.readouterr().out
    assert "other_net: 54 training, 6 validation and 20 test images of flowers." in shown
    assert "poor_net: 54 training, 6 validation and 20 test images of birds." in shown


def test_a_validation_split_that_is_fitted_on_or_tested_on_is_not_chosen_by(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / "set", "net", 3.0)
    one = FeatureSet.open(Path(folder))
    splits = np.array([0] * 48 + [1] * 12 + [2] * 20, "uint8")
    rows = Features(np.array(one.features), one.labels, one.ids, one.class_names)
    with_validation = str(tmp_path / "with_validation")
    write_feature_set(Path(with_validation), rows, splits, Extractor("net", input_size=64), dataset="birds")
    for words, said in (
        ([], "48 training, 12 validation and 20 test"),
        (["--train_split=train+validation"], "54 training, 6 validation and 20 test"),
        (["--test_split=validation"], "43 training, 5 validation and 12 test"),
    ):
        assert main(["probe", with_validation, "--classifiers=ridge", *words]) == 0
        assert said in capsys.readouterr().out
    assert main(["probe", with_validation, "--train_split=train+validation", "--validation_split=validation"]) == 2
    assert "twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--output=found.xlsx"], 2, ".html, .json, .csv, .png"),
        (["--train_split=train+test"], 2, "twice"),
        (["--test_split=validation"], 2, "There is no split 'validation'"),
        (["--classifiers=svm"], 2, "logistic, ridge, knn"),
        (["--validation_fraction=0"], 2, "between 0 and 1"),
        (["no/such/set"], 2, "no/such/set"),
    ],
)
def test_what_cannot_be_probed_is_said(
    sets: list[str], words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", sets[0], *words]) == code
    assert message in capsys.readouterr().err


def test_no_set_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe"]) == 2
    assert "fgtl extract" in capsys.readouterr().err
