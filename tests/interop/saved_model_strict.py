"""Run by test_saved_model_backbone.py in a process of its own: --determinism strict cannot be taken back in a process.

    saved_model_strict.py FOLDER

Trains the SavedModel in FOLDER in inference mode, then in training mode, and prints one JSON object: what each said.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from fgtl.errors import FgtlError
from fgtl.heads.classifier import Classifier
from fgtl.heads.linear import LinearHead
from fgtl.models.backbone import build_network
from fgtl.training.distribution import prepare
from fgtl.training.loop import Trainer
from fgtl.training.plan import plan_training
from fgtl.training.run import Stage
from fgtl.training.settings import TrainingKnobs

IMAGES = np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 3)).astype("float32")


def said(tuned_bn):
    knobs = TrainingKnobs(mode="all", tuned_bn=tuned_bn, epochs=1, warmup_epochs=0)
    prepare(knobs, 0, "strict")
    model = Classifier(build_network(f"saved_model:{sys.argv[1]}", 32), LinearHead(2))
    data = tf.data.Dataset.from_tensors((IMAGES, np.arange(8, dtype="int32") % 2)).repeat()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(model, plan_training(knobs, images=16, batch_size=8), knobs, Stage(Path(folder), "same"))
        try:
            trainer.run(lambda steps: data)
        except FgtlError as error:
            return str(error)
    return ""


print(json.dumps({tuned_bn: said(tuned_bn) for tuned_bn in ("inference", "train")}))
