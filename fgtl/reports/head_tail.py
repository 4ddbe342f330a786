"""Accuracy of the classes with many training images and of those with few (Cui et al. 2018, section 3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fgtl.errors import InputError
from fgtl.reports.intervals import wilson_interval


@dataclass(frozen=True)
class Group:
    """The head or the tail. What has no images is None.

    Attributes:
        classes: how many belong to it, with or without images.
        classes_present: how many of them have images in the split.
        images, correct: in the split.
        accuracy: correct / images, with Wilson's 95 % interval.
        mean_class: mean recall of the classes present.
    """

    classes: int
    classes_present: int
    images: int
    correct: int
    accuracy: float | None
    interval: tuple[float, float] | None
    mean_class: float | None


@dataclass(frozen=True)
class HeadTail:
    """Both groups.

    Attributes:
        head_images: a class with at least so many training images belongs to the head.
        training: (K,) training images of each class.
        of_run: folder of the run whose training images these are; "" where it is the evaluated run itself.
    """

    head_images: int
    head: Group
    tail: Group
    training: tuple[int, ...]
    of_run: str = ""

    @property
    def are_both(self) -> bool:
        """Whether there are classes of either kind: where all are of one, its figures are those of all images."""
        return bool(self.head.classes and self.tail.classes)

    @property
    def untrained(self) -> int:
        """Classes of the tail without a single training image."""
        return sum(count == 0 for count in self.training)

    def on(self, confusion: np.ndarray) -> "HeadTail":
        """The same classes, counted in another confusion matrix (K, K)."""
        return replace(head_and_tail(confusion, self.training, self.head_images), of_run=self.of_run)

    def lines(self) -> list[tuple[str, str, str]]:
        """(name, value, note) of each group, for the table that `fgtl evaluate` prints."""
        bare = f", {self.untrained:,} of them without one" if self.untrained else ""
        source = f", of {self.of_run}" if self.of_run else ""
        return [
            self._line("head", f">= {self.head_images}", self.head, source),
            self._line("tail", f"< {self.head_images}", self.tail, bare),
        ]

    @staticmethod
    def _line(name: str, rule: str, group: Group, more: str = "") -> tuple[str, str, str]:
        value = "-" if group.accuracy is None else f"{group.accuracy:.6f}"
        of = f"{group.images:,} images of {group.classes_present:,} of {group.classes:,} classes"
        return f"{name} accuracy", value, f"{of} with {rule} training images{more}"

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "HeadTail":
        """The inverse of `dataclasses.asdict`, also after JSON."""
        head, tail = (
            Group(**(values[name] | {"interval": values[name]["interval"] and tuple(values[name]["interval"])}))
            for name in ("head", "tail")
        )
        return cls(int(values["head_images"]), head, tail, tuple(values["training"]), values.get("of_run", ""))


def head_and_tail(confusion: np.ndarray, training: Sequence[int], head_images: int) -> HeadTail:
    """Split the classes by their training images, and count each group's images once.

    Args:
        confusion: (K, K) int, row = true class.
        training: (K,) training images of each class.
        head_images: at least so many make a class part of the head.

    Raises:
        InputError: `training` has another length than there are classes.
    """
    if len(training) != len(confusion):
        raise InputError(
            f"training has {len(training)} counts for {len(confusion)} classes.", expected="one for each class."
        )
    head = np.asarray(training) >= head_images
    counts = tuple(int(count) for count in training)
    return HeadTail(head_images, _group(confusion, head), _group(confusion, ~head), counts)


def _group(confusion: np.ndarray, members: np.ndarray) -> Group:
    images, correct = confusion.sum(axis=1)[members], np.diag(confusion)[members]
    total, right, present = int(images.sum()), int(correct.sum()), images > 0
    return Group(
        classes=int(members.sum()),
        classes_present=int(present.sum()),
        images=total,
        correct=right,
        accuracy=right / total if total else None,
        interval=wilson_interval(right, total) if total else None,
        mean_class=float(np.mean(correct[present] / images[present])) if total else None,
    )
