"""The page of `fgtl hits`: tables, plots, and images with their best boxes beside random ones."""

from collections.abc import Sequence

from fgtl.reports.figures import to_svg
from fgtl.reports.headline import percent
from fgtl.reports.hits_pictures import MOST_BOXES, HitPicture, picture_uri
from fgtl.reports.hits_plots import curves, part_panels
from fgtl.reports.hits_rows import ALL_PARTS, DECIDING, HOW, OBJECT, SUMMARY_HEADER, HitsTable, summary_cells
from fgtl.reports.pages import environment

_TITLES = {ALL_PARTS: "Visible parts hit", OBJECT: "Boxes on the object", DECIDING: "Deciding part covered"}


def as_html(found: HitsTable, pictures: Sequence[HitPicture], name: str) -> str:
    """The page as text; it loads nothing and runs nothing. An image takes some 80 kB."""
    shown = [
        (
            one,
            [
                ("regions", one.picked, picture_uri(one, one.picked)),
                ("random", one.random, picture_uri(one, one.random)),
            ],
        )
        for one in pictures
    ]
    return (
        environment()
        .get_template("hits.html")
        .render(
            found=found,
            name=name,
            tiles=_tiles(found),
            panels=to_svg(part_panels(found), "Shares that are hit, by part and by k, beside random boxes"),
            curve=to_svg(curves(found), "Part hit at k over k") if len(found.curve) > 1 else "",
            header=SUMMARY_HEADER,
            rows=summary_cells(found),
            how=HOW,
            most=min(found.ks[-1], MOST_BOXES),
            shown=shown,
        )
    )


def _tiles(found: HitsTable) -> list[tuple[str, str, str]]:
    """Label, figure and note at the top: the largest k of each question, of objects the best box."""
    tiles = []
    for kind, title in _TITLES.items():
        rows = found.of(kind)
        if rows:
            row = rows[0] if kind == OBJECT else rows[-1]
            baselines = {"random": row.random, "another image's": row.other, "centre": row.centre}
            note = ", ".join(f"{name} {percent(rate.value)}" for name, rate in baselines.items() if rate)
            tiles.append((f"{title}, k\u00a0=\u00a0{row.k}", percent(row.regions.value), note))
    return tiles
