import io

import numpy as np
import pytest
from PIL import Image

from fgtl.data.convert import convert
from fgtl.data.example import ORIGINAL_HEIGHT, ORIGINAL_WIDTH
from fgtl.data.plan import ConvertKnobs
from fgtl.data.records import RecordSet
from fgtl.datasets import Box, Card, PartPoint, Sample
from fgtl.downloads import FolderTree
from fgtl.errors import DataError, UsageError
from fgtl.reports.record_picture import facts_of, find_record, record_picture


@pytest.fixture
def birds(tmp_path, monkeypatch):
    """Two training images and a test image; the first has a box, two parts and a hierarchy."""
    root = tmp_path / "download"
    root.mkdir()
    for number in range(3):
        out = io.BytesIO()
        Image.new("RGB", (200, 100), (90, 90, 40 * number)).save(out, "JPEG")
        (root / f"{number}.jpg").write_bytes(out.getvalue())
    parts = (PartPoint("beak", 100, 50, True), PartPoint("tail", 0, 0, False))
    listed = [
        Sample("birds/0", "0.jpg", 0, "Gull", "train", (Box(20, 10, 180, 90),), parts, ("Aves", "Laridae")),
        Sample("birds/1", "1.jpg", 1, "Tern", "train"),
        Sample("birds/2", "2.jpg", 1, "Tern", "test"),
    ]
    monkeypatch.setattr("fgtl.data.convert.READERS", {"listed": lambda card, tree: iter(listed)})
    knobs = ConvertKnobs(num_shards=1, workers=1)
    convert(Card("birds", "listed"), FolderTree(root), tmp_path / "records", knobs)
    return RecordSet.open(tmp_path / "records")


@pytest.mark.parametrize(("id", "split"), [("birds/0", "train"), ("birds/2", "test")])
def test_an_id_is_found_in_any_split(birds, id, split):
    found = find_record(birds, id)
    assert found.split == split
    assert found.selection.ids[found.position] == id


@pytest.mark.parametrize(("id", "meant"), [("birds/22", "birds/2"), ("irds/1", "birds/1"), ("0", "birds/0")])
def test_an_unknown_id_is_refused_with_the_nearest_one(birds, id, meant):
    with pytest.raises(UsageError, match=f"'{meant}'"):
        find_record(birds, id)


def test_facts_say_what_the_record_and_its_index_say(birds):
    found = find_record(birds, "birds/0")
    facts = facts_of(found, found.selection.example(found.position))
    assert facts["split"] == "train"
    assert facts["image"] == "200 x 100 px, jpeg"
    assert facts["hierarchy"] == "Aves / Laridae"
    assert facts["boxes"] == "x 20-180, y 10-90"
    assert facts["shard"] == "birds-train.tfrecord-00000-of-00001"
    offset = int(facts["offset"].replace(",", ""))
    assert offset == found.selection.offsets[found.position]


def test_of_a_shrunk_image_the_original_size_is_said_too(birds):
    found = find_record(birds, "birds/0")
    original = {ORIGINAL_WIDTH: np.array([1600]), ORIGINAL_HEIGHT: np.array([800])}
    assert facts_of(found, found.selection.example(found.position) | original)["original"] == "1600 x 800"


def test_a_record_without_annotations_has_fewer_facts(birds):
    found = find_record(birds, "birds/1")
    assert not {"hierarchy", "boxes", "original"} & facts_of(found, found.selection.example(found.position)).keys()


def test_the_picture_is_enlarged_with_part_and_box_in_their_places(birds):
    page = record_picture(find_record(birds, "birds/0"))
    plain = record_picture(find_record(birds, "birds/1"))
    # 200 pixels are shown four times as large, behind a margin of 20.
    picture, background = (np.asarray(one.crop((20, 20, 820, 420)), int) for one in (page, plain))
    assert abs(background - (90, 90, 40)).max() < 8
    differs = abs(picture - (90, 90, 0)).max(-1) > 60
    assert differs[200, 400]  # the beak
    assert differs[40, 300] and differs[359, 300] and differs[200, 80] and differs[200, 719]  # the box
    assert not differs[:34].any()


def test_a_damaged_record_is_a_data_error_that_names_it(birds):
    found = find_record(birds, "birds/0")
    path = found.selection.shard_paths[0]
    data = bytearray(path.read_bytes())
    data[int(found.selection.offsets[found.position]) + 50] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"record birds/0 of .* cannot be shown(.|\n)*verify"):
        record_picture(found)
