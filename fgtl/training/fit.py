"""Build a classifier as the knobs say and train it on a selection: one call for a main training, one for a refit."""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from fgtl.data.knobs import InputKnobs
from fgtl.data.pipeline import evaluation_batches, training_batches
from fgtl.data.records import Selection
from fgtl.errors import FgtlError
from fgtl.heads.classifier import Classifier
from fgtl.heads.head import HEADS
from fgtl.interop.pretrained import build_backbone
from fgtl.training.distribution import scope_of
from fgtl.training.evaluation import Predictor, validation_figures
from fgtl.training.loop import Best, Trainer
from fgtl.training.model_knobs import ModelKnobs
from fgtl.training.plan import plan_training
from fgtl.training.recorder import Scalars
from fgtl.training.run import Stage
from fgtl.training.settings import TrainingKnobs


@dataclass(frozen=True)
class FitKnobs(ModelKnobs, InputKnobs, TrainingKnobs):
    """Everything one training asks for; a command's Config is one of these."""


def build_classifier(knobs: FitKnobs, classes: int) -> Classifier:
    """The backbone with its weights, and a fresh head for K classes."""
    backbone = build_backbone(knobs.backbone, knobs.weights, knobs.image_size)
    head = HEADS[knobs.head](classes, dropout=knobs.dropout, label_smoothing=knobs.label_smoothing)
    return Classifier(backbone, head)


def fit(
    knobs: FitKnobs,
    train: Selection,
    stage: Stage,
    strategy: tf.distribute.Strategy | None = None,
    *,
    validation: Selection | None = None,
    until_epoch: int | None = None,
    scalars: Scalars | None = None,
) -> tuple[Any, Best | None]:
    """Train, or go on where an earlier process stopped.

    Args:
        knobs: all of them; `prepare` was called with these first.
        train: the images.
        stage: where checkpoints and metrics go.
        strategy: from `prepare`.
        validation: images that choose the best epoch; None: the last weights count.
        until_epoch: end there, with the learning rates of the whole plan.
        scalars: gets every logged figure.

    Returns:
        The classifier with the best epoch's weights, or the last ones, and the best epoch.
    """
    class_names = train.records.class_names
    with scope_of(strategy):
        model = build_classifier(knobs, len(class_names))
    plan = plan_training(knobs, images=len(train), batch_size=knobs.batch_size)
    trainer = Trainer(model, plan, knobs, stage, strategy, scalars=scalars)
    validate = None
    if validation is not None:
        predict, batches = Predictor(model, strategy), evaluation_batches(validation, knobs)

        def validate() -> dict[str, float]:
            return validation_figures(*predict(batches, len(validation), "validate"), class_names)

    trainer.run(lambda steps: training_batches(train, knobs, steps=steps), validate, until_epoch)
    best = trainer.load_best()
    if validation is not None and best is None:
        raise FgtlError("No epoch was validated.", fix="Train for at least one whole epoch.")
    return model, best
