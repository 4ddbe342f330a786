"""Earth mover's distances of any number of sources to targets, on their images and on resamples of these."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from fgtl.analysis.bootstrap import ImagesByClass, blocks
from fgtl.analysis.domain import Domain, at_least, domain_of, joined
from fgtl.analysis.emd import Transport, emd, transport
from fgtl.analysis.ground_distance import distances
from fgtl.analysis.similarity_knobs import SimilarityKnobs
from fgtl.data.pool import usable_cores
from fgtl.errors import InputError
from fgtl.features.feature_set import Features, FeatureSet

Resampled = tuple[NDArray[np.float32], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Collection:
    """Data sets that are one domain: one, or several joined with their raw counts. Features of one extractor.

    Attributes:
        name: for people.
        parts: the rows of each.
        sets: the feature set that each was taken from, for pictures of the classes; empty where there are none.
    """

    name: str
    parts: tuple[Features, ...]
    sets: tuple[FeatureSet, ...] = ()


@dataclass(frozen=True, eq=False)
class Measured:
    """Distances of all sources to all targets.

    Attributes:
        sources, targets: S and T domains.
        plans: [s][t], the optimal plan of each pair.
        resampled: (S, T, R) float64, EMD of each pair on each resample.
    """

    sources: tuple[Domain, ...]
    targets: tuple[Domain, ...]
    plans: tuple[tuple[Transport, ...], ...]
    resampled: NDArray[np.float64]


def measure(
    sources: Sequence[Collection],
    targets: Sequence[Collection],
    knobs: SimilarityKnobs,
    advance: Callable[[int], object] = lambda problems: None,
) -> Measured:
    """Exact EMD of every source to every target, on the images and on R resamples of them.

    A data set that takes part several times with the same classes is resampled once: differences between pairs that
    share it are differences on the same images, and a domain is at distance 0 from itself in every resample.

    Args:
        sources: S collections; classes with fewer than `knobs.min_images` images are left out.
        targets: T collections; all their classes stay.
        knobs: see `SimilarityKnobs`; `gamma` plays no part here.
        advance: called with 1 after each of the S * T * (1 + R) transport problems, from several threads.

    Raises:
        InputError, DataError, UsageError: see `domain_of`, `at_least` and `joined`.
        FgtlError: a plan is not optimal.

    Cost: R + 1 transport problems a pair, on all cores, and R / B passes over all features, where B resamples fit into
    512 MB. Memory: that, and for each core the means of a pair in float64 and some six matrices of its classes.
    """
    if not sources or not targets:
        raise InputError(f"{len(sources)} sources and {len(targets)} targets.", expected="one or more of each.")
    froms = tuple(at_least(_domain(one), knobs.min_images) for one in sources)
    tos = tuple(_domain(one) for one in targets)
    # The pool takes all cores; products that each take all of them too would wait for each other.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(usable_cores()) as pool:

        def exact(pair: tuple[int, ...]) -> Transport:
            found = emd(froms[pair[0]], tos[pair[1]], knobs.solver)
            advance(1)
            return found

        found = list(pool.map(exact, np.ndindex(len(froms), len(tos))))
        plans = tuple(tuple(found[row * len(tos) : (row + 1) * len(tos)]) for row in range(len(froms)))
        resampling = _Resampling([*sources, *targets], [*froms, *tos])
        resampled = np.empty((len(froms), len(tos), knobs.bootstrap))
        for block in blocks(knobs.bootstrap, resampling.populations):
            places = [(s, len(froms) + t) for s, t in np.ndindex(len(froms), len(tos))]
            values = resampling.emds(places, block, knobs, pool, advance)
            resampled[:, :, block.start : block.stop] = values.reshape(len(froms), len(tos), len(block))
    return Measured(froms, tos, plans, resampled)


def _domain(collection: Collection) -> Domain:
    parts = [domain_of(part, collection.name) for part in collection.parts]
    return joined(parts, collection.name) if len(parts) > 1 else parts[0]


class _Resampling:
    """What has to be resampled for some domains, each data set with the same classes once.

    Attributes:
        populations: the data sets, with those of their classes that a domain has.
    """

    def __init__(self, collections: Sequence[Collection], domains: Sequence[Domain]) -> None:
        self.populations: list[ImagesByClass] = []
        self._of_domain: list[list[int]] = []
        known: dict[tuple[int, bytes], int] = {}
        for collection, made in zip(collections, domains, strict=True):
            used = []
            for number, part in enumerate(collection.parts):
                labels = made.labels[made.parts == number]
                # All classes of a part may have been too small.
                if not len(labels):
                    continue
                key = (id(part), labels.tobytes())
                if key not in known:
                    known[key] = len(self.populations)
                    self.populations.append(ImagesByClass.of(part, labels))
                used.append(known[key])
            self._of_domain.append(used)

    def emds(
        self,
        pairs: Sequence[tuple[int, int]],
        block: range,
        knobs: SimilarityKnobs,
        pool: ThreadPoolExecutor,
        advance: Callable[[int], object],
    ) -> NDArray[np.float64]:
        """(P, B) distances of pairs of domains, by their numbers, in each resample of a block."""
        made = [one.resampled(one.draw(block, knobs.seed, k)) for k, one in enumerate(self.populations)]

        def again(place: tuple[tuple[int, int], int]) -> float:
            pair, r = place
            source, target = (self._domain(made, number, r) for number in pair)
            plan = transport(distances(source[0], target[0]), source[1], target[1], knobs.solver)
            advance(1)
            return plan.distance

        values = list(pool.map(again, product(pairs, range(len(block)))))
        return np.reshape(values, (len(pairs), len(block)))

    def _domain(
        self, made: Sequence[Resampled], number: int, r: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """(means, weights) of a domain in the `r`-th resample of a block; classes that it misses are left out."""
        used = [made[place] for place in self._of_domain[number]]
        weights = np.concatenate([sizes[r] for _, sizes in used])
        means = np.concatenate([means[r] for means, _ in used])
        return means[weights > 0], weights[weights > 0]
