"""The one look of all figures, and how they become SVG for the report or PNG for TensorBoard.

Figures are made without pyplot, so nothing is registered globally and nothing must be closed. In SVG the palette's
colours become CSS variables and text stays text: an inlined figure follows the page's light or dark theme and its
fonts, and a reader can search it.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter

# Meaning -> colour on white. Blue and vermilion differ for colour-blind readers and in grey print.
INK, MUTED, GRID, PAPER = "#15191e", "#5d6874", "#e4e7eb", "#fefefe"
GOOD, BAD, PALE = "#1b66b8", "#d1541c", "#9fb3c8"
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "card", GOOD: "good", BAD: "bad", PALE: "pale"}

_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": PAPER,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "fgtl",
    "text.color": INK,
    # A class name may hold dollar signs; it is never a formula.
    "text.parse_math": False,
    "xtick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.color": GRID,
    "ytick.labelcolor": MUTED,
}

_MOST_DIGITS = 4

Arguments = ParamSpec("Arguments")


@contextmanager
def _style() -> Iterator[None]:
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # A class name in a script that DejaVu lacks: the browser has a font for it; in a PNG a box is shown.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Decorator of functions that make a figure: they run under fgtl's style."""

    @wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with _style():
            return draw(*args, **kwargs)

    return drawn


def single_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of `width` x `height` inches with one axes and automatic margins."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


class _Percent(Formatter):
    """Shares as percentages, with the digits that the ticks of an axis need together and no more."""

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        ticks = 100 * np.asarray(values, np.float64)
        # Rounded ticks would be said to stand where they do not: 81.5, 82 and 82.5 as 82, 82 and 82.
        digits = next((d for d in range(_MOST_DIGITS) if np.allclose(ticks, ticks.round(d), 0, 1e-6)), _MOST_DIGITS)
        # Adding 0 makes a zero of a negative zero.
        return [f"{tick:.{digits}f} %" for tick in ticks.round(digits) + 0.0]

    def __call__(self, value: float, pos: int | None = None) -> str:
        return self.format_ticks([value])[0]


def percent_axis(axis: matplotlib.axis.Axis) -> None:
    """Write 0..1 as 0 %..100 %, with as many digits as the ticks have."""
    axis.set_major_formatter(_Percent())


def shorten(name: str, limit: int = 28) -> str:
    """At most `limit` characters in one line, an ellipsis in the middle: look-alikes often differ at the end.

    What cannot be drawn (control characters, bytes of a folder's name that are no text) becomes a question mark.
    """
    name = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in name)
    if len(name) <= limit:
        return name
    tail = (limit - 1) // 2
    return f"{name[: limit - 1 - tail].rstrip()}…{name[-tail:].lstrip()}"


def to_svg(figure: Figure, description: str) -> Markup:
    """SVG text to put into a page; `description` is what a screen reader says instead."""
    out = io.StringIO()
    with _style():
        metadata = {"Date": None, "Creator": None, "Format": None}
        figure.savefig(out, format="svg", facecolor="none", bbox_inches="tight", pad_inches=0.03, metadata=metadata)
    svg = out.getvalue()[out.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # Every figure numbers its groups alike; in one page that would be the same id many times, and nobody refers to them.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    # The page has this rule once, for all of them.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, flags=re.DOTALL)
    for colour, name in _VARIABLES.items():
        svg = re.sub(f"(fill|stroke): {colour}", rf"\1: var(--{name}, {colour})", svg)
    svg = svg.replace("font-family: 'DejaVu Sans'", "font-family: inherit")
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1))


def to_png(figure: Figure, dpi: int = 120) -> bytes:
    """PNG on white."""
    out = io.BytesIO()
    with _style():
        figure.savefig(out, format="png", dpi=dpi)
    return out.getvalue()
