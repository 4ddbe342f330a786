"""Which records a split expression means, and a validation part carved from train by hash."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from fgtl.errors import UsageError, did_you_mean


class Labelled(Protocol):
    """Images with labels and ids, of which some can be taken: records, or rows of features."""

    @property
    def labels(self) -> np.ndarray:
        """(N,) int."""

    @property
    def ids(self) -> np.ndarray:
        """(N,) unicode, each once."""

    def __len__(self) -> int: ...

    def take(self, rows: Any, /) -> Self:
        """Those at the given positions."""


LabelledT = TypeVar("LabelledT", bound=Labelled)

_TERM = re.compile(r"(?P<split>\w+)(?:\[(?P<low>[^:\]]*):(?P<high>[^:\]]*)\])?")
_BOUND = re.compile(r"(-?\d+)|(-?\d+(?:\.\d+)?)%")


def parse_expression(expression: str, counts: Mapping[str, int]) -> list[tuple[str, slice]]:
    """Take a split expression apart: terms joined by +, each a split or a slice of one.

    Bounds are record numbers or percentages, negative ones count from the end as in Python. A percentage is rounded
    down to a whole record, so `train[:90%]` and `train[90%:]` share none and miss none.

    Args:
        expression: "train", "train+validation", "train[:90%]", "train[10:20]".
        counts: the splits there are -> their records.

    Raises:
        UsageError: a split that is not there, or something else than the above.
    """
    terms = []
    for text in expression.split("+"):
        term = _TERM.fullmatch(text.strip())
        if term is None:
            raise UsageError(
                f"{expression!r} is not a split expression.",
                expected="such as train, train+validation, train[:90%] or train[10:20].",
            )
        split = term["split"]
        if split not in counts:
            raise UsageError(
                f"There is no split {split!r}.",
                expected=f"one of: {', '.join(counts)}.",
                fix=did_you_mean(split, counts),
            )
        low, high = (_bound(term[side], counts[split], expression) for side in ("low", "high"))
        terms.append((split, slice(low, high)))
    return terms


def hash_order(seed: int, purpose: str, ids: Iterable[str]) -> np.ndarray:
    """Positions of `ids` in an order that depends on (seed, purpose, id) only, not on how they were listed.

    Ids must differ. SHA-256 and not a random generator: the order is the same with every version of NumPy.

    Returns:
        (N,) int64, a permutation.
    """
    # surrogateescape: an id may be a file name that is not UTF-8.
    keys = [hashlib.sha256(f"{seed}/{purpose}/{name}".encode("utf-8", "surrogateescape")).digest() for name in ids]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)


def ranks_in_class(selection: Labelled, seed: int, purpose: str) -> tuple[np.ndarray, np.ndarray]:
    """Each image's place among those of its class, in the order of `hash_order`.

    Returns:
        ranks (N,) int64 from 0; and the images' classes (N,) int64, counted from 0 over those that have images.
    """
    order = hash_order(seed, purpose, selection.ids.tolist())
    by_class = order[np.argsort(selection.labels[order], kind="stable")]
    _, classes, sizes = np.unique(selection.labels, return_inverse=True, return_counts=True)
    ranks = np.empty(len(selection), np.int64)
    ranks[by_class] = np.arange(len(selection)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return ranks, classes


def carve_validation(train: LabelledT, fraction: float, seed: int) -> tuple[LabelledT, LabelledT]:
    """Part `train` into (train, validation), the same share of every class, by the hash of (seed, id).

    The validation part has round(fraction * N) images in all. Each class gives its share, rounded so that the total
    comes out (largest remainders first, smaller labels first among equals), but keeps at least one image for
    training. Both parts keep the order of `train`. A function of seed, ids and labels only.

    Raises:
        UsageError: `fraction` is not between 0 and 1, or so small that no image is carved.
    """
    if not 0 < fraction < 1:
        raise UsageError(f"The validation fraction is {fraction}.", expected="a number between 0 and 1.")
    sizes = np.unique(train.labels, return_counts=True)[1]
    shares = _shares(sizes, fraction)
    if not shares.sum():
        raise UsageError(
            f"A validation fraction of {fraction} of {len(train):,} images in {len(sizes):,} classes leaves none.",
            expected="at least one image; a class keeps at least one for training.",
            fix="Give a larger --validation_fraction, or name a --validation_split.",
        )
    ranks, classes = ranks_in_class(train, seed, "validation")
    carved = ranks < shares[classes]
    return train.take(np.flatnonzero(~carved)), train.take(np.flatnonzero(carved))


def _shares(sizes: np.ndarray, fraction: float) -> np.ndarray:
    """(C,) int64: images each class gives to validation."""
    exact = sizes * fraction
    shares = np.minimum(np.floor(exact).astype(np.int64), sizes - 1)
    missing = int(np.floor(sizes.sum() * fraction + 0.5)) - int(shares.sum())
    for place in np.argsort(-(exact - shares), kind="stable"):
        if missing > 0 and shares[place] < sizes[place] - 1:
            shares[place] += 1
            missing -= 1
    return shares


def _bound(text: str | None, count: int, expression: str) -> int | None:
    if not text:
        return None
    bound = _BOUND.fullmatch(text.strip())
    if bound is None:
        raise UsageError(f"{text!r} in {expression!r} is not a bound.", expected="a whole number, or one with %.")
    if bound[1]:
        return int(bound[1])
    place = Fraction(abs(Fraction(bound[2])), 100) * count
    return -int(place) or count if bound[2].startswith("-") else int(place)
