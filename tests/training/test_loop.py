import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from fgtl.errors import FgtlError, InputError
from fgtl.heads.classifier import Classifier
from fgtl.heads.linear import LinearHead
from fgtl.models.backbone import build_network
from fgtl.training.evaluation import Predictor, validation_figures
from fgtl.training.loop import Trainer
from fgtl.training.plan import plan_training
from fgtl.training.step import TrainStep


def with_nan_at(step, batches):
    def spoiled(steps):
        factors = tf.data.Dataset.range(steps.start, steps.stop).map(
            lambda index: tf.where(index == step, float("nan"), 1.0)
        )
        return tf.data.Dataset.zip(factors, batches(steps)).map(lambda f, batch: (batch[0] * f, batch[1]))

    return spoiled


def test_learns_validates_and_remembers_the_best_epoch(config, train, stage, lines_of):
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


def test_a_line_holds_the_means_of_its_interval(config, train, stage, other_stage, lines_of):
    train(config(epochs=1, log_every_steps=1), validated=False, into=other_stage)
    train(config(epochs=1, log_every_steps=3), validated=False)
    each, (three, rest) = lines_of(other_stage), lines_of(stage)
    assert (three["step"], rest["step"], three["epoch"], three["phase"], three["xla"]) == (3, 5, 0.6, "all", False)
    assert three["train/loss"] == pytest.approx(np.mean([line["train/loss"] for line in each[:3]]), rel=1e-6)
    assert rest["train/top1"] == pytest.approx(np.mean([line["train/top1"] for line in each[3:]]))
    assert three["train/loss"] == pytest.approx(three["train/cross_entropy"] + three["train/weight_decay"], rel=1e-5)
    assert each[0]["learning_rate"] == pytest.approx(0.1)
    assert three["images_per_second"] > 0


def test_phases_have_their_own_rate_and_optimizer(config, train, stage, images, lines_of):
    knobs = config(
        mode="head_then_all", epochs=2, head_epochs=1, head_learning_rate=0.03, log_every_steps=1, schedule="fixed"
    )
    trainer, _ = train(knobs, validated=False)
    assert [(line["phase"], round(line["learning_rate"], 6)) for line in lines_of(stage)] == [("head", 0.03)] * 5 + [
        ("all", 0.1)
    ] * 10
    assert int(trainer._active.optimizer.iterations) == 10
    assert images.asked == [range(15)]


def test_a_refit_ends_after_the_chosen_epoch_with_the_rates_of_the_whole_plan(
    config, train, stage, other_stage, lines_of
):
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
    with pytest.raises(FgtlError, match=r"(?s)became nan at step 7.*learning_rate.*clip_norm") as caught:
        train(knobs, batches=with_nan_at(6, images.batches), validated=False)
    # float32 is what it was computed in.
    assert "--precision" not in str(caught.value)
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

    with pytest.raises(FgtlError, match=r"(?s)at step 1.*learning_rate") as caught:
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
        FgtlError, match=r"(?s)memory.*step 3: OOM when allocating tensor\n.*--batch_size.*--image_size"
    ) as caught:
        train(config(), callbacks=[NeedsMore()])
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("steps_per_call", [1, 3])
def test_batches_that_end_early_are_an_error(config, train, images, steps_per_call):
    with pytest.raises(InputError, match="ended before step 2"):
        train(config(steps_per_call=steps_per_call), batches=lambda steps: images.batches(range(2)))


def test_several_steps_per_call_are_the_same_training(config, train, stage, other_stage, values, logged):
    # Five steps an epoch: calls of 4 end at each multiple of 3 and 4 and at each epoch's end.
    knobs = {"mode": "head_then_all", "epochs": 2, "checkpoint_every_steps": 4, "keep": 9, "ema_decay": 0.9}
    one, outcome = train(config(**knobs), into=other_stage)
    several, again = train(config(**knobs, steps_per_call=4))
    assert again == outcome
    for a, b in zip(values(one.model), values(several.model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert logged(stage) == logged(other_stage)
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


def test_with_averages_these_are_validated_chosen_and_left_in_the_model(
    config, train, images, stage, other_stage, lines_of
):
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


def test_curves_get_what_the_lines_hold_and_can_be_read_at_once(config, train, stage, lines_of):
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
    assert curves.points == [
        {k: v for k, v in line.items() if k not in ("epoch", "phase", "xla")} for line in lines_of(stage)
    ]


def test_a_line_over_the_border_of_two_phases_has_a_models_own_losses_of_both(
    config, fresh_model, images, stage, other_stage, lines_of
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
