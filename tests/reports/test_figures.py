import io
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fgtl.errors import InputError
from fgtl.reports.crops import crops_figure
from fgtl.reports.figures import INK, percent_axis, shorten, single_axes, styled, to_png, to_svg


@styled
def drawing(label: str):
    figure, axes = single_axes(2, 2)
    axes.plot([0, 1], [0, 1], color=INK)
    axes.set_title(label)
    return figure


@pytest.mark.parametrize(
    "label", ["plain", '<b>&amp; "quoted"', "$x^2$", "$x_{1", "鳥 Ünïcode", "#15191e fill: #15191e;"]
)
def test_svg_is_well_formed_and_says_the_label_as_it_is(label):
    root = ElementTree.fromstring(str(to_svg(drawing(label), f"about {label}")))
    assert root.attrib["role"] == "img" and root.attrib["aria-label"] == f"about {label}"
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any(text.startswith(label[:9]) for text in texts)


def test_svg_takes_its_colours_from_the_page_and_has_no_ids_to_clash():
    svg = str(to_svg(drawing("x"), "x"))
    assert f"stroke: var(--ink, {INK})" in svg
    assert '<g id="' not in svg and "<metadata" not in svg and "<style" not in svg


def test_the_same_figure_gives_the_same_bytes():
    assert to_svg(drawing("x"), "x") == to_svg(drawing("x"), "x")


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    to_svg(drawing("鳥"), "x")
    assert dict(matplotlib.rcParams) == before


def test_png_is_a_picture_on_white():
    image = Image.open(io.BytesIO(to_png(drawing("x"), dpi=50))).convert("RGB")
    assert image.size == (100, 100) and min(image.getpixel((0, 0))) > 250


def percent_ticks(low: float, high: float) -> tuple[np.ndarray, list[str]]:
    """Places and words of the ticks of an axis from `low` to `high`."""
    figure, axes = single_axes(4, 3)
    axes.set_ylim(low, high)
    percent_axis(axes.yaxis)
    figure.draw_without_rendering()
    return axes.get_yticks(), [label.get_text() for label in axes.get_yticklabels()]


@given(st.floats(0, 0.999), st.floats(1e-3, 1))
def test_a_percentage_stands_where_it_says(low, length):
    places, words = percent_ticks(low, low + length)
    assert [float(word.removesuffix(" %")) / 100 for word in words] == pytest.approx(places, abs=1e-9)


def test_percentages_have_no_more_digits_than_their_ticks():
    assert percent_ticks(0, 1)[1] == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
    # Rounded, these would all be 52 %.
    assert {"51.6 %", "52.0 %", "52.4 %"} <= {*percent_ticks(0.5155, 0.5245)[1]}


@given(st.text(), st.integers(3, 40))
def test_shortened_names_fit_and_keep_both_ends(name, limit):
    short = shorten(name, limit)
    assert len(short) <= limit and short.isprintable()
    assert len(short) == len(name) if len(name) <= limit else "…" in short


def test_names_that_can_be_drawn_and_fit_stay_as_they_are():
    assert shorten("Müller's 鳥 <b>$x$", 28) == "Müller's 鳥 <b>$x$"
    assert shorten("a\nb\x00\udcff", 28) == "a b??"


def test_look_alike_names_stay_different_when_shortened():
    assert shorten("Philadelphia Vireo of the north", 16) != shorten("Philadelphia Vireo of the south", 16)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_crops_are_laid_out_in_rows_with_their_pixels(kind):
    images = np.stack([np.full((96, 96, 3), 20 * k) for k in range(5)]).astype(kind)
    sheet = Image.open(io.BytesIO(crops_figure(images, list("abcde"), columns=3)))
    assert sheet.size == (8 + 3 * 104, 8 + 2 * 124)
    assert [sheet.getpixel((60 + 104 * (k % 3), 60 + 124 * (k // 3)))[0] for k in range(5)] == [0, 20, 40, 60, 80]


def test_crops_takes_odd_names_and_values_beyond_the_range():
    sheet = crops_figure(np.array([-50.0, 300.0])[:, None, None, None] * np.ones((2, 8, 8, 3)), ["鳥 $x$\n", "y" * 99])
    image = Image.open(io.BytesIO(sheet))
    assert image.getpixel((50, 50)) == (0, 0, 0) and image.getpixel((150, 50)) == (255, 255, 255)


def test_crops_draws_no_more_than_asked():
    images = np.zeros((40, 96, 96, 3), np.uint8)
    assert Image.open(io.BytesIO(crops_figure(images, ["x"] * 40, most=8))).size[1] == 8 + 124


@pytest.mark.parametrize(
    ("shape", "names"), [((2, 8, 8), "ab"), ((2, 8, 8, 1), "ab"), ((2, 8, 8, 3), "abc"), ((0, 8, 8, 3), "")]
)
def test_crops_says_what_shape_it_needs(shape, names):
    with pytest.raises(InputError, match="N, S, S, 3"):
        crops_figure(np.zeros(shape), list(names))
