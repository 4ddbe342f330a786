import dataclasses
from pathlib import Path

import pytest

from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs
from fgtl.data.records import RecordSet
from fgtl.data.taxonomy import class_paths
from fgtl.datasets import Card

PATHS = {0: ("birds", "gulls", "bird 0"), 1: ("birds", "terns", "bird 1"), 2: ("mammals", "bird 2")}


@pytest.fixture
def converted_with(samples, tmp_path, monkeypatch):
    """A function: label -> path of names, of the classes that have one -> the record set."""
    tree, listed = samples

    def made(paths) -> RecordSet:
        placed = [dataclasses.replace(one, hierarchy=paths.get(one.label, ())) for one in listed]
        monkeypatch.setattr("fgtl.data.convert.READERS", {"listed": lambda card, tree: iter(placed)})
        folder = Path(tmp_path / f"records-{len(paths)}")
        convert(Card("birds", "listed"), tree, folder, ConvertKnobs(num_shards=2, workers=1))
        return RecordSet.open(folder)

    return made


def test_each_class_has_the_path_of_its_images(converted_with):
    assert class_paths(converted_with(PATHS)) == (PATHS[0], PATHS[1], PATHS[2])


@pytest.mark.parametrize("paths", [{}, {0: PATHS[0], 1: PATHS[1]}])
def test_without_a_place_for_each_class_there_is_no_taxonomy(converted_with, paths):
    assert class_paths(converted_with(paths)) is None


def test_a_record_that_cannot_be_read_is_passed_over(converted_with):
    records = converted_with(PATHS)
    for split in ("train", "test"):
        found = records.select(split)
        row = int((found.labels == 1).argmax())
        shard = found.shard_paths[int(found.shards[row])]
        data = bytearray(shard.read_bytes())
        data[int(found.offsets[row]) + 5] ^= 1
        shard.write_bytes(data)
    assert class_paths(RecordSet.open(records.folder)) == (PATHS[0], PATHS[1], PATHS[2])
