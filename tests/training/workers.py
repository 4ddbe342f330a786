"""Run by test_workers.py as each of several worker processes, with TF_CONFIG in its environment.

    python workers.py FOLDER RESULT KNOBS [CRASH]

Trains the tiny classifier in FOLDER with the TrainingKnobs of the JSON object KNOBS ("mixed": with pairs that are mixed)
and writes what this worker ended with to RESULT: weights, and the probabilities of all images. Of a list of such objects
each gets a folder and a result of its own, "0" and so on behind their names. With CRASH it ends in the middle of step
number CRASH, as a machine that loses power does.
"""

import dataclasses
import importlib.util
import json
import os
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fgtl.errors import FgtlError
from fgtl.training import predictions
from fgtl.training.distribution import prepare, scope_of
from fgtl.training.evaluation import Predictor, validation_figures
from fgtl.training.exchange import by_chief, worker_part
from fgtl.training.loop import Trainer
from fgtl.training.plan import plan_training
from fgtl.training.run import Stage

spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("conftest.py"))
tiny = importlib.util.module_from_spec(spec)
sys.modules["tiny"] = tiny
spec.loader.exec_module(tiny)


class InMemory:
    """Images as `predict_selection` reads a selection."""

    def __init__(self, images, rows):
        self.images, self.rows = images, rows
        self.ids, self.bad = np.array([str(row) for row in rows]), ()

    def __len__(self):
        return len(self.rows)

    def take(self, places):
        return InMemory(self.images, self.rows[places])

    def batches(self, knobs, view):
        whole = (self.images.images[self.rows], self.images.labels[self.rows], np.ones(len(self.rows), "float32"))
        return tf.data.Dataset.from_tensor_slices(whole).batch(7)


def own_part(batches, part):
    worker, workers = part
    return batches.map(lambda *batch: tuple(tf.split(value, workers)[worker] for value in batch))


def main(folder, result, knobs, crash=0):
    wanted = json.loads(knobs)
    if isinstance(wanted, dict):
        train(folder, result, wanted, crash)
        return
    for place, one in enumerate(wanted):
        Path(f"{folder}{place}").mkdir(exist_ok=True)
        train(f"{folder}{place}", f"{result}{place}", one)


def train(folder, result, knobs, crash=0):
    mixed = knobs.pop("mixed", False)
    config = dataclasses.replace(tiny.Config(schedule="fixed", checkpoint_every_steps=2), **knobs)
    strategy = prepare(config, seed=7, determinism="strict")
    part, images = worker_part(strategy), tiny.Images()
    keras.utils.set_random_seed(7)
    with scope_of(strategy):
        model = tiny.TinyClassifier(0.0)
    predictions.evaluation_batches = InMemory.batches
    predict, selection = Predictor(model, strategy), InMemory(images, np.arange(images.count))

    def probabilities():
        return predictions.predict_selection(predict, selection, None)[1]

    def validate():
        return validation_figures(probabilities(), images.labels, ["a", "b", "c"])

    def batches(steps):
        data = own_part((images.mixed_batches if mixed else images.batches)(steps), part)
        if crash:
            data = data.map(
                lambda *batch: tf.py_function(lambda *b: end_at(int(crash), b), batch, [b.dtype for b in batch])
            )
            data = data.map(lambda x, y: (tf.ensure_shape(x, (None, 12, 12, 3)), tf.ensure_shape(y, (None,))))
        return data

    def end_at(step, batch):
        if trainer.step >= step:
            os._exit(9)
        return batch

    plan = plan_training(config, images=images.count, batch_size=images.batch_size)
    trainer = Trainer(model, plan, config, Stage(Path(folder), "same"), strategy)
    trainer.run(batches, validate)
    final = {f"weights/{i:03d}": v.value.numpy() for i, v in enumerate(model.variables)}
    trainer.load_best()
    with Path(result).open("wb") as file:
        np.savez(file, probabilities=probabilities(), part=part, **final)
    by_chief(strategy, lambda: None, "end")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except FgtlError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt as stop:
        sys.exit(143 if type(stop).__name__ == "Terminated" else 130)
