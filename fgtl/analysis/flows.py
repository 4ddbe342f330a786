"""Which source classes feed which target classes: a transport plan in the words of its largest flows."""

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.domain import Domain
from fgtl.analysis.emd import Transport
from fgtl.reports.similarity_rows import Flow, Flows

LARGEST, ENDS = 16, 5
# Masses are sums and differences of shares: those that are equal differ in their last digits.
_DECIMALS = 12


def reach(plan: Transport, classes: int) -> NDArray[np.float64]:
    """(k,) mean distance of what arrives at each target class: sum_i f_ij d_ij / q_j.

    Weighted by the classes' shares it is the EMD, so it says which classes the distance comes from.
    """
    arrived = np.bincount(plan.cols, plan.mass, classes)
    return np.bincount(plan.cols, plan.mass * plan.costs, classes) / arrived


def flows_of(plan: Transport, source: Domain, target: Domain, *, largest: int = LARGEST, ends: int = ENDS) -> Flows:
    """The largest flows, equal ones by their distance, and the target classes that are reached best and worst.

    Args:
        plan: of `emd(source, target)`.
        largest: how many flows.
        ends: how many target classes of each kind; of few classes fewer, so that none is both.
    """

    def flow(place: int) -> Flow:
        i, j = int(plan.rows[place]), int(plan.cols[place])
        mass, distance = float(plan.mass[place]), float(plan.costs[place])
        return Flow(source.class_names[i], target.class_names[j], i, j, mass, distance)

    # Where all classes have as many images most flows are equal: their order must not be that of the class numbers.
    by_mass = np.lexsort((plan.costs, -plan.mass.round(_DECIMALS)))
    # The first of each target class in this order is the largest flow into it.
    reached, first = np.unique(plan.cols[by_mass], return_index=True)
    into = dict(zip(reached.tolist(), by_mass[first].tolist(), strict=True))
    means = reach(plan, len(target))
    order = np.argsort(means, kind="stable").tolist()
    ends = min(ends, len(order) // 2)
    near, far = order[:ends], order[::-1][:ends]
    return Flows(
        target=target.name,
        source=source.name,
        emd=plan.distance,
        count=len(plan.mass),
        classes=(len(source), len(target)),
        largest=tuple(flow(place) for place in by_mass[:largest].tolist()),
        nearest=tuple((float(means[j]), flow(into[j])) for j in near),
        farthest=tuple((float(means[j]), flow(into[j])) for j in far),
    )
