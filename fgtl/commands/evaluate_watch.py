"""`fgtl evaluate --watch` and `--once`: the checkpoints of a run that is still trained."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fgtl.commands.evaluate import Config, check_classes, open_records
from fgtl.console import say, warn
from fgtl.data.many_views import views_named
from fgtl.data.records import RecordSet, Selection

if TYPE_CHECKING:
    from fgtl.reports.tensorboard import EventWriter
    from fgtl.training.restored import RestoredModel
    from fgtl.training.run import Run

FIGURES = ("top1", "top5", "mean_class", "loss")


def watch(config: Config, run_dir: Path) -> None:
    """Evaluate each checkpoint once: a line for people, one in eval/<split>-steps.jsonl, a point of the curves.

    Nothing here says which checkpoint is the best: the training chooses, on validation images. Those are watched
    unless --split says otherwise.
    """
    from fgtl.data.damage import damage_explained
    from fgtl.reports.predictions import evaluation_path
    from fgtl.reports.run_report import write_report
    from fgtl.reports.tensorboard import EventWriter
    from fgtl.training.recorded import recorded_parts
    from fgtl.training.watch import Pace, StepLog, open_unfinished
    from fgtl.training.watcher import Watcher

    pace = Pace(config.watch_seconds, config.timeout_seconds)
    run = open_unfinished(run_dir, None if config.once else pace)
    records = open_records(config.records, run)
    check_classes(run, records)
    parts = recorded_parts(run, records)
    selection = _selection(config, run, records, parts.validation)
    name = evaluation_path(run.evaluations, config.split or "validation", config.views).stem
    log = StepLog(run.evaluations / f"{name}-steps.jsonl", run.stage().identity)
    model, evaluate = _restored(config, run, selection)
    batch_size = run.facts["config"]["batch_size"]
    watcher = Watcher(run, log, model.load, evaluate, lambda step: step * batch_size / len(parts.train))
    say(f"{run.folder}: {len(selection):,} images of {config.split or 'validation'}, each once a checkpoint")
    with damage_explained(selection), EventWriter(run.folder / "events" / f"eval-{name}") as events:
        lines = [watcher.newest()] if config.once else watcher.follow(pace)
        for line in lines:
            _show(line, f"eval-{name}", events)
    say(f"{len(log.lines):,} checkpoints evaluated -> {log.path}")
    if not config.once:
        say(f"the training is over; report: {write_report(run.folder, records)}")


def _selection(config: Config, run: "Run", records: RecordSet, validation: Selection) -> Selection:
    from fgtl.training.recorded import selected

    if not config.split:
        return validation
    selection = selected(run, records, config.split)
    if "test" in records.counts and np.isin(selection.ids, records.select("test").ids).any():
        warn("These are test images: a checkpoint that is chosen by this curve looks better than it is.")
    return selection


def _restored(config: Config, run: "Run", selection: Selection) -> tuple["RestoredModel", Callable[[], dict[str, Any]]]:
    """The run's network without weights yet, and what says how good it is with those that it has."""
    import keras

    from fgtl.data.knobs import ViewKnobs
    from fgtl.models.trust import expect_saved_models_allowed
    from fgtl.training.distribution import pick_strategy
    from fgtl.training.evaluation import Predictor, validation_figures
    from fgtl.training.fit import build_classifier
    from fgtl.training.fit_knobs import FitKnobs
    from fgtl.training.predictions import predict_selection
    from fgtl.training.recorded import recorded_knobs
    from fgtl.training.restored import RestoredModel

    # Only the structure: the checkpoints bring all weights.
    knobs = recorded_knobs(FitKnobs, run.facts["config"], weights="none", init_run=None)
    own = {"eval_batch_size": config.eval_batch_size, "threads": config.threads, "bad_records": config.bad_records}
    seen_as = recorded_knobs(ViewKnobs, run.facts["config"], **own, cache="none")
    looks = views_named(config.views, seen_as.kept_share)
    if knobs.backbone.startswith("saved_model:") and not config.allow_saved_model:
        # The name comes from run.json, not from whoever types this command.
        expect_saved_models_allowed(knobs.backbone)
    keras.config.set_dtype_policy(knobs.precision)
    strategy = pick_strategy(config.devices)
    model = build_classifier(knobs, run.class_names, strategy)
    predict = Predictor(model, strategy)

    def evaluate() -> dict[str, Any]:
        seen, probabilities = predict_selection(predict, selection, seen_as, views=looks)
        figures = validation_figures(probabilities, seen.labels, run.class_names)
        return figures | {"count": len(seen), "unreadable": len(selection) - len(seen)}

    return RestoredModel(run, model, averaged=knobs.ema_decay > 0), evaluate


def _show(line: dict[str, Any], name: str, events: "EventWriter") -> None:
    # What is no number is written as null.
    figures = {figure: math.nan if line[figure] is None else line[figure] for figure in FIGURES}
    left_out = f", {line['unreadable']:,} could not be read" if line["unreadable"] else ""
    say(
        f"step {line['step']:,}, epoch {line['epoch']:.2f}: top-1 {figures['top1']:.6f}, top-5 {figures['top5']:.6f}, "
        f"mean class {figures['mean_class']:.6f}, loss {figures['loss']:.4f}, {line['count']:,} images{left_out}"
    )
    events.scalars(line["step"], {f"{name}/{figure}": value for figure, value in figures.items()})
    events.flush()
