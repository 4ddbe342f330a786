"""How bad the mistakes are where the classes stand in a taxonomy: a wrong species of the right genus is half right."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fgtl.errors import InputError

Path = tuple[str, ...]


@dataclass(frozen=True)
class Level:
    """A depth of the taxonomy: its groups, and the share of images whose group was recognised."""

    depth: int
    groups: int
    accuracy: float


@dataclass(frozen=True)
class HierarchyResult:
    """Accuracy at each level, and how high one must climb from a wrong answer to meet the true class.

    Attributes:
        levels: from the root down; the last is the classes themselves, so its accuracy is top-1.
        height: of the whole taxonomy, the largest distance there can be.
        mistake_height: mean over the mistakes of the height of the lowest common ancestor of the true and the
            predicted class ("hierarchical distance of a mistake", Bertinetto et al. 2020); None without mistakes.
        mean_height: the same over all images, a right answer counting 0.
        paths: of the K classes, to count other images by; empty in evaluations of before these were kept.
    """

    levels: tuple[Level, ...]
    height: int
    mistake_height: float | None
    mean_height: float
    paths: tuple[Path, ...] = field(default=(), repr=False)

    def on(self, confusion: np.ndarray) -> "HierarchyResult | None":
        """The same taxonomy with another confusion matrix (K, K); None where the paths were not kept."""
        return Taxonomy(self.paths).evaluate(confusion) if self.paths else None

    def lines(self) -> list[tuple[str, str, str]]:
        """(name, value, note) of each figure, for the table that `fgtl evaluate` prints."""
        rows = [
            (f"level {one.depth} accuracy", f"{one.accuracy:.6f}", f"{one.groups:,} groups") for one in self.levels[:-1]
        ]
        mistake = "-" if self.mistake_height is None else f"{self.mistake_height:.4f}"
        note = f"height of the lowest common ancestor, of {self.height}; {self.mean_height:.4f} over all images"
        return [*rows, ("distance of mistakes", mistake, note)]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "HierarchyResult":
        """The inverse of `dataclasses.asdict`, also after JSON."""
        levels = tuple(Level(**one) for one in values["levels"])
        paths = tuple(tuple(path) for path in values.get("paths", ()))
        return cls(**(values | {"levels": levels, "paths": paths}))


class Taxonomy:
    """Where each class stands.

    A node is a path of names from the root; its height is the number of steps down to the deepest class below it. A
    class that shares its path with another, or that has classes below it, gets a leaf of its own there.

    Args:
        paths: K paths of names from the root to the class.

    Raises:
        InputError: a class without a path.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        if not paths or not all(paths):
            raise InputError("A class has no place in the taxonomy.", expected="a path of names for each class.")
        self._given = tuple(tuple(path) for path in paths)
        self._paths = _with_own_leaves(self._given)
        self.depth = max(map(len, self._paths))
        # (K, depth) int: which node each class is below at each depth; a short path stays at its leaf.
        self._nodes = np.stack([self._numbered(depth) for depth in range(1, self.depth + 1)], axis=1)
        self._heights = self._heights_above()

    def height_of_common(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """(M,) int: height of the lowest common ancestor of classes `one` and `other`, both (M,) int; 0 of equal ones."""
        shared = self._agreement(one, other).sum(axis=1)
        return self._heights[one, shared]

    def evaluate(self, confusion: np.ndarray) -> HierarchyResult:
        """The figures of an evaluation.

        Args:
            confusion: (K, K) int, row = true class.

        Raises:
            InputError: another number of classes.
        """
        if confusion.shape != (len(self._paths),) * 2:
            raise InputError(
                f"confusion has shape {confusion.shape}.", expected=f"{len(self._paths)} classes, as the taxonomy."
            )
        true, predicted = np.nonzero(confusion)
        images = confusion[true, predicted]
        heights = self.height_of_common(true, predicted)
        right = self._agreement(true, predicted)
        total, climbed = int(images.sum()), int((images * heights).sum())
        wrong = int(images[true != predicted].sum())
        groups = [len(np.unique(self._nodes[:, depth])) for depth in range(self.depth)]
        levels = (
            Level(depth + 1, groups[depth], float((images * right[:, depth]).sum() / total))
            for depth in range(self.depth)
            # A root that all share tells nothing.
            if groups[depth] > 1
        )
        return HierarchyResult(
            levels=tuple(levels),
            # Of the deepest node that all classes are below.
            height=int(self._heights[0, groups.count(1)]),
            mistake_height=climbed / wrong if wrong else None,
            mean_height=climbed / total,
            paths=self._given,
        )

    def _agreement(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """(M, depth) bool: whether both are below the same node at each depth."""
        return self._nodes[one] == self._nodes[other]

    def _numbered(self, depth: int) -> np.ndarray:
        numbers: dict[Path, int] = {}
        return np.array([numbers.setdefault(path[:depth], len(numbers)) for path in self._paths])

    def _heights_above(self) -> np.ndarray:
        """(K, depth + 1) int: height of the ancestor of each class at depth 0, 1, ..., depth."""
        deepest: dict[Path, int] = {}
        for path in self._paths:
            for depth in range(len(path) + 1):
                deepest[path[:depth]] = max(deepest.get(path[:depth], 0), len(path))
        return np.array(
            [[deepest[path[:depth]] - min(depth, len(path)) for depth in range(self.depth + 1)] for path in self._paths]
        )


def _with_own_leaves(paths: Sequence[Path]) -> list[Path]:
    crowded = {path[:depth] for path in paths for depth in range(len(path))}
    crowded |= {path for path, times in Counter(paths).items() if times > 1}
    return [(*path, f"class {label}") if path in crowded else path for label, path in enumerate(paths)]
