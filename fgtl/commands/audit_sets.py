"""The two sets that an audit compares: their features, hashes and pictures, as far as they are at hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fgtl.data.records import RecordSet
from fgtl.errors import UsageError
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.stored_images import records_of, stored_images

if TYPE_CHECKING:
    from fgtl.analysis.near_duplicates import Pair
    from fgtl.analysis.perceptual_hash import Hashes
    from fgtl.reports.audit_page import Repeats
    from fgtl.reports.photo_rows import Shown

HASH_RULE = "Hashes: at most {bits} of 64 bits differ, of the picture or its mirror image."
FEATURE_RULE = (
    "Features: each is the other's nearest neighbour, for one of them at most `ratio` times as far as the second nearest "
    "(0.70, less where different photographs often are) and for the other 0.85 times; and nearer than nine in ten of all "
    "second nearest. Some are one scene photographed twice."
)
COUNTED = {"copy": "equal files", "hash": "alike by hash", "features": "alike by features"}


@dataclass(frozen=True, eq=False)
class Audited:
    """A feature set with its record set; without one there are neither hashes nor pictures.

    Attributes:
        found: the feature set.
        records: the record set, or None.
        why_not: why there is none.
        hashes: of all its images.
    """

    found: FeatureSet
    records: RecordSet | None
    why_not: str
    hashes: "Hashes | None"

    @classmethod
    def open(cls, found: FeatureSet, records: Path | None, workers: int) -> "Audited":
        """Find the record set, and hash its images."""
        from fgtl.analysis.perceptual_hash import hashes_of

        try:
            home = records_of(found, records)
        except UsageError as error:
            if records is not None:
                raise
            return cls(found, None, str(error), None)
        return cls(found, home, "", hashes_of(home, workers))

    def shown(self, ids: Iterable[str]) -> "Photographs":
        """Pictures of some images."""
        return Photographs({} if self.records is None else stored_images(self.records, ids))


@dataclass(frozen=True)
class Photographs:
    """Image files by id."""

    images: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, part: Features, row: int) -> "Shown":
        """One row of a part, to draw."""
        from fgtl.reports.photo_rows import Shown

        id = str(part.ids[row])
        return Shown(self.images.get(id, b""), part.class_names[part.labels[row]], id)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two parts of feature sets and the photographs that they share.

    Attributes:
        names: what they are called.
        homes: where they come from.
        parts: their rows.
        pairs: rows of both.
        notes: what could not be compared, and how strict the comparison was.
        rules: how it was decided; the same sentences for every comparison of this kind.
    """

    names: tuple[str, str]
    homes: tuple[Audited, Audited]
    parts: tuple[Features, Features]
    pairs: "list[Pair]"
    notes: tuple[str, ...]
    rules: tuple[str, ...]

    @property
    def listed(self) -> list[str]:
        """Ids of the first set's photographs that are in the second too, in its order."""
        return [str(self.parts[0].ids[row]) for row in sorted(pair.one for pair in self.pairs)]

    def counts(self) -> tuple[tuple[str, int], ...]:
        """(what gave them away, how many)."""
        return tuple((text, sum(pair.kind == kind for pair in self.pairs)) for kind, text in COUNTED.items())

    def as_repeats(self, exclude: Path, most: int) -> "Repeats":
        """For the page."""
        from fgtl.reports.audit_page import Couple, Repeats

        shown = self.pairs[:most]
        one, other = (
            home.shown(str(part.ids[row]) for row in rows)
            for home, part, rows in zip(
                self.homes, self.parts, ([p.one for p in shown], [p.other for p in shown]), strict=True
            )
        )
        couples = tuple(
            Couple(one(self.parts[0], pair.one), other(self.parts[1], pair.other), self._evidence(pair))
            for pair in shown
        )
        return Repeats(*self.names, self.counts(), couples, len(self.pairs), self.notes, str(exclude))

    def _evidence(self, pair: "Pair") -> str:
        one, other = (
            part.class_names[part.labels[row]] for part, row in zip(self.parts, (pair.one, pair.other), strict=True)
        )
        said = [COUNTED[pair.kind]]
        if pair.mirrored:
            said.append("mirrored")
        if pair.bits is not None:
            said.append(f"hashes differ in {pair.bits} of 64 bits")
        if pair.similarity is not None:
            said.append(f"cosine {pair.similarity:.3f}")
        if self.homes[0].found.class_names == self.homes[1].found.class_names and one != other:
            said.append("the labels differ")
        return ", ".join(said)


def compare(one: Audited, other: Audited, parts: tuple[Features, Features], names: tuple[str, str]) -> Comparison:
    """Find the photographs that two parts share, by whatever can be compared.

    Raises:
        UsageError: nothing can be compared.
    """
    from fgtl.analysis.near_duplicates import SURE_BITS, Side, near_duplicates

    comparable = one.found.meta.extractor.key == other.found.meta.extractor.key
    hashed = one.hashes is not None and other.hashes is not None
    notes = []
    if not comparable:
        notes.append("The two feature sets are of different extractors: only hashes were compared.")
    for home in {one.found.folder: one, other.found.folder: other}.values():
        if home.records is None:
            notes.append(f"Only features were compared. {home.why_not}")
    if not comparable and not hashed:
        raise UsageError(
            "Neither features nor pictures of the two sets can be compared.",
            expected="feature sets of one extractor, or of record sets that are at hand (--records, --against_records).",
        )
    sides = [
        Side(part.features if comparable else None, home.hashes.take(part.ids) if hashed and home.hashes else None)
        for home, part in zip((one, other), parts, strict=True)
    ]
    pairs, ratio = near_duplicates(*sides)
    rules = [HASH_RULE.format(bits=SURE_BITS)] if hashed else []
    if ratio is not None:
        notes.append(f"Features: ratio {ratio:.2f}.")
        rules.append(FEATURE_RULE)
    return Comparison(names, (one, other), parts, pairs, tuple(notes), tuple(rules))


def examples_of(part: Features, label: int, but: int, count: int) -> Sequence[int]:
    """Rows of `count` photographs of a class, evenly spaced, without row `but`."""
    rows = np.flatnonzero(part.labels == label)
    rows = rows[rows != but]
    return rows[np.unique((np.arange(count) + 1) * len(rows) // (count + 1))].tolist() if len(rows) else []
