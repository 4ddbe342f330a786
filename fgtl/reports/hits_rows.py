"""How often regions hit what people annotated, beside boxes that know nothing: as plain values, text and CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fgtl.console import table
from fgtl.reports.figures import shorten

ALL_PARTS, OBJECT, DECIDING, PART, TRAIT = "all parts", "object", "deciding part", "part", "trait"
METHODS = ("regions", "random", "other", "centre")
# A difference of the regions -> to what.
GAINS = {"gain": "random", "gain_over_other": "other"}
_COLUMNS = ("kind", "name", "level", "k", "images", "points")


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % interval over images."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} ({100 * self.low:.1f} to {100 * self.high:.1f})"


@dataclass(frozen=True)
class HitRow:
    """One question, and how the regions and the baselines answer it.

    Attributes:
        kind: ALL_PARTS, OBJECT or DECIDING; PART or TRAIT, of the one called `name`.
        name: of the part, or of the trait that decides.
        level: whose regions, ranked among themselves; "" of all levels together.
        k: the best k boxes of each image.
        images: that have such a point, or object.
        points: visible part points; of OBJECT boxes, of DECIDING and TRAIT images.
        regions, random, other, centre: share that is hit, by the regions; by random boxes of equal size, the mean of
            the draws; by another image's regions, their mean; by boxes of equal size in the centre.
        gain, gain_over_other: regions minus random, and minus another image's, on the same images, with its interval.
            There is no other image of a single one.
    """

    kind: str
    name: str
    level: str
    k: int
    images: int
    points: int
    regions: Rate
    random: Rate
    other: Rate | None
    centre: Rate
    gain: Rate
    gain_over_other: Rate | None


@dataclass(frozen=True)
class HitsTable:
    """All questions.

    Attributes:
        facts: names and values for people: the regions' source, images, boxes.
        ks: the k that were asked for.
        levels: names of the levels that have rows of their own; none of regions of a single level.
        rows: of all levels first.
        curve: hit@k of all parts, k -> share of each of METHODS; without those that are missing.
        notes: sentences on what is not there.
    """

    facts: tuple[tuple[str, str], ...]
    ks: tuple[int, ...]
    levels: tuple[str, ...]
    rows: tuple[HitRow, ...]
    curve: tuple[tuple[int, dict[str, float]], ...]
    notes: tuple[str, ...] = ()

    def of(self, *kinds: str, level: str = "") -> list[HitRow]:
        """The rows of some kinds, of one level."""
        return [row for row in self.rows if row.kind in kinds and row.level == level]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        values = {**asdict(self), "facts": dict(self.facts)}
        return {"schema": 1, **values, "curve": [{"k": k, **shares} for k, shares in self.curve]}


SUMMARY_HEADER = ("hit", "level", "k", "regions", "random", "another image's", "centre", "more than another's")


def summary_cells(found: HitsTable) -> list[list[str]]:
    """The rows of all parts, objects and deciding parts, of all levels; percent with 95 % intervals."""
    cells = []
    for row in found.rows:
        if row.kind in (PART, TRAIT):
            continue
        asked = (row.kind, row.level or "all", str(row.k))
        other, gain = ("" if row.other is None else str(row.other)), _signed(row.gain_over_other)
        cells.append([*asked, str(row.regions), str(row.random), other, f"{100 * row.centre.value:.1f}", gain])
    return cells


def named_cells(found: HitsTable, kind: str) -> list[list[str]]:
    """Header and rows: a line a part (or trait), for each k the regions' share and in brackets the random one."""
    rows = found.of(kind)
    ks = sorted({row.k for row in rows})
    lines = [[kind, "images", *(f"hit@{k} (random)" for k in ks)]]
    for name in dict.fromkeys(row.name for row in rows):
        own = [row for row in rows if row.name == name]
        shares = [f"{100 * row.regions.value:.1f} ({100 * row.random.value:.1f})" for row in own]
        lines.append([shorten(name), f"{own[0].images:,}", *shares])
    return lines


def as_text(found: HitsTable) -> str:
    """The tables that `fgtl hits` prints."""
    parts = [table(list(SUMMARY_HEADER), summary_cells(found))]
    for kind in (PART, TRAIT):
        header, *rows = named_cells(found, kind)
        if rows:
            parts.append(table(header, rows))
    return "\n\n".join([*parts, *found.notes, HOW])


HOW = (
    "Percent, with 95 % intervals: bootstrap over images. Random: boxes of the same sizes anywhere in the image. Another "
    "image's: the regions of another image, which have the same arrangement, without overlap, and the same liking for "
    "the middle: only what the regions hit beyond them is due to the image."
)


def as_csv(found: HitsTable) -> str:
    """One line a row, with a header; shares as fractions."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rates: Sequence[str] = (*METHODS, *GAINS)
    writer.writerow([*_COLUMNS, *(f"{name}{end}" for name in rates for end in ("", "_low", "_high"))])
    for row in found.rows:
        line = [getattr(row, name) for name in _COLUMNS]
        for name in rates:
            rate: Rate | None = getattr(row, name)
            line += ["", "", ""] if rate is None else [rate.value, rate.low, rate.high]
        writer.writerow(line)
    return text.getvalue()


def _signed(rate: Rate | None) -> str:
    if rate is None:
        return ""
    return f"{100 * rate.value:+.1f} ({100 * rate.low:+.1f} to {100 * rate.high:+.1f})"
