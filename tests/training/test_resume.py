"""What a second start goes on from: the newest whole checkpoint, and a first stage that is gone."""

from pathlib import Path

import keras
import pytest

from fgtl.errors import DataError
from fgtl.training.checkpoint import Checkpoints
from fgtl.training.resume import find_start, resumes_at
from fgtl.training.run import DatasetFacts, Run

FACTS = DatasetFacts("birds", 2, ("wren", "robin"), "abc", {"train": 10})
START = {"run": "/a/first", "sha256": "ab" * 32}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create_or_resume(tmp_path / "run", {"seed": 1}, FACTS, START)


def checkpointed(run: Run, step: int, stage: str = "") -> None:
    there = run.stage(stage)
    groups = {"model": [keras.Variable([1.0, 2.0])]}
    Checkpoints(there.checkpoints, keep=9, identity=there.identity).save(step, groups, {})


def test_damaged_checkpoints_are_gone_behind(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert resumes_at(run.stage()) is None
    for step in (3, 9, 12):
        checkpointed(run, step)
    assert resumes_at(run.stage()) == 12
    (run.stage().checkpoints / "step-12" / "arrays.npz").write_bytes(b"half")
    (run.stage().checkpoints / "step-9" / "state.json").unlink()
    assert resumes_at(run.stage()) == 3
    assert capsys.readouterr().err == ""


def test_a_start_that_is_gone_is_remembered_by_a_run_with_weights_of_its_own(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="first is not a run folder"):
        find_start(tmp_path / "first", run.folder, refit=False)
    checkpointed(run, 3)
    start = find_start(tmp_path / "first", run.folder, refit=False)
    assert (start.facts, start.run) == (START, None)
    assert "is gone; this run goes on with its own weights. It started from /a/first." in capsys.readouterr().err
    # A damaged checkpoint has no weights.
    (run.stage().checkpoints / "step-3" / "arrays.npz").write_bytes(b"half")
    with pytest.raises(DataError, match="first is not a run folder"):
        find_start(tmp_path / "first", run.folder, refit=False)


def test_a_refit_still_needs_its_start_until_it_has_a_checkpoint(run: Run, tmp_path: Path) -> None:
    checkpointed(run, 3)
    with pytest.raises(DataError, match="(?s)the refit of .* has to start from it.*at /a/first"):
        find_start(tmp_path / "first", run.folder, refit=True)
    checkpointed(run, 1, "refit")
    assert find_start(tmp_path / "first", run.folder, refit=True).facts == START


def test_a_run_that_never_had_a_start_remembers_none(tmp_path: Path) -> None:
    run = Run.create_or_resume(tmp_path / "plain", {"seed": 1}, FACTS)
    checkpointed(run, 3)
    with pytest.raises(DataError, match="first is not a run folder"):
        find_start(tmp_path / "first", run.folder, refit=False)


def test_a_start_that_is_there_is_used_and_checked(run: Run, tmp_path: Path) -> None:
    first = Run.create_or_resume(tmp_path / "first", {"seed": 1}, FACTS)
    first.save_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]), {})
    checkpointed(run, 3)
    start = find_start(first.folder, run.folder, refit=False)
    assert start.run is not None
    assert start.facts == {"run": str(first.folder), "sha256": first.model_facts["sha256"]}
    first.model.write_bytes(first.model.read_bytes() + b"x")
    with pytest.raises(DataError, match="checksum differs"):
        find_start(first.folder, run.folder, refit=False)
