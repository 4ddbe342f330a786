"""The table of hits as text, CSV, JSON, picture and page."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from fgtl.reports.figures import to_png
from fgtl.reports.hits_page import as_html
from fgtl.reports.hits_pictures import HitPicture, Marked
from fgtl.reports.hits_plots import curves, part_panels
from fgtl.reports.hits_rows import ALL_PARTS, DECIDING, OBJECT, PART, TRAIT, HitRow, HitsTable, Rate, as_csv, as_text


def row(kind: str, name: str = "", level: str = "", k: int = 4, other: bool = True) -> HitRow:
    regions, random, gain = Rate(0.625, 0.6, 0.65), Rate(0.3, 0.28, 0.31), Rate(0.325, 0.3, 0.35)
    rest = (Rate(0.4, 0.3, 0.5), Rate(0.1, 0.0, 0.2), gain, Rate(0.225, -0.01, 0.3))
    if not other:
        rest = (None, *rest[1:3], None)
    return HitRow(kind, name, level, k, 1200, 9000, regions, random, *rest)


@pytest.fixture
def found() -> HitsTable:
    rows = (row(ALL_PARTS), row(OBJECT), row(DECIDING), row(PART, "left eye <b>"), row(TRAIT, "wing"))
    curve = tuple((k, {"regions": k / 5, "random": k / 9, "other": k / 8, "centre": 0.1}) for k in (1, 2, 4))
    return HitsTable(
        (("Regions", "plugin"), ("Images", "1,200")),
        (4,),
        ("p5",),
        (*rows, row(ALL_PARTS, level="p5")),
        curve,
        ("A note.",),
    )


def test_the_text_has_shares_in_percent_with_intervals(found: HitsTable) -> None:
    text = as_text(found)
    assert "62.5 (60.0 to 65.0)" in text and "+22.5 (-1.0 to +30.0)" in text
    assert "62.5 (30.0)" in text  # part by part: random in brackets
    assert "A note." in text
    levels = [line.split()[2] for line in text.splitlines() if line.startswith("all parts")]
    assert levels == ["all", "p5"]


def test_a_single_image_leaves_the_columns_of_another_one_empty(found: HitsTable) -> None:
    text = as_text(HitsTable(found.facts, (4,), (), (row(ALL_PARTS, other=False),), found.curve))
    assert text.splitlines()[1].rstrip().endswith("10.0")


def test_csv_has_a_line_a_row_with_fractions(found: HitsTable) -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert len(lines) == 6
    assert float(lines[0]["regions"]) == 0.625 and float(lines[0]["gain_over_other_low"]) == -0.01
    assert lines[3]["name"] == "left eye <b>" and lines[5]["level"] == "p5"


def test_json_says_the_same(found: HitsTable) -> None:
    values = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert values["schema"] == 1 and values["rows"][0]["regions"] == {"value": 0.625, "low": 0.6, "high": 0.65}
    assert values["curve"][1] == {"k": 2, "regions": 0.4, "random": pytest.approx(2 / 9), "other": 0.25, "centre": 0.1}


def test_the_pictures_can_be_drawn_with_and_without_another_image(found: HitsTable) -> None:
    alone = HitsTable(found.facts, (4,), (), (row(OBJECT, other=False),), ())
    for figure in (part_panels(found), part_panels(alone), curves(found)):
        with Image.open(io.BytesIO(to_png(figure))) as picture:
            assert min(picture.size) > 100


def test_the_page_escapes_names_and_stands_alone(found: HitsTable) -> None:
    out = io.BytesIO()
    Image.new("RGB", (80, 60), (90, 120, 60)).save(out, "JPEG")
    marked = Marked(np.array([[0, 0, 20, 20]], np.float32), np.array([[5.0, 5.0]]), np.array([True]), np.array([True]))
    pictures = [
        HitPicture(data, "Gull <script>", "id 7", (60, 80), marked, marked) for data in (out.getvalue(), b"damaged")
    ]
    page = as_html(found, pictures, "birds & more")
    assert "birds &amp; more" in page and "<script>" not in page and "left eye &lt;b&gt;" in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
    assert page.count("data:image/jpeg") == 2 and page.count("no picture") == 2
    assert "1 of 1 parts hit, the deciding one too" in page


def test_the_page_of_objects_alone_has_no_part_figures(found: HitsTable) -> None:
    alone = HitsTable(found.facts, (4,), (), (row(OBJECT),), ())
    page = as_html(alone, [], "birds")
    assert "Boxes on the object" in page and "Visible parts hit" not in page and "<h2>Pictures" not in page
