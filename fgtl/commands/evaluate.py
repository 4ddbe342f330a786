"""Run + record set -> accuracy, confusion, per class, calibration; JSON, table, TensorBoard and the report."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fgtl.console import say, table, warn
from fgtl.data.bad_records import could_not_be_read
from fgtl.data.quiet import import_tensorflow
from fgtl.data.records import RecordSet
from fgtl.errors import DataError, UsageError
from fgtl.knobs import Knobs, flag

if TYPE_CHECKING:
    from fgtl.reports.metrics import Evaluation
    from fgtl.training.run import Run


@dataclass(frozen=True)
class Config(Knobs):
    """What is evaluated, on what."""

    run_dir: Path | None = flag(None, "the run (required)")
    records: Path | None = flag(None, "record set; default: the one the run was trained on")
    split: str = flag("", "split expression, e.g. train[:1000]; default: test, else validation")
    eval_batch_size: int = flag(100, "images a step, over all devices; changes no figure", low=1)
    devices: tuple[str, ...] = flag((), "e.g. gpu:0,gpu:1 or cpu; default every GPU, else the CPU")
    threads: int = flag(0, "threads that decode images; 0 = one for each core", low=0)
    bad_records: str = flag(
        "fail",
        "what cannot be read: fail ends with its id; skip evaluates the others and says so",
        choices=("fail", "skip"),
    )


def main(config: Config) -> None:
    """Predict every image of the split once; write, draw, and print the figures."""
    if config.run_dir is None:
        raise UsageError("--run_dir is missing.", expected="the folder of a finished run.")
    import_tensorflow()
    from fgtl.data.damage import damage_explained
    from fgtl.heads.classifier import load_classifier
    from fgtl.reports.metrics import evaluate_predictions
    from fgtl.reports.predictions import Predictions, write_evaluation
    from fgtl.reports.run_report import write_report
    from fgtl.training.distribution import pick_strategy, scope_of
    from fgtl.training.evaluation import Predictor
    from fgtl.training.predictions import predict_selection
    from fgtl.training.run import Run

    run = Run.open(config.run_dir)
    records = _open_records(config, run)
    check_classes(run, records)
    split = config.split or ("test" if "test" in records.counts else "validation")
    selection = records.select(split)
    strategy = pick_strategy(config.devices)
    with scope_of(strategy):
        model = load_classifier(run.model)
    views = run.view_knobs(
        eval_batch_size=config.eval_batch_size, threads=config.threads, bad_records=config.bad_records
    )
    with damage_explained(selection):
        seen, probabilities = predict_selection(Predictor(model, strategy), selection, views)
    lost = tuple(np.setdiff1d(selection.ids, seen.ids).tolist())
    result = replace(evaluate_predictions(probabilities, seen.labels, records.class_names), unreadable=lost)
    written = write_evaluation(run.evaluations, split, result, Predictions(seen.ids, seen.labels, probabilities))
    _draw(run, split, result)
    say(result.table())
    if lost:
        say(f"\n{result.count:,} of {len(selection):,} images; {could_not_be_read(lost)}")
    names = records.class_names
    pairs = [[names[pair.true], names[pair.predicted], f"{pair.images:,}"] for pair in result.most_confused(5)]
    if pairs:
        say("\n" + table(["most confused: true", "predicted", "images"], pairs))
    say(f"\nfigures: {written}")
    say(f"report: {write_report(run.folder, records)}")


def _open_records(config: Config, run: "Run") -> RecordSet:
    folder = config.records or Path(run.facts["config"]["records"])
    if not folder.is_dir():
        raise DataError(f"There is no record set at {folder}.", fix="--records says where it is now.")
    return RecordSet.open(folder)


def check_classes(run: "Run", records: RecordSet) -> None:
    """Raise DataError unless the record set has the classes that the run learned, in the same order."""
    learned, found = run.class_names, records.class_names
    if learned == found:
        if records.manifest_sha256 != run.facts["dataset"]["manifest_sha256"]:
            warn(f"{records.folder} is another conversion than the run was trained on: its test images may not be new.")
        return
    at = next((i for i, (one, other) in enumerate(zip(learned, found, strict=False)) if one != other), None)
    first = "" if at is None else f"; class {at} is {found[at]!r} there, {learned[at]!r} in the run"
    raise DataError(
        f"{records.folder} has {len(found):,} classes, the run learned {len(learned):,}{first}.",
        expected="the same classes in the same order.",
        fix="Give the record set the run was trained on, or one converted with the same card.",
    )


def _draw(run: "Run", split: str, result: "Evaluation") -> None:
    from fgtl.reports.confusion import confusion_matrix
    from fgtl.reports.figures import to_png
    from fgtl.reports.tensorboard import EventWriter

    step = run.model_facts.get("step", 0)
    with EventWriter(run.folder / "events") as events:
        events.image(step, f"confusion/{split}", to_png(confusion_matrix(result)))
        figures = {"top1": result.top1, "top5": result.top5, "mean_class": result.mean_class}
        events.scalars(step, {f"{split}/{name}": value for name, value in figures.items()})
