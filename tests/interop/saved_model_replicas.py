"""Run by test_saved_model_backbone.py in a process of its own, where TensorFlow can still be given two logical CPUs.

    saved_model_replicas.py FOLDER

Trains the SavedModel in FOLDER for three steps on one device and on two, and prints one JSON object.
"""

import json
import sys
from dataclasses import replace

import keras
import numpy as np

from fgtl.heads.classifier import Classifier
from fgtl.heads.linear import LinearHead
from fgtl.models.backbone import build_network
from fgtl.training.distribution import pick_strategy, replicas_of, scope_of
from fgtl.training.optimizer import build_optimizer
from fgtl.training.settings import TrainingKnobs
from fgtl.training.step import TrainStep

TWO = pick_strategy(("cpu:0", "cpu:1"))
KNOBS = TrainingKnobs(optimizer="momentum", weight_decay=0.0)
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (3, 8, 32, 32, 3)).astype("float32")
LABELS = RNG.integers(0, 2, (3, 8)).astype("int32")


def batches(strategy):
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    return strategy.experimental_distribute_dataset(data) if strategy else data


def train(strategy, knobs=KNOBS):
    keras.utils.set_random_seed(7)
    with scope_of(strategy):
        model = Classifier(build_network(f"saved_model:{sys.argv[1]}", 32), LinearHead(2))
        optimizer = build_optimizer(knobs, 0.1, model)
    before = values(model.backbone.variables)
    step = TrainStep(model, optimizer, "all", knobs, strategy)
    figures = [np.asarray(step(*batch)) for batch in batches(strategy)]
    return model, before, dict(zip(step.names, figures[0].tolist(), strict=True))


def values(variables):
    return [np.array(variable.value.numpy()) for variable in variables]


def largest(one, other):
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


one, before, _ = train(None)
two, _, figures = train(TWO)
own, start, _ = train(TWO, replace(KNOBS, tuned_bn="train"))
place = next(i for i, variable in enumerate(own.backbone.variables) if "mean" in variable.path)
copies = [np.asarray(copy) for copy in TWO.experimental_local_results(own.backbone.variables[place].value)]
print(
    json.dumps(
        {
            "replicas": replicas_of(TWO),
            "kind": type(two.backbone.trainable_variables[0].value).__name__,
            "moved": largest(before, values(one.backbone.variables)),
            "difference": largest(values(one.variables), values(two.variables)),
            "names": list(figures),
            "statistics moved": float(np.abs(copies[0] - start[place]).max()),
            "statistics apart": float(np.abs(copies[0] - copies[1]).max()),
            **figures,
        }
    )
)
