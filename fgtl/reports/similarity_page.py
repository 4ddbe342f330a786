"""One self-contained page of domain similarities: bars, table, what feeds what, and which classes are far away."""

from dataclasses import dataclass

from markupsafe import Markup

from fgtl.errors import DataError
from fgtl.reports.examples import jpeg_uri
from fgtl.reports.figures import to_svg
from fgtl.reports.pages import environment
from fgtl.reports.similarity_bars import similarity_bars
from fgtl.reports.similarity_flows import Pictures, flow_figure, shown_flows
from fgtl.reports.similarity_rows import Flows, SimilarityTable
from fgtl.reports.similarity_text import cells, left_out, tie_sentences

_TILE = 150


@dataclass(frozen=True)
class Reached:
    """A target class, the source class that feeds it most, and the mean distance of all that goes there."""

    target_class: str
    source_class: str
    target_image: str
    source_image: str
    reach: float


@dataclass(frozen=True)
class Panel:
    """What a target's most similar source gives it."""

    flows: Flows
    picture: Markup
    nearest: tuple[Reached, ...]
    farthest: tuple[Reached, ...]


def as_html(similarities: SimilarityTable, pictures: Pictures) -> str:
    """The page as text; it loads nothing and runs nothing.

    Args:
        similarities: the table.
        pictures: images of the classes of `shown_flows`, as far as they are at hand; may be empty.
    """
    header, rows = cells(similarities)
    return (
        environment()
        .get_template("similarity.html")
        .render(
            similarities=similarities,
            bars=to_svg(similarity_bars(similarities), "Similarity of each source to each target"),
            header=header,
            rows=rows,
            ties=tie_sentences(similarities),
            left_out=left_out(similarities),
            panels=[_panel(flows, pictures) for flows in shown_flows(similarities)],
        )
    )


def _panel(flows: Flows, pictures: Pictures) -> Panel:
    about = f"The largest flows from classes of {flows.source} to classes of {flows.target}"
    picture = to_svg(flow_figure(flows, pictures), about)
    return Panel(flows, picture, _reached(flows, "nearest", pictures), _reached(flows, "farthest", pictures))


def _reached(flows: Flows, which: str, pictures: Pictures) -> tuple[Reached, ...]:
    return tuple(
        Reached(
            target_class=flow.target_class,
            source_class=flow.source_class,
            target_image=_uri(pictures.get(("target", flows.target, flow.target_place))),
            source_image=_uri(pictures.get(("source", flows.source, flow.source_place))),
            reach=distance,
        )
        for distance, flow in getattr(flows, which)
    )


def _uri(image: bytes | None) -> str:
    try:
        return jpeg_uri(image, _TILE) if image else ""
    except (DataError, OSError):
        return ""
