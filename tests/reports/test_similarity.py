"""The table of similarities as text, CSV, bars, flows and a page."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fgtl.reports.figures import to_png
from fgtl.reports.similarity_bars import similarity_bars
from fgtl.reports.similarity_flows import flow_figure, shown_flows
from fgtl.reports.similarity_page import as_html
from fgtl.reports.similarity_rows import DomainFacts, Flow, Flows, Row, SimilarityTable, Tie
from fgtl.reports.similarity_text import as_csv, as_text


def facts(name: str, **more: int) -> DomainFacts:
    return DomainFacts(
        **{"name": name, "classes": 3, "images": 1200, "single": 0, "without_images": 0, "too_few": 0, **more}
    )


def flows(source: str, target: str) -> Flows:
    largest = tuple(
        Flow(
            f"{source} class {place % 3}", f"{target} class {place}", place % 3, place, 0.1 / (place + 1), 20.0 + place
        )
        for place in range(5)
    )
    return Flows(target, source, 22.0, 40, (7, 1200), largest, ((20.0, largest[0]),), ((24.0, largest[4]),))


@pytest.fixture
def table() -> SimilarityTable:
    pairs = [("birds", "wild", 20.0), ("birds", "things", 25.0), ("<cars>", "things", 30.0), ("<cars>", "wild", 31.0)]
    rows = [
        Row(target, source, emd, (emd - 1, emd + 1), 0.5, float(np.exp(-emd / 50)), (0.4, 0.7))
        for target, source, emd in pairs
    ]
    return SimilarityTable(
        extractor="mobilenet_v2 at 224 px",
        split="train",
        gamma=0.02,
        gamma_words="gamma 0.02, as given",
        solver="pot",
        resamples=200,
        seed=0,
        sources=(facts("wild", too_few=4), facts("things")),
        targets=(facts("birds", without_images=7), facts("<cars>")),
        rows=tuple(rows),
        ties=(Tie("<cars>", "things", "wild", 1.0, (-0.5, 2.5), 0.1),),
        flows=tuple(flows(source, target) for target, source, _ in pairs),
        notes=("Take care.",),
    )


def test_the_printed_table_has_everything(table: SimilarityTable) -> None:
    shown = as_text(table)
    first = shown.splitlines()[1].split()
    assert first[:2] == ["birds", "wild"] and "19 to 21" in shown and "1,200" in shown
    assert "<cars>: things and wild cannot be told apart (EMDs differ by 1, interval -0.5 to 2.5)." in shown
    assert "Classes of birds left out: 7 without images; 3 are left." in shown
    assert "Classes of wild left out: 4 with too few" in shown
    assert "Take care." in shown and "gamma 0.02" in shown


def test_an_order_that_unequal_numbers_may_have_made_is_said(table: SimilarityTable) -> None:
    tie = Tie("birds", "wild", "things", 5.0, (4.0, 6.0), 4.5)
    assert "of which 4.5 may come from unequal numbers" in as_text(replace(table, ties=(tie,)))
    assert "All sources of each target can be told apart" in as_text(replace(table, ties=()))


def test_single_images_separate_nothing(table: SimilarityTable) -> None:
    lonely = replace(table, ties=(), sources=(facts("wild", single=1), facts("things")))
    assert "told apart" not in as_text(lonely)


def test_without_resamples_no_interval_is_shown(table: SimilarityTable) -> None:
    rows = [replace(row, interval=None, bias=None, similarity_interval=None) for row in table.rows]
    bare = replace(table, rows=tuple(rows), resamples=0, ties=())
    assert "interval" not in as_text(bare) and "told apart" not in as_text(bare)
    assert next(csv.DictReader(io.StringIO(as_csv(bare))))["emd_low"] == ""
    (axes,) = similarity_bars(bare).axes
    assert axes.get_xlabel() == "similarity"
    assert "95 % interval</th>" not in as_html(bare, {})


def test_csv_has_a_line_a_pair(table: SimilarityTable) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert [row["source"] for row in rows] == ["wild", "things", "things", "wild"]
    assert float(rows[0]["emd"]) == 20 and float(rows[0]["similarity_high"]) == 0.7
    assert rows[0]["target_images"] == "1200"


def test_the_page_is_whole_and_names_are_text(table: SimilarityTable) -> None:
    page = as_html(table, {})
    assert "<cars>" not in page and "&lt;cars&gt;" in page
    assert page.count("<section") == 3
    assert page.lstrip().startswith("<!doctype html>") and "http://" not in page.replace("http://www.w3.org", "")
    assert "Reached best" in page and "things class 1" in page
    # 0.1 (1 + 1/2 + 1/3 + 1/4 + 1/5) of all mass, between three source and five target classes.
    assert "22.8\xa0% of all mass. 4 classes of wild and 1,195 of birds are left out of the picture" in page


def test_images_of_classes_are_in_the_page(table: SimilarityTable) -> None:
    out = io.BytesIO()
    Image.new("RGB", (80, 60), (200, 30, 30)).save(out, "JPEG")
    pictures = {("source", "wild", 0): out.getvalue(), ("target", "birds", 4): out.getvalue()}
    pictures |= {("target", "birds", 0): b"no image", ("source", "birds", 1): out.getvalue()}
    page = as_html(table, pictures)
    assert page.count("data:image/jpeg") == 2
    assert "data:image/png" in page


def test_each_target_shows_the_flows_of_its_most_similar_source(table: SimilarityTable) -> None:
    assert [(one.target, one.source) for one in shown_flows(table)] == [("birds", "wild"), ("<cars>", "things")]


def test_a_target_that_is_a_source_too_shows_another_source(table: SimilarityTable) -> None:
    itself = replace(table.flows[0], source="birds", emd=0.0)
    found = shown_flows(replace(table, flows=(itself, *table.flows)))
    assert [(one.target, one.source) for one in found] == [("birds", "wild"), ("<cars>", "things")]
    assert shown_flows(replace(table, flows=(itself,))) == [itself]


def test_ribbons_are_as_thick_as_their_mass(table: SimilarityTable) -> None:
    figure = flow_figure(table.flows[0], {})
    ribbons = figure.axes[0].patches
    thick = [ribbon.get_path().vertices[-1][1] - ribbon.get_path().vertices[0][1] for ribbon in ribbons]
    masses = [flow.mass for flow in table.flows[0].largest]
    np.testing.assert_allclose(sorted(np.divide(thick, sum(thick))), sorted(np.divide(masses, sum(masses))))


def test_the_picture_says_how_much_of_the_plan_it_shows(table: SimilarityTable) -> None:
    said = [text.get_text() for text in flow_figure(table.flows[0], {}).axes[0].texts]
    assert {"3 of 7 classes", "5 of 1,200 classes", "5 of 40 flows,\n22.8\xa0% of all mass"} <= {*said}


def test_one_flow_is_a_picture_too(table: SimilarityTable) -> None:
    single = replace(table.flows[0], largest=table.flows[0].largest[:1], nearest=(), farthest=())
    assert to_png(flow_figure(single, {}))


@pytest.mark.parametrize("scale", [1.0, 0.2, 1e-3])
def test_bars_and_their_figures_fill_the_picture_and_do_not_leave_it(table: SimilarityTable, scale: float) -> None:
    rows = [
        replace(row, similarity=scale * row.similarity, similarity_interval=(0.4 * scale, 0.7 * scale))
        for row in table.rows
    ]
    figure = similarity_bars(replace(table, rows=tuple(rows)), "what it is")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    ends = [text.get_window_extent().x1 for text in axes.texts if "EMD" in text.get_text()]
    right = axes.get_window_extent().x1
    assert right - 20 < max(ends) <= right
    assert all(0 <= tick <= axes.get_xlim()[1] for tick in axes.get_xticks()) and len(axes.get_xticks()) >= 3
    assert axes.get_title("left") == "what it is"
