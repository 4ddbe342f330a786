"""report.html: one self-contained page about a run, from the files of its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from fgtl.data.records import RecordSet
from fgtl.files import write_atomically
from fgtl.reports import detail_plots, plots
from fgtl.reports.confusion import confusion_matrix
from fgtl.reports.examples import Album, Mistake, PairExamples, confused_pairs, jpeg_uri, mistakes
from fgtl.reports.figures import to_svg
from fgtl.reports.head_tail import Group, HeadTail
from fgtl.reports.headline import headline, percent
from fgtl.reports.hierarchy import HierarchyResult
from fgtl.reports.metrics import Evaluation
from fgtl.reports.pages import environment
from fgtl.reports.predictions import evaluation_path
from fgtl.reports.reproduce import commands
from fgtl.reports.run_files import RunFiles, read_run

REPORT = "report.html"
_MISTAKES = 12
# Up to so many classes a second order of the confusion matrix shows nothing new.
_FEW = 8
_TWO_LOSSES = "Training: all that is trained on, weight decay too; validation: log loss of the answer alone."
_THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


class ClassRow(NamedTuple):
    """A line of the table of classes; `mistaken_for` is the most frequent wrong answer, with its images."""

    name: str
    training: int | None
    images: int
    correct: int
    accuracy: float | None
    mistaken_for: tuple[str, int] | None


class Plot(NamedTuple):
    """A figure with its title and a sentence that says how to read it."""

    title: str
    caption: str
    svg: Markup


def write_report(run_dir: Path, record_set: RecordSet | None = None) -> Path:
    """Write <run_dir>/report.html from the run's files; a section appears when its files exist.

    Args:
        run_dir: a run folder; only run.json must be there.
        record_set: where the pictures of the mistakes come from; without it they are named only.

    Returns:
        The path of the report.

    Raises:
        DataError: not a run, or one of its files is damaged.
    """
    run_dir = Path(run_dir)
    html = render(read_run(run_dir), record_set)
    # A class named after a folder may hold bytes that are no UTF-8; a question mark is better than no report.
    write_atomically(run_dir / REPORT, html.encode("utf-8", "replace"))
    return run_dir / REPORT


def render(run: RunFiles, record_set: RecordSet | None) -> str:
    """The page as text."""
    split, evaluation = next(iter(run.evaluations.items()), (None, None))
    return (
        environment()
        .get_template("run.html")
        .render(
            run=run,
            split=split,
            evaluation=evaluation,
            tiles=headline(run, split, evaluation),
            curves=_curves(run),
            crops=jpeg_uri(run.crops, short_side=900) if run.crops else "",
            heat=jpeg_uri(run.heat, short_side=900) if run.heat else "",
            data=_data_section(run, record_set),
            predictions_file=_predictions_file(run, split) if split else "",
            other_splits=list(run.evaluations.items())[1:],
            commands=commands(run),
            versions=_versions(run.card),
            **(_evaluation_sections(run, evaluation, record_set) if evaluation else {}),
        )
    )


def _predictions_file(run: RunFiles, title: str) -> str:
    return f"eval/{evaluation_path(run.folder / 'eval', *run.asked[title]).with_suffix('.npz').name}"


def _curves(run: RunFiles) -> list[Plot]:
    history, best = run.history, None
    if run.best:
        best = history.epoch_of(run.best["step"])
        best = float(run.best["epoch"]) if best is None else best
    wanted = [("Accuracy", "top1", "top-1 accuracy"), ("Loss", "loss", "loss")]
    found: list[Plot] = []
    for title, measure, label in wanted:
        if any(len(history.series(f"{part}/{measure}")[0]) for part in ("train", "validation")):
            figure = plots.curve(history, measure, label, best_epoch=best)
            caption = f"Kept: epoch {run.best['epoch']:g}, the best on validation." if run.best else ""
            if measure == "loss" and history.trained_terms > 1:
                caption = f"{caption} {_TWO_LOSSES}".strip()
            found.append(Plot(title, caption, to_svg(figure, f"{title} over {history.lines[-1]['epoch']:.3g} epochs")))
    if len(history.series("learning_rate")[0]):
        svg = to_svg(plots.rate_curve(history), "Learning rate over the epochs")
        found.append(Plot("Learning rate", f"Highest: {history.series('learning_rate')[1].max():.3g}.", svg))
    if run.watched:
        svg = to_svg(detail_plots.checkpoints(run.watched), "Top-1 accuracy of the watched checkpoints over the epochs")
        found.append(Plot("Checkpoints", "As fgtl evaluate --watch saw them.", svg))
    return found


def _details(evaluation: Evaluation) -> list[Plot]:
    """Head and tail, and the taxonomy, where they are known."""
    found: list[Plot] = []
    parts = evaluation.head_tail
    if parts and parts.are_both:
        svg = to_svg(detail_plots.by_training_images(evaluation, parts), "Accuracy of the classes by training images")
        found.append(Plot("Head and tail", _head_tail_sentence(parts), svg))
    if result := evaluation.hierarchy:
        svg = to_svg(detail_plots.levels(result), "Accuracy at each level of the taxonomy")
        found.append(Plot("Right at which level", _hierarchy_sentence(result), svg))
    return found


def _head_tail_sentence(parts: HeadTail) -> str:
    def said(name: str, rule: str, group: Group) -> str:
        if group.accuracy is None or group.interval is None or group.mean_class is None:
            return f"{name} ({rule} {parts.head_images} training images): {group.classes:,} classes, no images here."
        low, high = group.interval
        return (
            f"{name} ({rule} {parts.head_images} training images, {group.classes_present:,} of {group.classes:,} classes "
            f"have images): {percent(group.accuracy)} of {group.images:,} images, 95\u00a0% interval {100 * low:.1f} to "
            f"{percent(high)}; mean class {percent(group.mean_class)}."
        )

    verb = "class has" if parts.untrained == 1 else "classes have"
    bare = f" {parts.untrained:,} {verb} no training image." if parts.untrained else ""
    return f"{said('Head', 'at least', parts.head)} {said('Tail', 'below', parts.tail)}{bare}"


def _hierarchy_sentence(result: HierarchyResult) -> str:
    if result.mistake_height is None:
        return "No mistakes."
    return (
        f"From a wrong answer one climbs {result.mistake_height:.2f} of {result.height} steps on average to the lowest "
        f"common ancestor with the true class; over all images {result.mean_height:.2f}."
    )


def _evaluation_sections(run: RunFiles, evaluation: Evaluation, record_set: RecordSet | None) -> dict[str, Any]:
    names = [one.name for one in evaluation.per_class]
    album = Album(*(record_set.select(split) for split in record_set.counts)) if record_set else Album()
    pairs: list[PairExamples] = []
    confident: tuple[Mistake, ...] = ()
    worst: tuple[Mistake, ...] = ()
    if run.predictions:
        training = record_set.select("train") if record_set and "train" in record_set.counts else None
        pairs = confused_pairs(evaluation, run.predictions, album, training)
        rows = run.predictions.confident_mistakes(_MISTAKES)
        others = [row for row in run.predictions.worst_mistakes(2 * _MISTAKES) if row not in set(rows.tolist())]
        confident = mistakes(rows, run.predictions, names, album)
        worst = mistakes(others[:_MISTAKES], run.predictions, names, album)
    text = f"Confusion matrix of {evaluation.classes} classes"
    matrices = [("Data set's order", to_svg(confusion_matrix(evaluation), text))]
    if evaluation.classes > _FEW:
        grouped = to_svg(confusion_matrix(evaluation, together=True), f"{text}, look-alikes side by side")
        matrices.insert(0, ("Look-alikes together", grouped))
    return {
        "matrices": matrices,
        "few": evaluation.classes <= _FEW,
        "pairs": pairs,
        "confident": confident,
        "worst": worst,
        "details": _details(evaluation),
        "bars": to_svg(plots.class_bars(evaluation), "Accuracy of the classes, lowest first"),
        "rows": _class_rows(evaluation, record_set),
        "reliability": to_svg(plots.reliability_diagram(evaluation), "Accuracy against confidence in 15 bins"),
        "accepted": [(at, *run.predictions.accepted(at)) for at in _THRESHOLDS] if run.predictions else [],
        "calibration": _calibration_sentence(evaluation),
    }


def _class_rows(evaluation: Evaluation, record_set: RecordSet | None) -> list[ClassRow]:
    training: Sequence[int | None] = [None] * evaluation.classes
    if record_set and "train" in record_set.counts:
        training = record_set.manifest.class_counts["train"]
    wrong = evaluation.confusion.copy()
    np.fill_diagonal(wrong, 0)
    favourite = wrong.argmax(axis=1)
    rows = [
        ClassRow(
            name=one.name,
            training=training[k],
            images=one.images,
            correct=one.correct,
            accuracy=one.accuracy,
            mistaken_for=(evaluation.per_class[favourite[k]].name, int(wrong[k].max())) if wrong[k].any() else None,
        )
        for k, one in enumerate(evaluation.per_class)
    ]
    # Classes without images last: they have no accuracy.
    return sorted(rows, key=lambda row: 2.0 if row.accuracy is None else row.accuracy)


def _calibration_sentence(evaluation: Evaluation) -> str:
    mean = sum((one.confidence or 0.0) * one.images for one in evaluation.reliability) / evaluation.count
    gap = mean - evaluation.top1
    if abs(gap) < 0.01:
        return f"On average confidence ({percent(mean)}) and accuracy ({percent(evaluation.top1)}) agree."
    word = "over-confident" if gap > 0 else "under-confident"
    return (
        f"On average the model is {word}: its confidence is {percent(mean)}, its accuracy {percent(evaluation.top1)}."
    )


def _data_section(run: RunFiles, record_set: RecordSet | None) -> dict[str, Any]:
    """Splits with their counts; with a record set also the spread of the class sizes, and whether it is the same set."""
    counts: Mapping[str, int] = run.dataset.get("counts", {}) or (record_set.counts if record_set else {})
    sizes = dict(record_set.manifest.class_counts) if record_set else {}
    sizes = {split: per_class for split, per_class in sizes.items() if sum(per_class)}
    spread = {split: {"least": min(of), "median": float(np.median(of)), "most": max(of)} for split, of in sizes.items()}
    digest = run.dataset.get("manifest_sha256")
    return {
        "splits": [(split, count, spread.get(split)) for split, count in counts.items() if count],
        "plot": to_svg(plots.class_sizes(sizes), "Images of each class, largest class first") if sizes else None,
        "other_version": bool(record_set and digest and record_set.manifest_sha256 != digest),
        "has_pictures": record_set is not None,
    }


def _versions(card: dict[str, Any]) -> dict[str, str]:
    versions = card.get("versions", {})
    return {str(name): str(version) for name, version in versions.items()}
