"""Train a classifier on selections of a record set, as the knobs say; or go on where an earlier process stopped."""

import tensorflow as tf

from fgtl.data.pipeline import training_batches
from fgtl.data.records import Selection
from fgtl.errors import FgtlError
from fgtl.heads.classifier import Classifier
from fgtl.heads.head import HEADS
from fgtl.interop.pretrained import build_backbone
from fgtl.training.distribution import scope_of, worker_part
from fgtl.training.evaluation import Predictor, validation_figures
from fgtl.training.fit_knobs import FitKnobs
from fgtl.training.loop import Best, Trainer
from fgtl.training.plan import plan_training
from fgtl.training.predictions import predict_selection
from fgtl.training.recorder import Scalars
from fgtl.training.run import Stage


def build_classifier(knobs: FitKnobs, classes: int, strategy: tf.distribute.Strategy | None = None) -> Classifier:
    """The backbone with its weights, and a fresh head for K classes, in the strategy's scope."""
    # The head first: it is quick to refuse.
    with scope_of(strategy):
        head = HEADS[knobs.head](classes, dropout=knobs.dropout, label_smoothing=knobs.label_smoothing)
        return Classifier(build_backbone(knobs.backbone, knobs.weights, knobs.image_size), head)


def fit(
    model: Classifier,
    knobs: FitKnobs,
    train: Selection,
    validation: Selection,
    stage: Stage,
    *,
    strategy: tf.distribute.Strategy | None = None,
    scalars: Scalars | None = None,
) -> Best:
    """Train on `train`, choose the epoch on `validation`; leave the weights of that epoch in the model.

    Args:
        model: from `build_classifier`.
        knobs: all of them; `prepare` was called with these first.
        stage: where checkpoints and metrics go.
        strategy: from `prepare`.
        scalars: gets every logged figure.

    Returns:
        The best epoch.
    """
    trainer = _trainer(model, knobs, train, stage, strategy, scalars)
    predict = Predictor(model, strategy)
    class_names = train.records.class_names

    def validate() -> dict[str, float]:
        seen, probabilities = predict_selection(predict, validation, knobs, "validate")
        return validation_figures(probabilities, seen.labels, class_names)

    trainer.run(lambda steps: training_batches(train, knobs, steps=steps, part=worker_part(strategy)), validate)
    best = trainer.load_best()
    if best is None:
        raise FgtlError("The training ended before its first epoch was validated.", fix="Train for longer.")
    return best


def refit(
    model: Classifier,
    knobs: FitKnobs,
    everything: Selection,
    stage: Stage,
    *,
    until_epoch: int,
    strategy: tf.distribute.Strategy | None = None,
    scalars: Scalars | None = None,
) -> None:
    """Train a fresh model on train + validation for the chosen number of epochs, with the learning rates of the whole plan."""
    trainer = _trainer(model, knobs, everything, stage, strategy, scalars)
    trainer.run(
        lambda steps: training_batches(everything, knobs, steps=steps, part=worker_part(strategy)),
        until_epoch=until_epoch,
    )


def _trainer(
    model: Classifier,
    knobs: FitKnobs,
    train: Selection,
    stage: Stage,
    strategy: tf.distribute.Strategy | None,
    scalars: Scalars | None,
) -> Trainer:
    plan = plan_training(knobs, images=len(train), batch_size=knobs.batch_size)
    return Trainer(model, plan, knobs, stage, strategy, scalars=scalars)
