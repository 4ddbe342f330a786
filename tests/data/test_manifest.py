import dataclasses
import json

import numpy as np
import pytest

from fgtl.data.manifest import (
    Index,
    index_name,
    read_index,
    read_manifest,
    write_index,
    write_manifest,
)
from fgtl.errors import DataError


def index(count=3, name="a"):
    numbers = np.arange(count)
    ids = np.array([f"{name}{number}" for number in numbers], np.str_)
    return Index(numbers, numbers * 100, numbers + 1, numbers, ids, numbers, numbers)


def test_round_trip(converted, tmp_path):
    write_manifest(tmp_path, converted.manifest)
    assert read_manifest(tmp_path) == converted.manifest
    assert (tmp_path / "manifest.json").read_bytes() == (converted.folder / "manifest.json").read_bytes()


def test_counts_and_labels_text(converted):
    assert converted.manifest.counts == {"train": 11, "test": 7}
    assert converted.manifest.class_counts == {"train": (4, 4, 3), "test": (2, 2, 3)}
    assert converted.manifest.labels_text() == "0:class 0\n1:class 1\n2:class 2\n"


def test_without_a_manifest_it_is_not_finished_and_the_message_names_the_command(tmp_path):
    with pytest.raises(DataError, match=r"not a finished record set(.|\n)*fgtl convert"):
        read_manifest(tmp_path)
    with pytest.raises(DataError, match="nowhere does not exist"):
        read_manifest(tmp_path / "nowhere")


def test_a_newer_schema_is_refused_with_both_numbers(converted):
    path = converted.folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2, "novelty": 1}))
    with pytest.raises(DataError, match=r"schema 2(.|\n)*at most 1"):
        read_manifest(converted.folder)


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", ".hidden", "/etc/passwd", ".."])
def test_a_manifest_that_names_files_elsewhere_is_damaged(converted, name):
    shard = dataclasses.replace(converted.manifest.shards["train"][0], file=name)
    shards = {**converted.manifest.shards, "train": (shard,)}
    write_manifest(converted.folder, dataclasses.replace(converted.manifest, shards=shards))
    with pytest.raises(DataError, match="not a plain file name"):
        read_manifest(converted.folder)


@pytest.mark.parametrize("content", ["[]", "{}", '{"schema": 1, "name": "x"}', "{", "null"])
def test_other_json_is_damaged(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(DataError, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_index_round_trip_and_equal_bytes(tmp_path):
    file = write_index(tmp_path / index_name("train"), index(name="bird-é-\udcff-"))
    again = write_index(tmp_path / "again.npz", index(name="bird-é-\udcff-"))
    assert (file.file, file.records, file.sha256) == ("index-train.npz", 3, again.sha256)
    stored = read_index(tmp_path / "index-train.npz")
    assert stored.id.tolist() == ["bird-é-\udcff-0", "bird-é-\udcff-1", "bird-é-\udcff-2"]
    assert (stored.offset.dtype, stored.label.dtype) == (np.int64, np.int32)
    assert stored.offset.tolist() == [0, 100, 200]


def test_an_empty_index_round_trips(tmp_path):
    write_index(tmp_path / "empty.npz", index(0))
    assert len(read_index(tmp_path / "empty.npz")) == 0


@pytest.mark.parametrize("damage", ["cut", "flip", "missing", "uneven", "pickle"])
def test_a_damaged_index_is_a_data_error(tmp_path, damage):
    path = tmp_path / "index.npz"
    write_index(path, index(50))
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[:-30])
    elif damage == "flip":
        data[300] ^= 255
        path.write_bytes(data)
    elif damage == "missing":
        path.unlink()
    elif damage == "uneven":
        columns = {**vars(index(50)), "id": np.zeros(50, "S3"), "label": np.zeros(49, int)}
        np.savez(path, **columns)
    else:
        np.savez(path, **{**vars(index(1)), "id": np.array([object()])})
    with pytest.raises(DataError, match=r"index\.npz cannot be read"):
        read_index(path)
