"""fgtl evaluate: exact counts, the same figures whatever the batch size, and what it refuses."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fgtl.commands.app import main
from fgtl.data.parts import SplitKnobs, parts_of
from fgtl.data.records import RecordSet
from fgtl.reports.history import read_history


def result_of(run: Path, split: str = "test") -> dict:
    return json.loads((run / "eval" / f"{split}.json").read_text())


def test_every_image_counts_once(finished_run: Path) -> None:
    result = result_of(finished_run)
    with np.load(finished_run / "eval" / "test.npz") as stored:
        assert stored["probabilities"].shape == (12, 4)
        assert len(set(stored["ids"].tolist())) == 12
        correct = stored["probabilities"].argmax(1) == stored["labels"]
    assert result["count"] == 12
    assert result["top1"] == pytest.approx(correct.mean())
    assert result["top5"] == 1.0  # four classes


@pytest.mark.parametrize("batch_size", [1, 5, 97])
def test_the_batch_size_changes_no_figure(finished_run: Path, batch_size: int) -> None:
    before = result_of(finished_run)
    assert main(["evaluate", f"--run_dir={finished_run}", f"--eval_batch_size={batch_size}"]) == 0
    after = result_of(finished_run)
    assert after["confusion"] == before["confusion"]
    assert after["log_loss"] == pytest.approx(before["log_loss"], abs=1e-5)


def test_the_table_and_the_report_are_shown(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", f"--run_dir={finished_run}", "--split=train[:50%]"]) == 0
    shown = capsys.readouterr().out
    assert "top-1 accuracy" in shown
    assert "95 % interval" in shown
    assert "report.html" in shown


def test_a_folder_that_is_no_run_exits_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", f"--run_dir={tmp_path}"]) == 3
    assert "run.json" in capsys.readouterr().err


def test_a_record_set_with_other_classes_is_refused(
    finished_run: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"--data_dir={drawn / 'images'}", f"--output_dir={tmp_path / 'other'}", "--num_shards=1", "--workers=1"]
    victim = sorted((drawn / "images").iterdir())[-1]
    hidden = victim.rename(drawn / "images" / f".{victim.name}")
    try:
        assert main(["convert", *words]) == 0
    finally:
        hidden.rename(victim)
    assert main(["evaluate", f"--run_dir={finished_run}", f"--records={tmp_path / 'other'}"]) == 3
    assert "3 classes, the run learned 4" in capsys.readouterr().err


def test_head_and_tail_go_by_the_images_that_were_trained_on(finished_run: Path, records: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    train = parts_of(RecordSet.open(records), SplitKnobs(validation_fraction=0.25), 3).train
    counts = np.bincount(train.labels, minlength=4)
    assert counts.sum() == 18 and len(set(counts.tolist())) > 1, "some classes have fewer"
    assert main(["evaluate", f"--run_dir={run}", f"--head_images={counts.max()}"]) == 0
    parts = result_of(run)["head_tail"]
    assert parts["training"] == counts.tolist()
    assert parts["head"]["classes"] == int((counts == counts.max()).sum())
    assert parts["head"]["images"] + parts["tail"]["images"] == 12
    assert "training images" in (run / "report.html").read_text()


def test_a_second_stage_has_the_head_and_tail_of_the_first(
    finished_run: Path, records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (shutil.copytree(finished_run, tmp_path / name) for name in ("first", "second"))
    card, model = (json.loads((second / name).read_text()) for name in ("run.json", "model.json"))
    card["config"] |= {"train_split": "train[:30%]", "init_run": "typed/anywhere"}
    card["init"] = {"run": str(first), "sha256": model["sha256"]}
    (second / "run.json").write_text(json.dumps(card))
    assert main(["evaluate", f"--run_dir={second}", "--head_images=5"]) == 0
    train = parts_of(RecordSet.open(records), SplitKnobs(validation_fraction=0.25), 3).train
    parts = result_of(second)["head_tail"]
    assert (parts["training"], parts["of_run"]) == (np.bincount(train.labels, minlength=4).tolist(), str(first))
    assert f"training images, of {first}" in capsys.readouterr().out
    # -- without the first stage, its own images are counted, and said to be ------------------------------------------
    first.rename(tmp_path / "moved")
    assert main(["evaluate", f"--run_dir={second}", "--head_images=5"]) == 0
    assert f"the training images of {second} alone: {first}" in capsys.readouterr().err
    parts = result_of(second)["head_tail"]
    assert sum(parts["training"]) < 8 and parts["of_run"] == ""


def test_without_the_record_set_of_the_training_head_and_tail_are_not_told_apart(
    finished_run: Path, records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    moved = shutil.copytree(records, tmp_path / "moved")
    card = json.loads((run / "run.json").read_text())
    card["config"]["records"] = str(tmp_path / "nowhere")
    card["dataset"]["manifest_sha256"] = "0" * 64
    (run / "run.json").write_text(json.dumps(card))
    assert main(["evaluate", f"--run_dir={run}", f"--records={moved}"]) == 0
    assert "Head and tail are not told apart" in capsys.readouterr().err
    assert result_of(run)["head_tail"] is None


def test_several_views_are_averaged_and_stand_beside_the_usual_figures(finished_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    before = result_of(run)
    assert main(["evaluate", f"--run_dir={run}", "--views=flip"]) == 0
    assert result_of(run) == before
    flipped = result_of(run, "test-flip")
    assert (flipped["count"], flipped["split"], flipped["views"]) == (12, "test", "flip")
    with np.load(run / "eval" / "test.npz") as one, np.load(run / "eval" / "test-flip.npz") as both:
        np.testing.assert_array_equal(one["ids"], both["ids"])
        np.testing.assert_allclose(both["probabilities"].sum(1), 1, atol=1e-5)
    report = (run / "report.html").read_text()
    assert "test, flip views" in report and "--split=test --views=flip" in report


def test_validation_without_a_split_of_that_name_is_what_was_carved(
    finished_run: Path, records: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    assert main(["evaluate", f"--run_dir={run}", "--split=validation"]) == 0
    parts = parts_of(RecordSet.open(records), SplitKnobs(validation_fraction=0.25), 3)
    with np.load(run / "eval" / "validation.npz") as stored:
        assert stored["ids"].tolist() == parts.validation.ids.tolist()
    best = json.loads((run / "best.json").read_text())
    assert result_of(run, "validation")["top1"] == pytest.approx(best["value"])


@pytest.fixture(params=[0.0, pytest.param(0.9, marks=pytest.mark.slow)], ids=["plain", "averaged"])
def in_training(request: pytest.FixtureRequest, train_words: list[str], tmp_path: Path) -> Path:
    """A run with three checkpoints that looks as if it were still trained, its model is beside it."""
    folder = tmp_path / "run"
    words = ["--checkpoint_every_steps=1", "--keep=9", f"--ema_decay={request.param}"]
    assert main(["train", f"--run_dir={folder}", *train_words, *words]) == 0
    for name in ("model.keras", "model.json"):
        (folder / name).rename(tmp_path / name)
    return folder


def steps_of(run: Path, name: str = "validation") -> list[dict]:
    return [json.loads(line) for line in (run / "eval" / f"{name}-steps.jsonl").read_text().splitlines()]


def test_checkpoints_of_a_run_in_training_are_evaluated_as_its_own_validation_does(
    in_training: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", f"--run_dir={in_training}"]) == 3, "it is not finished"
    # -- the newest ---------------------------------------------------------------------------------------------------
    assert main(["evaluate", f"--run_dir={in_training}", "--once"]) == 0
    (line,) = steps_of(in_training)
    (own,) = [one for one in read_history(in_training / "metrics.jsonl").lines if "validation/top1" in one]
    assert (line["step"], line["count"], line["unreadable"]) == (own["step"], 6, 0)
    assert line["epoch"] == pytest.approx(own["epoch"], abs=1e-6)
    for name in ("top1", "top5", "mean_class", "loss"):
        assert line[name] == pytest.approx(own[f"validation/{name}"], abs=1e-5)
    # -- all others, until nothing comes ------------------------------------------------------------------------------
    watch = ["evaluate", f"--run_dir={in_training}", "--watch", "--watch_seconds=0.05", "--timeout_seconds=0.2"]
    capsys.readouterr()
    assert main(watch) == 1
    shown = capsys.readouterr()
    assert "No new checkpoint" in shown.err
    assert [one["step"] for one in steps_of(in_training)] == [3, 1, 2]
    assert len({one["loss"] for one in steps_of(in_training)}) == 3
    # -- and nothing is left when the run is finished -----------------------------------------------------------------
    for name in ("model.keras", "model.json"):
        (in_training.parent / name).rename(in_training / name)
    assert main(watch) == 0
    assert "the training is over" in capsys.readouterr().out
    assert len(steps_of(in_training)) == 3
    assert list((in_training / "events" / "eval-validation").iterdir())
    assert "fgtl evaluate --watch" in (in_training / "report.html").read_text()


def test_watching_test_images_says_what_they_must_not_be_used_for(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    assert main(["evaluate", f"--run_dir={run}", "--watch", "--split=test", "--views=flip"]) == 0
    assert "These are test images" in capsys.readouterr().err
    lines = steps_of(run, "test-flip")
    assert lines and all(line["count"] == 12 and math.isfinite(line["loss"]) for line in lines)


@pytest.mark.slow
def test_training_and_evaluation_run_side_by_side(train_words: list[str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""}

    def fgtl(*words: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "fgtl", *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    # The watcher is there before the run's folder.
    watching = fgtl("evaluate", f"--run_dir={run}", "--watch", "--watch_seconds=0.1", "--timeout_seconds=300")
    training = fgtl("train", f"--run_dir={run}", *train_words, "--epochs=12", "--checkpoint_every_steps=2")
    assert training.wait(300) == 0, training.stdout.read().decode()
    assert watching.wait(300) == 0, watching.stdout.read().decode()
    lines = steps_of(run)
    assert len({line["step"] for line in lines}) == len(lines) > 1
    assert {line["count"] for line in lines} == {6}
    assert max(line["step"] for line in lines) == read_history(run / "metrics.jsonl").lines[-1]["step"]
