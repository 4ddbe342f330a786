"""Do regions hit the annotated parts and objects, more often than boxes that know nothing of the image?"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fgtl.analysis.hit_questions import Key, Questions
from fgtl.analysis.hit_tallies import Tally, rates_of
from fgtl.errors import UsageError
from fgtl.regions.baselines import centre_boxes, other_images_boxes, random_boxes
from fgtl.regions.deciding import Deciding
from fgtl.regions.hits import first_hits
from fgtl.regions.regions import FALLBACK, Regions
from fgtl.regions.truth import Truth
from fgtl.reports.hits_rows import ALL_PARTS, DECIDING, GAINS, METHODS, OBJECT, PART, TRAIT, HitRow, HitsTable, Rate


@dataclass(frozen=True)
class HitSettings:
    """What is measured.

    Attributes:
        ks: numbers of best boxes, ascending.
        draws: of random boxes, and of who exchanges regions with whom.
        seed: of the draws and of the resamples.
    """

    ks: tuple[int, ...]
    draws: int
    seed: int


def measure_hits(
    regions: Regions,
    truth: Truth,
    settings: HitSettings,
    deciding: Sequence[Deciding] | None = None,
    advance: Callable[[int], None] = lambda steps: None,
) -> HitsTable:
    """Hits of regions and of the baselines, over all levels and level by level.

    Args:
        regions: of N images.
        truth: of the same images.
        settings: what is measured.
        deciding: by label, of a set that says which part decides.
        advance: called with 1 after each of `steps_of` steps.

    Raises:
        UsageError: no regions, nothing annotated, or every k is larger than the regions of any image.

    Memory: 16 N bytes for each k, each question (of all parts, the object, each part ...) and each method and gain, of
    one level at a time, however many draws; and what `first_hits` and `rates_of` hold.
    """
    if not len(regions):
        raise UsageError("There is no region in these images.", expected="at least one.")
    asked_ks, notes = settings.ks, []
    settings = replace(settings, ks=tuple(k for k in settings.ks if k <= regions.most))
    if not settings.ks:
        raise UsageError(
            f"k is {asked_ks[0]:,} or more, but no image has more than {regions.most:,} regions.",
            expected="a smaller k.",
        )
    if settings.ks != asked_ks:
        left = ", ".join(f"{k:,}" for k in asked_ks if k > regions.most)
        notes.append(f"k = {left} is left out: no image has more than {regions.most:,} regions.")
    if bare := int((regions.counts == 0).sum()):
        notes.append(f"{bare:,} of {len(regions.ids):,} images have no region: their parts are missed.")
    asked = Questions(truth, deciding)
    if not asked:
        raise UsageError("These images have neither visible parts nor object boxes.", expected="annotated images.")
    names = [name for level, name in enumerate(regions.level_names) if (regions.levels == level).any()]
    levels = names if len(names) > 1 else []
    rows = _rows(regions, asked, settings, "", advance)
    for name in levels:
        rows += _rows(regions.of_level(regions.level_names.index(name)), asked, settings, name, advance)
    curve = _curve(regions, truth, settings) if truth.visible.any() else ()
    notes += asked.notes()
    return HitsTable(_facts(regions, settings), settings.ks, tuple(levels), tuple(rows), curve, tuple(notes))


def steps_of(regions: Regions, settings: HitSettings) -> int:
    """How often `measure_hits` advances."""
    levels = sum(bool((regions.levels == level).any()) for level in range(len(regions.level_names)))
    exchanged = settings.draws if len(regions.ids) > 1 else 0
    return (2 + settings.draws + exchanged) * (1 + (levels if levels > 1 else 0))


def _rows(
    regions: Regions, asked: Questions, settings: HitSettings, level: str, advance: Callable[[int], None]
) -> list[HitRow]:
    """Rows of one level; by part and trait only of all levels together."""
    ks = [k for k in settings.ks if k <= regions.most] or [regions.most]
    answers = _answers(regions.best(ks[-1]), asked, ks, settings, advance)
    keys = [key for key in answers["regions"] if not level or key[0] not in (PART, TRAIT)]
    keys = [key for key in keys if answers["regions"][key].points.any()]
    for gain, baseline in GAINS.items():
        if baseline in answers:
            answers[gain] = {key: _difference(answers["regions"][key], answers[baseline][key]) for key in keys}
    rates = {name: _rates(tallies, keys, settings.seed) for name, tallies in answers.items()}
    rows = []
    for kind, name, k in keys:
        points = answers["regions"][kind, name, k].points
        figures: dict[str, Any] = {method: rates.get(method, {}).get((kind, name, k)) for method in (*METHODS, *GAINS)}
        rows.append(HitRow(kind, name, level, k, int((points > 0).sum()), int(points.sum()), **figures))
    order = [ALL_PARTS, OBJECT, DECIDING, PART, TRAIT]
    return sorted(rows, key=lambda row: order.index(row.kind))


def _rates(tallies: Mapping[Key, Tally], keys: Sequence[Key], seed: int) -> dict[Key, Rate]:
    """Of the keys that have points: another image's regions may all be of images without an object."""
    keys = [key for key in keys if tallies[key].points.any()]
    return dict(zip(keys, rates_of([tallies[key] for key in keys], seed), strict=True))


def _answers(
    regions: Regions, asked: Questions, ks: Sequence[int], settings: HitSettings, advance: Callable[[int], None]
) -> dict[str, dict[Key, Tally]]:
    """Method -> its tallies."""

    def answer(boxes: Regions) -> dict[Key, Tally]:
        advance(1)
        return asked.tallies(boxes, ks)

    draws = range(settings.draws)
    # Drawn one by one: all of them at once would not fit in memory.
    answers = {"regions": answer(regions), "centre": answer(centre_boxes(regions))}
    answers["random"] = _mean(answer(random_boxes(regions, settings.seed, draw)) for draw in draws)
    if len(regions.ids) > 1:
        answers["other"] = _mean(answer(other_images_boxes(regions, settings.seed, draw)) for draw in draws)
    return answers


def _mean(drawn: Iterable[dict[Key, Tally]]) -> dict[Key, Tally]:
    """The mean of some draws, image by image. Of an image whose boxes differ in number between draws, both are means."""
    sums: dict[Key, Tally] = {}
    count = 0
    for one in drawn:
        count += 1
        sums = {key: tally.plus(sums[key]) if key in sums else tally for key, tally in one.items()}
    return {key: replace(total, hits=total.hits / count, points=total.points / count) for key, total in sums.items()}


def _difference(one: Tally, other: Tally) -> Tally:
    """Image by image; where the numbers of points differ (of boxes, of another image), hits are scaled to `one`'s."""
    scale = np.divide(one.points, other.points, out=np.zeros(len(one.points)), where=other.points > 0)
    return Tally(one.hits - scale * other.hits, one.points, signed=True)


def _curve(regions: Regions, truth: Truth, settings: HitSettings) -> tuple[tuple[int, dict[str, float]], ...]:
    """Part hit@k of each method, at 1, 2, 4 ... and the k asked for; of the first draw of random boxes."""
    most = settings.ks[-1]
    ks = sorted({*settings.ks, *(2**power for power in range(most.bit_length()))})
    best = regions.best(most)
    boxes = {"regions": best, "random": random_boxes(best, settings.seed), "centre": centre_boxes(best)}
    if len(regions.ids) > 1:
        boxes["other"] = other_images_boxes(best, settings.seed)
    first = {name: first_hits(boxes[name], truth.points) for name in METHODS if name in boxes}
    total = int(truth.visible.sum())
    return tuple((k, {name: float((ranks < k).sum() / total) for name, ranks in first.items()}) for k in ks)


def _facts(regions: Regions, settings: HitSettings) -> tuple[tuple[str, str], ...]:
    boxes, sizes = regions.boxes.astype(float), regions.sizes[regions.images].astype(float)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / sizes.prod(axis=1)
    fallback = int((regions.flags & FALLBACK > 0).sum())
    counts = regions.counts
    each = f"{counts.min():,}" if counts.min() == counts.max() else f"{counts.min():,} to {counts.max():,}"
    facts = [
        ("Regions", regions.source or "unknown source"),
        ("Images", f"{len(regions.ids):,}"),
        ("Boxes an image", each),
        ("Median box", f"{100 * np.median(area):.2g} % of the image"),
        ("Random draws", f"{settings.draws}"),
    ]
    if fallback:
        facts.append(("Fallbacks", f"{fallback:,} boxes"))
    return tuple(facts)
