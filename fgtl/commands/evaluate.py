"""Run + record set -> accuracy, confusion, per class, calibration; JSON, table, TensorBoard and the report."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fgtl.commands.heat_sample import show_heat_sample
from fgtl.console import say, warn
from fgtl.data.bad_records import could_not_be_read
from fgtl.data.many_views import ManyViewsKnobs, views_named
from fgtl.data.quiet import import_tensorflow
from fgtl.data.records import RecordSet
from fgtl.errors import DataError, UsageError
from fgtl.files import write_atomically
from fgtl.knobs import Knobs, flag
from fgtl.training.fit_knobs import TrustKnobs

if TYPE_CHECKING:
    from fgtl.heads.classifier import Classifier
    from fgtl.reports.each_head import EachHead
    from fgtl.reports.metrics import Evaluation
    from fgtl.training.run import Run


@dataclass(frozen=True)
class WatchKnobs(Knobs):
    """While the run is trained."""

    watch: bool = flag(False, "evaluate each checkpoint as it appears, until the training is over")
    once: bool = flag(False, "evaluate the newest checkpoint of a run that is still trained, and stop")
    watch_seconds: float = flag(10.0, "between two looks for a new checkpoint", low=0.01)
    timeout_seconds: float = flag(3600.0, "without a new checkpoint, after which --watch gives up; 0: never", low=0)


@dataclass(frozen=True)
class Config(ManyViewsKnobs, WatchKnobs, TrustKnobs):
    """What is evaluated, on what."""

    run_dir: Path | None = flag(None, "the run (required)")
    records: Path | None = flag(None, "record set; default: the one the run was trained on")
    split: str = flag(
        "",
        "split expression, e.g. train[:1000]; default: test, else validation; of a run in training the images that choose its epoch",
    )
    eval_batch_size: int = flag(100, "images a step, over all devices; changes no figure", low=1)
    heads: bool = flag(
        True,
        "also each head's accuracy, where the run's head is several (plugin); takes that many times the memory; "
        "not with --watch or --once, which follow the result alone",
    )
    head_images: int = flag(100, "training images from which on a class belongs to the head, not to the tail", low=1)
    devices: tuple[str, ...] = flag((), "e.g. gpu:0,gpu:1 or cpu; default every GPU, else the CPU")
    threads: int = flag(0, "threads that decode images; 0 = one for each core", low=0)
    bad_records: str = flag(
        "fail",
        "what cannot be read: fail ends with its id; skip evaluates the others and says so",
        choices=("fail", "skip"),
    )


def main(config: Config) -> None:
    """Evaluate a finished run, or the checkpoints of one that is still trained."""
    if config.run_dir is None:
        raise UsageError("--run_dir is missing.", expected="the folder of a run.")
    import_tensorflow()
    if config.watch or config.once:
        from fgtl.commands.evaluate_watch import watch

        watch(config, config.run_dir)
    else:
        _evaluate(config, config.run_dir)


def _evaluate(config: Config, run_dir: Path) -> None:
    """Predict every image of the split once; write, draw, and print the figures."""
    from fgtl.data.damage import damage_explained
    from fgtl.heads.classifier import load_classifier
    from fgtl.reports.confusion import confused_text
    from fgtl.reports.each_head import results_text
    from fgtl.reports.metrics import evaluate_predictions
    from fgtl.reports.predictions import Predictions, title_of, write_evaluation
    from fgtl.reports.run_files import HEAT_SUFFIX
    from fgtl.reports.run_report import write_report
    from fgtl.training.distribution import pick_strategy, scope_of
    from fgtl.training.evaluation import Predictor, probabilities_of
    from fgtl.training.predictions import predict_selection
    from fgtl.training.recorded import selected
    from fgtl.training.run import Run
    from fgtl.training.several_heads import is_several, probabilities_of_each

    run = Run.open(run_dir)
    records = open_records(config.records, run)
    check_classes(run, records)
    split = config.split or ("test" if "test" in records.counts else "validation")
    selection = selected(run, records, split)
    if split == "validation" and run.model_facts.get("refit"):
        warn("The refit has learned from the validation images: these figures are too good.")
    views = run.view_knobs(
        eval_batch_size=config.eval_batch_size, threads=config.threads, bad_records=config.bad_records
    )
    looks = views_named(config.views, views.kept_share)
    strategy = pick_strategy(config.devices)
    with scope_of(strategy):
        model = load_classifier(run.model, config.allow_saved_model)
    several = config.heads and is_several(model)
    predict = Predictor(model, strategy, output=probabilities_of_each if several else probabilities_of)
    with damage_explained(selection):
        seen, probabilities = predict_selection(predict, selection, views, views=looks)
    heads = None
    if several:
        probabilities, heads = _each_head(model, probabilities, seen.labels)
    lost = tuple(np.setdiff1d(selection.ids, seen.ids).tolist())
    result = evaluate_predictions(probabilities, seen.labels, records.class_names)
    result = _detailed(config, run, records, replace(result, unreadable=lost, heads=heads))
    written = write_evaluation(
        run.evaluations,
        split,
        result,
        Predictions(seen.ids, seen.labels, probabilities),
        views=config.views,
        manifest_sha256=records.manifest_sha256,
    )
    _draw(run, title_of(split, config.views), result)
    picture = written.with_suffix(HEAT_SUFFIX)
    show_heat_sample(run, model, seen, title_of(split, config.views), picture, probabilities)
    say(result.table())
    if lost:
        say(f"\n{result.count:,} of {len(selection):,} images; {could_not_be_read(lost)}")
    if pairs := confused_text(result):
        say(f"\n{pairs}")
    say(f"\nfigures: {written}")
    results = written.with_suffix(".txt")
    results.unlink(missing_ok=True)
    if heads:
        write_atomically(results, results_text(heads, result.count, records.name, run.folder.name))
        say(f"all heads: {results}")
    say(f"report: {write_report(run.folder, records)}")


def _each_head(model: "Classifier", rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, "EachHead"]:
    """What the run predicts, (N, K), and what each head got right, of the rows (N, H * K) of `probabilities_of_each`.

    Memory: (N, K) more for the fused head; of all this only what the run predicts is kept.
    """
    from fgtl.reports.each_head import measure_heads
    from fgtl.training.several_heads import by_head, head_names, result_name

    each, result = by_head(head_names(model), rows), result_name(model)
    # Not a view, which would hold the rows of all heads.
    return np.ascontiguousarray(each[result]), measure_heads(each, labels, result)


def _detailed(config: Config, run: "Run", records: RecordSet, result: "Evaluation") -> "Evaluation":
    """With head and tail where the training images are known, and the taxonomy where the record set has one.

    A later stage of a recipe has the head and tail of the first one, so that the stages can be compared.
    """
    from fgtl.data.taxonomy import class_paths
    from fgtl.reports.hierarchy import Taxonomy
    from fgtl.reports.lineage import lineage_of
    from fgtl.training.recorded import first_stage, training_counts

    first = first_stage(run)
    counts, paths = training_counts(first, records), class_paths(records)
    before = lineage_of(first.facts)
    if counts is None:
        warn("Head and tail are not told apart: the record set that the run was trained on is not at hand.")
    elif before and before[0].facts is None:
        warn(
            f"Head and tail are told apart by the training images of {first.folder} alone: {before[0].folder}, which "
            "was trained before it, is not there any more or has another model now."
        )
    found = result.detailed(counts, config.head_images, Taxonomy(paths) if paths else None)
    if first is run or found.head_tail is None:
        return found
    return replace(found, head_tail=replace(found.head_tail, of_run=str(first.folder)))


def open_records(named: Path | None, run: "Run") -> RecordSet:
    """The record set that was named, else the one of run.json."""
    folder = named or Path(run.facts["config"]["records"])
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
        figures |= {f"top1_{head.name}": head.top1 for head in result.heads.heads} if result.heads else {}
        events.scalars(step, {f"{split}/{name}": value for name, value in figures.items()})
