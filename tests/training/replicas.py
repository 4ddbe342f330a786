"""Run by test_distribution.py in a process of its own, where TensorFlow can still be given two logical CPUs.

Prints one JSON object: the largest differences between one replica and two, and what else only two replicas show.
"""

import importlib.util
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fgtl.errors import UsageError
from fgtl.heads.classifier import Classifier
from fgtl.heads.linear import LinearHead
from fgtl.models.backbone import Backbone
from fgtl.training.batch_norm import synchronize_batch_norm
from fgtl.training.distribution import distribute, pick_strategy, replicas_of, scope_of
from fgtl.training.evaluation import Predictor
from fgtl.training.loop import Trainer
from fgtl.training.optimizer import build_optimizer
from fgtl.training.plan import plan_training
from fgtl.training.replica_draws import own_draws
from fgtl.training.run import Stage
from fgtl.training.step import TrainStep

spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("conftest.py"))
tiny = importlib.util.module_from_spec(spec)
sys.modules["tiny"] = tiny
spec.loader.exec_module(tiny)

TWO = pick_strategy(("cpu:0", "cpu:1"))


def build(strategy, dropout=0.0, conv_bias=False):
    keras.utils.set_random_seed(7)
    with scope_of(strategy):
        return tiny.TinyClassifier(dropout, conv_bias=conv_bias)


def train(strategy, folder, images, epochs=1, batches=None, conv_bias=False, dropout=0.0, **knobs):
    Path(folder).mkdir(exist_ok=True)
    model = build(strategy, dropout, conv_bias)
    config = tiny.Config(epochs=epochs, schedule="fixed", **knobs)
    plan = plan_training(config, images=images.count, batch_size=images.batch_size)
    Trainer(model, plan, config, Stage(Path(folder), "same"), strategy).run(batches or images.batches)
    return model


def difference(one, other):
    pairs = zip(one.variables, other.variables, strict=True)
    return max(float(np.abs(a.value.numpy() - b.value.numpy()).max()) for a, b in pairs)


def steps_of(strategy, images, synchronised=True):
    """MobileNetV2 with fresh weights, two steps of SGD, in float64.

    Such a deep fresh network amplifies a rounding of its input of 1e-7 to 1e-3 in its weights after a single step, on
    one replica as on two; in float64 the roundings are small enough to see whether the mathematics is the same.
    """
    keras.utils.set_random_seed(7)
    with scope_of(strategy):
        model = Classifier(Backbone("mobilenet_v2", tiny.SIZE), LinearHead(tiny.CLASSES))
        optimizer = build_optimizer(tiny.Config(optimizer="sgd"), 1e-3, model)
    if strategy and synchronised:
        synchronize_batch_norm(model)
    step = TrainStep(model, optimizer, "all", tiny.Config(), strategy)
    for batch in distribute(images.batches(range(2)), strategy):
        step(*batch)
    return model


def real_network():
    keras.config.set_dtype_policy("float64")
    tiny.SIZE = 64
    plain_init = LinearHead.__init__

    def in_float64(head, *arguments, **named):
        plain_init(head, *arguments, **named)
        head.logits = keras.layers.Dense(head.classes, name="logits", dtype="float64")

    LinearHead.__init__ = in_float64
    images = tiny.Images()
    one = steps_of(None, images)
    return {
        "weights": difference(one, steps_of(TWO, images)),
        "without sync_bn": difference(one, steps_of(TWO, images, synchronised=False)),
    }


def overflow_on_one_replica():
    """Loss scale after a step in which only the second replica's gradients overflow, and whether weights moved."""
    model = build(TWO)
    with TWO.scope():
        optimizer = build_optimizer(tiny.Config(), 0.1, model, scale_loss=True)
    step = TrainStep(model, optimizer, "all", tiny.Config(sync_bn=False), TWO)
    images = np.random.default_rng(0).uniform(0, 255, (8, tiny.SIZE, tiny.SIZE, 3)).astype("float32")
    images[4:] = np.inf
    before = model.head.logits.kernel.value.numpy()
    data = tf.data.Dataset.from_tensors((images, np.zeros(8, "int32")))
    for batch in TWO.experimental_distribute_dataset(data):
        step(*batch)
    return float(optimizer.dynamic_scale.numpy()), bool(np.array_equal(before, model.head.logits.kernel.value.numpy()))


AT_ONCE = {"ema_decay": 0.9, "clip_norm": 0.2, "steps_per_call": 2}
SLICED = {"accumulate": 2, "tuned_bn": "inference", "clip_norm": 0.2}


def recipe(found):
    """Averages, clipping, several steps a call and mixed pairs together; slices; each with one device and with two."""
    images = tiny.Images()
    for name, knobs in (("at once", AT_ONCE), ("sliced", SLICED)):
        one, two, unclipped = (
            train(strategy, f"{name} {place}", images, batches=images.mixed_batches, **knobs | more)
            for place, (strategy, more) in enumerate([(None, {}), (TWO, {}), (None, {"clip_norm": 0.0})])
        )
        found[name] = difference(one, two)
        found[f"{name}, not clipped"] = difference(one, unclipped)


def adamw():
    """Differences between one device and two by variable, with a bias that batch normalisation takes away again."""
    images = tiny.Images()
    found = {}
    for optimizer in ("sgd", "adamw"):
        knobs = {"optimizer": optimizer, "learning_rate": 0.01, "epochs": 4, "conv_bias": True}
        one, two = train(None, f"{optimizer} 1", images, **knobs), train(TWO, f"{optimizer} 2", images, **knobs)
        pairs = list(zip(one.variables, two.variables, strict=True))
        found[optimizer] = {a.path.split("/", 1)[-1]: float(np.abs(a.numpy() - b.numpy()).max()) for a, b in pairs}
    return found


def unsynchronised(found):
    """Each replica's batch statistics of its own: what becomes of their moving means, with averages over the steps."""
    images = tiny.Images()
    knobs = {"sync_bn": False, "ema_decay": 0.9, "epochs": 2}
    model = train(TWO, "apart", images, **knobs, checkpoint_every_steps=3, keep=9)
    found["copies apart"] = max(
        float(np.abs(np.asarray(first) - np.asarray(second)).max())
        for first, second in (TWO.experimental_local_results(variable.value) for variable in model.variables)
    )
    # As a file has it: the first replica's copies.
    saved = build(None)
    for variable, shared in zip(saved.variables, model.variables, strict=True):
        variable.assign(shared.value.numpy())
    (shared, _), (alone, _) = (
        Predictor(one, strategy)(images.evaluation(16), images.count) for one, strategy in ((model, TWO), (saved, None))
    )
    found["saved and validated"] = float(np.abs(shared - alone).max())
    # Killed after step 6 of 10.
    for step in (9, 10):
        shutil.rmtree(Path("apart", "checkpoints", f"step-{step}"))
    found["resumed"] = difference(model, train(TWO, "apart", images, **knobs, checkpoint_every_steps=3, keep=9))


DROPPING = {"epochs": 2, "checkpoint_every_steps": 3, "keep": 9}


def with_dropout(found, name, **knobs):
    """Whether replicas with dropout stay equal, and a killed run goes on bit-equal."""
    images = tiny.Images()
    model = train(TWO, name, images, dropout=0.5, **DROPPING, **knobs)
    found[f"{name}: copies apart"] = max(
        float(np.abs(np.asarray(first) - np.asarray(second)).max())
        for first, second in (TWO.experimental_local_results(variable.value) for variable in model.variables)
    )
    for step in (9, 10):
        shutil.rmtree(Path(name, "checkpoints", f"step-{step}"))
    again = train(TWO, name, images, dropout=0.5, **DROPPING, **knobs)
    found[f"{name}: resumed"] = difference(model, again)


def masks(slices):
    """Which of 1,000 features are dropped for a row, on both replicas, in a traced pass as the step has it."""
    with TWO.scope():
        head = LinearHead(tiny.CLASSES, dropout=0.5)
        head(None, tf.ones([1, 1000]))
    head.logits = lambda features: features

    def one(rows):
        return head(None, rows, training=True)["logits"]

    inner = tf.function(one, autograph=False)

    def on_one(rows):
        return tf.map_fn(inner, rows[None]) if slices else inner(rows)

    @tf.function(autograph=False)
    def on_all(rows):
        with own_draws(head):
            return TWO.experimental_local_results(TWO.run(on_one, (rows,)))

    return [np.asarray(part).ravel() == 0 for part in on_all(tf.ones([1, 1000]))]


def draws():
    """All of `with_dropout` and `masks`."""
    found = {}
    with_dropout(found, "synchronised")
    with_dropout(found, "sliced", accumulate=2, tuned_bn="inference")
    for slices in (False, True):
        first, second = masks(slices)
        found[f"masks {slices}"] = [float(first.mean()), float(second.mean()), float((first == second).mean())]
    return found


def message_of(strategy, **knobs):
    try:
        train(strategy, "refused", tiny.Images(batch_size=knobs.pop("batch_size", 8)), **knobs)
    except UsageError as error:
        return str(error)
    return ""


def small_network():
    images = tiny.Images()
    found = {"replicas": replicas_of(TWO)}
    one, two = train(None, "one", images), train(TWO, "two", images)
    found["weights"] = difference(one, two)
    unsynchronised(found)
    found["without sync_bn"] = difference(one, train(TWO, "unsynchronised", images, sync_bn=False))
    found["metrics"] = [
        [json.loads(line) for line in Path(name, "metrics.jsonl").read_text().splitlines()] for name in ("one", "two")
    ]

    # A run of two replicas goes on with one.
    Path("two").rename("moved")
    found["moved from two to one"] = difference(
        train(None, "moved", images, epochs=2), train(None, "whole", images, epochs=2)
    )

    (alone, own_labels), (shared, labels) = (
        Predictor(model, strategy)(images.evaluation(7), images.count) for model, strategy in ((one, None), (two, TWO))
    )
    found["probabilities"] = float(np.abs(alone - shared).max())
    rows, probabilities, _ = Predictor(two, TWO).found(images.evaluation(7, bad=(0, 9, 39)), images.count)
    found["rows past bad ones"] = rows.tolist()
    found["and their probabilities"] = float(np.abs(probabilities - shared[rows]).max())
    found["labels in order"] = all(np.array_equal(found_, images.labels) for found_ in (own_labels, labels))
    found["scale after overflow"], found["untouched by overflow"] = overflow_on_one_replica()
    found["jit with sync_bn"] = message_of(TWO, jit="on")
    found["odd batch"] = message_of(TWO, batch_size=7)
    recipe(found)
    return found


def compiled():
    images = tiny.Images()
    knobs = {"sync_bn": False, "tuned_bn": "inference"}
    plain = train(TWO, "plain", images, **knobs)
    return {
        "with jit": difference(plain, train(TWO, "compiled", images, **knobs, jit="on")),
        "another rate": difference(plain, train(TWO, "faster", images, **knobs, learning_rate=0.101)),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        print(
            json.dumps(
                {"real": real_network, "compiled": compiled, "adamw": adamw, "draws": draws}.get(
                    sys.argv[-1], small_network
                )()
            )
        )
