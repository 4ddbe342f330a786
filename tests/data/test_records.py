import os
import threading
import time

import numpy as np
import pytest

from fgtl.data import example
from fgtl.data.manifest import File, Index, Manifest, index_name, write_index, write_manifest
from fgtl.data.records import RecordSet
from fgtl.data.shard_reader import ShardReader
from fgtl.data.splits import carve_validation
from fgtl.errors import DataError, UsageError
from fgtl.files import sha256_of


def test_says_what_it_holds(converted):
    assert converted.name == "photos"
    assert converted.class_names == ("class 0", "class 1", "class 2")
    assert converted.counts == {"train": 11, "test": 7}
    assert converted.manifest_sha256 == sha256_of(converted.folder / "manifest.json")


def test_an_image_comes_back_byte_for_byte(converted, image_folder):
    for split in ("train", "test"):
        selection = converted.select(split)
        for row, name in enumerate(selection.ids):
            assert selection.image(row) == (image_folder / name).read_bytes()
            assert selection.example(row)[example.LABEL] == [selection.labels[row]]
            assert (selection.heights[row], selection.widths[row]) == (16, 24)


def test_columns_have_their_types(converted):
    selection = converted.select("train")
    types = {"shards": "int32", "offsets": "int64", "lengths": "int64", "labels": "int32", "heights": "int32"}
    assert {name: str(getattr(selection, name).dtype) for name in types} == types
    assert selection.ids.dtype.kind == "U"


def test_two_splits_are_one_selection_over_all_shards(converted):
    both = converted.select("test+train")
    assert len(both) == 18
    assert both.ids.tolist() == [*converted.select("test").ids, *converted.select("train").ids]
    assert all(name in both.example(row)[example.ID][0].decode() for row, name in enumerate(both.ids))
    assert len(both.shard_paths) == 4


def test_offsets_point_at_payloads_in_the_files(converted):
    selection = converted.select("test")
    for row in range(len(selection)):
        data = selection.shard_paths[selection.shards[row]].read_bytes()
        assert data[selection.offsets[row] :][: selection.lengths[row]] == selection.payload(row)


def test_slices_and_take(converted):
    train = converted.select("train")
    assert converted.select("train[2:5]").ids.tolist() == train.ids[2:5].tolist()
    assert train.take([4, 1]).ids.tolist() == train.ids[[4, 1]].tolist()
    assert train.take(train.labels == 2).labels.tolist() == [2, 2, 2]
    rest, carved = carve_validation(train, 0.3, 0)
    assert len(rest) + len(carved) == 11


def test_nothing_and_the_same_twice_are_refused(converted):
    with pytest.raises(UsageError, match="selects no image"):
        converted.select("train[5:5]")
    with pytest.raises(UsageError, match="twice"):
        converted.select("train+train[:1]")
    with pytest.raises(UsageError, match="twice"):
        converted.select("test+train[:6]+train[5:]")
    assert len(converted.select("train[:6]+train[6:]+train[3:3]+test")) == 18
    with pytest.raises(UsageError, match=r"no split 'validation'(.|\n)*train, test"):
        converted.select("validation")


def test_a_missing_shard_and_one_of_another_size_are_named(converted):
    shard = converted.shard_paths[1]
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    with pytest.raises(DataError, match=f"{shard.name} has {len(content) - 1:,} bytes(.|\n)*{len(content):,} bytes"):
        RecordSet.open(converted.folder)
    shard.unlink()
    with pytest.raises(DataError, match=f"{shard.name} is missing"):
        RecordSet.open(converted.folder)


def test_a_record_that_rotted_is_an_error_not_an_image(converted):
    selection = converted.select("train")
    path = selection.shard_paths[selection.shards[0]]
    data = bytearray(path.read_bytes())
    data[selection.offsets[0] + 100] ^= 4
    path.write_bytes(data)
    with pytest.raises(DataError, match=f"{path.name} byte 12: data checksum differs"):
        selection.payload(0)


def test_an_index_that_is_not_the_manifests_is_refused(converted):
    (converted.folder / "index-test.npz").write_bytes((converted.folder / "index-train.npz").read_bytes())
    with pytest.raises(DataError, match=r"index-test\.npz lists 11 records(.|\n)*7"):
        converted.select("test")


@pytest.mark.parametrize("kept_open", [256, 1])
def test_many_threads_read_the_same_as_one(converted, monkeypatch, kept_open):
    monkeypatch.setattr(ShardReader, "kept_open", kept_open)
    selection = RecordSet.open(converted.folder).select("train+test")
    wanted = [converted.select("train+test").payload(row) for row in range(18)]
    wrong = []

    def read(seed):
        for row in np.random.default_rng(seed).integers(0, 18, 100):
            if selection.payload(row) != wanted[row]:
                wrong.append(row)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_reading_needs_no_tensorflow(converted):
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from fgtl.data.records import RecordSet; import fgtl.data.convert;"
        f"RecordSet.open(Path({str(converted.folder)!r})).select('train').image(0);"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_200_000_records_are_opened_and_selected_in_less_than_a_second(tmp_path):
    count, shards = 200_000, 100
    numbers = np.arange(count)
    ids = np.char.add("train/00000_Animalia_Chordata_Aves/", numbers.astype("U"))
    columns = {"shard": numbers // (count // shards), "offset": 12 + numbers % (count // shards) * 116, "id": ids}
    columns |= {"length": np.full(count, 100), "label": numbers % 7, "height": numbers, "width": numbers}
    index = write_index(tmp_path / index_name("train"), Index(**columns))
    files = []
    for shard in range(shards):
        path = tmp_path / f"big-train.tfrecord-{shard:05d}-of-{shards:05d}"
        path.touch()
        os.truncate(path, count // shards * 116)
        files.append(File(path.name, count // shards, path.stat().st_size, ""))
    counts = {"train": tuple(np.bincount(columns["label"]).tolist())}
    names = tuple(f"class {label}" for label in range(7))
    write_manifest(
        tmp_path, Manifest("big", names, (), {"train": tuple(files)}, {"train": index}, counts, {}, "", {}, {})
    )
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        assert len(RecordSet.open(tmp_path).select("train[:99%]")) == 198_000
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1
