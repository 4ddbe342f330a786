"""A comparison of runs for people and programs: text, CSV, a picture and one self-contained page."""

import csv
import io

import numpy as np
from matplotlib.figure import Figure

from fgtl.console import table
from fgtl.reports.compare import Comparison, Pair, Row
from fgtl.reports.figures import GOOD, INK, MUTED, percent_axis, shorten, single_axes, styled, to_svg
from fgtl.reports.headline import percent
from fgtl.reports.pages import environment

# Characters. Longer ones would push the figures off a terminal.
_WIDEST_SETTINGS = 60


def as_text(comparison: Comparison) -> str:
    """The tables that `fgtl compare` prints."""
    settings = {row.name: ", ".join(row.settings) for row in comparison.rows if row.settings}
    apart = any(len(line) > _WIDEST_SETTINGS for line in settings.values())
    header, *rows = _cells(comparison, settings=not apart)
    parts = [table(header, rows)]
    if apart:
        parts += [f"settings of {name}: {line}" for name, line in settings.items()]
    if comparison.pairs:
        parts.append(table(*_pair_cells(comparison)))
    return "\n\n".join([*parts, *comparison.notes, *filter(None, [_how_to_read(comparison), comparison.caution])])


def as_csv(comparison: Comparison) -> str:
    """One line a row, with a header; shares as fractions."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("name", "backbone", "head_name", "settings", "runs", "images", "top1", "low", "high", "top5", "mean_class")
    writer.writerow([*names, "head", "tail", "mistake_height"])
    for row in comparison.rows:
        figures = [row.images, row.top1, *row.interval, row.top5, row.mean_class]
        known = ["" if value is None else value for value in (row.head, row.tail, row.mistake_height)]
        settings = " ".join(row.settings)
        writer.writerow([row.name, row.backbone, row.head_name, settings, len(row.each), *figures, *known])
    return text.getvalue()


def as_html(comparison: Comparison) -> str:
    """The page as text; it loads nothing and runs nothing."""
    picture = to_svg(dot_plot(comparison), "Top-1 accuracy of the runs with 95 % intervals, best first")
    header, *rows = _cells(comparison)
    pair_header, pairs = _pair_cells(comparison)
    return (
        environment()
        .get_template("compare.html")
        .render(
            comparison=comparison,
            best=comparison.rows[0],
            picture=picture,
            header=header,
            rows=rows,
            pair_header=pair_header,
            pairs=pairs,
            how=_how_to_read(comparison),
        )
    )


@styled
def dot_plot(comparison: Comparison) -> Figure:
    """Top-1 accuracy of each row with its interval, best first; strokes are the seeds of a row."""
    figure, axes = single_axes(7.2, 1.1 + 0.42 * len(comparison.rows))
    places = np.arange(len(comparison.rows))[::-1]
    for place, row in zip(places, comparison.rows, strict=True):
        axes.plot(row.interval, [place, place], color=GOOD, linewidth=2.2, alpha=0.55)
        if len(row.each) > 1:
            axes.plot(row.each, np.full(len(row.each), place), "|", color=INK, markersize=11)
        axes.plot([row.top1], [place], "o", color=GOOD, markersize=8)
        axes.annotate(
            percent(row.top1),
            (max(row.interval[1], *row.each), place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )
    axes.axvline(comparison.rows[0].top1, color=MUTED, linewidth=1, linestyle=(0, (2, 3)), zorder=0)
    axes.set_yticks(places, [shorten(row.name, 44) for row in comparison.rows], color=INK)
    low, high = (pick(pick(row.interval) for row in comparison.rows) for pick in (min, max))
    margin = max(0.06 * (high - low), 0.002)
    # Room for the figures at the right.
    axes.set(xlim=(low - margin, high + margin + 0.14 * (high - low + 2 * margin)), ylim=(-0.6, len(places) - 0.4))
    axes.set_xlabel("top-1 accuracy, 95 % interval")
    percent_axis(axes.xaxis)
    axes.grid(axis="x")
    axes.tick_params(axis="both", length=0)
    axes.spines[:].set_visible(False)
    return figure


def _cells(comparison: Comparison, *, settings: bool = True) -> list[list[str]]:
    """Header and rows; a column that nobody fills is left out, and that of the settings where they are not wanted."""
    header = ["run", "backbone", "head", "settings", "runs", "top-1", "95 % interval", "top-5", "mean class"]
    header += ["head classes", "tail classes", "distance of mistakes"]
    rows = [_row_cells(row) for row in comparison.rows]
    left_out = () if settings else ("settings",)
    used = [place for place, name in enumerate(header) if name not in left_out and any(row[place] for row in rows)]
    return [[line[place] for place in used] for line in [header, *rows]]


def _row_cells(row: Row) -> list[str]:
    low, high = row.interval
    return [
        row.name,
        row.backbone,
        row.head_name,
        ", ".join(shorten(setting, 40) for setting in row.settings),
        str(len(row.each)),
        f"{row.top1:.4f}",
        f"{low:.4f} to {high:.4f}",
        f"{row.top5:.4f}",
        f"{row.mean_class:.4f}",
        *("" if value is None else f"{value:.4f}" for value in (row.head, row.tail, row.mistake_height)),
    ]


def _pair_cells(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    header = ["difference of", "to", "top-1", "95 % interval", "only the one", "only the other", "test", "p"]
    many = len(comparison.pairs) > 1
    rows = []
    for pair in comparison.pairs:
        low, high = pair.interval
        cells = [comparison.rows[pair.one].name, comparison.rows[pair.other].name]
        cells += [f"{pair.difference:+.4f}", f"{low:+.4f} to {high:+.4f}"]
        cells += ["" if count is None else f"{count:,}" for count in (pair.only_one, pair.only_other)]
        rows.append([*cells, pair.test, *(_p(pair, many))])
    return header + (["p, corrected"] if many else []), rows


def _p(pair: Pair, many: bool) -> list[str]:
    values = [pair.p, pair.corrected] if many else [pair.p]
    return ["" if value is None else "< 0.0001" if value < 0.0001 else f"{value:.4f}" for value in values]


def _how_to_read(comparison: Comparison) -> str:
    tests = {pair.test for pair in comparison.pairs}
    several = any(len(row.each) > 1 for row in comparison.rows)
    sentences = ["Intervals of one run: Wilson's, over images."]
    if several:
        sentences.append("Of several seeds: Student's of the mean, over trainings.")
    sentences.append("Intervals of differences: paired bootstrap over the images.")
    if "McNemar" in tests:
        sentences.append("McNemar: exact, two-sided, on the images that only one of two runs gets right.")
    if "Welch" in tests:
        sentences.append("Welch: t-test over the seeds.")
    if several and "" in tests:
        sentences.append("A single run and several seeds have no test: nobody knows how much the single one varies.")
    tested = sum(pair.p is not None for pair in comparison.pairs)
    if tested > 1:
        sentences.append(f"Corrected: Holm, for {tested} tests.")
    return " ".join(sentences)
