"""Which source classes to pre-train on for given targets: each target chooses some, and the union is taken.

The paper ranks a target's source classes one by one (Cui et al. 2018, section 4.2): a class alone is a domain of one
point, all of whose mass must go to the target's classes, so its earth mover's distance has a closed form.
`fgtl.analysis.marginal_greedy` grows the set by its own distance instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError

_TIE = 1e-11


@dataclass(frozen=True, eq=False)
class Choice:
    """The source classes that one target chose, the first first.

    Attributes:
        target: its name.
        classes: (k,) int64, positions of the source classes.
        distances: (k,) the distance of each alone from the target.
        sizes, emd: sizes of the growing set, and its earth mover's distance from the target at each of them.
    """

    target: str
    classes: NDArray[np.int64]
    distances: NDArray[np.float64]
    sizes: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    emd: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @property
    def nearest_size(self) -> int:
        """The size at which the set is nearest to the target, of those where it was measured; the smaller of equal ones."""
        return int(self.sizes[self.emd.argmin()])


def distances_alone(cost_mn: NDArray[np.float64], target_weights_n: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m,) earth mover's distance of each source class alone: sum_j q_j d_ij, q the target weights divided by their sum.

    Raises:
        InputError: the shapes do not fit each other, or the weights are not positive.
    """
    if cost_mn.ndim != 2 or target_weights_n.shape != cost_mn.shape[1:] or not (target_weights_n > 0).all():
        raise InputError(
            f"costs {cost_mn.shape}, weights {target_weights_n.shape}.", expected="(m, n) and n weights > 0."
        )
    return cost_mn @ (target_weights_n / target_weights_n.sum())


def nearest_classes(cost_mn: NDArray[np.float64], target_weights_n: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Positions of the k source classes that are nearest to the target alone, nearest first, ties by position.

    Args:
        cost_mn: (m, n) distances of source class means from target class means.
        target_weights_n: (n,) images of the target classes.
        k: how many, 1 to m.

    Raises:
        InputError: k is out of range, or see `distances_alone`.

    Cost: m n.
    """
    check_size(k, len(cost_mn))
    alone = distances_alone(cost_mn, target_weights_n)
    order = np.argsort(alone, kind="stable")
    # Sums of equal numbers may differ in the last digit, and ties must be ties.
    runs = np.cumsum(np.diff(alone[order], prepend=alone[order[0]]) > tie_of(cost_mn))
    return order[np.lexsort((order, runs))][:k].astype(np.int64)


def tie_of(cost_mn: NDArray[np.float64]) -> float:
    """Distances closer than this are equal: what sums and the transport solver get wrong, with a margin."""
    return _TIE * float(cost_mn.max())


def check_size(k: int, classes: int) -> None:
    """Raise InputError unless k classes can be chosen."""
    if not 1 <= k <= classes:
        raise InputError(f"k is {k:,}.", expected=f"1 to {classes:,}, as there are {classes:,} source classes.")


def union_of(choices: Sequence[Choice]) -> NDArray[np.int64]:
    """Positions of the classes that any target chose, sorted, each once."""
    return np.unique(np.concatenate([choice.classes for choice in choices]))
