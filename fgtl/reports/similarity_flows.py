"""Flow picture: the largest flows from source classes to target classes, with an image of each class."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from fgtl.errors import DataError
from fgtl.reports.contact_sheet import small_picture
from fgtl.reports.figures import BAD, GOOD, INK, MUTED, PALE, shorten, styled
from fgtl.reports.headline import percent
from fgtl.reports.similarity_rows import Flow, Flows, SimilarityTable

# ("source" or "target", name of a domain, place of a class in it) -> an encoded image of the class. A domain that is both
# may have fewer classes as a source.
Pictures = Mapping[tuple[str, str, int], bytes]
_SIDES = ("source", "target")

# Inches. A class needs the height of its picture, or of its name.
_WIDTH, _LEFT, _RIGHT, _BAR = 9.6, 3.4, 6.2, 0.09
_SLOT, _SLOT_WITHOUT, _SIDE, _TOP = 0.62, 0.3, 0.54, 0.62
_PIXELS = 96


def shown_flows(similarities: SimilarityTable) -> list[Flows]:
    """The plans that get a picture: of each target that of its most similar source, other than itself if it can be."""
    best: dict[str, Flows] = {}
    for one in similarities.flows:
        if one.target not in best or not best[one.target].emd:
            best[one.target] = one
    return list(best.values())


@styled
def flow_figure(flows: Flows, pictures: Pictures) -> Figure:
    """Ribbons as thick as the mass that they carry, blue where they are shorter than the EMD, else vermilion."""
    sides = (_masses(flows.largest, "source_place"), _masses(flows.largest, "target_place"))
    slot = _SLOT if pictures else _SLOT_WITHOUT
    # The thickest class fills its slot.
    scale = 0.9 * slot / max(max(masses.values()) for masses in sides)
    height = _TOP + slot * max(map(len, sides)) + 0.1
    figure = Figure(figsize=(_WIDTH, height))
    # In SVG each picture stays one of its own, with its own pixels.
    figure.suppressComposite = True
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, _WIDTH), ylim=(height, 0))
    axes.axis("off")
    rights = sorted(sides[1], key=lambda place: -sides[1][place])
    middles = [_middles(rights, slot, height)]
    # A source class stands at the height of what it feeds, so that few ribbons cross.
    lefts = sorted(sides[0], key=lambda place: _pull(place, flows.largest, middles[0]))
    middles.insert(0, _middles(lefts, slot, height))
    _ribbons(axes, flows, middles, sides, scale)
    names = (
        {flow.source_place: flow.source_class for flow in flows.largest},
        {flow.target_place: flow.target_class for flow in flows.largest},
    )
    for side, (domain, x) in enumerate(((flows.source, _LEFT), (flows.target, _RIGHT))):
        for place, middle in middles[side].items():
            thick = sides[side][place] * scale
            axes.fill_between(
                [x - _BAR, x] if not side else [x, x + _BAR], middle - thick / 2, middle + thick / 2, color=PALE
            )
            image = pictures.get((_SIDES[side], domain, place))
            _label(axes, side, middle, names[side][place], image, bool(pictures))
        edge, align = ((_LEFT, "right"), (_RIGHT, "left"))[side]
        axes.text(edge, 0.2, shorten(domain, 40), ha=align, va="center", fontsize=11, fontweight="bold", color=INK)
        there = f"{flows.shown_classes[side]:,} of {flows.classes[side]:,} classes"
        axes.text(edge, 0.42, there, ha=align, va="center", fontsize=9, color=MUTED)
    carried = f"{len(flows.largest):,} of {flows.count:,} flows,\n{percent(flows.shown)} of all mass"
    axes.text((_LEFT + _RIGHT) / 2, 0.31, carried, ha="center", va="center", fontsize=9, color=MUTED)
    return figure


def _masses(flows: Sequence[Flow], side: str) -> dict[int, float]:
    found: dict[int, float] = {}
    for flow in flows:
        place = getattr(flow, side)
        found[place] = found.get(place, 0.0) + flow.mass
    return found


def _middles(places: Sequence[int], slot: float, height: float) -> dict[int, float]:
    spare = height - _TOP - 0.1 - slot * len(places)
    return {place: _TOP + spare / 2 + slot * (number + 0.5) for number, place in enumerate(places)}


def _pull(place: int, flows: Sequence[Flow], middles: Mapping[int, float]) -> float:
    own = [flow for flow in flows if flow.source_place == place]
    return float(np.average([middles[flow.target_place] for flow in own], weights=[flow.mass for flow in own]))


def _ribbons(
    axes: Axes,
    flows: Flows,
    middles: Sequence[Mapping[int, float]],
    sides: Sequence[Mapping[int, float]],
    scale: float,
) -> None:
    tops = [{place: middles[s][place] - sides[s][place] * scale / 2 for place in middles[s]} for s in (0, 1)]
    order = sorted(flows.largest, key=lambda flow: (middles[0][flow.source_place], middles[1][flow.target_place]))
    starts = {}
    for flow in order:
        starts[flow] = tops[0][flow.source_place]
        tops[0][flow.source_place] += flow.mass * scale
    for flow in sorted(flows.largest, key=lambda flow: (middles[1][flow.target_place], middles[0][flow.source_place])):
        thick, start, end = flow.mass * scale, starts[flow], tops[1][flow.target_place]
        tops[1][flow.target_place] += thick
        half = (_LEFT + _RIGHT) / 2
        points = [(_LEFT, start), (half, start), (half, end), (_RIGHT, end)]
        back = [(_RIGHT, end + thick), (half, end + thick), (half, start + thick), (_LEFT, start + thick)]
        codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3]
        colour = GOOD if flow.distance <= flows.emd else BAD
        axes.add_patch(PathPatch(Path([*points, *back], codes), facecolor=colour, edgecolor="none", alpha=0.5))


def _label(axes: Axes, side: int, middle: float, name: str, image: bytes | None, with_pictures: bool) -> None:
    sign = 1 if side else -1
    edge = (_RIGHT if side else _LEFT) + sign * (_BAR + 0.06)
    if with_pictures:
        near, far = sorted((edge, edge + sign * _SIDE))
        try:
            shown = np.asarray(small_picture(image, _PIXELS)) if image else None
        except DataError:
            shown = None
        if shown is None:
            axes.fill_between([near, far], middle - _SIDE / 2, middle + _SIDE / 2, color=PALE, alpha=0.3, linewidth=0)
        else:
            # The whole picture, in its own proportions.
            tall, wide = (size / max(shown.shape[:2]) * _SIDE / 2 for size in shown.shape[:2])
            centre = (near + far) / 2
            axes.imshow(
                shown,
                extent=(centre - wide, centre + wide, middle + tall, middle - tall),
                aspect="auto",
                interpolation="none",
            )
        edge += sign * _SIDE
    axes.text(
        edge + sign * 0.08,
        middle,
        shorten(name, 34),
        ha="left" if side else "right",
        va="center",
        fontsize=10.5,
        color=INK,
    )
