"""Rows of photographs: frames, words and gaps where they belong."""

import io

import numpy as np
import pytest
from PIL import Image

from fgtl.reports.figures import BAD, GOOD
from fgtl.reports.neighbour_pictures import SIDE, as_html, as_png, as_uri
from fgtl.reports.photo_rows import Row, Shown


def photo(colour: tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


RED, GREEN = photo((200, 0, 0)), photo((0, 160, 0))
QUERY = Shown(RED, "wren", "1.jpg")
ROWS = [
    Row(
        QUERY,
        (Shown(GREEN, "wren", "2.jpg", "distance 0.1", True), Shown(GREEN, "tit", "3.jpg", "distance 0.2", False)),
    ),
    Row(QUERY, (Shown(b"", "tit", "4.jpg", "distance 0.3", None),)),
]


def drawn(rows: list[Row]) -> np.ndarray:
    with Image.open(io.BytesIO(as_png(rows))) as image:
        return np.asarray(image.convert("RGB"))


def share(pixels: np.ndarray, colour: str) -> int:
    return int((pixels == [int(colour[place : place + 2], 16) for place in (1, 3, 5)]).all(axis=2).sum())


def test_right_and_wrong_neighbours_are_framed_in_their_colours() -> None:
    pixels = drawn(ROWS)
    frame = 4 * 4 * (SIDE + 4)
    assert share(pixels, GOOD) == pytest.approx(frame, rel=0.1)
    assert share(pixels, BAD) == pytest.approx(frame, rel=0.1)


def test_the_query_has_no_frame_and_stands_first() -> None:
    pixels = drawn([Row(QUERY, (Shown(GREEN, "wren", "2.jpg", "", None),))])
    assert share(pixels, GOOD) == share(pixels, BAD) == 0
    red, green = ((pixels == colour).all(axis=2).nonzero()[1] for colour in ((200, 0, 0), (0, 160, 0)))
    assert len(red) and red.max() < green.min()


def test_headings_are_drawn_and_cut_to_their_place() -> None:
    narrow = [Row(QUERY, (Shown(GREEN, "wren", "2.jpg"),))]
    first, same, long = (
        as_png(narrow),
        as_png(narrow, ("query", "nearest first")),
        as_png(narrow, ("q" * 500, "n" * 500)),
    )
    assert first == same != long
    pixels = np.asarray(Image.open(io.BytesIO(long)).convert("RGB"))[:24]
    dark = (pixels.mean(axis=2) < 200).any(axis=0)
    # Neither heading reaches into the gap between the columns, or to the edge.
    assert dark[14:164].any() and dark[192:342].any() and not dark[164:192].any() and not dark[342:].any()


def test_more_neighbours_make_it_wider_and_more_rows_higher() -> None:
    one, two = drawn(ROWS[1:]), drawn(ROWS)
    assert two.shape[0] > one.shape[0] and two.shape[1] > one.shape[1]


def test_what_cannot_be_decoded_is_an_empty_frame() -> None:
    assert as_uri(b"no image") == as_uri(b"") == ""
    assert drawn([Row(Shown(b"no image", "wren", "1.jpg"), ())]).shape[0] > SIDE


def test_names_are_text_in_the_page_not_markup() -> None:
    strange = Shown(RED, "<b>wren</b>", "1.jpg", "distance 0", True)
    page = as_html([Row(QUERY, (strange,))], "<i>title</i>", [("Features", "<u>any</u>")])
    for word in ("<b>wren", "<i>title", "<u>any"):
        assert word not in page
    assert "&lt;b&gt;wren" in page and page.count("data:image/jpeg") == 2
