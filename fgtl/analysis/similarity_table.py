"""Measured distances -> similarities with intervals, which sources chance may have ordered, and what to be careful with.

The definition is that of Cui et al. 2018, section 4.1: similarity = exp(-gamma EMD).
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.bootstrap import interval_of
from fgtl.analysis.domain import Domain
from fgtl.analysis.flows import flows_of
from fgtl.analysis.gamma import parse_gamma, similarity_of, spreading_gamma
from fgtl.analysis.similarity import Measured
from fgtl.analysis.similarity_knobs import SimilarityKnobs
from fgtl.reports.similarity_rows import DomainFacts, Row, SimilarityTable, Tie

# Similarities that all lie within this look alike in a table.
_BUNCHED = 0.05


def similarity_table(
    measured: Measured, knobs: SimilarityKnobs, *, extractor: str = "", split: str = ""
) -> SimilarityTable:
    """The table of all pairs, by target in the order given, the nearest source first.

    Args:
        measured: by `fgtl.analysis.similarity.measure`, with the same knobs.
        extractor, split: for people.

    Raises:
        InputError: gamma is neither "auto" nor a positive number.
    """
    emds = np.array([[plan.distance for plan in plans] for plans in measured.plans])
    gamma, words = _gamma(knobs.gamma, emds)
    places = [(int(s), t) for t in range(len(measured.targets)) for s in np.argsort(emds[:, t], kind="stable")]
    rows = tuple(_row(measured, s, t, gamma) for s, t in places)
    return SimilarityTable(
        extractor=extractor,
        split=split,
        gamma=gamma,
        gamma_words=words,
        solver=knobs.solver,
        resamples=measured.resampled.shape[2],
        seed=knobs.seed,
        sources=tuple(map(_facts, measured.sources)),
        targets=tuple(map(_facts, measured.targets)),
        rows=rows,
        ties=tuple(_ties(measured, emds)),
        flows=tuple(flows_of(measured.plans[s][t], measured.sources[s], measured.targets[t]) for s, t in places),
        notes=tuple(_notes(measured, rows, auto=knobs.gamma == "auto")),
    )


def _gamma(word: str, emds: NDArray[np.float64]) -> tuple[float, str]:
    """Its value, and why it is that."""
    if (given := parse_gamma(word)) is not None:
        return given, f"gamma {given:g}, as given"
    gamma = spreading_gamma(emds.ravel().tolist())
    found = emds[emds > 0]
    if not len(found):
        return gamma, f"gamma {gamma:g}: all distances are 0, so that every gamma gives similarity 1"
    near, far = found.min(), found.max()
    why = f"puts the nearest ({near:.4g}) and the farthest ({far:.4g}) pair of this table furthest apart"
    if near == far:
        why = f"is 1 / {near:.4g}, the only distance, whose similarity is then 0.368 by construction"
    return gamma, f"gamma {gamma:.4g} (auto) {why}; similarities of another table with another gamma cannot be compared"


def _row(measured: Measured, s: int, t: int, gamma: float) -> Row:
    distance = measured.plans[s][t].distance
    values = measured.resampled[s, t]
    interval = interval_of(distance, values) if len(values) else None
    bounds = (interval.low, interval.high) if interval else None
    return Row(
        target=measured.targets[t].name,
        source=measured.sources[s].name,
        emd=distance,
        interval=bounds,
        bias=interval.bias if interval else None,
        similarity=float(similarity_of(distance, gamma)),
        # A larger distance is a smaller similarity.
        similarity_interval=(float(similarity_of(bounds[1], gamma)), float(similarity_of(bounds[0], gamma)))
        if bounds
        else None,
    )


def _ties(measured: Measured, emds: NDArray[np.float64]) -> Iterator[Tie]:
    """Pairs of sources whose difference may be chance, or an effect of their numbers of images."""
    if not measured.resampled.shape[2]:
        return
    for t, target in enumerate(measured.targets):
        for near, far in combinations(np.argsort(emds[:, t], kind="stable").tolist(), 2):
            difference = float(emds[far, t] - emds[near, t])
            found = interval_of(difference, measured.resampled[far, t] - measured.resampled[near, t], floor=None)
            if found.low > 0 and found.low - found.bias > 0:
                continue
            names = (measured.sources[near].name, measured.sources[far].name)
            yield Tie(target.name, *names, difference, (found.low, found.high), found.bias)


def _facts(domain: Domain) -> DomainFacts:
    return DomainFacts(
        name=domain.name,
        classes=len(domain),
        images=round(domain.images),
        single=int(np.count_nonzero(domain.weights == 1)),
        without_images=domain.without_images,
        too_few=domain.too_few,
    )


def _notes(measured: Measured, rows: Sequence[Row], *, auto: bool) -> Iterator[str]:
    # A domain's similarity with itself is 1 at every gamma.
    values = [row.similarity for row in rows if row.emd]
    if not auto and len(values) > 1 and max(values) - min(values) < _BUNCHED:
        yield (
            f"All similarities lie within {max(values) - min(values):.3f}: this gamma does not suit these features. "
            "Read the EMDs, which order the pairs alike, or take --gamma auto."
        )
    both = sorted({one.name for one in measured.sources} & {one.name for one in measured.targets})
    if both:
        yield f"{', '.join(both)}: source and target at once; its distance from itself is 0."
    if not measured.resampled.shape[2]:
        return
    single = {one.name for one in map(_facts, (*measured.sources, *measured.targets)) if one.has_many_single}
    if single:
        yield (
            f"Many classes of {', '.join(sorted(single))} have a single image. How far one image is off its class nobody "
            "can tell: those distances are too large by an unknown amount and their intervals too narrow, so that they "
            "cannot be compared with those of data sets with more images a class."
        )
    biased = [row for row in rows if row.bias is not None and row.interval and row.bias > row.interval[1] - row.emd]
    if biased:
        most = max(biased, key=lambda row: (row.bias or 0) / row.emd if row.emd else 0)
        yield (
            "Means of few images are off their classes, which makes distances larger: by an estimated "
            f"{most.bias:.3g} of {most.emd:.4g} for {most.source} to {most.target}. The intervals are of distances "
            "measured with as many images as here."
        )
