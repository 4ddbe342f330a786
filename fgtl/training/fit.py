"""Train a classifier on selections of a record set, as the knobs say; or go on where an earlier process stopped."""

import inspect
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import tensorflow as tf

from fgtl.console import warn
from fgtl.data.batch_size import check_batch_size
from fgtl.data.pipeline import training_batches
from fgtl.data.records import Selection
from fgtl.errors import FgtlError, UsageError
from fgtl.heads.classifier import Classifier
from fgtl.heads.head import HEADS, Head
from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.interop.pretrained import build_backbone
from fgtl.models.batch_norms import slowest_decay
from fgtl.models.stochastic_depth import set_drop_path
from fgtl.training.compilation import backbone_trains
from fgtl.training.distribution import replicas_of, scope_of
from fgtl.training.evaluation import Predictor, validation_figures
from fgtl.training.exchange import is_chief, worker_part
from fgtl.training.fit_knobs import FitKnobs
from fgtl.training.init_run import load_init
from fgtl.training.loop import Best, Trainer
from fgtl.training.plan import Plan, plan_training
from fgtl.training.predictions import predict_selection
from fgtl.training.recorder import Scalars
from fgtl.training.run import Stage
from fgtl.training.settling import settles, settling_decay


def build_classifier(
    knobs: FitKnobs, class_names: Sequence[str], strategy: tf.distribute.Strategy | None = None
) -> Classifier:
    """The backbone with its weights and a fresh head, or both from another run, in the strategy's scope.

    Raises:
        UsageError: no such backbone, tap or head, or one that has not what a knob asks for.
        DataError: weights or a run that cannot be loaded or do not fit.
    """
    # The head first: it is quick to refuse.
    with scope_of(strategy):
        head = _fresh_head(knobs, len(class_names))
        weights = knobs.weights if knobs.init_run is None else "none"
        taps = knobs.plugin_taps if isinstance(head, PluginHead) else ()
        backbone = build_backbone(knobs.backbone, weights, knobs.image_size, taps)
        model = Classifier(backbone, head, knobs.bn_decay)
        if knobs.init_run is not None:
            load_init(
                model,
                knobs.init_run,
                class_names,
                head=knobs.init_head,
                allow_saved_models=knobs.allow_saved_model,
            )
    if knobs.drop_path is not None and not set_drop_path(model.backbone, knobs.drop_path) and knobs.drop_path:
        raise UsageError(
            f"--drop_path={knobs.drop_path:g}: {knobs.backbone} leaves out no residual branch.",
            expected=f"a backbone that does; fgtl backbones {knobs.backbone} says how many layers have it.",
            fix="Leave --drop_path out.",
        )
    return model


def plan_fit(knobs: FitKnobs, images: int, strategy: tf.distribute.Strategy | None = None) -> Plan:
    """The phases of a training on so many images.

    Raises:
        UsageError: epochs or batches that do not work out, on these devices either, or a --resize that is too small.
    """
    knobs.check_resize()
    check_batch_size(knobs.batch_size, replicas_of(strategy), knobs.accumulate, pairs=knobs.mixes)
    return plan_training(knobs, images=images, batch_size=knobs.batch_size)


def _fresh_head(knobs: FitKnobs, classes: int) -> Head:
    head = HEADS[knobs.head]
    takes = inspect.signature(head).parameters
    options: dict[str, Any] = {"label_smoothing": knobs.label_smoothing}
    if knobs.dropout is not None:
        options["dropout"] = knobs.dropout
    if "knobs" in takes:
        options["knobs"] = knobs
    elif strange := [field.name for field in fields(PluginKnobs) if field.name in knobs.given]:
        raise UsageError(
            f"--{strange[0]}: the head {knobs.head} has no such knob.", fix="Leave it out, or add --head=plugin."
        )
    if knobs.aux_weight:
        if "aux_weight" not in takes:
            raise UsageError(f"--aux_weight={knobs.aux_weight:g}: the head {knobs.head} has no auxiliary classifier.")
        options["aux_weight"] = knobs.aux_weight
    return head(classes, **options)


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
    """Train on `train`, choose the epoch on `validation`; leave its weights in the model unless `refit` is to follow.

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
    if is_chief(strategy):
        _warn_of_statistics(model, knobs, trainer.plan)
    predict = Predictor(model, strategy)
    class_names = train.records.class_names

    def validate() -> dict[str, float]:
        seen, probabilities = predict_selection(predict, validation, knobs, "validate")
        return validation_figures(probabilities, seen.labels, class_names)

    trainer.run(lambda steps: training_batches(train, knobs, steps=steps, part=worker_part(strategy)), validate)
    # A refit begins anew: of this training it needs only how many epochs it takes.
    best = trainer.best if knobs.refit else trainer.load_best()
    if best is None:
        raise FgtlError("The training ended before its first epoch was validated.", fix="Train for longer.")
    return best


def _warn_of_statistics(model: Classifier, knobs: FitKnobs, plan: Plan) -> None:
    """Say when validation would see the statistics that the network began with rather than its own."""
    steps = sum(len(phase.steps) for phase in plan.phases if backbone_trains(phase.name, knobs))
    # Those of weights that stay as they are fit them from the start.
    moved = steps if knobs.starts_fresh or knobs.mode != "head" else 0
    decay = slowest_decay(model.backbone)
    if not moved or settles(decay, moved, times=3):
        return
    faster = settling_decay(decay, moved, times=3)
    fix = f"give --bn_decay={faster:g}, or train for longer" if faster < decay else "train for longer"
    warn(
        f"A step keeps {decay:g} of the batch statistics: after {moved:,} steps {decay**moved:.0%} of them are still what "
        f"the network began with, and validation uses them. Better {fix}."
    )


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
    return Trainer(model, plan_fit(knobs, len(train), strategy), knobs, stage, strategy, scalars=scalars)
