"""Record set + backbone + head -> run: fine-tune, keep the best epoch, optionally refit on train + validation."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgtl.console import say, warn
from fgtl.data.manifest import MANIFEST
from fgtl.data.parts import Parts, SplitKnobs, parts_of
from fgtl.data.quiet import import_tensorflow
from fgtl.data.records import RecordSet, Selection
from fgtl.datasets import card_names
from fgtl.errors import UsageError
from fgtl.knobs import flag
from fgtl.training.fit_knobs import FitKnobs

if TYPE_CHECKING:
    from fgtl.heads.classifier import Classifier
    from fgtl.reports.tensorboard import EventWriter
    from fgtl.training.loop import Best
    from fgtl.training.run import Run, Stage

CROPS = 32


@dataclass(frozen=True)
class Config(SplitKnobs, FitKnobs):
    """From where to where."""

    dataset: str = flag("cub_200", "names the default folders: a card's name, or what convert was given")
    records: Path = flag("records/{dataset}", "record set")
    run_dir: Path = flag("runs/{dataset}/{backbone}-{head}", "folder of the run; a run that is there goes on")
    refit: bool = flag(False, "then train anew on train + validation, for the chosen number of epochs")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights == "none" and self.mode != "head" and self.tuned_bn == "inference":
            raise UsageError(
                "--weights=none with --tuned_bn=inference: a fresh network has no batch statistics to keep.",
                fix="Add --tuned_bn=train.",
            )


def main(config: Config) -> None:
    """Train, choose the epoch, refit, save, report."""
    records = open_records(config.records, config.dataset)
    parts = parts_of(records, config, config.seed)
    import_tensorflow()
    from fgtl.data.damage import damage_explained
    from fgtl.reports.run_report import write_report
    from fgtl.training.distribution import prepare
    from fgtl.training.fit import build_classifier
    from fgtl.training.plan import plan_training
    from fgtl.training.run import Run

    # Whatever cannot be built is refused before there is a run folder.
    strategy = prepare(config, config.seed, config.determinism)
    plan = plan_training(config, images=len(parts.train), batch_size=config.batch_size)
    model = build_classifier(config, len(records.class_names), strategy)
    # Absolute, so that evaluate finds the record set from any folder.
    settings = config.as_dict() | {"records": str(config.records.absolute())}
    run = Run.create_or_resume(config.run_dir, settings, _facts(records))
    if run.is_finished:
        say(f"This run is finished: {run.folder}")
    else:
        counts = f"{len(parts.train):,} images to train on, {len(parts.validation):,} to choose the epoch by"
        say(f"{records.name}: {counts}, {len(records.class_names):,} classes; {plan.describe()} -> {run.folder}")
        with damage_explained(parts.everything):
            _train(config, parts, run, model, strategy)
        if len(records.bad):
            warn(f"Other records were trained on in the stead of bad ones, or fewer validated: {records.bad}.")
    say(f"report: {write_report(run.folder, records)}")
    if "test" in records.counts:
        say(f"next: fgtl evaluate --run_dir {shlex.quote(str(run.folder))}")


def open_records(folder: Path, dataset: str) -> RecordSet:
    """The record set, or UsageError with the command that makes it."""
    if not (folder / MANIFEST).is_file():
        source = f"--dataset {dataset}" if dataset in card_names() else "--data_dir FOLDER"
        raise UsageError(
            f"There is no finished record set at {folder}.",
            expected="one written by fgtl convert.",
            fix=f"python converters/convert.py {source} --output_dir {shlex.quote(str(folder))}",
        )
    return RecordSet.open(folder)


def _train(config: Config, parts: Parts, run: "Run", model: "Classifier", strategy: Any) -> None:
    from fgtl.training.distribution import prepare
    from fgtl.training.fit import build_classifier, fit, refit

    # -- the epoch is chosen on validation images ---------------------------------------------------------------------
    stage = run.stage()
    with _events(stage, config, parts.train) as events:
        _show_crops(config, parts.train, run, events)
        best = fit(model, config, parts.train, parts.validation, stage, strategy=strategy, scalars=events)
        events.hparams(config.as_dict(), {f"best/{best.metric}": best.value}, step=best.step)
    say(f"best epoch: {best.epoch}, {best.metric} {best.value:.4f}")
    # -- and a fresh model trained on all of them, for that long ------------------------------------------------------
    if config.refit:
        say(f"refit on {len(parts.everything):,} images, {best.epoch} epochs")
        prepare(config, config.seed, config.determinism)
        model = build_classifier(config, model.head.classes, strategy)
        stage = run.stage("refit")
        with _events(stage, config, parts.everything) as events:
            refit(model, config, parts.everything, stage, until_epoch=best.epoch, strategy=strategy, scalars=events)
    run.save_model(model, _card(config, best))


def _facts(records: RecordSet) -> Any:
    from fgtl.training.run import DatasetFacts

    return DatasetFacts(
        name=records.name,
        classes=len(records.class_names),
        class_names=records.class_names,
        manifest_sha256=records.manifest_sha256,
        counts=dict(records.counts),
    )


def _card(config: Config, best: "Best") -> dict[str, Any]:
    """What has to travel with the model so that it sees images as in training, and what it reached."""
    return {
        "backbone": config.backbone,
        "head": config.head,
        "input_size": config.image_size,
        "eval_crop": config.eval_crop,
        "legacy_resize": config.legacy_resize,
        "refit": config.refit,
        "step": best.step,
        "metrics": {best.metric: best.value, "epoch": best.epoch},
    }


def _events(stage: "Stage", config: Config, train: Selection) -> "EventWriter":
    """TensorBoard's writer; a stage with metrics is a resumed one."""
    from fgtl.reports.tensorboard import EventWriter
    from fgtl.training.checkpoint import Checkpoints

    done = Checkpoints(stage.checkpoints, config.keep, stage.identity).steps()
    events = EventWriter(stage.events, resumed_at=max(done, default=0) if done else None)
    knobs = "\n".join(f"    --{name}={value}" for name, value in config.as_dict().items())
    events.text(0, "run", f"{len(train):,} images of {train.records.name}\n\n{knobs}")
    events.hparams(config.as_dict(), {})
    return events


def _show_crops(config: Config, train: Selection, run: "Run", events: "EventWriter") -> None:
    """The first training images as the network gets them, for TensorBoard and the report."""
    from fgtl.data.pipeline import training_batches
    from fgtl.files import write_atomically
    from fgtl.reports.crops import crops_figure

    images, labels = (part.numpy() for part in next(iter(training_batches(train, config, steps=range(1)))))
    names = [train.records.class_names[label] for label in labels[:CROPS]]
    picture = crops_figure(images[:CROPS], names)
    write_atomically(run.folder / "crops.png", picture)
    events.image(0, "augmented crops", picture)
