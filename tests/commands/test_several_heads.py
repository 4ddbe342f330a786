"""fgtl evaluate and predict with a head that is several: each of them, and the fused one as the result."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from bright_network import bright_classifier, save_run

from fgtl.commands.app import main
from fgtl.data.records import RecordSet
from fgtl.files import read_json

HEADS = ["level1", "level2", "level3", "combiner", "fused"]


def test_evaluation_names_every_head_and_the_fused_one_as_the_result(
    bright_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", f"--run_dir={bright_run}", "--noheads"]) == 0
    assert "fused top-1" not in capsys.readouterr().out
    with np.load(bright_run / "eval" / "test.npz") as stored:
        alone = stored["probabilities"]
    assert read_json(bright_run / "eval" / "test.json")["heads"] is None
    assert not (bright_run / "eval" / "test.txt").exists()

    assert main(["evaluate", f"--run_dir={bright_run}"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{name} top-1" in shown for name in HEADS) and shown.count("the result") == 1
    with np.load(bright_run / "eval" / "test.npz") as stored:
        np.testing.assert_array_equal(stored["probabilities"], alone)
    found = read_json(bright_run / "eval" / "test.json")
    assert found["heads"]["result"] == "fused" and [one["name"] for one in found["heads"]["heads"]] == HEADS
    own = found["heads"]["heads"][-1]
    assert (own["top1"], own["top1_interval"], own["top5"]) == (found["top1"], found["top1_interval"], found["top5"])
    assert found["heads"]["by_confidence"]["most_confident_4"] == pytest.approx(100 * found["top1"], abs=1e-3)
    assert (bright_run / "eval" / "test.txt").read_text().splitlines()[-1].startswith("RESULT: fused-top-1 ")
    page = (bright_run / "report.html").read_text()
    assert "What each head got right" in page and "<b>fused</b>, the result" in page


def test_a_run_that_predicts_with_its_combiner_has_that_as_its_result(
    records: Path, bright_run: Path, tmp_path: Path
) -> None:
    model = bright_classifier(4, plugin_output="combiner")
    run = save_run(tmp_path / "run", model, RecordSet.open(records))
    assert main(["evaluate", f"--run_dir={run}"]) == 0
    found = read_json(run / "eval" / "test.json")
    assert found["heads"]["result"] == "combiner"
    (own,) = [one for one in found["heads"]["heads"] if one["name"] == "combiner"]
    assert own["top1"] == found["top1"]


def test_heads_that_are_not_trained_have_no_figures_and_no_words_in_pictures(
    records: Path, bright_run: Path, drawn: Path, tmp_path: Path
) -> None:
    photo = str(next((drawn / "images").rglob("*.jpg")))
    run = save_run(tmp_path / "run", bright_classifier(4, lambda_b=0), RecordSet.open(records))
    assert main(["evaluate", f"--run_dir={run}"]) == 0
    found = read_json(run / "eval" / "test.json")
    own, fused = found["heads"]["heads"]
    assert (own["name"], fused["name"]) == ("combiner", "fused") and own["top1"] == fused["top1"] == found["top1"]
    assert main(["heat", f"--run_dir={run}", f"--output={tmp_path / 'heat'}", photo]) == 0


def test_prediction_adds_what_each_head_says_when_asked(bright_run: Path, drawn: Path, tmp_path: Path) -> None:
    photos = [str(path) for path in sorted((drawn / "images").rglob("*.jpg"))[:3]]
    words = [f"--run_dir={bright_run}", "--top=4", "--eval_batch_size=2"]
    assert main(["predict", *words, f"--output={tmp_path / 'plain.json'}", *photos]) == 0
    assert main(["predict", *words, "--heads", f"--output={tmp_path / 'heads.json'}", *photos]) == 0
    plain, told = (json.loads((tmp_path / name).read_text()) for name in ("plain.json", "heads.json"))
    assert [{name: row[name] for name in ("image", "classes")} for row in told] == plain
    for row in told:
        assert list(row["heads"]) == HEADS
        assert row["heads"]["fused"] == row["classes"]
        each = [{one["label"]: one["probability"] for one in row["heads"][name]} for name in HEADS]
        mean = [sum(head[label] for head in each[:-1]) / 4 for label in range(4)]
        assert [each[-1][label] for label in range(4)] == pytest.approx(mean, abs=2e-6)

    assert main(["predict", *words, "--heads", f"--output={tmp_path / 'heads.csv'}", *photos]) == 0
    with (tmp_path / "heads.csv").open(newline="") as file:
        header, first, *_ = csv.reader(file)
    assert header[-2:] == ["fused_class", "fused_probability"] and len(header) == len(first) == 1 + 8 + 10
    assert math.isclose(float(first[-1]), float(first[2]))


def test_several_views_are_averaged_for_every_head(bright_run: Path, drawn: Path, tmp_path: Path) -> None:
    photo = str(next((drawn / "images").rglob("*.jpg")))
    words = [f"--run_dir={bright_run}", "--top=4", "--views=flip", f"--output={tmp_path / 'views.json'}"]
    assert main(["predict", *words, "--heads", photo]) == 0
    (row,) = json.loads((tmp_path / "views.json").read_text())
    assert all(sum(one["probability"] for one in head) == pytest.approx(1, abs=1e-5) for head in row["heads"].values())
    assert main(["evaluate", f"--run_dir={bright_run}", "--views=flip"]) == 0
    assert read_json(bright_run / "eval" / "test-flip.json")["heads"]["result"] == "fused"


def test_of_a_head_that_is_one_nothing_more_is_said(
    finished_run: Path, drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_json(finished_run / "eval" / "test.json")["heads"] is None
    assert main(["predict", f"--run_dir={finished_run}", "--heads", str(drawn)]) == 2
    assert "The run's head, linear, is a single one" in capsys.readouterr().err
