"""fgtl rank: models and sources as feature sets, measured accuracies, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fgtl.commands.app import main
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.writing import write_feature_set
from fgtl.files import read_json, write_json

LABELS = np.arange(40, dtype=np.int32) % 4


def written(
    folder: Path, backbone: str, spread: float, *, dataset: str = "birds", flip: bool = False, sure: float = 0.0
) -> str:
    """32 training and 8 test images of four classes that lie `spread` apart; `flip`: the test images' are shuffled."""
    generator = np.random.default_rng(7)
    features = generator.normal(size=(40, 6)) + spread * generator.normal(size=(4, 6))[LABELS]
    splits = np.array([0] * 32 + [2] * 8, np.uint8)
    labels = np.where((splits == 2) & flip, 3 - LABELS, LABELS).astype(np.int32)
    rows = Features(
        features.astype(np.float32), labels, np.array([f"{i}.jpg" for i in range(40)]), ("a", "b", "c", "d")
    )
    more = {}
    if sure:
        probabilities = np.where(np.eye(4)[LABELS], sure, (1 - sure) / 3).astype(np.float32)
        more = {"probabilities": probabilities, "source_classes": ("w", "x", "y", "z")}
    write_feature_set(folder, rows, splits, Extractor(backbone, input_size=64), dataset=dataset, **more)
    return str(folder)


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    spreads = {"poor_net": 0.2, "good_net": 3.0, "fair_net": 1.0}
    return [written(tmp_path / name, name, spread, sure=0.9 * (name == "good_net")) for name, spread in spreads.items()]


def test_models_are_ranked_and_each_kind_of_file_is_written(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for ending in ("json", "csv", "html", "png"):
        assert main(["rank", *models, f"--output={tmp_path / f'rank.{ending}'}"]) == 0
    shown = capsys.readouterr().out
    assert "32 images of 4 classes, train of birds; no test image" in shown
    assert shown.index("1. good_net") < shown.index("2. fair_net") < shown.index("3. poor_net")
    assert "Start from good_net: first by all 6 scores. Of 6 training images held out its ridge probe" in shown
    facts = read_json(tmp_path / "rank.json")
    assert [row["name"] for row in facts["candidates"]] == ["good_net", "fair_net", "poor_net"]
    assert [row["scores"]["leep"] is None for row in facts["candidates"]] == [False, True, True]
    assert (tmp_path / "rank.png").read_bytes().startswith(b"\x89PNG")
    assert "good_net" in (tmp_path / "rank.html").read_text()
    assert (
        (tmp_path / "rank.csv").read_text().startswith("place,name,details,logme,h_score,leep,nce,knn,ridge,measured")
    )


def test_labels_of_test_images_change_nothing(tmp_path: Path) -> None:
    found = []
    for flip in (False, True):
        folder = written(tmp_path / f"{flip}", "net", 1.0, flip=flip, sure=0.5)
        assert main(["rank", folder, f"--output={tmp_path / 'rank.json'}"]) == 0
        found.append(read_json(tmp_path / "rank.json")["candidates"])
    assert found[0] == found[1]


def test_accuracies_of_a_file_are_matched_by_name_and_their_agreement_is_shown(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = FeatureSet.open(Path(models[0])).meta.key
    (tmp_path / "a.csv").write_text(f"name,accuracy\ngood_net,0.9\n{key},0.4\n{models[2]},0.6\n")
    words = [f"--accuracies={tmp_path / 'a.csv'}", f"--output={tmp_path / 'rank.json'}"]
    assert main(["rank", *models, *words, "--by=h_score", "--scores=h_score,logme"]) == 0
    assert "too few for an interval" in capsys.readouterr().out
    facts = json.loads((tmp_path / "rank.json").read_text())
    assert [row["measured"] for row in facts["candidates"]] == [0.9, 0.6, 0.4]
    assert facts["agreement"]["logme"]["tau"] == 1 and facts["agreement"]["logme"]["p"] == pytest.approx(1 / 6)


def test_a_single_accuracy_stands_in_the_table_and_agrees_with_nothing(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("name,accuracy\ngood_net,0.9\n")
    words = [f"--accuracies={tmp_path / 'a.csv'}", f"--output={tmp_path / 'rank.html'}", "--scores=logme"]
    assert main(["rank", *models, *words]) == 0
    shown = capsys.readouterr().out
    assert "90.0\xa0%" in shown and "tau" not in shown
    assert "Measured (a.csv) are fewer than two candidates" in shown
    assert "fewer than two candidates" in (tmp_path / "rank.html").read_text()


def test_runs_give_the_accuracies_in_the_order_of_the_feature_sets(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [written(tmp_path / name, "mobilenet_v2", spread) for name, spread in (("poor", 0.2), ("good", 3.0))]
    other = shutil.copytree(finished_run, tmp_path / "run")
    found = read_json(other / "eval" / "test.json")
    write_json(other / "eval" / "test.json", found | {"top1": 1.0})
    assert main(["rank", *sets, f"--runs={finished_run},{other}"]) == 0
    shown = capsys.readouterr().out
    assert "mobilenet_v2 #2" in shown.splitlines()[2] and shown.splitlines()[2].endswith("100.0\xa0%")
    assert "Of 2 candidates" in shown and "Measured (top-1 on test), the best is mobilenet_v2 #2, 100.0\xa0%." in shown
    assert main(["rank", *sets, f"--runs={finished_run}"]) == 2
    assert "1 runs for 2" in capsys.readouterr().err
    wrong = written(tmp_path / "wrong", "inception_v3", 1.0)
    assert main(["rank", sets[0], wrong, f"--runs={finished_run},{other}"]) == 2
    assert "in the order of the feature sets" in capsys.readouterr().err


def test_sources_are_ranked_for_one_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = written(tmp_path / "t", "net", 1.0)
    sources = [written(tmp_path / name, "net", spread, dataset=name) for name, spread in (("far", 9.0), ("near", 1.1))]
    assert main(["rank", target, f"--sources={','.join(sources)}", f"--output={tmp_path / 'rank.html'}"]) == 0
    shown = capsys.readouterr().out
    assert "1. near" in shown and "2. far" in shown and "Nearest to birds: near, EMD" in shown
    assert "2 sources for birds" in (tmp_path / "rank.html").read_text()


def test_sources_of_single_images_are_not_compared_without_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = written(tmp_path / "t", "net", 1.0)
    rows = FeatureSet.open(Path(target)).part("train").take([0, 1, 2, 3])
    extractor = Extractor("net", input_size=64)
    write_feature_set(tmp_path / "few", rows, np.zeros(4, np.uint8), extractor, dataset="few")
    words = [f"--sources={target},{tmp_path / 'few'}", f"--output={tmp_path / 'rank.html'}"]
    assert main(["rank", target, *words]) == 0
    assert "by an unknown amount: few." in capsys.readouterr().out
    assert "by an unknown amount: few." in (tmp_path / "rank.html").read_text()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--split=test"], 2, "would look at test images"),
        (["--split=validation"], 2, "validation"),
        (["--output=rank.xlsx"], 2, ".html, .json, .csv, .png"),
        (["--by=leep", "--scores=logme"], 2, "--by=leep is not among"),
        (["--scores=luck"], 2, "is not a choice"),
        (["--runs=a", "--accuracies=b"], 2, "one of them"),
        (["--accuracies=none.csv"], 3, "none.csv"),
        (["--runs=a,b,c"], 3, "run.json"),
        (["--sources=x"], 2, "one target"),
        (["no/such/set"], 2, "no/such/set"),
    ],
)
def test_what_cannot_be_ranked_is_said(
    models: list[str], words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rank", *models, *words]) == code
    assert message in capsys.readouterr().err


def test_nothing_to_rank_other_images_and_other_extractors_are_refused(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rank"]) == 2
    assert "No feature set is named" in capsys.readouterr().err
    rows = FeatureSet.open(Path(models[0])).part("train[:20]")
    write_feature_set(tmp_path / "part", rows, np.zeros(20, np.uint8), Extractor("net"), dataset="birds")
    assert main(["rank", models[0], str(tmp_path / "part")]) == 2
    assert "12 images of train" in capsys.readouterr().err
    assert main(["rank", models[0], f"--sources={models[1]}"]) == 2
    assert "different extractors" in capsys.readouterr().err


def test_one_class_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = Features(np.eye(4, dtype=np.float32), np.zeros(4, np.int32), np.array([*"abcd"]), ("only",))
    write_feature_set(tmp_path / "one", rows, np.zeros(4, np.uint8), Extractor("net"), dataset="birds")
    assert main(["rank", str(tmp_path / "one")]) == 3
    assert "two classes or more" in capsys.readouterr().err
