"""Which images are trained on and which choose the epoch."""

import pytest

from fgtl.data.convert import convert
from fgtl.data.parts import SplitKnobs, parts_of
from fgtl.data.plan import ConvertKnobs
from fgtl.data.records import RecordSet
from fgtl.datasets import Card
from fgtl.downloads import FolderTree
from fgtl.errors import UsageError


def test_without_a_validation_split_one_is_carved_from_train(converted):
    parts = parts_of(converted, SplitKnobs(validation_fraction=0.3), seed=0)
    assert (len(parts.train), len(parts.validation), len(parts.everything)) == (8, 3, 11)
    assert {*parts.train.ids, *parts.validation.ids} == set(converted.select("train").ids)


def test_a_validation_split_that_is_there_is_used(image_folder, tmp_path):
    (image_folder / "test").rename(image_folder / "val")
    convert(
        Card("photos", "folder"), FolderTree(image_folder), tmp_path / "records", ConvertKnobs(num_shards=1, workers=1)
    )
    parts = parts_of(RecordSet.open(tmp_path / "records"), SplitKnobs(), seed=0)
    assert (len(parts.train), len(parts.validation), len(parts.everything)) == (11, 7, 18)


def test_a_part_of_train_may_be_named(converted):
    parts = parts_of(converted, SplitKnobs(train_split="train[:8]", validation_split="train[8:]"), seed=0)
    assert (len(parts.train), len(parts.validation)) == (8, 3)
    with pytest.raises(UsageError, match="twice"):
        parts_of(converted, SplitKnobs(train_split="train", validation_split="train[8:]"), seed=0)


@pytest.mark.parametrize("expression", ["test", "test[:50%]", "train[8:]+test", " test"])
def test_the_test_split_may_not_choose_the_epoch(converted, expression):
    with pytest.raises(UsageError, match="the test split must not choose the epoch"):
        parts_of(converted, SplitKnobs(train_split="train[:8]", validation_split=expression), seed=0)
