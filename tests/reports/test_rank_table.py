"""A ranking's order, places, tables and picture."""

import csv
import io
import json

import pytest

from fgtl.reports.figures import to_png
from fgtl.reports.rank_page import as_html
from fgtl.reports.rank_plots import score_panels
from fgtl.reports.rank_table import Agreement, Column, Ranking, as_csv, as_text, names_of

AGREES = Agreement(0.5, None, None, 0.333, 3)
COLUMNS = (
    Column("logme", "LogME", (0.1, 0.3, 0.2), agreement=AGREES, about="About LogME."),
    Column("emd", "EMD", (7.0, 9.0, None), higher=False, agreement=Agreement(1.0, None, None, None, 2)),
)
RANKING = Ranking("pre-trained models", "birds", 1500, 50, ("a", "b <x>", "c"), ("64-d",) * 3, COLUMNS, "logme")
MEASURED = Ranking(
    **{**RANKING.__dict__, "measured": (0.5, 0.7, 0.6), "measured_where": "top-1", "notes": ("A note.",)}
)


def test_the_order_is_by_the_chosen_score_and_a_distance_counts_down() -> None:
    assert RANKING.order == [1, 2, 0]
    assert Ranking(**{**RANKING.__dict__, "by": "emd"}).order == [0, 1, 2]
    assert COLUMNS[1].places == (1, 2, None)
    assert Column("x", "X", (2.0, 2.0, 1.0)).places == (1, 1, 3)


def test_a_place_that_differs_from_the_row_stands_behind_the_value() -> None:
    lines = as_text(RANKING).splitlines()
    assert lines[1].split() == ["1.", "b", "<x>", "64-d", "0.3", "9", "(2)"]
    assert lines[2].split() == ["2.", "c", "64-d", "0.2"]


def test_agreements_stand_best_first_with_their_notes() -> None:
    text = as_text(MEASURED)
    below = [line.split() for line in text.split("\n\n")[1].splitlines()]
    assert [line[:2] for line in below[1:3]] == [["EMD", "+1.000"], ["LogME", "+0.500"]]
    assert text.endswith("A note.")


def test_csv_and_json_have_every_value_best_first() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(MEASURED))))
    assert [(row["place"], row["name"], row["emd"], row["measured"]) for row in rows] == [
        ("1", "b <x>", "9.0", "0.7"),
        ("2", "c", "", "0.6"),
        ("3", "a", "7.0", "0.5"),
    ]
    facts = json.loads(json.dumps(MEASURED.as_dict(), allow_nan=False))
    assert facts["candidates"][1]["scores"] == {"logme": 0.2, "emd": None}
    assert facts["agreement"]["logme"]["tau"] == 0.5


@pytest.mark.parametrize("ranking", [RANKING, MEASURED])
def test_the_page_holds_names_as_text_and_the_picture(ranking: Ranking) -> None:
    page = as_html(ranking)
    assert "b &lt;x&gt;" in page and "<x>" not in page and page.count("<svg") == 1
    assert ("Agreement with top-1" in page) == bool(ranking.measured)
    assert to_png(score_panels(ranking), dpi=30).startswith(b"\x89PNG")


def test_names_that_come_twice_are_numbered() -> None:
    assert names_of(["a", "b", "a"]) == ("a #1", "b", "a #2")
