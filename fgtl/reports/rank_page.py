"""A ranking as one self-contained page."""

from fgtl.reports.figures import to_svg
from fgtl.reports.pages import environment
from fgtl.reports.rank_plots import score_panels
from fgtl.reports.rank_table import Ranking, agreement_cells, rank_cells
from fgtl.reports.rank_verdict import verdict


def as_html(ranking: Ranking) -> str:
    """The page as text; it loads nothing and runs nothing."""
    against = " against measured accuracies" if ranking.measured else ""
    picture = to_svg(score_panels(ranking), f"Scores of {len(ranking.names)} {ranking.what}{against}")
    header, rows = rank_cells(ranking)
    agreement_header, agreements = agreement_cells(ranking)
    return (
        environment()
        .get_template("rank.html")
        .render(
            ranking=ranking,
            verdict=verdict(ranking),
            picture=picture,
            header=header,
            rows=rows,
            agreement_header=agreement_header,
            agreements=agreements,
            about=[column.about for column in ranking.columns if column.about],
        )
    )
