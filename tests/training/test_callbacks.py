import keras
import numpy as np
import pytest

from fgtl.training.callbacks import wants_every_step
from fgtl.training.loop import Trainer
from fgtl.training.plan import plan_training


@pytest.fixture
def train_with(fresh_model, images, stage, config):
    """Trains with callbacks; validation losses are given, an epoch each."""

    def run(callbacks, losses=(3.0, 2.0, 1.0, 0.5), **knobs):
        knobs = config(**{"epochs": len(losses), "schedule": "fixed", **knobs})
        plan = plan_training(knobs, images=images.count, batch_size=images.batch_size)
        trainer = Trainer(fresh_model(), plan, knobs, stage, callbacks=callbacks)
        left = iter(losses)
        outcome = trainer.run(images.batches, lambda: {"loss": next(left), "top1": 0.5})
        return trainer, outcome

    return run


def test_early_stopping_ends_the_run_for_good(train_with, images):
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=1)
    _, outcome = train_with([stopping], losses=(3.0, 2.0, 2.5, 2.6, 2.7))
    assert outcome.stopped and outcome.epoch == 3 and outcome.step == 15
    asked = len(images.asked)
    _, again = train_with([keras.callbacks.EarlyStopping("val_loss", patience=1)], losses=(3.0, 2.0, 2.5, 2.6, 2.7))
    assert again == outcome and len(images.asked) == asked


def test_a_stop_at_the_best_epoch_is_remembered_too(train_with, images):
    def stop(epoch, logs):
        callback.model.stop_training = epoch == 1

    callback = keras.callbacks.LambdaCallback(on_epoch_end=stop)
    _, outcome = train_with([callback], select_by="loss")
    assert (outcome.stopped, outcome.step, outcome.best.step) == (True, 10, 10)
    _, again = train_with([callback], select_by="loss")
    assert again == outcome


def test_reduce_on_plateau_lowers_a_fixed_rate(train_with, stage):
    rates = []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: rates.append(logs["learning_rate"]))
    plateau = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1)
    trainer, _ = train_with([note, plateau], losses=(1.0, 1.0, 1.0, 1.0))
    assert rates == pytest.approx([0.1, 0.1, 0.05, 0.025])
    assert float(trainer._active.optimizer.learning_rate.value) == pytest.approx(0.0125)


def test_model_checkpoint_writes_a_model_that_loads(train_with, tmp_path, images):
    trainer, _ = train_with(
        [keras.callbacks.ModelCheckpoint(tmp_path / "saved-{epoch}.weights.h5", save_weights_only=True)]
    )
    assert sorted(path.name for path in tmp_path.glob("saved*")) == [f"saved-{n}.weights.h5" for n in (1, 2, 3, 4)]
    weights = [v.value.numpy() for v in trainer.model.weights]
    trainer.model.load_weights(tmp_path / "saved-4.weights.h5")
    for one, other in zip(weights, trainer.model.weights, strict=True):
        np.testing.assert_array_equal(one, other.value.numpy())


def test_hooks_come_in_the_order_and_with_the_logs_of_fit(train_with):
    seen = []

    class Notes(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            assert self.model.optimizer is not None and self.params["epochs"] == 2 and self.params["steps"] == 5
            seen.append("train")

        def on_epoch_begin(self, epoch, logs=None):
            seen.append(f"epoch {epoch}")

        def on_train_batch_end(self, batch, logs=None):
            assert 0 <= logs["top1"] <= 1 and np.isfinite(logs["loss"])
            seen.append(batch)

        def on_epoch_end(self, epoch, logs=None):
            assert {"loss", "top1", "val_loss", "val_top1", "learning_rate"} <= logs.keys()
            seen.append(f"end {epoch}")

        def on_train_end(self, logs=None):
            seen.append("over")

    trainer, _ = train_with([Notes()], losses=(2.0, 1.0))
    assert seen == ["train", "epoch 0", *range(5), "end 0", "epoch 1", *range(5), "end 1", "over"]
    assert trainer.model.optimizer is None


def test_only_callbacks_that_look_at_steps_make_the_loop_wait():
    nothing = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)
    assert not wants_every_step([nothing, keras.callbacks.EarlyStopping()])
    assert wants_every_step([nothing, keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)])
    assert wants_every_step([keras.callbacks.TerminateOnNaN()])
