"""--bad_records: fgtl train and evaluate end at a bad record with its id, or go on without it and say so."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fgtl.commands.app import main
from fgtl.data.parts import SplitKnobs, parts_of
from fgtl.data.records import RecordSet


@pytest.fixture
def damaged(records: Path, tmp_path: Path) -> Path:
    """A copy of the record set with a test record and a record to train on that have rotted."""
    folder = shutil.copytree(records, tmp_path / "damaged")
    for selection in (RecordSet.open(folder).select("test[4:5]"), _trained_on(folder)):
        path = selection.shard_paths[int(selection.shards[0])]
        data = bytearray(path.read_bytes())
        data[int(selection.offsets[0]) + 100] ^= 1
        path.write_bytes(data)
    return folder


def _trained_on(folder: Path):
    parts = parts_of(RecordSet.open(folder), SplitKnobs(validation_fraction=0.25), 3)
    return parts.train.take([2])


def test_evaluate_fails_with_the_id_or_counts_the_others_only(
    finished_run: Path, damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    name = str(RecordSet.open(damaged).select("test").ids[4])
    words = ["evaluate", f"--run_dir={run}", f"--records={damaged}"]
    assert main(words) == 3
    assert f"The record {name} cannot be read" in capsys.readouterr().err
    assert main([*words, "--bad_records=skip"]) == 0
    shown = capsys.readouterr()
    assert shown.err.count(f"The record {name} cannot be read") == 1
    assert f"11 of 12 images; 1 could not be read: {name}" in shown.out
    assert "of 12; 1 could not be read" in shown.out.splitlines()[0]
    result = json.loads((run / "eval" / "test.json").read_text())
    assert (result["count"], result["unreadable"]) == (11, [name])
    whole = json.loads((finished_run / "eval" / "test.json").read_text())
    assert (whole["count"], whole["unreadable"]) == (12, [])
    with np.load(run / "eval" / "test.npz") as skipped, np.load(finished_run / "eval" / "test.npz") as all_of_them:
        kept = all_of_them["ids"] != name
        np.testing.assert_array_equal(skipped["ids"], all_of_them["ids"][kept])
        np.testing.assert_allclose(skipped["probabilities"], all_of_them["probabilities"][kept], atol=1e-6)
    assert "1 could not be read" in (run / "report.html").read_text()


def test_a_training_that_ended_at_a_bad_record_goes_on_without_it(
    train_words: list[str], damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = str(_trained_on(damaged).ids[0])
    words = ["train", *train_words, f"--records={damaged}"]
    assert main([*words, f"--run_dir={tmp_path / 'run'}"]) == 3
    shown = capsys.readouterr().err
    assert f"The record {name} cannot be read" in shown
    assert "--bad_records=skip" in shown
    for run in ("run", "other"):
        assert main([*words, f"--run_dir={tmp_path / run}", "--bad_records=skip"]) == 0
        assert f"1 could not be read: {name}" in capsys.readouterr().err
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert max(line["step"] for line in lines) == 3  # 18 images in batches of 8
    others = [json.loads(line) for line in (tmp_path / "other" / "metrics.jsonl").read_text().splitlines()]
    figures = ("step", "loss", "top1")
    assert [[line.get(key) for key in figures] for line in lines] == [
        [line.get(key) for key in figures] for line in others
    ]
