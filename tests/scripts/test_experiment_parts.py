"""Which images a source net learns and a target is tested on, and what is said of the results."""

import dataclasses

import numpy as np
import pytest

from fgtl.errors import DataError
from fgtl.features.feature_set import Features
from scripts.experiment_similarity.association import Association
from scripts.experiment_similarity.parts import Images, source_parts, target_parts
from scripts.experiment_similarity.picture import transfer_panels
from scripts.experiment_similarity.results import Tables, as_text, associations

NAMES = ("crow", "jay", "teal")


def images(place: str, per_class: int = 10) -> Images:
    """Three classes; every fourth image is a test image; pixels hold the number of their row."""
    count = 3 * per_class
    labels = np.arange(count, dtype=np.int32) % 3
    rows = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    features = Features(rows, labels, np.array([f"{place}{row}" for row in range(count)]), NAMES)
    pixels = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 2, 2, 3))
    return Images(features, np.arange(count) % 4 == 0, np.arange(count)[::-1] // 3, pixels)


EVERY = {"a": images("a"), "b": images("b")}
MIXED = {"b": ("teal",), "a": ("jay", "crow")}


def test_a_source_has_equally_many_training_images_of_each_class_and_the_others_validate():
    train, validation = source_parts("mix", MIXED, EVERY, 7)
    assert np.bincount(train.features.labels).tolist() == [7, 7, 7]
    assert np.bincount(validation.features.labels).tolist() == [3, 3, 3]
    assert not set(train.features.ids) & set(validation.features.ids)
    assert train.features.class_names == ("b/teal", "a/jay", "a/crow")
    # The first by rank, which here is the reverse of the rows.
    assert set(validation.features.ids[:3]) == {"b/b2", "b/b5", "b/b8"}


def test_pixels_labels_and_features_are_of_the_same_image():
    train, _ = source_parts("mix", MIXED, EVERY, 7)
    for word, pixels, label, row in zip(
        train.features.ids, train.pixels, train.features.labels, train.features.features, strict=True
    ):
        place, number = word[0], int(word[3:])
        known = EVERY[place].features
        assert pixels.max() == pixels.min() == number
        assert train.features.class_names[label] == f"{place}/{NAMES[known.labels[number]]}"
        assert row.tolist() == known.features[number].tolist()


def test_the_domain_is_of_the_same_images():
    train, _ = source_parts("mix", MIXED, EVERY, 7)
    assert train.record_sets == ("b", "a")
    assert [len(part) for part in train.collection.parts] == [7, 14]
    joined = np.concatenate([part.features for part in train.collection.parts])
    assert sorted(joined.tolist()) == sorted(train.features.features.tolist())


def test_a_target_is_split_as_its_record_set_is():
    train, test = target_parts("held", {"a": ("crow", "jay")}, EVERY)
    assert {int(word[3:]) % 4 == 0 for word in test.features.ids} == {True}
    assert {int(word[3:]) % 4 == 0 for word in train.features.ids} == {False}
    assert len(train.features) + len(test.features) == 20


def test_a_class_with_too_few_images_is_named():
    with pytest.raises(DataError, match="teal of b has 10 images"):
        source_parts("mix", MIXED, EVERY, 10)
    untested = dataclasses.replace(EVERY["a"], test=np.zeros(30, np.bool_))
    with pytest.raises(DataError, match="crow of a has 10 training and 0 test images"):
        target_parts("held", {"a": ("crow",)}, {"a": untested})


def made_up(slope: float) -> Tables:
    """Seven sources, six of them of the record set a; the accuracy rises by `slope` with the similarity."""
    rng = np.random.default_rng(1)
    emd = rng.uniform(5, 20, (7, 2))
    transfer = 0.5 - slope * emd
    return Tables(
        sources={f"source {number}": ("a",) if number else ("a", "b") for number in range(7)},
        targets={"first": ("a",), "second": ("b",)},
        emd=emd,
        accuracy=np.stack([transfer - 0.01, transfer + 0.01], axis=2),
        own=rng.uniform(0.5, 1, (7, 2)),
        untrained=np.full((2, 2), 0.3),
        chance=np.array([0.25, 0.5]),
        extractor=np.array([0.9, 0.95]),
        tested=np.array([80, 40]),
        seconds=10.0,
    )


@pytest.mark.parametrize(("slope", "says"), [(0.02, "transfer better"), (-0.02, "transfer worse")])
def test_the_text_has_the_numbers_and_the_verdict_follows_from_the_interval(slope, says):
    tables = made_up(slope)
    found = associations(tables)
    text = as_text(tables, found, "some net")
    assert says in text
    assert f"{100 * tables.transfer[0, 0]:.1f} ({tables.similarity[0, 0]:.2f})" in text
    assert "7 sources, 2 targets (test images: first 80, second 40), 2 seeds" in text
    # Sources of half another record set are not among the near ones.
    assert found["Spearman, sources and targets of a alone"].value == pytest.approx(np.sign(slope))
    assert "Spearman, sources and targets of b alone" not in found


def test_nothing_is_claimed_where_the_interval_holds_0_or_there_is_none():
    tables = made_up(0.02)
    assert "nothing is shown" in as_text(tables, {"main": Association(0.4, -0.1, 0.7, 0.1, 0.0)}, "some net")
    assert "not defined" in as_text(tables, {"main": Association(None, None, None, None, 1.0)}, "some net")


def test_the_picture_has_a_panel_a_target_and_a_number_a_source():
    tables = made_up(0.02)
    figure = transfer_panels(tables, associations(tables))
    panels = [axes for part in figure.subfigs for axes in part.axes]
    assert [axes.get_title(loc="left") for axes in panels] == ["first, Spearman +1.00", "second, Spearman +1.00"]
    assert sorted(text.get_text() for text in panels[0].texts) == [f"{number}" for number in range(1, 8)]
