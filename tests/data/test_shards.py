import dataclasses
import errno
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.data import example, shards
from fgtl.data.image_files.policy import ImagePolicy
from fgtl.data.shards import BadImages, ShardTask, finished_shard, write_shard
from fgtl.datasets import Box, PartPoint, Sample
from fgtl.files import sha256_of
from fgtl.tfrecord import read_records
from fgtl.wire import decode_example


def nothing(_images):
    pass


def task_of(download, tmp_path, **changes):
    tree, listed = download
    task = ShardTask(
        path=tmp_path / "records" / "birds-train.tfrecord-00000-of-00001",
        samples=tuple(listed),
        part_names=("beak", "tail"),
        policy=ImagePolicy(),
        skip_bad=False,
        fingerprint="f1",
    )
    task.path.parent.mkdir(exist_ok=True)
    task = dataclasses.replace(task, **changes)
    return dataclasses.replace(task, places=tuple(tree.place(sample.path) for sample in task.samples))


def features_of(task):
    return [decode_example(payload) for _, payload in read_records(task.path)]


def test_every_key_of_the_contract_is_there_and_true(samples, tmp_path):
    task = task_of(samples, tmp_path)
    result = write_shard(task, nothing)
    first = features_of(task)[0]
    sample = task.samples[0]
    assert first[example.IMAGE] == [samples[0].read(sample.path)]
    assert first[example.FORMAT] == [b"jpeg"]
    assert (first[example.HEIGHT][0], first[example.WIDTH][0]) == (16, 24)
    assert (first[example.FILENAME], first[example.ID]) == ([b"00.jpg"], [b"id0"])
    assert (first[example.LABEL][0], first[example.CLASS_TEXT]) == (0, [b"bird 0"])
    box = [first[key][0] for key in (example.BOX_XMIN, example.BOX_YMIN, example.BOX_XMAX, example.BOX_YMAX)]
    assert box == [0.25, 0.25, 0.75, 0.75]
    assert first[example.PART_X].tolist() == [0.25, 0]
    assert first[example.PART_Y].tolist() == [0.25, 0]
    assert first[example.PART_VISIBLE].tolist() == [1, 0]
    assert result.file.sha256 == sha256_of(task.path)
    assert (result.file.records, result.file.bytes) == (18, task.path.stat().st_size)


def test_offsets_in_the_result_are_those_in_the_file(samples, tmp_path):
    task = task_of(samples, tmp_path)
    result = write_shard(task, nothing)
    assert [(at, len(payload)) for at, payload in read_records(task.path)] == list(
        zip(result.offsets, result.lengths, strict=True)
    )


def rotated(path):
    """A 24 x 16 picture that its EXIF tag turns to 16 x 24."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 24, 3), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(path, "JPEG", exif=exif)


def test_sizes_boxes_and_parts_describe_the_stored_image(samples, tmp_path):
    root = Path(samples[0].where())
    rotated(root / "turned.jpg")
    boxes, parts = (Box(0, 0, 12, 4),), (PartPoint("tail", 24, 0, True),)
    sample = Sample("t", "turned.jpg", 0, "bird", "train", boxes, parts, ("animals", "birds"))
    task = task_of(samples, tmp_path, samples=(sample,))
    result = write_shard(task, nothing)
    (record,) = features_of(task)
    assert (record[example.HEIGHT][0], record[example.WIDTH][0]) == (24, 16)
    assert Image.open(io.BytesIO(record[example.IMAGE][0])).size == (16, 24)
    # Turned clockwise: the upper left quarter-strip goes to the upper right, the upper right corner to the lower right.
    assert [record[key][0] for key in (example.BOX_XMIN, example.BOX_YMIN, example.BOX_XMAX, example.BOX_YMAX)] == [
        0.75,
        0,
        1,
        0.5,
    ]
    assert (record[example.PART_X].tolist(), record[example.PART_Y].tolist()) == ([0, 1], [0, 1])
    assert record[example.HIERARCHY] == [b"animals", b"birds"]
    assert result.reencoded == 1
    assert len(result.odd) == 1


def test_boxes_are_kept_inside_the_image_and_empty_ones_left_out_and_counted(samples, tmp_path):
    _, listed = samples
    boxes = (Box(-5, -5, 12, 8), Box(30, 0, 40, 10), Box(5, 5, 5, 9))
    sample = dataclasses.replace(listed[0], boxes=boxes, parts=())
    task = task_of(samples, tmp_path, samples=(sample,))
    result = write_shard(task, nothing)
    (record,) = features_of(task)
    assert (record[example.BOX_XMIN].tolist(), record[example.BOX_XMAX].tolist()) == ([0], [0.5])
    assert result.odd == {shards.EMPTY_BOX: 1}
    assert example.PART_X not in record


def test_bad_images_are_all_named_and_nothing_is_kept(samples, tmp_path):
    root = Path(samples[0].where())
    (root / "03.jpg").write_bytes(b"")
    (root / "05.jpg").write_bytes(b"no image")
    (root / "17.jpg").unlink()
    task = task_of(samples, tmp_path)
    with pytest.raises(BadImages) as caught:
        write_shard(task, nothing)
    assert [bad.path for bad in caught.value.args[0]] == ["03.jpg", "05.jpg", "17.jpg"]
    assert "No such file" in caught.value.args[0][2].reason
    assert list(task.path.parent.iterdir()) == []


def test_skipped_images_leave_no_gap(samples, tmp_path):
    root = Path(samples[0].where())
    (root / "03.jpg").write_bytes(b"")
    task = task_of(samples, tmp_path, skip_bad=True)
    result = write_shard(task, nothing)
    assert result.kept == [0, 1, 2, *range(4, 18)]
    assert [bad.id for bad in result.skipped] == ["id3"]
    assert [record[example.ID][0].decode() for record in features_of(task)] == [f"id{n}" for n in result.kept]


def test_a_finished_shard_is_recognised_by_its_fingerprint_and_size(samples, tmp_path):
    task = task_of(samples, tmp_path)
    assert finished_shard(task) is None
    result = write_shard(task, nothing)
    assert finished_shard(task) == result
    assert finished_shard(dataclasses.replace(task, fingerprint="f2")) is None
    task.path.write_bytes(task.path.read_bytes()[:-1])
    assert finished_shard(task) is None
    task.path.unlink()
    assert finished_shard(task) is None


def test_a_shard_with_skipped_images_is_not_finished_for_a_run_that_forbids_them(samples, tmp_path):
    root = Path(samples[0].where())
    (root / "03.jpg").write_bytes(b"")
    task = task_of(samples, tmp_path, skip_bad=True)
    write_shard(task, nothing)
    assert finished_shard(task) is not None
    assert finished_shard(dataclasses.replace(task, skip_bad=False)) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"fingerprint": "f1"}'])
def test_a_damaged_sidecar_means_not_finished(samples, tmp_path, content):
    task = task_of(samples, tmp_path)
    write_shard(task, nothing)
    shards._sidecar(task).write_text(content)
    assert finished_shard(task) is None


def test_a_full_disk_names_the_shard_and_leaves_nothing(samples, tmp_path, monkeypatch):
    task = task_of(samples, tmp_path)

    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_shard(task, nothing)
    assert caught.value.filename == str(task.path)
    assert list(task.path.parent.iterdir()) == []


def test_a_file_name_that_is_not_utf8_comes_back_as_the_same_bytes(samples, tmp_path):
    tree, listed = samples
    path = Path(tree.where(os.fsdecode(b"\xff.jpg")))
    path.write_bytes(tree.read(listed[0].path))
    sample = dataclasses.replace(listed[0], id=path.name, path=path.name)
    task = task_of(samples, tmp_path, samples=(sample,))
    write_shard(task, nothing)
    assert features_of(task)[0][example.FILENAME] == [b"\xff.jpg"]
    path.write_bytes(b"bad")
    result = write_shard(dataclasses.replace(task, skip_bad=True), nothing)
    assert result.skipped[0].path == "\\udcff.jpg"
