"""Pictures of hits: a line for each question with regions and baselines on it, and hit@k over k."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from fgtl.reports.figures import BAD, GOOD, INK, MUTED, PALE, percent_axis, shorten, single_axes, styled
from fgtl.reports.hits_rows import ALL_PARTS, DECIDING, OBJECT, PART, TRAIT, HitRow, HitsTable

# Told apart by their marks as well as by their colours.
_LOOKS = {
    "regions": ("o", GOOD, "regions"),
    "random": ("s", BAD, "random boxes"),
    "other": ("D", MUTED, "another image's"),
    "centre": ("x", PALE, "centre"),
}


@styled
def part_panels(found: HitsTable) -> Figure:
    """A panel for each k: every part is a line; the strokes are 95 % intervals. Without parts the object is."""
    rows = found.of(ALL_PARTS, DECIDING, PART, TRAIT) or found.of(OBJECT)
    ks = sorted({row.k for row in rows})
    names = list(dict.fromkeys(_name(row) for row in rows))
    figure = Figure(figsize=(2.2 + 2.5 * len(ks), 1.2 + 0.27 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(ks), sharey=True, squeeze=False)[0]
    for axes, k in zip(panels, ks, strict=True):
        for row in rows:
            if row.k == k:
                _line(axes, len(names) - names.index(_name(row)), row)
        axes.set_title(f"hit@{k}", color=INK, fontsize=10, loc="left")
        axes.set_yticks(range(len(names), 0, -1), [shorten(name, 30) for name in names], color=INK)
        axes.set(ylim=(0.4, len(names) + 0.6), xlim=(0, None))
        axes.margins(x=0.08)
        axes.xaxis.set_major_locator(MaxNLocator(4, prune="upper"))
        percent_axis(axes.xaxis)
        axes.grid()
        axes.tick_params(axis="both", length=0)
        axes.spines[:].set_visible(False)
    handles, labels = _legend(panels[0])
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


@styled
def curves(found: HitsTable) -> Figure:
    """Part hit@k of the regions and of the baselines over k, on a scale of powers of two."""
    figure, axes = single_axes(7.2, 3.4)
    ks = [k for k, _ in found.curve]
    for name, (mark, colour, text) in _LOOKS.items():
        if name in found.curve[0][1]:
            shares = [one[name] for _, one in found.curve]
            axes.plot(ks, shares, marker=mark, markersize=5, color=colour, label=text)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(ks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(ks, [f"{k:,}" for k in ks])
    axes.set_xlabel("k, best boxes of each image")
    axes.set_ylabel("visible parts that are hit")
    axes.set_ylim(bottom=0)
    percent_axis(axes.yaxis)
    axes.grid()
    axes.legend()
    return figure


def _name(row: HitRow) -> str:
    return f"{row.name} decides" if row.kind == TRAIT else row.name or row.kind


def _line(axes: Axes, height: int, row: HitRow) -> None:
    for name, (mark, colour, _) in reversed(_LOOKS.items()):
        rate = getattr(row, name)
        if rate is None:
            continue
        if name in ("regions", "random"):
            axes.plot([rate.low, rate.high], [height, height], color=colour, linewidth=1.4)
        size = 6.5 if name == "regions" else 4.5
        axes.plot([rate.value], [height], mark, color=colour, markersize=size, label=name, clip_on=False)


def _legend(axes: Axes) -> tuple[list, list[str]]:
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    shown = [name for name in _LOOKS if name in handles]
    return [handles[name] for name in shown], [_LOOKS[name][2] for name in shown]
