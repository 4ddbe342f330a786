"""Annotations of records in pixels, and regions found back in their record set."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_regions import regions_of
from PIL import Image

from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs
from fgtl.data.records import RecordSet
from fgtl.datasets import Box, Card, PartPoint, Sample
from fgtl.downloads import FolderTree
from fgtl.errors import DataError
from fgtl.regions.files import images_of
from fgtl.regions.hits import first_hits
from fgtl.regions.truth import read_truth


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> RecordSet:
    """Four images of 60 x 40: two boxes and parts; parts on the edge; one box; nothing."""
    root = tmp_path_factory.mktemp("birds")
    (root / "download").mkdir()
    for number in range(4):
        out = io.BytesIO()
        Image.new("RGB", (60, 40)).save(out, "JPEG")
        (root / "download" / f"{number}.jpg").write_bytes(out.getvalue())
    parts = (PartPoint("beak", 15, 10, True), PartPoint("tail", 0, 0, False))
    edge = (PartPoint("beak", 60, 40, True), PartPoint("tail", 0, 0, True))
    boxes = (Box(6, 4, 30, 20), Box(30, 20, 60, 40))
    listed = [
        Sample("0", "0.jpg", 0, "Gull", "train", boxes, parts),
        Sample("1", "1.jpg", 0, "Gull", "test", (), edge),
        Sample("2", "2.jpg", 1, "Tern", "test", boxes[:1]),
        Sample("3", "3.jpg", 1, "Tern", "train"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fgtl.data.convert.READERS", {"listed": lambda card, tree: iter(listed)})
        knobs = ConvertKnobs(num_shards=1, workers=1)
        convert(Card("birds", "listed"), FolderTree(root / "download"), root / "records", knobs)
    return RecordSet.open(root / "records")


def of_birds(records: RecordSet, names: str = "2013", **more: object) -> object:
    boxes = [[[0, 0, 60, 40]]] * len(names)
    facts = {"ids": np.array(list(names)), "manifest_sha256": records.manifest_sha256}
    return regions_of(boxes, **(facts | more))


def test_annotations_come_in_the_order_of_the_regions_in_pixels(birds: RecordSet) -> None:
    steps: list[int] = []
    truth = read_truth(images_of(of_birds(birds), birds), steps.append)
    assert truth.part_names == ("beak", "tail") and sum(steps) == 4
    assert truth.labels.tolist() == [1, 0, 0, 1]
    assert truth.visible.tolist() == [[False, False], [True, False], [True, True], [False, False]]
    assert truth.points[1, 0] == pytest.approx([15, 10])
    assert truth.objects.shape == (4, 2, 4)
    assert truth.objects[1] == pytest.approx(np.array([[6, 4, 30, 20], [30, 20, 60, 40]]), abs=1e-4)
    assert truth.objects[0, 0] == pytest.approx([6, 4, 30, 20], abs=1e-4)
    assert np.isnan(truth.objects[0, 1]).all() and np.isnan(truth.objects[[2, 3]]).all()


def test_a_part_on_the_far_edge_is_in_a_box_that_covers_the_image(birds: RecordSet) -> None:
    regions = of_birds(birds)
    truth = read_truth(images_of(regions, birds))
    assert first_hits(regions, truth.points)[2].tolist() == [0, 0]


def test_some_images_can_be_taken(birds: RecordSet) -> None:
    truth = read_truth(images_of(of_birds(birds), birds))
    assert truth.take(np.array([1, 0])).labels.tolist() == [0, 1]


def test_regions_of_another_record_set_are_refused(birds: RecordSet) -> None:
    with pytest.raises(DataError, match="another record set"):
        images_of(of_birds(birds, manifest_sha256="00" * 32), birds)


def test_boxes_made_elsewhere_are_found_by_id(birds: RecordSet) -> None:
    found = images_of(of_birds(birds, "31", manifest_sha256=""), birds)
    assert found.ids.tolist() == ["3", "1"]


def test_an_unknown_image_is_named(birds: RecordSet) -> None:
    with pytest.raises(DataError, match=r"no image '7' \(1 of the regions' 2 images"):
        images_of(of_birds(birds, "17"), birds)


def test_an_image_of_another_size_is_named(birds: RecordSet) -> None:
    regions = of_birds(birds, "12")
    other = replace(regions, sizes=np.array([[40, 60], [80, 60]], np.int32))
    with pytest.raises(DataError, match=r"take 2 to have 60 x 80 pixels(.|\n)*60 x 40"):
        images_of(other, birds)


def test_the_folder_of_the_records_is_named(birds: RecordSet) -> None:
    with pytest.raises(DataError, match=str(Path(birds.folder).name)):
        images_of(of_birds(birds, "9"), birds)
