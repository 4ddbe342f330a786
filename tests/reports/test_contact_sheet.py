import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fgtl.errors import DataError, UsageError
from fgtl.reports.contact_sheet import SIDE, of_classes, sheet_of, small_picture, spread_over_classes, tile_of


def damage(records, split, place):
    """Flip a bit in the stored image of a record."""
    selection = records.select(split)
    path = selection.shard_paths[selection.shards[place]]
    data = bytearray(path.read_bytes())
    data[int(selection.offsets[place]) + int(selection.lengths[place]) // 2] ^= 1
    path.write_bytes(data)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.integers(1, 70), st.integers(0, 5))
def test_classes_get_equal_shares_until_they_run_out(labels, count, seed):
    labels = np.array(labels)
    rows = spread_over_classes(labels, count, seed)
    assert len(rows) == len(set(rows.tolist())) == min(count, len(labels))
    assert (np.diff(labels[rows]) >= 0).all()
    shown, there = np.bincount(labels[rows], minlength=9), np.bincount(labels, minlength=9)
    # A class that has more to give is at most one behind any other.
    assert (shown[shown < there] >= shown.max() - 1).all()


def test_with_more_classes_than_places_evenly_spaced_ones_are_shown():
    labels = np.repeat(np.arange(100), 3)
    assert labels[spread_over_classes(labels, 5, 0)].tolist() == [10, 30, 50, 70, 90]


def test_the_seed_decides_which_images_are_shown():
    labels = np.repeat(np.arange(4), 50)
    first, again, other = (spread_over_classes(labels, 8, seed).tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_a_sheet_has_rows_of_columns(trained):
    sheet, damaged = sheet_of(trained.records.select("train"), count=7, columns=3)
    assert damaged == {}
    assert sheet.width // SIDE == 3
    assert sheet.height // SIDE == 3
    # Fewer pictures than columns: no empty columns.
    assert sheet_of(trained.records.select("train"), count=2, columns=8)[0].width // SIDE == 2


def test_pictures_are_shown_whole_and_in_their_colours(trained):
    selection = trained.records.select("train")
    place = int(np.flatnonzero(selection.ids == "train/3-2")[0])
    picture = tile_of(selection, place).picture
    assert picture.size == (SIDE, round(SIDE * 40 / 60))
    assert np.abs(np.array(picture.getpixel((80, 50)), int) - (120, 40, 90)).max() < 6


def test_a_damaged_record_is_a_grey_tile_and_is_named(trained):
    damage(trained.records, "train", 0)
    sheet, damaged = sheet_of(trained.records.select("train").take([0, 1]), count=2)
    assert list(damaged) == ["train/0-0"]
    assert "checksum" in damaged["train/0-0"]
    greys = [sheet.getpixel((20 + number * (SIDE + 10), 20)) == (0xC9, 0xCE, 0xD4) for number in range(2)]
    assert sorted(greys) == [False, True]


@pytest.mark.parametrize("data", [b"", b"text", b"\xff\xd8\xff\xe0 no more"])
def test_what_is_no_image_is_a_data_error(data):
    with pytest.raises(DataError):
        small_picture(data, 50)


def test_a_body_that_cannot_be_decoded_is_a_data_error():
    out = io.BytesIO()
    Image.effect_noise((64, 64), 80).save(out, "PNG")
    content = bytearray(out.getvalue())
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(DataError, match="cannot be decoded"):
        small_picture(bytes(content), 50)


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        (["plain"], {4}),
        (["2"], {2}),
        (["müller"], {1}),
        (["PRICE", "plain"], {3, 4}),
        ([], {0, 1, 2, 3, 4}),
    ],
)
def test_classes_are_named_by_name_label_or_a_part_of_the_name(trained, words, labels):
    picked = of_classes(trained.records.select("train"), words)
    assert set(picked.labels.tolist()) == labels
    assert len(picked) == 6 * len(labels)


@pytest.mark.parametrize("word", ["plane", "99", ""])
def test_an_unknown_class_is_refused(trained, word):
    with pytest.raises(UsageError, match="No class is called"):
        of_classes(trained.records.select("train"), [word])


def test_a_class_that_the_split_lacks_is_refused(trained):
    with pytest.raises(UsageError, match="No selected record"):
        of_classes(trained.records.select("train[:20%]"), ["plain"])
