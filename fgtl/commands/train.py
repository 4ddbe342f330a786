"""Record set + backbone + head -> run: fine-tune, keep the best epoch, optionally refit on train + validation."""

import json
import shlex
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from zlib import crc32

from fgtl.commands.heat_sample import show_heat_sample
from fgtl.commands.recipe import AUTO, facts_of, with_choice, with_recipe
from fgtl.commands.train_checks import check_meant, started_from, warn_of_data, warn_of_start
from fgtl.console import say, warn
from fgtl.data.manifest import MANIFEST
from fgtl.data.parts import Parts, SplitKnobs, parts_of
from fgtl.data.quiet import import_tensorflow
from fgtl.data.records import RecordSet, Selection
from fgtl.datasets import card_names
from fgtl.errors import UsageError, did_you_mean
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

    # What `fgtl train --help` shows; `--help all` has the rest.
    often: ClassVar[tuple[str, ...]] = (
        "dataset",
        "records",
        "run_dir",
        "recipe",
        "refit",
        "train_split",
        "backbone",
        "weights",
        "init_run",
        "image_size",
        "batch_size",
        "seed",
        "mode",
        "epochs",
        "learning_rate",
        "head_learning_rate",
        "devices",
        "precision",
    )

    dataset: str = flag("cub_200", "names the default folders: a card's name, or what convert was given")
    records: Path = flag("records/{dataset}", "record set")
    run_dir: Path = flag("runs/{dataset}/{backbone}-{head}", "folder of the run; a run that is there goes on")
    recipe: str = flag("", "auto: from the data, with reasons; or a name in recipes/, or a flag file; flags given win")


def main(config: Config) -> None:
    """Train, choose the epoch, refit, save, report."""
    config = with_recipe(config, config.recipe)
    config = started_from(config, config.run_dir)
    records = open_records(config.records, config.dataset)
    parts = parts_of(records, config, config.seed, config.max_per_class)
    import_tensorflow()
    from fgtl.data.damage import damage_explained
    from fgtl.reports.run_report import write_report
    from fgtl.training.distribution import prepare
    from fgtl.training.exchange import by_chief
    from fgtl.training.fit import build_classifier, plan_fit
    from fgtl.training.resume import find_start

    # Whatever cannot be built is refused before there is a run folder.
    strategy = prepare(config, config.seed, config.determinism)
    if config.recipe == AUTO:
        config, reasons = with_choice(config, facts_of(config, parts, strategy))
        say(reasons)
    check_meant(config)
    warn_of_data(parts.train, config.image_size)
    plan = plan_fit(config, len(parts.train), strategy)
    start = find_start(config.init_run, config.run_dir, refit=config.refit) if config.init_run else None
    if start and start.run:
        warn_of_start(start.run, parts.validation)
    network = config if start is None or start.run else replace(config, init_run=None)
    build = partial(build_classifier, network, records.class_names, strategy)
    model = build()
    run = _open_run(config, records, start.facts if start else None, strategy)
    if run.is_finished:
        say(f"This run is finished: {run.folder}")
    else:
        counts = f"{len(parts.train):,} images to train on, {len(parts.validation):,} to choose the epoch by"
        say(f"{records.name}: {counts}, {len(records.class_names):,} classes; {plan.describe()} -> {run.folder}")
        with damage_explained(parts.source):
            _train(config, parts, run, model, build, strategy)
        if len(records.bad):
            warn(f"Other records were trained on in the stead of bad ones, or fewer validated: {records.bad}.")
    # Worker processes leave together: one that waits for another that has left fails.
    by_chief(strategy, lambda: say(f"report: {write_report(run.folder, records)}"), "write the report")
    if "test" in records.counts:
        say(f"next: fgtl evaluate --run_dir {shlex.quote(str(run.folder))}")


def _open_run(config: Config, records: RecordSet, init: Mapping[str, Any] | None, strategy: Any) -> "Run":
    """The run folder, new or gone on with. Of several worker processes the first makes it, the others look at it."""
    from fgtl.training.exchange import by_chief, check_same, is_chief
    from fgtl.training.run import Run

    # Absolute, so that evaluate finds the record set, and compare the first stage, from any folder.
    # The data set by the record set's own word: with --records nobody need have said --dataset.
    settings = config.as_dict() | {"records": str(config.records.absolute()), "dataset": records.name}
    if config.init_run:
        settings["init_run"] = str(config.init_run.absolute())
    dataset = _facts(records)
    made: list[Run] = []
    by_chief(
        strategy,
        lambda: made.append(Run.create_or_resume(config.run_dir, settings, dataset, init)),
        f"use the run folder {config.run_dir}",
    )
    run = made[0] if is_chief(strategy) else Run.join(config.run_dir, settings, dataset, init)
    check_same(strategy, crc32(json.dumps(run.facts, sort_keys=True).encode()), "the run.json that they see")
    return run


def open_records(folder: Path, dataset: str) -> RecordSet:
    """The record set, or UsageError with the command that makes it."""
    if not (folder / MANIFEST).is_file():
        source = f"--dataset {dataset}" if dataset in card_names() else "--data_dir FOLDER"
        near = "" if dataset in card_names() else did_you_mean(dataset, card_names())
        raise UsageError(
            f"There is no finished record set at {folder}.",
            expected="one written by fgtl convert.",
            fix=f"{near} python converters/convert.py {source} --output_dir {shlex.quote(str(folder))}".strip(),
        )
    return RecordSet.open(folder)


def _train(
    config: Config, parts: Parts, run: "Run", model: "Classifier", build: Callable[[], "Classifier"], strategy: Any
) -> None:
    from keras.utils import set_random_seed

    from fgtl.reports.run_files import HEAT
    from fgtl.training.exchange import is_chief
    from fgtl.training.fit import fit, refit

    writes = is_chief(strategy)
    # -- the epoch is chosen on validation images ---------------------------------------------------------------------
    stage = run.stage()
    with _events(stage, config, parts.train) if writes else nullcontext() as events:
        if events:
            _show_crops(config, parts.train, run, events)
        best = fit(model, config, parts.train, parts.validation, stage, strategy=strategy, scalars=events)
        if events:
            events.hparams(config.as_dict(), {f"best/{best.metric}": best.value}, step=best.step)
    say(f"best epoch: {best.epoch}, {best.metric} {best.value:.4f}")
    # -- and a fresh model trained on all of them, for that long ------------------------------------------------------
    if config.refit:
        say(f"refit on {len(parts.everything):,} images, {best.epoch} epochs")
        set_random_seed(config.seed)
        model = build()
        stage = run.stage("refit")
        with _events(stage, config, parts.everything) if writes else nullcontext() as events:
            refit(model, config, parts.everything, stage, until_epoch=best.epoch, strategy=strategy, scalars=events)
    if writes:
        run.save_model(model, _card(config, best))
        show_heat_sample(run, model, parts.validation, "validation", run.folder / HEAT)


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
        "resize": config.resize,
        "eval_crop": config.eval_crop,
        "legacy_resize": config.legacy_resize,
        "refit": config.refit,
        "step": best.step,
        "metrics": {best.metric: best.value, "epoch": best.epoch},
    }


def _events(stage: "Stage", config: Config, train: Selection) -> "EventWriter":
    """TensorBoard's writer. What an earlier process logged beyond the checkpoint that is gone on from counts no more."""
    from fgtl.reports.tensorboard import EventWriter
    from fgtl.training.resume import resumes_at

    done = resumes_at(stage)
    # The checkpoint's own step is logged before it.
    events = EventWriter(stage.events, resumed_at=0 if done is None else done + 1)
    knobs = "\n".join(f"    --{name}={value}" for name, value in config.as_dict().items())
    events.text(0, "run", f"{len(train):,} images of {train.records.name}\n\n{knobs}")
    events.hparams(config.as_dict(), {})
    return events


def _show_crops(config: Config, train: Selection, run: "Run", events: "EventWriter") -> None:
    """The first training images as the network gets them, for TensorBoard and the report."""
    from fgtl.data.mixing import mixed_images
    from fgtl.data.pipeline import training_batches
    from fgtl.files import write_atomically
    from fgtl.reports.crops import crops_figure

    images, labels, *mixes = next(iter(training_batches(train, config, steps=range(1))))
    if mixes:
        images = mixed_images(images, *mixes)
    names = [train.records.class_names[label] for label in labels.numpy()[:CROPS]]
    picture = crops_figure(images.numpy()[:CROPS], names)
    write_atomically(run.folder / "crops.png", picture)
    events.image(0, "augmented crops", picture)
