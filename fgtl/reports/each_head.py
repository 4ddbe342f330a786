"""What each classifier of a head got right, where a head is several (the plug-in). numpy only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fgtl.errors import InputError
from fgtl.heads.plugin_metrics import Hits, confidence_hits, percentages
from fgtl.reports.intervals import wilson_interval
from fgtl.reports.ranks import classes_before

# The mean of all other heads: no head of its own.
FUSED = "fused"
# Sorting the heads of an image makes copies of all their probabilities.
_ROWS = 4096


@dataclass(frozen=True)
class OneHead:
    """Top-1 accuracy with its 95 % interval, top-3 and top-5, as `fgtl.reports.metrics` defines them."""

    name: str
    top1: float
    top1_interval: tuple[float, float]
    top3: float
    top5: float


@dataclass(frozen=True)
class EachHead:
    """All heads on the same images.

    Attributes:
        result: the head that the model predicts with: its accuracy is the result, whichever is highest here.
        heads: in the model's order.
        by_confidence: percent of the images that are right when the k surest heads of each ("most_confident_k"), or the k
            least sure ones ("least_confident_k", published as "highest-k"), are averaged. To look at, never the result:
            the best of many figures of one split is no estimate of anything.
    """

    result: str
    heads: tuple[OneHead, ...]
    by_confidence: Mapping[str, float]

    def lines(self) -> list[tuple[str, str, str]]:
        """(name, value, note) of each head, for the table that `fgtl evaluate` prints."""
        return [(f"{head.name} top-1", f"{head.top1:.6f}", self._note(head)) for head in self.heads]

    def _note(self, head: OneHead) -> str:
        low, high = head.top1_interval
        result = ", the result" if head.name == self.result else ""
        return f"95 % interval {low:.4f} to {high:.4f}, top-5 {head.top5:.6f}{result}"

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "EachHead":
        """The inverse of `dataclasses.asdict`, also after JSON."""
        heads = tuple(OneHead(**(one | {"top1_interval": tuple(one["top1_interval"])})) for one in values["heads"])
        return cls(str(values["result"]), heads, dict(values["by_confidence"]))


def measure_heads(probabilities: Mapping[str, np.ndarray], labels: np.ndarray, result: str) -> EachHead:
    """Count what each head got right.

    Args:
        probabilities: name -> (N, K) float.
        labels: (N,) int.
        result: the name of the head that the model predicts with.

    Raises:
        InputError: no head has that name.
    """
    if result not in probabilities:
        raise InputError(f"There is no head {result!r}.", expected=f"one of {', '.join(probabilities)}.")
    own = [rows for name, rows in probabilities.items() if name != FUSED]
    shares = percentages(_confidence(own, labels))
    return EachHead(result, tuple(_one(name, rows, labels) for name, rows in probabilities.items()), shares)


def results_text(each: EachHead, images: int, project: str, experiment: str) -> str:
    """The published results file, line by line, under names that say what the figures are; its last line is the result.

    [Evaluation Results], project and experiment, samples, four blanks and a metric a line in percent, and the one that
    counts. The published file ends with the best of all its figures instead, chosen on the images that it is of.
    """
    metrics = {
        f"{head.name}-top-{k}": round(100 * share, 3)
        for head in each.heads
        for k, share in ((1, head.top1), (3, head.top3))
    }
    metrics |= each.by_confidence
    head = f"[Evaluation Results]\nProject: {project}, Experiment: {experiment}\nSamples: {images}\n\n"
    lines = "".join(f"    {name} {value}%\n" for name, value in metrics.items())
    name = f"{each.result}-top-1"
    return f"{head}{lines}\nRESULT: {name} {metrics[name]}%\n"


def _one(name: str, probabilities: np.ndarray, labels: np.ndarray) -> OneHead:
    before = classes_before(probabilities, labels)
    top1, top3, top5 = (int((before < k).sum()) for k in (1, 3, 5))
    count = len(labels)
    return OneHead(name, top1 / count, wilson_interval(top1, count), top3 / count, top5 / count)


def _confidence(heads: list[np.ndarray], labels: np.ndarray) -> Iterator[Hits]:
    for start in range(0, len(labels), _ROWS):
        rows = slice(start, start + _ROWS)
        yield confidence_hits(np.stack([head[rows] for head in heads], axis=1), labels[rows])
