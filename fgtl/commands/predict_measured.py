"""What `fgtl predict` adds where the classes of photographs are known: accuracy, confusion matrix, a table of the classes."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fgtl.console import say
from fgtl.files import write_atomically

if TYPE_CHECKING:
    from fgtl.reports.metrics import Evaluation
    from fgtl.training.inference import ImagePrediction


def measure(
    predictions: "Mapping[Path, ImagePrediction]", labels: Mapping[Path, int], class_names: Sequence[str], result: str
) -> "Evaluation":
    """The figures that `fgtl evaluate` has, of photographs.

    Args:
        predictions: of N >= 1 photographs that could be looked at.
        labels: of those, and of others that could not be.
        class_names: by label.
        result: the name of the head that the run predicts with, where the predictions have several.
    """
    from fgtl.reports.each_head import measure_heads
    from fgtl.reports.metrics import evaluate_predictions

    truth = np.array([labels[path] for path in predictions])
    rows = np.stack([one.probabilities for one in predictions.values()])
    found = evaluate_predictions(rows, truth, class_names)
    names = next(iter(predictions.values())).heads
    each = {name: np.stack([one.heads[name] for one in predictions.values()]) for name in names}
    heads = measure_heads(each, truth, result) if each else None
    return replace(found, heads=heads, unreadable=tuple(str(path) for path in labels if path not in predictions))


def say_measured(found: "Evaluation", output: Path | None) -> None:
    """Print the figures; beside the predictions draw the confusion matrix and write a line a class."""
    from fgtl.reports.confusion import confused_text, confusion_matrix
    from fgtl.reports.figures import to_png

    say(f"\n{found.table()}")
    if pairs := confused_text(found):
        say(f"\n{pairs}")
    if output is None:
        say("\nWith --output=predictions.csv the confusion matrix is drawn too.")
        return
    picture, classes = (output.with_name(f"{output.stem}-{end}") for end in ("confusion.png", "classes.csv"))
    title = f"{found.top1:.1%} of {found.count:,} images right"
    write_atomically(picture, to_png(confusion_matrix(found, title=title)))
    write_atomically(classes, _classes_csv(found).encode("utf-8", "replace"))
    say(f"\nconfusion matrix: {picture}\nclass by class: {classes}")


def _classes_csv(found: "Evaluation") -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["class", "images", "correct", "accuracy"])
    for one in found.per_class:
        accuracy = "" if one.accuracy is None else f"{one.accuracy:.6f}"
        writer.writerow([one.name, one.images, one.correct, accuracy])
    return text.getvalue()
