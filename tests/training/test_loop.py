import json
import os
import shutil
import signal
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from fgtl.errors import DataError, FgtlError, InputError
from fgtl.heads.classifier import Classifier
from fgtl.heads.linear import LinearHead
from fgtl.models.backbone import build_network
from fgtl.training.evaluation import Predictor, validation_figures
from fgtl.training.loop import Trainer
from fgtl.training.plan import plan_training
from fgtl.training.run import Stage
from fgtl.training.step import TrainStep


@pytest.fixture
def train(fresh_model, images, stage):
    """Trains a fresh model in the same stage, as the same command typed again would."""

    def run(knobs, *, into=stage, validated=True, batches=images.batches, until_epoch=None, **trainer_arguments):
        model = fresh_model()
        plan = plan_training(knobs, images=images.count, batch_size=images.batch_size)
        trainer = Trainer(model, plan, knobs, into, **trainer_arguments)
        predictor = Predictor(model)

        def validate():
            return validation_figures(*predictor(images.evaluation(16), images.count), ["a", "b", "c"])

        outcome = trainer.run(batches, validate if validated else None, until_epoch)
        return trainer, outcome

    return run


@pytest.fixture
def other_stage(tmp_path, stage):
    (tmp_path / "other").mkdir()
    return Stage(tmp_path / "other", stage.identity)


def lines_of(stage):
    return [json.loads(line) for line in stage.metrics.read_text().splitlines()]


def without_rates(lines):
    return [{k: v for k, v in line.items() if k != "images_per_second"} for line in lines]


def killed_at(step, batches):
    """Batches that fail before a step; nothing is saved on the way out, as in a killed process."""

    def cut(steps):
        def check(index):
            with tf.control_dependencies([tf.debugging.assert_less(index, np.int64(step), "killed")]):
                return tf.identity(index)

        indices = tf.data.Dataset.range(steps.start, steps.stop).map(check)
        return tf.data.Dataset.zip(indices, batches(steps)).map(lambda _, batch: batch)

    return cut


def with_nan_at(step, batches):
    def spoiled(steps):
        factors = tf.data.Dataset.range(steps.start, steps.stop).map(
            lambda index: tf.where(index == step, float("nan"), 1.0)
        )
        return tf.data.Dataset.zip(factors, batches(steps)).map(lambda f, batch: (batch[0] * f, batch[1]))

    return spoiled


def test_learns_validates_and_remembers_the_best_epoch(config, train, stage):
    trainer, outcome = train(config(epochs=6))
    assert outcome.step == trainer.plan.steps_in(6) == 30
    assert outcome.epoch == 6 and not outcome.stopped
    found = [line for line in lines_of(stage) if "validation/top1" in line]
    assert [line["step"] for line in found] == [5, 10, 15, 20, 25, 30]
    top1 = [line["validation/top1"] for line in found]
    assert max(top1) > 0.9
    epoch = 1 + int(np.argmax(top1))
    best = json.loads(stage.best.read_text())
    assert best == {"step": 5 * epoch, "epoch": epoch, "metric": "validation/top1", "value": max(top1)}
    assert outcome.best.value == best["value"]


def test_load_best_brings_back_the_weights_that_were_validated(config, train, images, stage, values):
    knobs = config(epochs=6, learning_rate=0.5, schedule="fixed", checkpoint_every_steps=1, keep=1)
    trainer, outcome = train(knobs)
    assert outcome.best.epoch < 6, "the test needs a best epoch that is not the last"
    last = values(trainer.model)
    assert trainer.load_best() == outcome.best
    with np.load(stage.checkpoints / f"step-{outcome.best.step}" / "arrays.npz") as saved:
        best = [saved[f"model/{i:05d}"] for i in range(len(last))]
    for one, other in zip(best, values(trainer.model), strict=True):
        np.testing.assert_array_equal(one, other)
    # Each weight has moved since, so that weights which were not loaded would show.
    names = [variable.path for variable in trainer.model.trainable_variables]
    assert len(names) == 5
    assert all(not np.array_equal(a, b) for a, b in zip(best, last, strict=True) if a.dtype == np.float32)
    probabilities, labels = Predictor(trainer.model)(images.evaluation(8), images.count)
    assert np.mean(probabilities.argmax(1) == labels) == outcome.best.value


def test_a_lower_loss_is_better_and_the_earliest_of_equals_stays(config, fresh_model, images, stage):
    knobs = config(epochs=4, select_by="loss", learning_rate=0.0, schedule="fixed")
    plan = plan_training(knobs, images=images.count, batch_size=images.batch_size)
    losses = iter([3.0, 2.0, 2.0, 4.0])
    outcome = Trainer(fresh_model(), plan, knobs, stage).run(
        images.batches, lambda: {"loss": next(losses), "top1": 0.5}
    )
    assert (outcome.best.epoch, outcome.best.value, outcome.best.metric) == (2, 2.0, "validation/loss")


def test_a_line_holds_the_means_of_its_interval(config, train, stage, other_stage):
    train(config(epochs=1, log_every_steps=1), validated=False, into=other_stage)
    train(config(epochs=1, log_every_steps=3), validated=False)
    each, (three, rest) = lines_of(other_stage), lines_of(stage)
    assert (three["step"], rest["step"], three["epoch"], three["phase"]) == (3, 5, 0.6, "all")
    assert three["train/loss"] == pytest.approx(np.mean([line["train/loss"] for line in each[:3]]), rel=1e-6)
    assert rest["train/top1"] == pytest.approx(np.mean([line["train/top1"] for line in each[3:]]))
    assert three["train/loss"] == pytest.approx(three["train/cross_entropy"] + three["train/weight_decay"], rel=1e-5)
    assert each[0]["learning_rate"] == pytest.approx(0.1)
    assert three["images_per_second"] > 0


def test_phases_have_their_own_rate_and_optimizer(config, train, stage, images):
    knobs = config(
        mode="head_then_all", epochs=2, head_epochs=1, head_learning_rate=0.03, log_every_steps=1, schedule="fixed"
    )
    trainer, _ = train(knobs, validated=False)
    assert [(line["phase"], round(line["learning_rate"], 6)) for line in lines_of(stage)] == [("head", 0.03)] * 5 + [
        ("all", 0.1)
    ] * 10
    assert int(trainer._active.optimizer.iterations) == 10
    assert images.asked == [range(15)]


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
    config, train, stage, other_stage, images, values, mode, step, more
):
    knobs = config(mode=mode, checkpoint_every_steps=2, optimizer="adam", learning_rate=0.01, **more)
    whole, _ = train(knobs, into=other_stage)
    with pytest.raises(tf.errors.InvalidArgumentError, match="killed"):
        train(knobs, batches=killed_at(step, images.batches))
    resumed, outcome = train(knobs)
    assert images.asked[-1].start in (step - 1, step)
    assert outcome.step == whole.step
    for one, other in zip(values(whole.model), values(resumed.model), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(whole._active.optimizer.variables, resumed._active.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.load_best() == resumed.load_best()
    for one, other in zip(values(whole.model), values(resumed.model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert without_rates(lines_of(stage)) == without_rates(lines_of(other_stage))
    assert stage.best.read_text() == other_stage.best.read_text()


@pytest.fixture
def train_with_losses(fresh_model, images, stage):
    """Trains a fresh model in the stage; the epochs' validation losses are given."""

    def run(knobs, losses):
        plan = plan_training(knobs, images=images.count, batch_size=images.batch_size)
        trainer, left = Trainer(fresh_model(), plan, knobs, stage), iter(losses)
        return trainer, trainer.run(images.batches, lambda: {"loss": next(left), "top1": 0.5})

    return run


def test_a_run_that_falls_back_takes_back_a_newer_best(config, train_with_losses, stage, capsys):
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


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_a_best_checkpoint_that_cannot_be_read_is_an_error_with_a_way_out(config, train_with_losses, stage, harm):
    trainer, outcome = train_with_losses(config(epochs=2, select_by="loss"), [1.0, 2.0])
    best = stage.checkpoints / f"step-{outcome.best.step}"
    if harm == "gone":
        shutil.rmtree(best)
    else:
        (best / "arrays.npz").write_bytes(b"")
    with pytest.raises(DataError, match=r"(?s)best epoch.*step-5.*Put it back.*remove .*checkpoints"):
        trainer.load_best()


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


def test_a_refit_ends_after_the_chosen_epoch_with_the_rates_of_the_whole_plan(config, train, stage, other_stage):
    knobs = config(epochs=4, log_every_steps=1)
    train(knobs, validated=False, into=other_stage)
    _, outcome = train(knobs, validated=False, until_epoch=2)
    assert (outcome.step, outcome.best) == (10, None)
    assert not stage.best.exists()
    rates = [[line["learning_rate"] for line in lines_of(place)] for place in (stage, other_stage)]
    assert rates[0] == rates[1][:10]


@pytest.mark.parametrize("steps_per_call", [1, 5])
def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(config, train, images, stage, steps_per_call):
    knobs = config(checkpoint_every_steps=4, steps_per_call=steps_per_call, log_every_steps=100)
    with pytest.raises(FgtlError, match=r"(?s)became nan at step 6.*learning_rate"):
        train(knobs, batches=with_nan_at(6, images.batches), validated=False)
    assert [path.name for path in stage.checkpoints.iterdir()] == ["step-4"]


@pytest.mark.parametrize("validated", [True, False])
def test_weights_that_an_epoch_s_last_step_spoils_stop_the_run_and_name_the_step(
    config, fresh_model, stage, tiny_images, validated
):
    # The loss of the only step is finite, its gradient times the rate is not.
    images = tiny_images(count=8)
    knobs = config(epochs=1, learning_rate=1e10, weight_decay=1e30, schedule="fixed")
    model = fresh_model()
    plan = plan_training(knobs, images=images.count, batch_size=images.batch_size)
    predictor = Predictor(model)

    def validate():
        return validation_figures(*predictor(images.evaluation(8), images.count), ["a", "b", "c"])

    with pytest.raises(FgtlError, match=r"(?s)at step 0.*learning_rate") as caught:
        Trainer(model, plan, knobs, stage).run(images.batches, validate if validated else None)
    assert caught.value.exit_code == 1
    assert not list(stage.checkpoints.glob("step-*"))


def test_a_device_without_enough_memory_is_told_in_a_person_s_words(config, train, images):
    class NeedsMore(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                # As the allocator says it, which would first try for ten seconds.
                raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\n[[{{node add}}]]")

    with pytest.raises(
        FgtlError, match=r"(?s)memory.*step 2: OOM when allocating tensor\n.*--batch_size.*--image_size"
    ) as caught:
        train(config(), callbacks=[NeedsMore()])
    assert caught.value.exit_code == 1


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


@pytest.mark.parametrize("steps_per_call", [1, 3])
def test_batches_that_end_early_are_an_error(config, train, images, steps_per_call):
    with pytest.raises(InputError, match="ended before step 2"):
        train(config(steps_per_call=steps_per_call), batches=lambda steps: images.batches(range(2)))


def test_several_steps_per_call_are_the_same_training(config, train, stage, other_stage, values):
    # Five steps an epoch: calls of 4 end at each multiple of 3 and 4 and at each epoch's end.
    knobs = {"mode": "head_then_all", "epochs": 2, "checkpoint_every_steps": 4, "keep": 9, "ema_decay": 0.9}
    one, outcome = train(config(**knobs), into=other_stage)
    several, again = train(config(**knobs, steps_per_call=4))
    assert again == outcome
    for a, b in zip(values(one.model), values(several.model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert without_rates(lines_of(stage)) == without_rates(lines_of(other_stage))
    assert {p.name for p in stage.checkpoints.iterdir()} == {p.name for p in other_stage.checkpoints.iterdir()}
    assert stage.best.read_text() == other_stage.best.read_text()


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_train_batch_begin", "on_epoch_end"])
def test_a_callback_between_steps_sees_each_of_them(config, train, monkeypatch, hook):
    seen, counts = [], []
    count_of = TrainStep.run
    monkeypatch.setattr(TrainStep, "run", lambda step, data, n: counts.append(n) or count_of(step, data, n))
    callback = type("Sees", (keras.callbacks.Callback,), {hook: lambda self, number, logs=None: seen.append(number)})
    knobs = config(epochs=1, steps_per_call=4, log_every_steps=100)
    train(knobs, validated=False, callbacks=[callback()])
    between = "batch" in hook
    assert seen == (list(range(5)) if between else [0])
    assert counts == ([] if between else [4, 1])


def test_with_averages_these_are_validated_chosen_and_left_in_the_model(config, train, images, stage, other_stage):
    def top1_and_loss(model):
        figures = validation_figures(*Predictor(model)(images.evaluation(16), images.count), ["a", "b", "c"])
        return figures["top1"], figures["loss"]

    knobs = {"epochs": 3, "learning_rate": 0.3, "select_by": "loss", "keep": 9, "checkpoint_every_steps": 5}
    train(config(**knobs), into=other_stage)
    averaged, outcome = train(config(**knobs, ema_decay=0.999))
    lines, plain_lines = (
        [line for line in lines_of(place) if "validation/loss" in line] for place in (stage, other_stage)
    )
    # The training itself is the same, what is validated is not.
    assert all(a["validation/loss"] != b["validation/loss"] for a, b in zip(lines, plain_lines, strict=True))
    last, own = (stage.checkpoints / "step-15" / "arrays.npz", other_stage.checkpoints / "step-15" / "arrays.npz")
    with np.load(last) as one, np.load(own) as other:
        for key in other.files:
            np.testing.assert_array_equal(one[key], other[key])
        assert {key.split("/")[0] for key in one.files} == {"model", "optimizer", "ema", "ema_updates"}
    assert top1_and_loss(averaged.model)[1] == pytest.approx(lines[-1]["validation/loss"], rel=1e-6)
    assert averaged.load_best() == outcome.best
    assert top1_and_loss(averaged.model)[1] == pytest.approx(outcome.best.value, rel=1e-6)


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


def test_curves_get_what_the_lines_hold_and_can_be_read_at_once(config, train, stage):
    class Curves:
        def __init__(self):
            self.points, self.readable = [], 0

        def scalars(self, step, values):
            assert self.readable == len(self.points), "a line before was left unreadable"
            self.points.append({"step": step, **values})

        def flush(self):
            self.readable = len(self.points)

    curves = Curves()
    train(config(epochs=2, log_every_steps=2), scalars=curves, validated=False)
    assert len(curves.points) == curves.readable == 5
    assert curves.points == [{k: v for k, v in line.items() if k not in ("epoch", "phase")} for line in lines_of(stage)]


def test_the_warm_up_of_averages_goes_on_in_the_next_phase_and_after_a_kill(config, train, images, stage):
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


def test_a_line_over_the_border_of_two_phases_has_a_models_own_losses_of_both(
    config, fresh_model, images, stage, other_stage
):
    def run(into, log_every_steps):
        model = fresh_model()
        conv = model.backbone.get_layer("conv")
        conv.penalties = [lambda: 0.01 * tf.reduce_sum(conv.kernel.value**2)]
        knobs = config(mode="head_then_all", log_every_steps=log_every_steps)
        plan = plan_training(knobs, images=images.count, batch_size=images.batch_size)
        Trainer(model, plan, knobs, into).run(images.batches)
        return lines_of(into)

    each, (seven, *_) = run(other_stage, 1), run(stage, 7)
    own = [line["train/regularisation"] for line in each]
    assert own[:5] == [0.0] * 5 and min(own[5:]) > 0
    assert seven["step"] == 7
    assert seven["train/regularisation"] == pytest.approx(np.mean(own[:7]), rel=1e-5)
    assert seven["train/loss"] == pytest.approx(np.mean([line["train/loss"] for line in each[:7]]), rel=1e-5)


def test_a_saved_model_that_xla_cannot_compile_says_how_to_go_on(config, images, stage, tmp_path):
    class Speaking(tf.Module):
        def __init__(self):
            super().__init__()
            self.kernel = tf.Variable(tf.ones([3, 5]))

        @tf.function(input_signature=[tf.TensorSpec([None, 12, 12, 3])])
        def __call__(self, pixels):
            words = tf.strings.as_string(tf.reduce_sum(pixels))
            return tf.reduce_mean(pixels, [1, 2]) @ self.kernel + 0.0 * tf.cast(tf.strings.length(words), tf.float32)

    tf.saved_model.save(Speaking(), tmp_path / "module")

    def run(jit):
        model = Classifier(build_network(f"saved_model:{tmp_path / 'module'}", 12), LinearHead(3))
        knobs = config(jit=jit)
        plan = plan_training(knobs, images=images.count, batch_size=images.batch_size)
        return Trainer(model, plan, knobs, stage).run(images.batches)

    with pytest.raises(FgtlError, match=r"(?s)XLA cannot compile.*AsString.*--jit=off"):
        run("on")
    assert run("auto").step == 10
