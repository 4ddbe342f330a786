"""One bad record costs one record: it is named, the stream keeps its length, and all other images are as they were."""

import dataclasses
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harm import HARMS, READ, flip, no_pixels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import encoded, picture

from fgtl.data.convert import convert
from fgtl.data.example import ID
from fgtl.data.knobs import InputKnobs
from fgtl.data.order import rows_at
from fgtl.data.plan import ConvertKnobs
from fgtl.data.quiet import import_tensorflow
from fgtl.data.records import RecordSet, Selection
from fgtl.data.verify import verify
from fgtl.datasets import Card
from fgtl.downloads import FolderTree
from fgtl.errors import DataError, UsageError

tf = import_tensorflow()

from fgtl.data.bad_records import BadRecord  # noqa: E402
from fgtl.data.damage import damage_explained  # noqa: E402
from fgtl.data.pipeline import training_batches  # noqa: E402
from fgtl.data.record_reader import substitutes  # noqa: E402
from fgtl.data.views import evaluation_batches  # noqa: E402

IMAGES = 40
STEPS = range(24)  # of 5 images: three epochs
BAD = 17


@pytest.fixture(scope="module")
def whole_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record set of 40 training images in two shards."""
    folder = tmp_path_factory.mktemp("whole")
    for row in range(IMAGES):
        path = folder / "pictures" / "train" / f"class {row % 2}" / f"{row:02d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(40 + row, 70 - row), "JPEG"))
    knobs = ConvertKnobs(workers=1, num_shards=2)
    convert(Card("pictures", "folder"), FolderTree(folder / "pictures"), folder / "records", knobs)
    return folder / "records"


@pytest.fixture
def selection(whole_folder: Path, tmp_path: Path) -> Selection:
    """A copy of it that may be damaged; each label is the row, to tell images apart."""
    return opened(shutil.copytree(whole_folder, tmp_path / "records"))


@pytest.fixture(scope="module")
def whole(whole_folder: Path) -> Selection:
    return opened(whole_folder)


def opened(folder: Path) -> Selection:
    return dataclasses.replace(RecordSet.open(folder).select("train"), labels=np.arange(IMAGES, dtype=np.int32))


def knobs(**changed: Any) -> InputKnobs:
    return InputKnobs(
        **{"image_size": 8, "batch_size": 5, "eval_batch_size": 7, "seed": 3, "bad_records": "skip", **changed}
    )


def columns(dataset: "tf.data.Dataset") -> list[np.ndarray]:
    """Each part of the elements, all batches joined."""
    return [np.concatenate(part) for part in zip(*dataset.as_numpy_iterator(), strict=True)]


def trained(selection: Selection, steps: range = STEPS, **changed: Any) -> list[np.ndarray]:
    return columns(training_batches(selection, knobs(**changed), steps=steps))


def assert_equal(first: list[np.ndarray], second: list[np.ndarray], rows: Any = slice(None)) -> None:
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[rows], other[rows])


@pytest.mark.parametrize("harm", HARMS)
def test_fail_names_the_record(selection: Selection, harm: str) -> None:
    HARMS[harm](selection, BAD)
    for dataset in (
        training_batches(selection, knobs(bad_records="fail"), steps=STEPS),
        evaluation_batches(selection, knobs(bad_records="fail")),
    ):
        with pytest.raises(DataError, match=re.escape(f"The record {selection.ids[BAD]} cannot be read")) as caught:
            with damage_explained(selection):
                columns(dataset)
        assert "--bad_records=skip" in str(caught.value)


@pytest.mark.parametrize("harm", HARMS)
def test_training_goes_on_and_differs_only_where_the_bad_record_stood(
    selection: Selection, whole: Selection, harm: str, capfd: pytest.CaptureFixture[str]
) -> None:
    HARMS[harm](selection, BAD)
    found, expected = trained(selection), trained(whole)
    rows, _ = rows_at(np.arange(len(STEPS) * 5), 3, IMAGES)
    good = rows != BAD
    assert (~good).sum() == 3
    assert_equal(found, expected, good)
    images, labels = found
    assert BAD not in labels
    assert images[~good].std(axis=(1, 2, 3)).min() > 1  # pictures, not holes
    assert len(set(labels[~good].tolist())) > 1  # of other records in each epoch
    told = [line for line in capfd.readouterr().err.splitlines() if str(selection.ids[BAD]) in line]
    assert len(told) == 1
    assert [bad.id for bad in selection.bad] == [selection.ids[BAD]]


@pytest.mark.parametrize("harm", ["data byte", "no pixels"])
def test_two_runs_and_a_resumed_run_are_equal(selection: Selection, harm: str) -> None:
    for row in (BAD, BAD + 1):
        HARMS[harm](selection, row)
    first = trained(selection, threads=1)
    for again in (trained(selection, threads=4), trained(opened(selection.records.folder), cache="ram")):
        assert_equal(first, again)
    for start in (1, 9, 20):
        # As in a new process, which has not met the record yet.
        rest = trained(opened(selection.records.folder), range(start, STEPS.stop))
        assert_equal([part[start * 5 :] for part in first], rest)


def test_a_record_that_fails_in_some_epochs_only_is_not_held_against_it_in_others(selection: Selection) -> None:
    """A process that goes on later has not seen it fail; it must do the same as one that has."""
    tall = np.where(np.arange(IMAGES) == BAD, 2, 1).astype(np.int32)

    def stretched() -> Selection:
        # Windows in the lower half, which is not there, cannot be decoded.
        fresh = opened(selection.records.folder)
        return dataclasses.replace(fresh, heights=fresh.heights * tall)

    small = {"crop_max_aspect": 1.0, "crop_min_aspect": 1.0, "crop_min_coverage": 0.05}
    whole = trained(stretched(), range(80), **small)
    shown = int((whole[1] == BAD).sum())
    rows, _ = rows_at(np.arange(400), 3, IMAGES)
    assert 0 < shown < (rows == BAD).sum()
    for start in (20, 40, 60):
        rest = trained(stretched(), range(start, 80), **small)
        assert_equal([part[start * 5 :] for part in whole], rest)


def test_skip_changes_nothing_where_nothing_is_bad(whole: Selection) -> None:
    assert_equal(trained(whole), trained(whole, bad_records="fail"))
    for first, second in ((knobs(), knobs(bad_records="fail")), (knobs(threads=1), knobs(threads=3))):
        assert_equal(columns(evaluation_batches(whole, first)), columns(evaluation_batches(whole, second)))
    assert not len(whole.bad)


@pytest.mark.parametrize(("harm", "row"), [*((harm, BAD) for harm in HARMS), ("no pixels", 0), ("zeros", IMAGES - 1)])
def test_evaluation_gives_a_bad_record_no_weight_and_leaves_the_others(
    selection: Selection, whole: Selection, harm: str, row: int
) -> None:
    HARMS[harm](selection, row)
    images, labels, weights = columns(evaluation_batches(selection, knobs()))
    expected, _, full = columns(evaluation_batches(whole, knobs()))
    seen = np.flatnonzero(weights)
    assert seen.tolist() == [other for other in range(IMAGES) if other != row]
    assert labels[seen].tolist() == seen.tolist()
    assert len(images) == len(full) == 42
    np.testing.assert_array_equal(images[seen], expected[seen])
    assert not images[row].any()


def test_in_a_resized_square_a_bad_record_is_black_too_and_the_others_stay(
    selection: Selection, whole: Selection
) -> None:
    flip(30)(selection, BAD)
    images, _, weights = columns(evaluation_batches(selection, knobs(resize=12)))
    expected = columns(evaluation_batches(whole, knobs(resize=12)))[0]
    good = np.delete(np.arange(IMAGES), BAD)
    np.testing.assert_array_equal(images[good], expected[good])
    assert weights[BAD] == 0
    assert not images[BAD].any()


def test_a_shard_cut_short_loses_its_last_records_only(selection: Selection, whole: Selection) -> None:
    path = selection.shard_paths[0]
    lost = int(np.flatnonzero(selection.shards == 0)[-1])
    with path.open("r+b") as file:
        file.truncate(int(selection.offsets[lost]) + 9)
    found, expected = trained(selection), trained(whole)
    assert_equal(found, expected, expected[1] != lost)
    (bad,) = selection.bad
    assert "truncated" in bad.what


def test_each_is_named_once_whoever_meets_it(selection: Selection, capfd: pytest.CaptureFixture[str]) -> None:
    no_pixels(selection, BAD)
    flip(30)(selection, 4)
    trained(selection)
    columns(evaluation_batches(selection, knobs()))
    list(selection.examples(bad_records="skip"))
    told = capfd.readouterr().err
    for row in (4, BAD):
        assert told.count(f"The record {selection.ids[row]} cannot be read: {selection.shard_paths[0].parent}") == 1
    assert str(selection.bad).startswith("2 could not be read: ")


@pytest.mark.parametrize("harm", ["data byte", "no pixels"])
@pytest.mark.parametrize("stage", ["training", "evaluation"])
def test_more_than_one_in_twenty_is_a_ruin_not_a_bad_record(selection: Selection, harm: str, stage: str) -> None:
    for row in range(3):
        HARMS[harm](selection, row)
    dataset = evaluation_batches(selection, knobs())
    if stage == "training":
        dataset = training_batches(selection, knobs(), steps=STEPS)
    with pytest.raises(
        DataError, match=r"3 of 40 selected records cannot be read, the last: (.|\n)*at most 2"
    ) as caught:
        with damage_explained(selection):
            columns(dataset)
    assert "convert again" in str(caught.value)


def test_the_only_record_must_not_be_bad(selection: Selection) -> None:
    only = selection.take([BAD])
    flip(40)(selection, BAD)
    for dataset in (training_batches(only, knobs(), steps=STEPS), evaluation_batches(only, knobs())):
        with pytest.raises(DataError, match="1 of 1 selected records"), damage_explained(only):
            columns(dataset)
    two = selection.take([BAD, BAD + 1])
    assert set(trained(two)[1].tolist()) == {BAD + 1}


def test_replicas_get_the_same_batches(selection: Selection) -> None:
    no_pixels(selection, BAD)
    dataset = training_batches(selection, knobs(), steps=STEPS)
    shared = tf.distribute.MirroredStrategy(["/cpu:0"]).experimental_distribute_dataset(dataset)
    batches = [[part.numpy() for part in element] for element in shared]
    assert_equal([np.concatenate(part) for part in zip(*batches, strict=True)], columns(dataset))


@given(row=st.integers(0, 50), key=st.integers(0, 2**64 - 1), more=st.integers(1, 50))
def test_substitutes_are_the_row_itself_and_then_every_row_from_a_random_one_on(row: int, key: int, more: int) -> None:
    found = list(substitutes(row, np.array([key], np.uint64), row + more))
    assert found[0] == row
    assert sorted(found[1:]) == list(range(row + more))


def test_records_lost_together_are_not_all_replaced_by_one_neighbour() -> None:
    firsts = {list(substitutes(5, np.array([key], np.uint64), 100))[1] for key in range(50)}
    assert len(firsts) > 30


@pytest.mark.parametrize("harm", READ)
def test_examples_names_a_bad_record_or_goes_on_without_it(selection: Selection, harm: str) -> None:
    HARMS[harm](selection, BAD)
    with pytest.raises(BadRecord) as caught:
        list(selection.examples())
    assert caught.value.id == selection.ids[BAD]
    assert caught.value.path == selection.shard_paths[selection.shards[BAD]]
    rows = []
    for row, features in selection.examples(bad_records="skip"):
        assert features[ID][0].decode() == selection.ids[row]
        rows.append(row)
    assert rows == [row for row in range(IMAGES) if row != BAD]
    assert [bad.id for bad in selection.bad] == [selection.ids[BAD]]


def test_examples_sees_a_record_in_anothers_place(selection: Selection) -> None:
    swapped = dataclasses.replace(selection, ids=selection.ids[::-1])
    with pytest.raises(BadRecord, match="the record there has the id"):
        next(swapped.examples())
    larger = dataclasses.replace(selection, heights=selection.heights + 1)
    with pytest.raises(BadRecord, match="the index says"):
        next(larger.examples())
    with pytest.raises(UsageError, match="'fail' or 'skip'"):
        next(selection.examples(bad_records="ignore"))


def test_a_sector_that_the_disk_cannot_read_is_a_bad_record(
    selection: Selection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(shard: int, offset: int, length: int) -> bytes:
        raise OSError(5 if offset == selection.offsets[0] else 24, "broken")

    monkeypatch.setattr(selection.records, "read", broken)
    with pytest.raises(BadRecord, match=r"Input/output error"):
        selection.payload(0)
    with pytest.raises(OSError, match="24"):
        selection.payload(1)


def test_an_empty_record_is_named_too(selection: Selection, monkeypatch: pytest.MonkeyPatch) -> None:
    read = selection.records.read
    empty = selection.offsets[BAD]
    monkeypatch.setattr(selection.records, "read", lambda *at: b"" if at[1] == empty else read(*at))
    selection = selection.take(np.flatnonzero(selection.shards == selection.shards[BAD]))
    _, _, weights = columns(evaluation_batches(selection, knobs()))
    assert np.count_nonzero(weights) == len(selection) - 1
    (bad,) = selection.bad
    assert bad.what == "it is empty"


def test_tensorflow_drops_the_rest_of_the_shard_and_says_nothing(selection: Selection) -> None:
    """The contrast: what a plain reader does about one flipped byte."""
    flip(200)(selection, 3)
    path = selection.shard_paths[0]
    dataset = tf.data.TFRecordDataset(str(path)).apply(lambda records: records.ignore_errors())
    of_shard = int((selection.shards == 0).sum())
    assert (sum(1 for _ in dataset), of_shard) == (3, 20)
    rows = [row for row, _ in selection.examples(bad_records="skip") if selection.shards[row] == 0]
    assert len(rows) == of_shard - 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_costs_the_records_it_lies_in_and_verify_names_exactly_those(
    selection: Selection, data: st.DataObject
) -> None:
    path = selection.shard_paths[0]
    content = path.read_bytes()
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(content) - 1))
        junk = data.draw(st.binary(min_size=1, max_size=30))
        damaged[at : at + len(junk)] = junk[: len(content) - at]
    changed = np.flatnonzero(np.frombuffer(damaged, np.uint8) != np.frombuffer(content, np.uint8))
    starts, ends = selection.offsets - 12, selection.offsets + selection.lengths + 4
    here = selection.shards == 0
    bad = [row for row in range(IMAGES) if here[row] and ((changed >= starts[row]) & (changed < ends[row])).any()]
    path.write_bytes(damaged)
    try:
        fresh = opened(selection.records.folder)
        if len(bad) <= 2:
            rows = [row for row, _ in fresh.examples(bad_records="skip")]
            assert rows == [row for row in range(IMAGES) if row not in bad]
        assert [damage.id for damage in verify(selection.records.folder)] == fresh.ids[bad].tolist()
    finally:
        path.write_bytes(content)
