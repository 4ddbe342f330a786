import dataclasses
import json
import os
import shutil
import tracemalloc

import numpy as np
import pytest
from harm import HARMS, flip, no_header, zeros
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fgtl.data import example
from fgtl.data.example import encode_example
from fgtl.data.manifest import read_manifest, write_index, write_manifest
from fgtl.data.verify import verify
from fgtl.errors import DataError
from fgtl.files import sha256_of
from fgtl.tfrecord import RecordWriter

SHARED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def lines(records):
    return [str(damage) for damage in verify(records.folder)]


def record_at(records, shard, byte):
    """(number in the shard, id) of the record whose bytes, framing included, contain `byte`."""
    selection = records.select("train+test")
    rows = np.flatnonzero(selection.shards == shard)
    for number, row in enumerate(rows):
        if selection.offsets[row] - 12 <= byte < selection.offsets[row] + selection.lengths[row] + 4:
            return number, str(selection.ids[row])
    raise AssertionError("no such byte")


def test_a_whole_set_has_no_damage(converted):
    counted = []
    assert verify(converted.folder, decode=True, advance=counted.append) == []
    assert sum(counted) == 18


def test_several_workers_say_the_same(converted):
    shard = converted.shard_paths[2]
    shard.write_bytes(shard.read_bytes()[:-1])
    assert verify(converted.folder, workers=2) == verify(converted.folder)


@SHARED
@given(data=st.data())
def test_any_flipped_bit_is_found_and_located_to_its_record(converted, data):
    shard = data.draw(st.integers(0, 3))
    path = converted.shard_paths[shard]
    content = path.read_bytes()
    byte = data.draw(st.integers(0, len(content) - 1))
    damaged = bytearray(content)
    damaged[byte] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(damaged)
    try:
        (damage,) = verify(converted.folder)
    finally:
        path.write_bytes(content)
    assert (damage.file, damage.record, damage.id) == (path.name, *record_at(converted, shard, byte))
    assert "checksum differs" in damage.what
    assert damage.byte <= byte


@SHARED
@given(data=st.data())
def test_any_cut_is_found_with_the_first_lost_record(converted, data):
    path = converted.shard_paths[0]
    content = path.read_bytes()
    end = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(content[:end])
    try:
        (damage,) = verify(converted.folder)
    finally:
        path.write_bytes(content)
    number, name = record_at(converted, 0, end)
    assert (damage.record, damage.id, damage.byte) == (number, name, end)
    assert "cut off" in damage.what


def test_a_cut_at_a_record_boundary_is_found(converted):
    """A plain TFRecord reader sees nothing wrong with such a file."""
    selection = converted.select("train[4:5]")
    path = selection.shard_paths[selection.shards[0]]
    end = int(selection.offsets[0]) - 12
    path.write_bytes(path.read_bytes()[:end])
    assert lines(converted) == [
        f"{path.name} record 4 (id {selection.ids[0]}) byte {end:,}: the file ends here, records 4 to 5 (2) are cut off"
    ]


def test_two_damaged_records_of_a_shard_are_both_named(converted):
    path = converted.shard_paths[0]
    selection = converted.select("train")
    data = bytearray(path.read_bytes())
    for row in (1, 4):
        data[selection.offsets[row] + 50] ^= 8
    path.write_bytes(data)
    assert [damage.record for damage in verify(converted.folder)] == [1, 4]


def test_missing_swapped_and_foreign_shards(converted):
    first, second, third, _ = converted.shard_paths
    first.rename(first.with_name("held"))
    second.rename(first)
    first.with_name("held").rename(second)
    third.unlink()
    foreign = converted.folder / "photos-train.tfrecord-00000-of-00005"
    foreign.touch()
    assert lines(converted) == [
        f"{first.name}: holds the content of {second.name}",
        f"{second.name}: holds the content of {first.name}",
        f"{third.name}: is missing, with 4 records",
        f"{foreign.name}: is not of this record set, but a reader that lists the folder would read it",
    ]


def test_bytes_behind_the_last_record(converted):
    path = converted.shard_paths[0]
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"tail")
    assert lines(converted) == [f"{path.name} byte {size:,}: 4 bytes follow the last record"]


def test_a_damaged_or_missing_index_is_named_and_the_shards_are_still_read(converted):
    name = converted.select("train").ids[0]
    (converted.folder / "index-train.npz").unlink()
    index = converted.folder / "index-test.npz"
    index.write_bytes(index.read_bytes()[:-1])
    path = converted.shard_paths[0]
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    assert lines(converted) == [
        "index-train.npz: is missing",
        "index-test.npz: differs from what was written (sha256)",
        f"{path.name} record 0 byte 12: data checksum differs (it calls itself {name})",
    ]


def test_a_cut_without_an_index_is_found_by_the_count(converted):
    selection = converted.select("train[4:5]")
    path = converted.shard_paths[0]
    path.write_bytes(path.read_bytes()[: selection.offsets[0] - 12])
    (converted.folder / "index-train.npz").unlink()
    assert f"{path.name}: holds 4 records, the manifest says 6" in lines(converted)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("index", [True, False])
def test_every_kind_of_damage_is_one_line_about_its_record(converted, harm, index):
    selection = converted.select("train")
    path, name = converted.shard_paths[0], str(selection.ids[2])
    HARMS[harm](selection, 2)
    if not index:
        (converted.folder / "index-train.npz").unlink()
    found = [damage for damage in verify(converted.folder, decode=True) if damage.file == path.name]
    assert [(damage.file, damage.record) for damage in found] == [(path.name, 2)]
    start = int(selection.offsets[2]) - 12
    assert start <= found[0].byte < start + 12 + int(selection.lengths[2])
    whole = harm in ("no image header", "no pixels")
    assert found[0].id == (name if index or whole else "")
    assert name in str(found[0]) or harm in ("length byte", "length checksum", "zeros", "no tf.Example")


def swapped(content, selection, first, second):
    """The bytes of a shard with two of its records in each other's place."""
    start = [int(selection.offsets[row]) - 12 for row in (first, second)]
    end = [int(selection.offsets[row] + selection.lengths[row]) + 4 for row in (first, second)]
    one, other = (content[a:b] for a, b in zip(start, end, strict=True))
    return content[: start[0]] + other + content[end[0] : start[1]] + one + content[end[1] :]


def test_two_records_in_each_others_place_are_both_named(converted):
    selection = converted.select("train")
    path = converted.shard_paths[0]
    path.write_bytes(swapped(path.read_bytes(), selection, 3, 4))
    found = verify(converted.folder)
    assert {damage.id for damage in found} == set(selection.ids[3:5])
    (converted.folder / "index-train.npz").unlink()
    assert f"{path.name}: differs from what was written (sha256), though its records are whole" in lines(converted)


def test_without_an_index_all_records_behind_damage_are_still_checked(converted):
    selection = converted.select("train")
    path = converted.shard_paths[0]
    (converted.folder / "index-train.npz").unlink()
    flip(1)(selection, 1)
    zeros(selection, 3)
    no_header(selection, 5)
    counted = []
    found = [damage for damage in verify(converted.folder, advance=counted.append) if damage.file == path.name]
    assert [(damage.record, damage.what.split(":")[0]) for damage in found] == [
        (1, "length checksum differs"),
        (3, "length checksum differs"),
        (5, "its image cannot be read"),
    ]
    assert sum(counted) == 18


def test_records_that_damage_swallowed_are_missed_in_the_count(converted):
    selection = converted.select("train")
    path = converted.shard_paths[0]
    content = path.read_bytes()
    start, end = int(selection.offsets[1]) - 12, int(selection.offsets[3]) - 12
    path.write_bytes(content[:start] + content[end:])
    (converted.folder / "index-train.npz").unlink()
    assert f"{path.name}: holds 4 records, the manifest says 6" in lines(converted)


@pytest.mark.parametrize("with_index", [True, False])
def test_a_record_too_large_for_tensorflow_is_named_and_those_behind_it_are_read(converted, monkeypatch, with_index):
    selection = converted.select("train")
    row = int(np.argmax(selection.lengths))
    path = selection.shard_paths[selection.shards[row]]
    record = row - int(np.flatnonzero(selection.shards == selection.shards[row])[0])
    monkeypatch.setattr("fgtl.tfrecord.MAX_PAYLOAD_BYTES", int(selection.lengths[row]) - 1)
    if not with_index:
        (converted.folder / "index-train.npz").unlink()
    found = [damage for damage in verify(converted.folder) if damage.file == path.name]
    assert [(damage.record, damage.byte) for damage in found] == [(record, int(selection.offsets[row]) - 12)]
    assert f"the record has {selection.lengths[row]:,} bytes, TensorFlow parses at most" in found[0].what


def test_a_record_that_the_index_calls_too_large_is_not_taken_into_memory(converted, monkeypatch):
    name, path = reseal(converted, length=60 << 20), converted.shard_paths[0]
    os.truncate(path, 64 << 20)
    monkeypatch.setattr("fgtl.tfrecord.MAX_PAYLOAD_BYTES", 32 << 20)
    tracemalloc.start()
    try:
        found = lines(converted)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert any(f"{path.name} record 1 (id {name})" in line and "62,914,560 bytes" in line for line in found), found


def test_an_id_that_is_there_twice_is_named(converted):
    index = converted._index("train")
    index.id[0] = converted._index("test").id[3]
    entry = write_index(converted.folder / "index-train.npz", index)
    indexes = {**converted.manifest.indexes, "train": entry}
    write_manifest(converted.folder, dataclasses.replace(converted.manifest, indexes=indexes))
    assert f"manifest.json: the id {index.id[0]} is there 2 times" in lines(converted)


def reseal(records, *, features=None, **index_changes):
    """Write shard 0 of train, its index and the manifest anew, as a writer with a fault would have."""
    selection = records.select("train")
    rows = np.flatnonzero(selection.shards == 0)
    path = records.shard_paths[0]
    payloads = []
    for row in rows:
        changed = {**selection.example(row), **((features or {}) if row == 1 else {})}
        payloads.append(encode_example({key: value for key, value in changed.items() if value is not None}))
    index = records._index("train")
    columns = {name: column.copy() for name, column in vars(index).items()}
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for row, payload in enumerate(payloads):
            columns["offset"][row], columns["length"][row] = writer.write(payload), len(payload)
    for name, value in index_changes.items():
        columns[name][1] = value
    manifest = records.manifest
    shard = dataclasses.replace(manifest.shards["train"][0], bytes=writer.bytes, sha256=writer.sha256)
    shards = {**manifest.shards, "train": (shard, *manifest.shards["train"][1:])}
    entry = write_index(records.folder / "index-train.npz", type(index)(**columns))
    indexes = {**manifest.indexes, "train": entry}
    write_manifest(records.folder, dataclasses.replace(manifest, shards=shards, indexes=indexes))
    return str(selection.ids[1])


def test_resealing_without_a_change_is_whole(converted):
    reseal(converted)
    assert lines(converted) == []


@pytest.mark.parametrize(
    ("features", "what"),
    [
        ({example.LABEL: [7]}, "label 7, there are 3 classes"),
        ({example.LABEL: None}, "image/class/label is missing, the index says"),
        ({example.CLASS_TEXT: [b"fish"]}, "class name fish, label"),
        ({example.HEIGHT: [99]}, "image/height is 99, its image has 16"),
        ({example.ID: [b"other"]}, "image/id is other, the index says"),
        ({example.IMAGE: [b"not an image"]}, "its image cannot be read"),
        ({example.IMAGE: None}, "its image cannot be read"),
    ],
)
def test_a_record_that_contradicts_itself_is_named(converted, features, what):
    name = reseal(converted, features=features)
    damage = verify(converted.folder)
    assert {(one.record, one.id) for one in damage} == {(1, name)}
    assert any(one.what.startswith(what) for one in damage), lines(converted)


def test_an_index_that_disagrees_with_records_or_manifest_is_named(converted):
    reseal(converted, label=5, width=1)
    found = lines(converted)
    assert found[0].startswith("index-train.npz: label 5 of id")
    assert any("image/width is 24, the index says 1" in line for line in found)


def test_pixels_that_cannot_be_decoded_are_found_only_by_decoding(converted):
    selection = converted.select("train")
    image = bytearray(selection.image(1))
    table = image.index(b"\xff\xc4")
    image[table + 5 : table + 21] = b"\xff" * 16  # a Huffman table that cannot be
    reseal(converted, features={example.IMAGE: [bytes(image)]})
    assert lines(converted) == []
    (damage,) = verify(converted.folder, decode=True)
    assert (damage.record, "cannot be read" in damage.what) == (1, True)


def test_labels_txt_and_class_counts(converted):
    (converted.folder / "labels.txt").write_text("0:fish\n")
    path = converted.folder / "manifest.json"
    written = json.loads(path.read_text())
    written["class_counts"]["train"] = [5, 3, 3]
    path.write_text(json.dumps(written))
    assert lines(converted) == [
        "index-train.npz: images a class differ from class_counts of train in the manifest",
        "labels.txt: differs from the class names in the manifest",
    ]


def test_without_a_manifest_there_is_nothing_to_compare_with(converted):
    (converted.folder / "manifest.json").unlink()
    with pytest.raises(DataError, match="not a finished record set"):
        verify(converted.folder)


def test_a_copy_is_as_whole_as_the_original(converted, tmp_path):
    shutil.copytree(converted.folder, tmp_path / "copy")
    assert verify(tmp_path / "copy") == []
    assert read_manifest(tmp_path / "copy") == converted.manifest
    assert sha256_of(tmp_path / "copy" / "manifest.json") == converted.manifest_sha256
