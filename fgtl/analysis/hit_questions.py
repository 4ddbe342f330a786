"""The questions that annotations allow: which part points, and which boxes, count for which."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.hit_tallies import Tally
from fgtl.regions.deciding import Deciding
from fgtl.regions.hits import first_hits, object_hits
from fgtl.regions.regions import Regions
from fgtl.regions.truth import Truth
from fgtl.reports.hits_rows import ALL_PARTS, DECIDING, OBJECT, PART, TRAIT

# Kind and name as in `HitRow`, and k.
Key = tuple[str, str, int]


class Questions:
    """What can be asked of N images.

    Args:
        truth: their annotations.
        deciding: by label, of a set that says which part decides.
    """

    def __init__(self, truth: Truth, deciding: Sequence[Deciding] | None) -> None:
        self._truth = truth
        self._visible = truth.visible
        self._with_object = np.flatnonzero(~np.isnan(truth.objects[..., 0]).all(axis=1))
        self._traits: dict[str, NDArray[np.bool_]] = {}
        self._deciding = deciding
        for label, one in enumerate(deciding or ()):
            if one.trait:
                columns = np.isin(truth.part_names, one.parts)
                chosen = self._traits.setdefault(one.trait, np.zeros_like(self._visible))
                chosen |= (truth.labels == label)[:, None] & columns & self._visible
        self._traits = {trait: chosen for trait, chosen in self._traits.items() if chosen.any()}

    def __bool__(self) -> bool:
        """Whether anything is annotated."""
        return bool(self._visible.any()) or len(self._with_object) > 0

    def tallies(self, regions: Regions, ks: Sequence[int]) -> dict[Key, Tally]:
        """The answers of one set of boxes of the same images, for each k; questions without a point are left out."""
        first = first_hits(regions, self._truth.points)
        found: dict[Key, Tally] = {}
        for k in ks:
            hit = first < k
            if self._visible.any():
                found[ALL_PARTS, "", k] = _all_of(hit, self._visible)
            if len(self._with_object):
                found[OBJECT, "", k] = self._objects(regions.best(k))
            if self._traits:
                anything = np.logical_or.reduce(list(self._traits.values()))
                found[DECIDING, "", k] = _any_of(hit, anything)
            for column, name in enumerate(self._truth.part_names):
                if self._visible[:, column].any():
                    own = slice(column, column + 1)
                    found[PART, name, k] = _all_of(hit[:, own], self._visible[:, own])
            for trait, chosen in self._traits.items():
                found[TRAIT, trait, k] = _any_of(hit, chosen)
        return found

    def _objects(self, regions: Regions) -> Tally:
        """Of the boxes of images with an object, those whose middle lies in it."""
        on_object = object_hits(regions, self._truth.objects).astype(float)
        hits = np.bincount(regions.images, on_object, len(regions.ids)).astype(float)
        points = np.zeros(len(regions.ids))
        points[self._with_object] = regions.counts[self._with_object]
        return Tally(hits, points)

    def notes(self) -> tuple[str, ...]:
        """What is not there."""
        said = []
        images = len(self._visible)
        if not self._visible.any():
            said.append("No part is annotated.")
        elif bare := int((~self._visible.any(axis=1)).sum()):
            said.append(f"{bare:,} of {images:,} images show no annotated part and count for none.")
        names = self._truth.part_names
        unseen = [name for column, name in enumerate(names) if not self._visible[:, column].any()]
        if unseen and len(unseen) < len(names):
            said.append(f"Visible in none of these images, and left out: {', '.join(unseen)}.")
        if len(self._with_object) < images:
            said.append(f"{images - len(self._with_object):,} of {images:,} images have no object box.")
        if self._deciding:
            alone = sum(not one.trait for one in self._deciding)
            hidden = images - int(
                np.logical_or.reduce([np.zeros_like(self._visible), *self._traits.values()]).any(1).sum()
            )
            said.append(
                "Deciding part: what tells a class from its look-alikes; one of its points is enough. "
                f"{hidden:,} of {images:,} images do not show it"
                + (f"; {alone} classes have no look-alike." if alone else ".")
            )
        return tuple(said)


def _all_of(hit: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> Tally:
    """Every chosen point counts."""
    return Tally((hit & chosen).sum(axis=1).astype(float), chosen.sum(axis=1).astype(float))


def _any_of(hit: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> Tally:
    """One point an image: whether any of the chosen ones is hit."""
    return Tally((hit & chosen).any(axis=1).astype(float), chosen.any(axis=1).astype(float))
