"""Body plans: proportions, posture and colours of each family, in units of the body's length."""

from dataclasses import dataclass
from typing import Any

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Mark:
    """A patch of plumage that all classes of a family wear.

    Attributes:
        frame: "head" or "body": the local frame of `outline`.
        outline: a few points of a closed smooth curve.
        colour: key of the palette.
        softness: blur of its edge, body lengths.
    """

    frame: str
    outline: tuple[tuple[float, float], ...]
    colour: str
    softness: float = 0.02


@dataclass(frozen=True)
class Plan:
    """Proportions and colours. Lengths in body lengths, angles in degrees; pairs are the range of individuals.

    Attributes:
        stance: "perch", "ground", "shore", "trunk" or "water": what carries the bird and which scene fits.
        pitch: angle of the body's axis over the horizontal.
        depth: half the body's depth.
        head: radius of the head.
        neck: length of the neck; `neck_rise` its angle over the horizontal.
        beak: length and depth of the beak, in head radii; `beak_shape` one of beaks.OUTLINES.
        wing: length of the folded wing.
        tail: length and half-width of the tail; `tail_drop` its angle below the body's axis.
        leg: length of the visible leg; `leg_width` its thickness.
        palette: colour of each region.
        marks: patches that are drawn in order over the regions.
    """

    stance: str
    pitch: tuple[float, float]
    depth: float
    head: float
    neck: float
    neck_rise: tuple[float, float]
    beak: tuple[float, float]
    beak_shape: str
    wing: float
    tail: tuple[float, float]
    tail_drop: float
    leg: float
    leg_width: float
    palette: dict[str, Colour]
    marks: tuple[Mark, ...] = ()
    eye: float = 0.17
    scaly: float = 0.25
    streaky: float = 0.0


def _palette(**colours: Colour) -> dict[str, Any]:
    """A palette with the regions that a family does not name filled from their neighbours."""
    filled = dict(colours)
    for region, source in (
        ("crown", "mantle"), ("face", "crown"), ("nape", "mantle"), ("throat", "breast"), ("belly", "breast"),
        ("flank", "belly"), ("vent", "belly"), ("rump", "mantle"), ("wing", "mantle"), ("tail", "wing"),
            ("cover", "wing"),
    ):  # fmt: skip
        filled.setdefault(region, filled[source])
    return filled


EYE_LINE = (
    (1.0, -0.02),
    (0.55, 0.16),
    (0.2, 0.24),
    (-0.35, 0.26),
    (-0.6, 0.16),
    (-0.3, 0.10),
    (0.25, 0.06),
    (0.7, -0.06),
)
BROW = ((0.95, 0.16), (0.55, 0.40), (0.1, 0.50), (-0.45, 0.46), (-0.7, 0.32), (-0.3, 0.33), (0.25, 0.32), (0.7, 0.16))
MASK = ((1.0, 0.12), (0.6, 0.32), (0.2, 0.40), (-0.3, 0.34), (-0.75, 0.08), (-0.5, -0.12), (0.1, -0.10), (0.7, -0.12))

PLANS = {
    "Warbler": Plan(
        stance="perch", pitch=(8, 34), depth=0.300, head=0.245, neck=0.16, neck_rise=(38, 66),
        beak=(0.62, 0.30), beak_shape="thin", wing=0.86, tail=(0.56, 0.085), tail_drop=8, leg=0.26, leg_width=0.034,
        palette=_palette(
            mantle=(124, 128, 62), crown=(112, 118, 60), face=(168, 164, 62), breast=(228, 198, 52), belly=(238, 224,
                120),
            vent=(240, 236, 190), wing=(84, 88, 80), cover=(98, 104, 82), edge=(160, 160, 110), tail=(86, 90, 78),
            beak=(66, 58, 54), leg=(106, 84, 72), eye=(28, 20, 16), line=(70, 72, 44), brow=(232, 210, 84),
        ),
        marks=(Mark("head", BROW, "brow", 0.014), Mark("head", EYE_LINE, "line", 0.012)),
        eye=0.165, scaly=0.12,
    ),
    "Teal": Plan(
        stance="water", pitch=(0, 9), depth=0.255, head=0.178, neck=0.30, neck_rise=(54, 84),
        beak=(1.36, 0.52), beak_shape="spatula", wing=0.78, tail=(0.26, 0.075), tail_drop=-14, leg=0.0, leg_width=0.0,
        palette=_palette(
            mantle=(112, 96, 80), crown=(38, 74, 58), face=(30, 82, 62), nape=(34, 70, 56), throat=(28, 70, 56),
            breast=(122, 66, 44), belly=(186, 182, 174), flank=(178, 174, 166), vent=(44, 40, 38), rump=(46, 42, 40),
            wing=(128, 114, 98), cover=(140, 128, 112), edge=(196, 186, 168), tail=(206, 200, 190), collar=(238, 236,
                228),
            beak=(150, 140, 60), leg=(220, 120, 40), eye=(20, 14, 12), speculum=(48, 84, 160),
        ),
        marks=(), eye=0.14, scaly=0.28,
    ),
    "Thrush": Plan(
        stance="ground", pitch=(24, 48), depth=0.285, head=0.215, neck=0.21, neck_rise=(48, 76),
        beak=(0.74, 0.32), beak_shape="stout", wing=0.84, tail=(0.56, 0.085), tail_drop=10, leg=0.36, leg_width=0.036,
        palette=_palette(
            mantle=(122, 90, 60), crown=(126, 90, 58), face=(160, 128, 96), nape=(120, 90, 62), throat=(236, 224, 200),
            breast=(234, 216, 182), belly=(240, 236, 226), flank=(220, 200, 168), wing=(110, 80, 52), cover=(120, 88,
                58),
            edge=(160, 128, 92), tail=(112, 78, 48), beak=(86, 70, 54), leg=(186, 150, 124), eye=(26, 18, 14),
            ring=(226, 210, 180), moustache=(96, 72, 50),
        ),
        marks=(
            Mark("head", ((0.8, -0.34), (0.3, -0.42), (-0.15, -0.66), (-0.3, -0.98), (-0.1, -0.9), (0.2, -0.6),
                (0.7, -0.45)), "moustache", 0.014),
            Mark("head", ((0.5, 0.17), (0.24, 0.45), (-0.04, 0.17), (0.23, -0.10)), "ring", 0.008),
        ),
        eye=0.165, scaly=0.14,
    ),
    "Woodpecker": Plan(
        stance="trunk", pitch=(64, 84), depth=0.245, head=0.215, neck=0.19, neck_rise=(66, 92),
        beak=(1.0, 0.36), beak_shape="chisel", wing=0.84, tail=(0.46, 0.08), tail_drop=24, leg=0.07, leg_width=0.04,
        palette=_palette(
            mantle=(38, 36, 40), crown=(38, 36, 40), face=(236, 232, 222), nape=(36, 34, 38), throat=(232, 226, 214),
            breast=(226, 216, 198), belly=(222, 208, 190), vent=(196, 84, 66), wing=(40, 38, 42), cover=(44, 42, 46),
            edge=(96, 94, 96), tail=(36, 34, 36), beak=(84, 82, 84), leg=(104, 100, 96), eye=(24, 14, 12),
            black=(34, 32, 36), bars=(232, 230, 224),
        ),
        marks=(
            Mark("head", ((0.85, -0.26), (0.35, -0.32), (-0.2, -0.44), (-0.7, -0.9), (-0.45, -1.05), (0.0, -0.68),
                (0.5, -0.5)), "black", 0.012),
        ),
        eye=0.155, scaly=0.08,
    ),
    "Sandpiper": Plan(
        stance="shore", pitch=(2, 20), depth=0.245, head=0.160, neck=0.25, neck_rise=(46, 80),
        beak=(1.9, 0.24), beak_shape="long", wing=0.88, tail=(0.30, 0.07), tail_drop=6, leg=0.60, leg_width=0.027,
        palette=_palette(
            mantle=(132, 118, 100), crown=(124, 108, 90), face=(196, 184, 166), nape=(148, 134, 116), throat=(234,
                228, 218),
            breast=(206, 194, 176), belly=(244, 242, 236), wing=(122, 108, 92), cover=(136, 122, 104), edge=(222, 210,
                188),
            tail=(140, 126, 110), beak=(52, 46, 44), leg=(120, 110, 70), eye=(22, 16, 14), line=(96, 82, 68),
                brow=(238, 232, 220),
        ),
        marks=(Mark("head", BROW, "brow", 0.012), Mark("head", EYE_LINE, "line", 0.010)),
        eye=0.16, scaly=0.55, streaky=0.5,
    ),
    "Flycatcher": Plan(
        stance="perch", pitch=(34, 58), depth=0.255, head=0.220, neck=0.18, neck_rise=(56, 84),
        beak=(0.66, 0.34), beak_shape="hooked", wing=0.84, tail=(0.80, 0.095), tail_drop=12, leg=0.20, leg_width=0.032,
        palette=_palette(
            mantle=(142, 150, 160), crown=(132, 140, 152), face=(150, 156, 164), nape=(140, 148, 158), throat=(242,
                240, 236),
            breast=(236, 228, 220), belly=(240, 226, 212), flank=(232, 180, 150), wing=(62, 62, 68), cover=(84, 86, 94),
            edge=(170, 174, 180), tail=(50, 50, 56), beak=(40, 38, 40), leg=(52, 48, 48), eye=(18, 12, 12), mask=(38,
                38, 44),
        ),
        marks=(Mark("head", MASK, "mask", 0.012),),
        eye=0.16, scaly=0.10,
    ),
    "Vireo": Plan(
        stance="perch", pitch=(4, 30), depth=0.290, head=0.265, neck=0.15, neck_rise=(40, 68),
        beak=(0.60, 0.36), beak_shape="hooked", wing=0.82, tail=(0.50, 0.08), tail_drop=6, leg=0.24, leg_width=0.036,
        palette=_palette(
            mantle=(104, 122, 96), crown=(104, 112, 116), face=(120, 126, 126), nape=(106, 116, 114), throat=(240,
                238, 232),
            breast=(236, 234, 224), belly=(242, 240, 232), flank=(206, 208, 130), wing=(78, 86, 76), cover=(88, 98, 82),
            edge=(156, 166, 122), tail=(80, 88, 78), beak=(70, 72, 78), leg=(92, 98, 112), eye=(26, 18, 16),
        ),
        eye=0.175, scaly=0.12,
    ),
    "Sparrow": Plan(
        stance="ground", pitch=(12, 36), depth=0.310, head=0.240, neck=0.15, neck_rise=(38, 64),
        beak=(0.58, 0.52), beak_shape="cone", wing=0.80, tail=(0.52, 0.08), tail_drop=4, leg=0.26, leg_width=0.036,
        palette=_palette(
            mantle=(146, 112, 80), crown=(140, 82, 52), face=(178, 164, 146), nape=(160, 138, 112), throat=(196, 182,
                160),
            breast=(196, 182, 160), belly=(222, 212, 196), flank=(190, 166, 136), wing=(116, 86, 60), cover=(136, 98,
                66),
            edge=(206, 176, 134), tail=(110, 84, 62), beak=(92, 84, 80), leg=(188, 146, 122), eye=(24, 16, 12),
            line=(92, 60, 42), brow=(216, 204, 182),
        ),
        marks=(Mark("head", BROW, "brow", 0.014), Mark("head", EYE_LINE, "line", 0.012)),
        eye=0.155, scaly=0.30, streaky=1.0,
    ),
}  # fmt: skip
