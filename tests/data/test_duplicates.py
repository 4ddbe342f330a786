"""Byte-equal files: found whatever their names, never by checksum alone."""

import numpy as np
from google_crc32c import value as crc32c
from hypothesis import given
from hypothesis import strategies as st

from fgtl.data.convert import convert
from fgtl.data.duplicates import GROUPS_LISTED, IDS_LISTED, duplicates_report, find_copies
from fgtl.data.plan import ConvertKnobs
from fgtl.datasets import Card, Sample
from fgtl.downloads import FolderTree


def copies_of(contents, *, sizes=None, crcs=None):
    samples = [Sample(str(row), str(row), row % 2, "ab"[row % 2], "train") for row in range(len(contents))]
    found = find_copies(
        samples,
        sizes or [len(content) for content in contents],
        crcs or [crc32c(content) for content in contents],
        lambda suspects: (contents[int(sample.id)] for sample in suspects),
    )
    return [[sample.id for sample in group.samples] for group in found]


@given(st.lists(st.sampled_from([b"", b"a", b"aa", b"ab", b"b" * 9]), max_size=12))
def test_groups_are_those_of_equal_content(contents):
    slow = [[str(row) for row, other in enumerate(contents) if other == content] for content in dict.fromkeys(contents)]
    assert sorted(copies_of(contents)) == sorted(group for group in slow if len(group) > 1)


def test_equal_checksums_are_not_enough():
    assert copies_of([b"one", b"two", b"one"], crcs=[7, 7, 7]) == [["0", "2"]]


def test_only_suspects_are_read():
    asked = []
    samples = [Sample(str(row), str(row), 0, "a", "train") for row in range(4)]
    find_copies(samples, [1, 2, 1, 2], [5, 5, 5, 6], lambda suspects: asked.extend(suspects) or [b"x"] * len(suspects))
    assert [sample.id for sample in asked] == ["0", "2"]


def test_the_report_puts_harm_first_and_stays_short():
    harmless = [[Sample(f"{row}{side}", "p", 0, "a", "train") for side in "xy"] for row in range(GROUPS_LISTED)]
    crossing = [Sample("train copy", "p", 0, "a", "train"), Sample("test copy", "p", 0, "a", "test")]
    two_labels = [Sample(str(number), "p", number % 2, "ab"[number % 2], "train") for number in range(IDS_LISTED + 1)]
    contents = {
        id(sample): b"%d" % row for row, group in enumerate([*harmless, crossing, two_labels]) for sample in group
    }
    samples = [sample for group in [*harmless, crossing, two_labels] for sample in group]
    ones = np.ones(len(samples), np.int64)
    report = duplicates_report(find_copies(samples, ones, ones, lambda all_: (contents[id(one)] for one in all_)))
    assert (report["groups"], report["across_splits"], report["other_labels"]) == (GROUPS_LISTED + 2, 1, 1)
    assert len(report["listed"]) == GROUPS_LISTED
    assert report["listed"][0]["labels"] == [0, 1] and len(report["listed"][0]["ids"]) == IDS_LISTED
    assert report["listed"][1] == {"ids": ["train copy", "test copy"], "splits": ["test", "train"], "labels": [0]}


def test_a_conversion_reports_them_also_when_it_was_resumed(image_folder, tmp_path):
    photo = (image_folder / "train/class 0/00.jpg").read_bytes()
    (image_folder / "test/class 0/again.jpg").write_bytes(photo)
    (image_folder / "train/class 1/again.jpg").write_bytes(photo)
    card, knobs = Card("photos", "folder"), ConvertKnobs(num_shards=2, workers=1)
    report = convert(card, FolderTree(image_folder), tmp_path / "out", knobs).report["duplicates"]
    assert report == {
        "groups": 1,
        "images": 3,
        "across_splits": 1,
        "other_labels": 1,
        "listed": [
            {
                "ids": report["listed"][0]["ids"],
                "splits": ["test", "train"],
                "labels": [0, 1],
            }
        ],
    }
    assert sorted(report["listed"][0]["ids"]) == [
        "test/class 0/again.jpg", "train/class 0/00.jpg", "train/class 1/again.jpg"
    ]  # fmt: skip
