"""Run by test_plugin_training.py in a process of its own, where TensorFlow can still be given two logical CPUs.

Prints one JSON object: what becomes of a small network with the plug-in on two replicas, in mixed precision, and resumed.
"""

import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.training.distribution import pick_strategy, scope_of
from fgtl.training.loop import Trainer
from fgtl.training.plan import plan_training
from fgtl.training.run import Stage

spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("conftest.py"))
tiny = importlib.util.module_from_spec(spec)
sys.modules["tiny"] = tiny
spec.loader.exec_module(tiny)
tiny.SIZE = 24

TWO = pick_strategy(("cpu:0", "cpu:1"))


class PluginClassifier(keras.Model):
    """Two convolutions, each a tap, and the plug-in."""

    def __init__(self, dropout):
        image = keras.Input((tiny.SIZE, tiny.SIZE, 3))
        x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
        taps = {}
        for name in ("p2", "p3"):
            x = keras.layers.Conv2D(4, 3, strides=2, use_bias=False)(x)
            taps[name] = x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
        super().__init__(image, {"taps": taps, "features": keras.layers.GlobalAveragePooling2D()(x)})
        self.backbone = keras.Model(image, self.output)
        self.head = PluginHead(tiny.CLASSES, PluginKnobs(fpn_size=8), dropout)
        self.head({name: np.zeros((1, *tap.shape[1:]), "float32") for name, tap in taps.items()}, None)

    def call(self, images, training=None, mask=None):
        maps = self.backbone(images, training=training)
        return self.head(maps["taps"], maps["features"], training=training)


def train(folder, strategy=None, dropout=0.0, until_epoch=None, **knobs):
    keras.utils.set_random_seed(7)
    Path(folder).mkdir(exist_ok=True)
    with scope_of(strategy):
        model = PluginClassifier(dropout)
    images = tiny.Images()
    config = tiny.Config(schedule="fixed", learning_rate=0.01, **knobs)
    plan = plan_training(config, images=images.count, batch_size=images.batch_size)
    Trainer(model, plan, config, Stage(Path(folder), "same"), strategy).run(images.batches, None, until_epoch)
    return model


def difference(one, other):
    pairs = zip(one.variables, other.variables, strict=True)
    return max(float(np.abs(a.value.numpy() - b.value.numpy()).max()) for a, b in pairs)


def losses(folder):
    lines = map(json.loads, Path(folder, "metrics.jsonl").read_text().splitlines())
    return [line["train/loss"] for line in lines]


def main():
    found = {}
    one = train("one", epochs=1)
    found["replicas"] = difference(one, train("two", TWO, epochs=1))
    found["without sync_bn"] = difference(one, train("apart", TWO, epochs=1, sync_bn=False))
    whole = train("whole", dropout=0.3)
    train("parts", dropout=0.3, until_epoch=1)
    found["resumed"] = difference(whole, train("parts", dropout=0.3))
    train("full", TWO, epochs=2, accumulate=2, sync_bn=False)
    found["float32"] = losses("full")
    keras.config.set_dtype_policy("mixed_float16")
    train("half", TWO, precision="mixed_float16", epochs=2, accumulate=2, sync_bn=False)
    found["float16"] = losses("half")
    keras.config.set_dtype_policy("mixed_bfloat16")
    train("mixed", TWO, precision="mixed_bfloat16", epochs=4)
    found["mixed"] = losses("mixed")
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        print(json.dumps(main()))
