"""What is drawn over a photograph, pixel by pixel, and the sheet."""

import numpy as np
from PIL import Image

from fgtl.reports.heat_picture import Panel, Row, heat_sheet, with_map, with_mask

PHOTO = Image.new("RGB", (40, 30), (120, 130, 140))
SEEN = np.zeros((30, 40), bool)
SEEN[5:25, 5:35] = True


def test_a_mask_keeps_the_photograph_darkens_the_rest_and_veils_what_is_not_seen() -> None:
    shares = np.zeros((30, 40), np.float32)
    shares[10:20, 10:20] = 1
    pixels = np.asarray(with_mask(PHOTO, shares, SEEN))
    assert pixels[15, 15].tolist() == [120, 130, 140]
    assert pixels[7, 7].tolist() == [36, 39, 42]
    assert pixels[0, 0].min() > 200


def test_a_map_is_lighter_where_there_is_more() -> None:
    values = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (30, 1))
    light = np.asarray(with_map(PHOTO, values, np.ones((30, 40), bool)).convert("L"), int)[15]
    assert (np.diff(light) >= 0).all() and light[-1] - light[0] > 100


def test_values_beyond_the_range_do_not_wrap_around() -> None:
    found = [with_map(PHOTO, np.full((30, 40), value, np.float32), SEEN) for value in (1.0, 1.2)]
    assert np.array_equal(*map(np.asarray, found))


def test_every_panel_is_on_the_sheet_whole_and_apart_from_the_others() -> None:
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)]
    panels = [Panel(Image.new("RGB", PHOTO.size, colour), "a note") for colour in colours]
    rows = [Row("first", panels[:2]), Row("second", panels[2:], largest=0.5)]
    sheet = heat_sheet(PHOTO, "a bird", ["said of it"], [("one", "a"), ("two", "b")], rows)
    pixels = np.asarray(sheet).reshape(-1, 3)
    for colour in (*colours, (120, 130, 140)):
        assert (pixels == colour).all(axis=1).sum() == 40 * 30
