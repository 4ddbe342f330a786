"""Following a run in training: every checkpoint once, whatever happens to it meanwhile."""

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fgtl.errors import DataError, FgtlError, UsageError
from fgtl.files import write_json
from fgtl.training.checkpoint import Checkpoints
from fgtl.training.restored import RestoredModel
from fgtl.training.run import Run
from fgtl.training.watch import (
    Pace,
    StepLog,
    checkpoints_of,
    is_over,
    new_steps,
    open_unfinished,
)
from fgtl.training.watcher import Watcher

FAST = Pace(poll=0.01, timeout=5.0)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    folder = tmp_path / "run"
    folder.mkdir()
    write_json(folder / "run.json", {"config": {"seed": 0}, "dataset": {"class_names": ["a", "b"]}})
    return open_unfinished(folder)


def finish(run: Run) -> None:
    for name in ("model.keras", "model.json"):
        (run.folder / name).write_text("{}")


class Weights:
    """One variable with the part of Keras' interface that checkpoints use."""

    def __init__(self, value: float) -> None:
        self.path, self.dtype, self.shape = "weights/w", "float32", (1,)
        self.array = np.array([value], np.float32)

    @property
    def value(self) -> "Weights":
        return self

    def numpy(self) -> np.ndarray:
        return self.array

    def assign(self, array: np.ndarray) -> None:
        self.array = array


def save(run: Run, step: int, keep: int = 2, **groups: float) -> None:
    """A checkpoint whose weights are its step."""
    stage = run.stage()
    stage.checkpoints.mkdir(exist_ok=True)
    values = {"model": float(step), "optimizer": 0.5} | groups
    made = {name: [Weights(value)] for name, value in values.items()}
    Checkpoints(stage.checkpoints, keep, stage.identity).save(step, made, {})


class Model:
    """A network of one weight."""

    def __init__(self) -> None:
        self.variables = [Weights(-1.0)]


def watcher(run: Run, log: StepLog, hook: Callable[[int], None] = lambda step: None, averaged: bool = False) -> Watcher:
    """One whose figure is the weight; `hook` is called before a checkpoint is loaded."""
    model = Model()
    restored = RestoredModel(run, model, averaged=averaged)

    def load(step: int) -> bool:
        hook(step)
        return restored.load(step)

    def evaluate() -> dict[str, Any]:
        return {"top1": float(model.variables[0].array[0])}

    return Watcher(run, log, load, evaluate, lambda step: step / 10)


def log_of(run: Run, name: str = "validation") -> StepLog:
    return StepLog(run.evaluations / f"{name}-steps.jsonl", run.stage().identity)


def test_each_checkpoint_is_evaluated_once_with_its_own_weights_until_the_run_is_finished(run: Run) -> None:
    save(run, 3)
    log = log_of(run)
    seen = []

    def train() -> None:
        for step in (6, 9):
            while not seen or seen[-1]["step"] < step - 3:
                time.sleep(0.01)
            save(run, step)
        finish(run)

    trainer = threading.Thread(target=train)
    trainer.start()
    for line in watcher(run, log).follow(FAST):
        seen.append(line)
    trainer.join()
    assert [(line["step"], line["epoch"], line["top1"]) for line in seen] == [(3, 0.3, 3), (6, 0.6, 6), (9, 0.9, 9)]
    written = [json.loads(text) for text in log.path.read_text().splitlines()]
    assert [line["step"] for line in written] == [3, 6, 9]


def test_a_checkpoint_that_comes_with_the_end_is_not_missed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([False, True, True])

    def look(run: Run) -> bool:
        # The trainer saves and finishes between the two questions.
        over = next(looks)
        if over and not checkpoints_of(run).steps():
            save(run, 5)
        return over

    monkeypatch.setattr("fgtl.training.watch.is_over", look)
    done: set[int] = set()
    for step in new_steps(run, done.__contains__, FAST):
        done.add(step)
    assert done == {5}


def test_one_that_goes_on_does_not_evaluate_again(run: Run) -> None:
    save(run, 3)
    save(run, 6)
    finish(run)
    log = log_of(run)
    assert len(list(watcher(run, log).follow(FAST))) == 2
    text = log.path.read_text()
    log.path.write_text(text + '{"step": 9, "cut o')
    del log
    again = log_of(run)
    assert list(watcher(run, again).follow(FAST)) == []
    assert again.path.read_text() == text


def test_lines_of_another_run_in_the_same_folder_do_not_count(run: Run) -> None:
    save(run, 3)
    finish(run)
    log = log_of(run)
    log.add({"step": 3, "epoch": 0.3, "top1": 0.0})
    del log
    other = StepLog(run.evaluations / "validation-steps.jsonl", "another identity")
    assert other.lines == {} and other.path.read_text() == ""


def test_a_checkpoint_that_is_pruned_before_it_is_read_is_skipped(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    save(run, 3)
    save(run, 6)

    def prune(step: int) -> None:
        if step == 3:
            save(run, 9)
            finish(run)
            assert checkpoints_of(run).steps() == [9, 6]

    lines = list(watcher(run, log_of(run), prune).follow(FAST))
    assert [line["top1"] for line in lines] == [6, 9]
    assert "step 3: its checkpoint was removed" in capsys.readouterr().out


@pytest.mark.parametrize("harm", ["half gone", "flipped", "cut"])
def test_a_damaged_checkpoint_is_named_and_left_out(run: Run, capsys: pytest.CaptureFixture[str], harm: str) -> None:
    save(run, 3)
    save(run, 6)
    finish(run)
    arrays = run.folder / "checkpoints" / "step-3" / "arrays.npz"
    data = bytearray(arrays.read_bytes())
    if harm == "half gone":
        arrays.unlink()
    else:
        data[len(data) // 2] ^= 1
        arrays.write_bytes(data if harm == "flipped" else data[:-20])
    lines = list(watcher(run, log_of(run), lambda step: None).follow(FAST))
    assert [line["step"] for line in lines] == [6]
    assert "step 3 is left out" in capsys.readouterr().err


def test_a_checkpoint_that_is_written_anew_after_it_was_damaged_is_evaluated(run: Run) -> None:
    save(run, 3)
    arrays = run.folder / "checkpoints" / "step-3" / "arrays.npz"
    arrays.unlink()
    looks = 0

    def mend(since: float, what: str) -> None:
        nonlocal looks
        looks += 1
        time.sleep(0.02)
        save(run, 3)
        finish(run)

    class Mending(Pace):
        wait = staticmethod(mend)

    lines = list(watcher(run, log_of(run)).follow(Mending(0.01, 5.0)))
    assert [line["top1"] for line in lines] == [3] and looks == 1


def test_a_whole_checkpoint_of_another_network_is_an_error(run: Run) -> None:
    save(run, 3, ema=1.0)

    class Larger(Model):
        def __init__(self) -> None:
            self.variables = [Weights(0.0), Weights(0.0)]

    with pytest.raises(DataError, match="does not fit"):
        RestoredModel(run, Larger(), averaged=False).load(3)


def test_averaged_weights_are_taken_where_the_run_has_them(run: Run) -> None:
    save(run, 3, ema=0.25)
    finish(run)
    assert [line["top1"] for line in watcher(run, log_of(run, "a")).follow(FAST)] == [3]
    assert [line["top1"] for line in watcher(run, log_of(run, "b"), averaged=True).follow(FAST)] == [0.25]


def test_waiting_too_long_ends_with_the_reason(run: Run) -> None:
    save(run, 3)
    lines = watcher(run, log_of(run)).follow(Pace(0.01, 0.1))
    assert next(lines)["step"] == 3
    start = time.monotonic()
    with pytest.raises(FgtlError, match=r"(?s)No new checkpoint in .*timeout_seconds=0\.1") as error:
        next(lines)
    assert 0.1 <= time.monotonic() - start < 2
    assert error.value.exit_code == 1


def test_the_training_is_over_when_the_refit_begins(run: Run) -> None:
    assert not is_over(run)
    refit = run.stage("refit")
    assert not is_over(run)  # a start that was refused leaves no more
    refit.events.mkdir()
    assert is_over(run)


def test_the_newest_whole_checkpoint_is_found_and_remembered(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    log = log_of(run)
    with pytest.raises(DataError, match="no whole checkpoint"):
        watcher(run, log).newest()
    save(run, 3)
    save(run, 6)
    (run.folder / "checkpoints" / "step-6" / "state.json").unlink()
    assert watcher(run, log).newest()["step"] == 3
    shutil.rmtree(run.folder / "checkpoints" / "step-6")
    assert watcher(run, log, lambda step: pytest.fail("it is in the log")).newest()["step"] == 3


def test_two_cannot_write_one_log(run: Run) -> None:
    log = log_of(run)
    with pytest.raises(UsageError, match="Another process"):
        log_of(run)
    assert log_of(run, "test").lines == log.lines == {}


def test_a_run_that_has_not_begun_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(DataError, match=r"no run\.json"):
        open_unfinished(folder)
    with pytest.raises(FgtlError, match="No run at"):
        open_unfinished(folder, Pace(0.01, 0.05))
    folder.mkdir()
    timer = threading.Timer(0.1, write_json, (folder / "run.json", {"config": {}, "dataset": {}}))
    timer.start()
    assert open_unfinished(folder, FAST).folder == folder
    write_json(folder / "run.json", {"config": {}})
    with pytest.raises(DataError, match="lacks"):
        open_unfinished(folder)
