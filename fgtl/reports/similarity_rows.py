"""What a table of domain similarities says: its rows, which of them chance may have ordered, and the largest flows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

Bounds = tuple[float, float]
_MANY_SINGLE = 0.1


@dataclass(frozen=True)
class DomainFacts:
    """A domain: its classes and their images, and what was left out of it.

    Attributes:
        single: classes that have a single image.
        without_images, too_few: classes left out because they have no image, or fewer than asked for.
    """

    name: str
    classes: int
    images: int
    single: int
    without_images: int
    too_few: int

    @property
    def has_many_single(self) -> bool:
        """Whether so many classes have a single image that the spread of its class means is not known."""
        return self.single >= _MANY_SINGLE * self.classes


@dataclass(frozen=True)
class Row:
    """A source and a target.

    Attributes:
        emd: earth mover's distance of the two.
        interval: 95 % interval of it over images; None without resamples.
        bias: how much of it comes from there being few images, by estimate; None without resamples.
        similarity: exp(-gamma EMD).
        similarity_interval: of it.
    """

    target: str
    source: str
    emd: float
    interval: Bounds | None
    bias: float | None
    similarity: float
    similarity_interval: Bounds | None


@dataclass(frozen=True)
class Tie:
    """Two sources whose order for a target may be chance.

    Attributes:
        difference: EMD of `other` minus that of `one`, the nearer one.
        interval: 95 %, over the same resamples of the target.
        bias: how much of the difference comes from unequal numbers of images, by estimate.
    """

    target: str
    one: str
    other: str
    difference: float
    interval: Bounds
    bias: float


@dataclass(frozen=True)
class Flow:
    """What goes from a source class to a target class: `mass` of a total of 1, over `distance`."""

    source_class: str
    target_class: str
    source_place: int
    target_place: int
    mass: float
    distance: float


@dataclass(frozen=True)
class Flows:
    """The plan of a source and a target: its largest flows, and the target classes it reaches best and worst.

    Attributes:
        count: flows of the whole plan.
        classes: of source and target.
        largest: some of them, the largest first, equal ones by their distance.
        nearest, farthest: of a few target classes the largest flow into each, and `reach`, the mean distance of all
            that goes there.
    """

    target: str
    source: str
    emd: float
    count: int
    classes: tuple[int, int]
    largest: tuple[Flow, ...]
    nearest: tuple[tuple[float, Flow], ...]
    farthest: tuple[tuple[float, Flow], ...]

    @property
    def shown(self) -> float:
        """The share of all mass that the largest flows carry."""
        return sum(flow.mass for flow in self.largest)

    @property
    def shown_classes(self) -> tuple[int, int]:
        """Of source and target, those that have a part in the largest flows."""
        return len({flow.source_place for flow in self.largest}), len({flow.target_place for flow in self.largest})


@dataclass(frozen=True)
class SimilarityTable:
    """All pairs, sorted by target and, within one, the most similar source first.

    Attributes:
        extractor: what made the features, for people; values of another one cannot be compared with these.
        gamma_words: what gamma was and why.
        ties: sources that cannot be told apart.
        notes: sentences about what to be careful with.
    """

    extractor: str
    split: str
    gamma: float
    gamma_words: str
    solver: str
    resamples: int
    seed: int
    sources: tuple[DomainFacts, ...]
    targets: tuple[DomainFacts, ...]
    rows: tuple[Row, ...]
    ties: tuple[Tie, ...]
    flows: tuple[Flows, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"schema": 1, **asdict(self)}

    def of_target(self, name: str) -> Sequence[Row]:
        """The rows of one target."""
        return [row for row in self.rows if row.target == name]
