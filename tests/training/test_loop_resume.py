"""A training that was killed, damaged or finished, and is started again."""

import json
import os
import shutil
import signal
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from fgtl.errors import DataError
from fgtl.training.loop import Trainer
from fgtl.training.plan import plan_training

AVERAGED = {"ema_decay": 0.9, "clip_norm": 0.5, "steps_per_call": 2}


@pytest.mark.parametrize(
    ("mode", "step", "more"),
    [
        ("all", 4, {}),
        ("head_then_all", 5, {}),
        ("head_then_all", 8, {}),
        ("all", 4, AVERAGED),
        ("head_then_all", 8, AVERAGED),
    ],
)
def test_a_killed_run_ends_bit_equal_and_logs_each_step_once(
    config, train, stage, other_stage, images, values, mode, step, more, capsys, logged, killed_at
):
    knobs = config(mode=mode, checkpoint_every_steps=2, optimizer="adam", learning_rate=0.01, **more)
    whole, _ = train(knobs, into=other_stage)
    with pytest.raises(tf.errors.InvalidArgumentError, match="killed"):
        train(knobs, batches=killed_at(step, images.batches))
    capsys.readouterr()
    resumed, outcome = train(knobs)
    first = images.asked[-1].start
    assert first in (step - 1, step)
    assert f"going on at step {first} of {outcome.step} ({stage.checkpoints}/step-{first})" in capsys.readouterr().out
    assert outcome.step == whole.step
    for one, other in zip(values(whole.model), values(resumed.model), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(whole._active.optimizer.variables, resumed._active.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.load_best() == resumed.load_best()
    for one, other in zip(values(whole.model), values(resumed.model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert logged(stage) == logged(other_stage)
    assert stage.best.read_text() == other_stage.best.read_text()


def test_a_start_without_a_checkpoint_says_that_it_begins_again(config, train, stage, capsys, lines_of):
    stage.metrics.write_text('{"step": 3}\n')
    train(config(epochs=1), validated=False)
    shown = capsys.readouterr().out
    assert f"no checkpoint in {stage.checkpoints}: starting again from the first step" in shown
    assert "going on" not in shown
    assert lines_of(stage)[-1]["step"] == 5


def test_a_run_that_falls_back_takes_back_a_newer_best(config, train_with_losses, stage, capsys, lines_of):
    # Two checkpoints are kept, so without care the best one of the older would be gone.
    knobs = config(epochs=4, select_by="loss", checkpoint_every_steps=5, keep=2)
    _, outcome = train_with_losses(knobs, [3.0, 4.0, 5.0, 1.0])
    assert outcome.best.step == json.loads(stage.best.read_text())["step"] == 20
    (stage.checkpoints / "step-20" / "arrays.npz").write_bytes(b"")
    trainer, outcome = train_with_losses(knobs, [6.0])
    assert "step-20 is damaged" in capsys.readouterr().err
    assert (outcome.best.step, outcome.best.value) == (5, 3.0)
    assert json.loads(stage.best.read_text())["step"] == 5
    assert [line["validation/loss"] for line in lines_of(stage) if "validation/loss" in line] == [3.0, 4.0, 5.0, 6.0]
    assert trainer.load_best() == outcome.best


def spoil(best, harm):
    if harm == "gone":
        shutil.rmtree(best)
    else:
        # One bit, as a worn disk turns it.
        content = bytearray((best / "arrays.npz").read_bytes())
        content[len(content) // 2] ^= 1
        (best / "arrays.npz").write_bytes(content)


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_a_best_checkpoint_that_cannot_be_read_is_an_error_with_a_way_out(config, train_with_losses, stage, harm):
    trainer, outcome = train_with_losses(config(epochs=2, select_by="loss"), [1.0, 2.0])
    spoil(stage.checkpoints / f"step-{outcome.best.step}", harm)
    with pytest.raises(DataError, match=r"(?s)best epoch.*step-5.*Put it back.*remove .*checkpoints"):
        trainer.load_best()


def test_a_best_checkpoint_that_is_damaged_gives_way_to_the_next_epoch(
    config, train_with_losses, images, stage, capsys, killed_at
):
    knobs = config(epochs=4, select_by="loss", checkpoint_every_steps=5, keep=1)
    plain = images.batches
    images.batches = killed_at(12, plain)
    with pytest.raises(tf.errors.InvalidArgumentError, match="killed"):
        train_with_losses(knobs, [1.0, 2.0])
    images.batches = plain
    spoil(stage.checkpoints / "step-5", "damaged")
    trainer, outcome = train_with_losses(knobs, [3.0, 4.0])
    told = capsys.readouterr().err
    assert "weights of the best epoch, 1, are lost; the next epoch that is validated becomes the best" in told
    assert told.count("are lost") == 1
    assert (outcome.best.epoch, outcome.best.value) == (3, 3.0)
    assert json.loads(stage.best.read_text())["epoch"] == 3
    assert trainer.load_best() == outcome.best


def test_when_no_epoch_is_left_the_last_weights_are_validated_and_kept(
    config, train_with_losses, stage, capsys, values
):
    knobs = config(epochs=2, select_by="loss", ema_decay=0.5)
    train_with_losses(knobs, [1.0, 2.0])
    spoil(stage.checkpoints / "step-5", "damaged")
    trainer, outcome = train_with_losses(knobs, [2.0])
    assert "are lost" in capsys.readouterr().err
    assert (outcome.best.step, outcome.best.epoch, outcome.best.value) == (10, 2, 2.0)
    last = values(trainer.model)
    assert trainer.load_best() == outcome.best
    for one, other in zip(last, values(trainer.model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert json.loads(stage.best.read_text())["step"] == 10
    # And the next start knows.
    assert train_with_losses(knobs, [])[1].best == outcome.best
    assert capsys.readouterr().err == ""


def test_before_a_refit_the_number_of_the_best_epoch_is_enough(config, train_with_losses, stage, capsys):
    knobs = config(epochs=2, select_by="loss", refit=True)
    train_with_losses(knobs, [1.0, 2.0])
    spoil(stage.checkpoints / "step-5", "gone")
    assert train_with_losses(knobs, [])[1].best.epoch == 1
    assert capsys.readouterr().err == ""


def test_a_run_killed_before_its_model_was_saved_saves_the_same_model(config, train, stage, tmp_path):
    def content(path):
        with zipfile.ZipFile(path) as archive:
            dated = json.loads(archive.read("metadata.json")) | {"date_saved": ""}
            return {name: archive.read(name) for name in archive.namelist() if name != "metadata.json"} | dated

    def train_and_save(name):
        keras.utils.clear_session()  # a new process counts names of layers from the beginning
        train(config(optimizer="adam"))[0].model.save(tmp_path / name)
        return content(tmp_path / name)

    first = train_and_save("first.keras")
    again = train_and_save("again.keras")  # nothing is left to train: only what the checkpoints hold
    assert again.keys() == first.keys()
    assert [name for name in first if first[name] != again[name]] == []


def test_a_finished_run_returns_at_once(config, train, images):
    _, outcome = train(config())
    asked = len(images.asked)
    _, again = train(config())
    assert again == outcome and len(images.asked) == asked


def test_ctrl_c_ends_between_two_steps_with_a_checkpoint(config, train, images, stage):
    class Press(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 3:
                os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(config(), callbacks=[Press()])
    assert signal.getsignal(signal.SIGINT) is handler
    assert [path.name for path in stage.checkpoints.iterdir()] == ["step-4"]
    train(config())
    assert images.asked[-1] == range(4, 10)


def test_a_run_without_validation_leaves_its_averages_also_when_it_was_finished_before(config, train):
    knobs = config(ema_decay=0.9)
    first, _ = train(knobs, validated=False)
    again, _ = train(knobs, validated=False)
    assert first._ema.variables
    for variable, shadow, other in zip(first._ema.variables, first._ema.shadows, again._ema.variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), other.numpy())
        assert not np.array_equal(variable.numpy(), shadow.numpy())  # the last weights stand in their place


def test_a_checkpoint_of_another_model_is_refused_and_changes_nothing(
    config, fresh_model, images, stage, train, values
):
    train(config(epochs=1), validated=False)
    model = fresh_model(classes=5)
    before = values(model)
    plan = plan_training(config(), images=images.count, batch_size=images.batch_size)
    with pytest.raises(DataError, match=r"(?s)does not fit the model.*kernel \(4, 3\).*kernel \(4, 5\)"):
        Trainer(model, plan, config(), stage).restore()
    for one, other in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_warm_up_of_averages_goes_on_in_the_next_phase_and_after_a_kill(config, train, images, stage, killed_at):
    # After 5 steps of the head phase: had the count begun anew, d would be 0.1 in step 5 and 4/13 in step 8.
    knobs = config(mode="head_then_all", checkpoint_every_steps=1, keep=99, ema_decay=0.9999)
    with pytest.raises(tf.errors.InvalidArgumentError, match="killed"):
        train(knobs, batches=killed_at(8, images.batches))
    trainer, _ = train(knobs)

    def arrays(step):
        with np.load(stage.checkpoints / f"step-{step}" / "arrays.npz") as archive:
            return dict(archive)

    kernel = [v is trainer.model.head.logits.kernel for v in trainer._ema.variables].index(True)
    own = [v is trainer.model.head.logits.kernel for v in trainer.model.variables].index(True)
    for step in range(1, trainer.step):
        before, after = arrays(step), arrays(step + 1)
        keep = (1 + step) / (10 + step)
        expected = keep * before[f"ema/{kernel:05d}"] + (1 - keep) * after[f"model/{own:05d}"]
        np.testing.assert_allclose(after[f"ema/{kernel:05d}"], expected, rtol=1e-5, atol=1e-6)
        assert int(after["ema_updates/00000"]) == step + 1
