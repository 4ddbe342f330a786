"""The writer of feature sets: killed at any moment it goes on, and its files are those of a writer left alone."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from fgtl.errors import DataError, InputError
from fgtl.features import writer
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import FeatureSet
from fgtl.features.writer import FeatureWriter, Images, writing_alone

KEY = "0123456789abcdef"
COUNT, DIM, CLASSES, BLOCK = 40, 6, 3, 4
BAD = {5, 17, 39}
EXTRACTOR = Extractor("mobilenet_v2", input_size=32)


@pytest.fixture(autouse=True)
def disk_that_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process has written what it has written; only a power cut is told by fsync."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def images() -> Images:
    ids = np.array([f"image {number}" for number in range(COUNT - 1)] + ["the one with the longest name"])
    splits = np.repeat([0, 2], [25, 15]).astype(np.uint8)
    return Images(ids, np.arange(COUNT, dtype=np.int32) % 3, splits, ("a", "b", "c"))


def features() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(COUNT, DIM + CLASSES)).astype(np.float32)


def write(folder: Path, until: int = COUNT, bad: set[int] = BAD, values: np.ndarray | None = None) -> FeatureSet | None:
    """Add blocks until an image; finish when it is the last."""
    rows = features() if values is None else values
    with FeatureWriter(folder, KEY, images(), DIM, CLASSES) as writing:
        while writing.seen < until:
            here = range(writing.seen, writing.seen + BLOCK)
            kept = np.array([row not in bad for row in here])
            block = rows[here.start : here.stop][kept]
            writing.add(BLOCK, kept, block[:, :DIM], block[:, DIM:])
        if until < COUNT:
            return None
        return writing.finish(EXTRACTOR, dataset="birds", manifest_sha256="ab", source_classes=("x", "y", "z"))


def write_until_killed(folder: Path, moments: int) -> None:
    """In a child: write, and die where something is brought to the disk for the n-th time."""
    left = iter(range(moments - 1))
    os.fsync = lambda handle: None if next(left, None) is not None else os.kill(os.getpid(), signal.SIGKILL)
    try:
        write(folder)
    finally:
        os._exit(0)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_added_is_read_without_what_was_bad(tmp_path: Path) -> None:
    found = write(tmp_path / "set")
    assert found is not None
    kept = np.array([row not in BAD for row in range(COUNT)])
    np.testing.assert_array_equal(found.features, features()[kept, :DIM])
    np.testing.assert_array_equal(found.probabilities, features()[kept, DIM:])
    np.testing.assert_array_equal(found.ids, images().ids[kept])
    np.testing.assert_array_equal(found.labels, images().labels[kept])
    assert found.counts == {"train": 23, "test": 14}
    assert found.meta.unreadable == ("image 5", "image 17", "the one with the longest name")
    assert found.ids.dtype == "<U8"
    assert {path.name for path in found.folder.iterdir()} == {
        "features.npy",
        "probabilities.npy",
        "labels.npy",
        "ids.npy",
        "splits.npy",
        "meta.json",
    }


@pytest.mark.parametrize("until", [4, 20, 36])
def test_a_second_writer_goes_on_and_the_files_are_the_same(tmp_path: Path, until: int) -> None:
    write(tmp_path / "whole")
    write(tmp_path / "parts", until)
    with FeatureWriter(tmp_path / "parts", KEY, images(), DIM, CLASSES) as writing:
        assert writing.seen == until
    write(tmp_path / "parts")
    assert content(tmp_path / "parts") == content(tmp_path / "whole")


def test_killed_at_any_moment_it_ends_in_the_same_files(tmp_path: Path) -> None:
    """A moment is where something is brought to the disk: four in each of 10 blocks, and some at the end."""
    write(tmp_path / "whole")
    rng = np.random.default_rng(1)
    lives = 0
    while not (tmp_path / "killed" / "meta.json").is_file():
        lives += 1
        assert lives < 100
        left = int(rng.integers(1, 25))
        child = os.fork()
        if not child:
            write_until_killed(tmp_path / "killed", left)
        os.waitpid(child, 0)
    assert lives > 2
    # Which a kill between the last two steps leaves.
    (tmp_path / "killed" / "progress.json").unlink(missing_ok=True)
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_half_a_block_at_the_end_is_dropped(tmp_path: Path) -> None:
    write(tmp_path / "whole")
    write(tmp_path / "parts", 20)
    with (tmp_path / "parts" / "features.npy").open("ab") as file:
        file.write(b"half a row")
    write(tmp_path / "parts")
    assert content(tmp_path / "parts") == content(tmp_path / "whole")


def test_rows_that_are_gone_are_made_again(tmp_path: Path) -> None:
    write(tmp_path / "whole")
    write(tmp_path / "parts", 20)
    path = tmp_path / "parts" / "features.npy"
    path.write_bytes(path.read_bytes()[:-5])
    with FeatureWriter(tmp_path / "parts", KEY, images(), DIM, CLASSES) as writing:
        assert writing.seen == 0
    write(tmp_path / "parts")
    assert content(tmp_path / "parts") == content(tmp_path / "whole")


def test_blocks_of_another_set_do_not_count(tmp_path: Path) -> None:
    write(tmp_path / "set", 20)
    with FeatureWriter(tmp_path / "set", "another key", images(), DIM, CLASSES) as writing:
        assert writing.seen == 0


def test_numbers_that_are_not_finite_name_the_image_and_nothing_becomes_a_set(tmp_path: Path) -> None:
    rows = features()
    rows[22, 1] = np.inf
    with pytest.raises(DataError, match="image 22 .*not finite"):
        write(tmp_path / "set", values=rows)
    with pytest.raises(DataError, match="not a finished feature set"):
        FeatureSet.open(tmp_path / "set")
    with FeatureWriter(tmp_path / "set", KEY, images(), DIM, CLASSES) as writing:
        assert writing.seen == 20


def test_a_probability_that_is_not_finite_is_one_too(tmp_path: Path) -> None:
    rows = features()
    rows[3, DIM] = np.nan
    with pytest.raises(DataError, match="image 3 "):
        write(tmp_path / "set", values=rows)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds something else: thesis\.txt"):
        FeatureWriter(tmp_path, KEY, images(), DIM)
    with pytest.raises(DataError, match="is a file"):
        FeatureWriter(tmp_path / "thesis.txt", KEY, images(), DIM)


def test_a_second_writer_says_that_it_waits_and_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order, waits = [], threading.Event()
    monkeypatch.setattr(writer, "say", lambda text: (order.append(text), waits.set()))

    def second() -> None:
        with writing_alone(tmp_path / "set"):
            order.append("second")

    thread = threading.Thread(target=second)
    with writing_alone(tmp_path / "set"):
        thread.start()
        assert waits.wait(60)
        order.append("first")
    thread.join(60)
    assert order == [f"Another process is writing {tmp_path / 'set'}; waiting for it.", "first", "second"]


def test_where_no_image_could_be_read_there_is_no_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="None of the 40 images"):
        write(tmp_path / "set", bad=set(range(COUNT)))
    assert not (tmp_path / "set" / "meta.json").exists()


def test_source_classes_are_as_many_as_columns(tmp_path: Path) -> None:
    with (
        FeatureWriter(tmp_path / "set", KEY, images(), DIM, CLASSES) as writing,
        pytest.raises(InputError, match="2 source classes"),
    ):
        writing.finish(EXTRACTOR, source_classes=("x", "y"))
