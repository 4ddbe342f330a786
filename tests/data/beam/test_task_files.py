import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.data.beam import task_files
from fgtl.data.beam.task_files import from_plain, read_task, to_plain, write_task
from fgtl.data.image_files.policy import ImagePolicy
from fgtl.data.shards import ShardTask
from fgtl.datasets import Box, PartPoint, Sample
from fgtl.downloads import Place
from fgtl.errors import DataError, FgtlError

# Whatever a file name of any bytes becomes in Python, and any text of a list.
TEXTS = st.text() | st.binary(max_size=20).map(os.fsdecode)
NUMBERS = st.integers(0, 2**63) | st.floats(allow_nan=False)
PLACES = st.builds(
    Place,
    TEXTS,
    st.integers(0, 2**50),
    st.none() | st.integers(0),
    st.none() | st.integers(0),
    st.none() | st.integers(0, 2**32 - 1),
)
SAMPLES = st.builds(
    Sample,
    id=TEXTS,
    path=TEXTS,
    label=st.integers(0, 2**31 - 1),
    class_name=TEXTS,
    split=st.sampled_from(["train", "validation", "test"]),
    boxes=st.lists(st.builds(Box, NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=3).map(tuple),
    parts=st.lists(st.builds(PartPoint, TEXTS, NUMBERS, NUMBERS, st.booleans()), max_size=3).map(tuple),
    hierarchy=st.lists(TEXTS, max_size=3).map(tuple),
    place=st.none() | PLACES,
)
TASKS = st.builds(
    ShardTask,
    path=TEXTS.map(Path),
    samples=st.lists(SAMPLES, max_size=3).map(tuple),
    part_names=st.lists(TEXTS, max_size=3).map(tuple),
    policy=st.builds(ImagePolicy, odd=st.sampled_from(["reencode", "fail"]), max_pixels=st.integers(1, 10**9)),
    skip_bad=st.booleans(),
    fingerprint=TEXTS,
    places=st.lists(PLACES, max_size=3).map(tuple),
)


@given(TASKS)
def test_nothing_is_lost_on_the_way_through_json(task):
    read = from_plain(json.loads(json.dumps(to_plain(task))))
    assert read == task
    # 1 == 1.0 == True: the types decide what is written into the record.
    assert repr(read) == repr(task)


def simple_task(places):
    sample = Sample("i", "a.jpg", 0, "bird", "train")
    return ShardTask(Path("shard"), (sample,) * len(places), (), ImagePolicy(), False, "f", places)


def test_a_worker_in_another_folder_finds_the_image(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.jpg").write_bytes(b"image")
    monkeypatch.chdir(tmp_path / "here")
    write_task(tmp_path / "0.json", simple_task((Place("a.jpg", 2, 3),)))
    monkeypatch.chdir(tmp_path)
    assert read_task(tmp_path / "0.json").places == (Place(str(tmp_path / "here" / "a.jpg"), 2, 3),)


def test_a_worker_that_does_not_see_the_images_says_so_instead_of_leaving_them_out(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"image")
    write_task(tmp_path / "0.json", simple_task((Place(str(tmp_path / "lost.jpg")), Place(str(tmp_path / "a.jpg")))))
    read_task(tmp_path / "0.json")
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(FgtlError, match=r"(?s)The worker .* does not see .*a\.jpg.*same path on every machine"):
        read_task(tmp_path / "0.json")


def test_an_image_that_was_never_there_is_a_matter_of_the_shard(tmp_path):
    task = simple_task((Place(str(tmp_path / "lost.jpg")),))
    write_task(tmp_path / "0.json", task)
    assert read_task(tmp_path / "0.json") == task


def test_another_version_of_pillow_is_refused(tmp_path, monkeypatch):
    write_task(tmp_path / "0.json", simple_task(()))
    monkeypatch.setitem(task_files._VERSIONS, "Pillow", "0.1")
    with pytest.raises(FgtlError, match=r"The worker .* has Pillow 0\.1, the machine that began the conversion \d"):
        read_task(tmp_path / "0.json")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"versions": 1}', "null"])
def test_a_damaged_task_is_named(tmp_path, content):
    (tmp_path / "0.json").write_text(content)
    with pytest.raises(DataError, match=r"0\.json"):
        read_task(tmp_path / "0.json")
