"""When checkpoints are due, and what the worker processes other than the chief do not do."""

import json
import time

import keras
import numpy as np
import pytest

from fgtl.errors import DataError, FgtlError
from fgtl.training import exchange, saver
from fgtl.training.best import Best
from fgtl.training.journal import Journal
from fgtl.training.saver import Saver

BEST = Best(1, 1, "validation/top1", 0.5)


def groups(value):
    return {"model": [keras.Variable(float(value), name="kernel")], "ema": [keras.Variable(value + 0.5, name="kernel")]}


@pytest.fixture
def made(stage, config):
    def make(**knobs):
        return Saver(stage, config(**knobs), Journal(stage.metrics))

    return make


def test_a_checkpoint_is_due_after_so_many_steps_or_seconds(made, monkeypatch):
    by_steps = made(checkpoint_every_steps=3)
    assert [step for step in range(1, 10) if by_steps.is_due(step)] == [3, 6, 9]
    by_time = made(checkpoint_every_seconds=60.0)
    assert not by_time.is_due(1)
    now = time.monotonic()
    monkeypatch.setattr(saver.time, "monotonic", lambda: now + 61)
    assert by_time.is_due(1)
    by_time.save(1, groups(1), {}, None)
    assert not by_time.is_due(2)


def test_the_best_epoch_and_the_log_are_taken_back_with_the_steps_after_the_checkpoint(made, stage):
    writer, journal = made(), Journal(stage.metrics)
    for step in (1, 2, 3):
        journal.append({"step": step})
    writer.save(1, groups(1), {}, BEST)
    saver.publish(stage.best, Best(3, 3, "validation/top1", 0.9))
    again, variables = made(), groups(0)
    assert again.newest()["best"]["step"] == 1
    again.restore(1, variables, BEST)
    assert [line["step"] for line in journal.lines()] == [1]
    assert json.loads(stage.best.read_text())["value"] == 0.5
    assert float(variables["model"][0].numpy()) == 1.0 and float(variables["ema"][0].numpy()) == 1.5


def test_weights_that_are_no_numbers_are_not_saved(made, stage):
    writer = made()
    writer.save(1, groups(1), {}, None)
    with pytest.raises(FgtlError, match="not a number at step 2"):
        writer.save(2, {"model": [keras.Variable(float("nan"))]}, {}, None)
    assert writer.newest()["step"] == 1


def test_a_disk_that_takes_no_more_leaves_the_checkpoint_before(made, monkeypatch):
    writer = made()
    writer.save(1, groups(1), {}, BEST)

    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fgtl.training.checkpoint.write_json", full)
    with pytest.raises(OSError, match="No space"):
        writer.save(2, groups(2), {}, BEST)
    monkeypatch.undo()
    again, variables = made(), groups(0)
    assert again.newest()["step"] == 1
    again.restore(1, variables, BEST)
    assert float(variables["model"][0].numpy()) == 1.0


def test_the_best_epochs_lost_checkpoint_is_named(made):
    writer = made()
    writer.save(1, groups(1), {}, None)
    with pytest.raises(DataError, match="checkpoint of the best epoch, step-9, cannot be used"):
        writer.load_best(Best(9, 1, "validation/top1", 1.0), groups(0))


def test_a_worker_that_is_not_the_chief_writes_nothing(stage, config, monkeypatch):
    monkeypatch.setattr(exchange, "worker_part", lambda strategy: (1, 2))
    monkeypatch.setattr(exchange, "gathered", lambda strategy, own: own)
    worker = Saver(stage, config(), Journal(stage.metrics, writes=False), strategy=object())
    worker.rewind(-1, None)
    worker.save(1, groups(1), {}, BEST)
    worker.save(2, groups(2), {}, BEST)
    Journal(stage.metrics, writes=False).append({"step": 1})
    assert not list(stage.folder.iterdir())


def test_when_the_chief_cannot_write_the_others_end_too(stage, config, monkeypatch):
    monkeypatch.setattr(exchange, "worker_part", lambda strategy: (1, 2))
    monkeypatch.setattr(exchange, "gathered", lambda strategy, own: own | 1)
    worker = Saver(stage, config(), Journal(stage.metrics, writes=False), strategy=object())
    with pytest.raises(FgtlError, match="Worker 0 could not write the checkpoint"):
        worker.save(1, groups(1), {}, None)


def test_workers_that_see_other_checkpoints_share_no_folder(stage, config, monkeypatch):
    monkeypatch.setattr(exchange, "gathered", lambda strategy, own: np.add(own, [[0], [4]]))
    worker = Saver(stage, config(), Journal(stage.metrics), strategy=object())
    with pytest.raises(FgtlError, match=r"(?s)differ in the newest checkpoint.*worker 0: -1, worker 1: 3.*share"):
        worker.newest()
