"""What a classifier got right: accuracy with an interval, per class, confusion, calibration. numpy only."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from fgtl.errors import InputError, expect_rank
from fgtl.reports.calibration import CALIBRATION_BINS, ReliabilityBin, reliability_bins
from fgtl.reports.each_head import EachHead
from fgtl.reports.head_tail import HeadTail, head_and_tail
from fgtl.reports.hierarchy import HierarchyResult, Taxonomy
from fgtl.reports.intervals import wilson_interval
from fgtl.reports.ranks import classes_before

# The same floor that scikit-learn's log_loss puts under float32 probabilities: a confident mistake costs 15.9, not inf.
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)
# Heads that compute in half precision round; anything further from 1 is not a probability row (logits, most likely).
_SUM_TOLERANCE = 0.02


@dataclass(frozen=True)
class ClassResult:
    """One class of an evaluation. `accuracy` (recall) is None when the class has no images."""

    name: str
    images: int
    correct: int
    accuracy: float | None


@dataclass(frozen=True)
class ConfusedPair:
    """Images of class `true` that were called `predicted`; `share` is out of all images of class `true`."""

    true: int
    predicted: int
    images: int
    share: float


@dataclass(frozen=True)
class Evaluation:
    """The figures of one evaluation; see `evaluate_predictions` for their definitions.

    `confusion` is (K, K) int64, row = true class, column = predicted class. `unreadable` are the ids of images that the
    split has as well, but nobody could look at: they are in no figure. `head_tail` and `hierarchy` are there when the
    training images of the classes, or a taxonomy of them, are known (`detailed`), and `heads` where the model's head is
    several: all other figures are then those of `heads.result`.
    """

    count: int
    classes: int
    top1: float
    top1_interval: tuple[float, float]
    top5: float
    mean_class: float
    classes_present: int
    log_loss: float
    calibration_error: float
    reliability: tuple[ReliabilityBin, ...]
    per_class: tuple[ClassResult, ...]
    confusion: np.ndarray = field(repr=False, compare=False)
    unreadable: tuple[str, ...] = ()
    head_tail: HeadTail | None = None
    hierarchy: HierarchyResult | None = None
    heads: EachHead | None = None

    def detailed(
        self, training: Sequence[int] | None, head_images: int, taxonomy: Taxonomy | None = None
    ) -> "Evaluation":
        """The same with accuracy by training images and by levels of a taxonomy.

        Args:
            training: (K,) training images of each class; None when they are not known.
            head_images: a class with at least so many belongs to the head, another to the tail.
            taxonomy: of the K classes; None when there is none.
        """
        return replace(
            self,
            head_tail=None if training is None else head_and_tail(self.confusion, training, head_images),
            hierarchy=taxonomy.evaluate(self.confusion) if taxonomy else None,
        )

    @property
    def classes_absent(self) -> int:
        """Classes without images in the split: the mean over classes is without them."""
        return self.classes - self.classes_present

    @property
    def left_out(self) -> str:
        """How many images of the split are in no figure, "" when none."""
        lost = len(self.unreadable)
        return f"of {self.count + lost:,}; {lost:,} could not be read" if lost else ""

    def most_confused(self, n: int) -> list[ConfusedPair]:
        """The `n` most frequent (true, predicted) mistakes; equal counts in order of the class indices."""
        mistakes = self.confusion.copy()
        np.fill_diagonal(mistakes, 0)
        true, predicted = np.nonzero(mistakes)
        order = np.argsort(-mistakes[true, predicted], kind="stable")[:n]
        return [
            ConfusedPair(int(t), int(p), int(mistakes[t, p]), float(mistakes[t, p] / self.confusion[t].sum()))
            for t, p in zip(true[order], predicted[order], strict=True)
        ]

    def worst_to_best(self) -> list[ClassResult]:
        """The classes that have images, lowest accuracy first; equal ones in order of the class indices."""
        present = [result for result in self.per_class if result.accuracy is not None]
        return sorted(present, key=lambda result: result.accuracy or 0.0)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; the confusion matrix as its non-zero cells, three parallel lists."""
        true, predicted = np.nonzero(self.confusion)
        return asdict(self) | {
            "top1_interval": list(self.top1_interval),
            "unreadable": list(self.unreadable),
            "reliability": [asdict(one) for one in self.reliability],
            "per_class": [asdict(one) for one in self.per_class],
            "confusion": {
                "true": true.tolist(),
                "predicted": predicted.tolist(),
                "images": self.confusion[true, predicted].tolist(),
            },
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Evaluation":
        """The inverse of `as_dict`; keys that are no field of an evaluation are ignored."""
        known: dict[str, Any] = {"unreadable": (), "head_tail": None, "hierarchy": None, "heads": None, **values}
        known = {name: known[name] for name in cls.__dataclass_fields__}
        cells = values["confusion"]
        confusion = np.zeros((values["classes"], values["classes"]), np.int64)
        confusion[cells["true"], cells["predicted"]] = cells["images"]
        known |= {
            "top1_interval": tuple(values["top1_interval"]),
            "reliability": tuple(ReliabilityBin(**one) for one in values["reliability"]),
            "per_class": tuple(ClassResult(**one) for one in values["per_class"]),
            "confusion": confusion,
            "unreadable": tuple(known["unreadable"]),
            "head_tail": HeadTail.from_dict(known["head_tail"]) if known["head_tail"] else None,
            "hierarchy": HierarchyResult.from_dict(known["hierarchy"]) if known["hierarchy"] else None,
            "heads": EachHead.from_dict(known["heads"]) if known["heads"] else None,
        }
        return cls(**known)

    def table(self) -> str:
        """The text that `fgtl evaluate` prints: one figure a line."""
        low, high = self.top1_interval
        absent = f"; {self.classes_absent:,} absent" if self.classes_absent else ""
        present = f"{self.classes_present:,} of {self.classes:,} classes have images{absent}"
        figures = [
            ("images", f"{self.count:,}", self.left_out),
            ("top-1 accuracy", f"{self.top1:.6f}", f"95 % interval {low:.4f} to {high:.4f}"),
            ("top-5 accuracy", f"{self.top5:.6f}", "" if self.classes > 5 else "always 1 with up to 5 classes"),
            ("mean class accuracy", f"{self.mean_class:.6f}", present),
            *(self.head_tail.lines() if self.head_tail and self.head_tail.are_both else ()),
            *(self.hierarchy.lines() if self.hierarchy else ()),
            ("log loss", f"{self.log_loss:.4f}", ""),
            ("calibration error", f"{self.calibration_error:.4f}", f"{CALIBRATION_BINS} bins"),
            *(self.heads.lines() if self.heads else ()),
        ]
        width = max(len(value) for _, value, _ in figures)
        return "\n".join(f"{name:<20} {value:>{width}}  {note}".rstrip() for name, value, note in figures)


def evaluate_predictions(probabilities: np.ndarray, labels: np.ndarray, class_names: Any) -> Evaluation:
    """All figures of one split, every image counted once.

    Definitions: top-k: fewer than k classes rank before the true one, where of equally probable classes the one with
    the lowest index ranks first (so top-1 is argmax, and top-5 is 1.0 when K <= 5). The interval is Wilson's (1927),
    95 %. `mean_class` averages recall over the classes that occur. `calibration_error` is the expected calibration
    error of the top label, sum_b n_b/N |accuracy_b - confidence_b|, over 15 bins of equal width (Guo et al. 2017, eq.
    5). `log_loss` is the mean of -ln p(true), p not below float32's epsilon.

    Args:
        probabilities: (N, K) float, rows sum to 1.
        labels: (N,) int, the true classes, 0 <= label < K.
        class_names: K strings.

    Raises:
        InputError: shapes disagree, N is 0, a label is out of range, or rows are not probabilities.

    Memory: the (K, K) matrix, two (N, K) temporaries of booleans and one (N,) of each figure.
    """
    probabilities, labels, names = _checked(probabilities, labels, class_names)
    count, classes = probabilities.shape
    own = probabilities[np.arange(count), labels]
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    per_class = _per_class(confusion, names)
    recalls = [result.accuracy for result in per_class if result.accuracy is not None]
    bins = reliability_bins(probabilities.max(axis=1), predicted == labels)
    correct = int(np.trace(confusion))
    return Evaluation(
        count=count,
        classes=classes,
        top1=correct / count,
        top1_interval=wilson_interval(correct, count),
        top5=float(np.mean(classes_before(probabilities, labels) < 5)),
        mean_class=float(np.mean(recalls)),
        classes_present=len(recalls),
        log_loss=float(-np.mean(np.log(np.clip(own.astype(np.float64), SMALLEST_PROBABILITY, 1.0)))),
        calibration_error=sum(b.images * abs((b.accuracy or 0.0) - (b.confidence or 0.0)) for b in bins) / count,
        reliability=bins,
        per_class=per_class,
        confusion=confusion,
    )


def _checked(probabilities: Any, labels: Any, class_names: Any) -> tuple[np.ndarray, np.ndarray, list[str]]:
    probabilities, labels, names = np.asarray(probabilities), np.asarray(labels), [str(name) for name in class_names]
    expect_rank(probabilities, 2, "probabilities", "(N, K)")
    expect_rank(labels, 1, "labels", "(N,)")
    count, classes = probabilities.shape
    if not count or len(labels) != count or len(names) != classes:
        raise InputError(
            f"probabilities has shape {(count, classes)}, with {len(labels)} labels and {len(names)} class names.",
            expected="(N, K) with N labels, N > 0, and K names.",
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"labels has type {labels.dtype}.", expected="integers: the index of each true class.")
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError(f"labels lie in {labels.min()}..{labels.max()}.", expected=f"0..{classes - 1}.")
    sums = probabilities.sum(axis=1, dtype=np.float64)
    wrong = ~(np.abs(sums - 1) <= _SUM_TOLERANCE) | (probabilities.min(axis=1) < 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"{int(wrong.sum()):,} rows of probabilities are none: row {row} has the sum {sums[row]:.4g} "
            f"and the minimum {probabilities[row].min():.4g}.",
            expected="values of at least 0 that sum to 1 (softmax outputs, not logits).",
        )
    return probabilities, labels.astype(np.int64), names


def _per_class(confusion: np.ndarray, names: list[str]) -> tuple[ClassResult, ...]:
    images, correct = confusion.sum(axis=1).tolist(), np.diag(confusion).tolist()
    return tuple(
        ClassResult(name, n, right, right / n if n else None)
        for name, n, right in zip(names, images, correct, strict=True)
    )
