"""fgtl evaluate: exact counts, the same figures whatever the batch size, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from fgtl.commands.app import main


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
