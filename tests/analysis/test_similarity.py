"""All sources to all targets: values, resamples that share images, and the table that is made of them."""

import numpy as np
import pytest

from fgtl.analysis import bootstrap
from fgtl.analysis.domain import domain_of, joined
from fgtl.analysis.emd import emd
from fgtl.analysis.similarity import Collection, Measured, measure
from fgtl.analysis.similarity_knobs import SimilarityKnobs
from fgtl.analysis.similarity_table import similarity_table
from fgtl.errors import InputError, UsageError
from fgtl.features.feature_set import Features


def photos(seed: int, centre: float, images: int = 120, classes: int = 6) -> Features:
    rng = np.random.default_rng(seed)
    labels = np.arange(images, dtype=np.int32) % classes
    means = centre + rng.normal(size=(classes, 8))
    rows = (means[labels] + rng.normal(size=(images, 8))).astype(np.float32)
    return Features(rows, labels, np.arange(images).astype(str), tuple(f"{seed}-{label}" for label in range(classes)))


NEAR, FAR, TARGET = photos(1, 0.5), photos(2, 4.0), photos(3, 0.0)


def collection(name: str, *parts: Features) -> Collection:
    return Collection(name, parts)


SOURCES = [collection("far", FAR), collection("near", NEAR), collection("near+far", NEAR, FAR)]
TARGETS = [collection("target", TARGET), collection("near", NEAR)]


@pytest.fixture(scope="module")
def measured() -> Measured:
    return measure(SOURCES, TARGETS, SimilarityKnobs(bootstrap=60))


def test_distances_are_those_of_the_domains(measured: Measured) -> None:
    target = domain_of(TARGET, "target")
    near, far = domain_of(NEAR, "near"), domain_of(FAR, "far")
    wanted = [emd(one, target).distance for one in (far, near, joined([near, far], "both"))]
    np.testing.assert_allclose([plans[0].distance for plans in measured.plans], wanted, rtol=1e-12)
    assert measured.plans[1][1].distance == 0


def test_a_domain_is_at_distance_0_from_itself_in_every_resample(measured: Measured) -> None:
    np.testing.assert_array_equal(measured.resampled[1, 1], 0)
    assert (measured.resampled[0] > 0).all()


def test_resamples_are_the_emds_of_the_drawn_images(measured: Measured) -> None:
    """The first three, image by image; streams are numbered as the data sets come."""
    drawn = {}
    for stream, features in enumerate((FAR, NEAR)):
        images = bootstrap.ImagesByClass.of(features, np.arange(6))
        drawn[stream] = [
            features.take(np.repeat(images.rows, counts.astype(int))) for counts in images.draw(range(3), 0, stream)
        ]
    for number in range(3):
        far, near = (domain_of(drawn[stream][number], "drawn") for stream in (0, 1))
        assert measured.resampled[0, 1, number] == pytest.approx(emd(far, near).distance, rel=1e-5)
        both = joined([near, far], "both")
        assert measured.resampled[2, 1, number] == pytest.approx(emd(both, near).distance, rel=1e-5)


def test_blocks_change_nothing(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fgtl.analysis.similarity.blocks", lambda r, some: bootstrap.blocks(r, some, 0))
    again = measure(SOURCES[:1], TARGETS, SimilarityKnobs(bootstrap=4))
    # Streams are numbered by data set, and here the target comes second.
    np.testing.assert_allclose(again.resampled.mean(), measured.resampled[0].mean(), rtol=0.1)
    once = measure(SOURCES[:1], TARGETS, SimilarityKnobs(bootstrap=4))
    monkeypatch.undo()
    np.testing.assert_array_equal(once.resampled, measure(SOURCES[:1], TARGETS, SimilarityKnobs(bootstrap=4)).resampled)


def test_the_table_is_sorted_and_its_figures_hold_together(measured: Measured) -> None:
    found = similarity_table(measured, SimilarityKnobs(bootstrap=60), extractor="net", split="train")
    assert [(row.target, row.source) for row in found.rows[:3]] == [
        ("target", "near"),
        ("target", "near+far"),
        ("target", "far"),
    ]
    assert found.rows[3].source == "near" and found.rows[3].emd == 0
    for row in found.rows:
        assert row.interval is not None and row.similarity_interval is not None
        assert row.interval[0] <= row.emd <= row.interval[1]
        assert row.similarity == pytest.approx(np.exp(-0.01 * row.emd))
        assert row.similarity_interval == pytest.approx(np.exp(-0.01 * np.array(row.interval[::-1])))
    assert [(flows.target, flows.source) for flows in found.flows] == [(row.target, row.source) for row in found.rows]
    assert not found.ties
    assert any(note.startswith("near: source and target") for note in found.notes)


def test_two_halves_of_one_data_set_cannot_be_told_apart() -> None:
    # The classes alternate: of every twelve images the first six are one of each class, and so are the others.
    halves = [
        collection(name, NEAR.take(np.arange(120).reshape(-1, 12)[:, s].ravel()))
        for name, s in (("a", slice(6)), ("b", slice(6, 12)))
    ]
    knobs = SimilarityKnobs(bootstrap=60)
    found = similarity_table(measure(halves, TARGETS[:1], knobs), knobs)
    assert [(tie.target, {tie.one, tie.other}) for tie in found.ties] == [("target", {"a", "b"})]
    assert found.ties[0].interval[0] < found.ties[0].difference < found.ties[0].interval[1]


def test_gamma_auto_spreads_and_says_why(measured: Measured) -> None:
    found = similarity_table(measured, SimilarityKnobs(gamma="auto", bootstrap=60))
    fixed = similarity_table(measured, SimilarityKnobs(bootstrap=60))
    widths = [
        max(values) - min(values)
        for values in ([row.similarity for row in one.rows if row.emd] for one in (found, fixed))
    ]
    assert widths[0] > widths[1]
    assert "auto" in found.gamma_words and "cannot be compared" in found.gamma_words
    single = similarity_table(
        measure(SOURCES[:1], TARGETS[:1], SimilarityKnobs(bootstrap=0)), SimilarityKnobs(gamma="auto", bootstrap=0)
    )
    assert single.rows[0].similarity == pytest.approx(np.exp(-1))
    assert "by construction" in single.gamma_words


def test_similarities_that_look_alike_are_remarked_on(measured: Measured) -> None:
    for gamma, remarked in (("0.0001", True), ("0.1", False), ("auto", False)):
        found = similarity_table(measured, SimilarityKnobs(gamma=gamma, bootstrap=60))
        assert any("take --gamma auto" in note for note in found.notes) == remarked


def test_without_resamples_there_are_no_intervals() -> None:
    knobs = SimilarityKnobs(bootstrap=0)
    found = similarity_table(measure(SOURCES, TARGETS, knobs), knobs)
    assert {row.interval for row in found.rows} == {None}
    assert not found.ties


def test_small_source_classes_are_left_out_of_sources_only() -> None:
    uneven = NEAR.take(np.flatnonzero((NEAR.labels > 0) | (np.arange(120) < 30)))
    knobs = SimilarityKnobs(min_images=10, bootstrap=3)
    found = measure([collection("s", uneven), collection("u", FAR, uneven)], [collection("t", uneven)], knobs)
    assert [len(one) for one in (*found.sources, *found.targets)] == [5, 11, 6]
    table = similarity_table(found, knobs)
    assert [one.too_few for one in table.sources] == [1, 1] and table.targets[0].too_few == 0
    with pytest.raises(UsageError, match="fewer than 1000 images"):
        measure(SOURCES, TARGETS, SimilarityKnobs(min_images=1000))


def test_few_images_are_remarked_on() -> None:
    lonely = photos(5, 1.0, images=6)
    knobs = SimilarityKnobs(bootstrap=20)
    found = similarity_table(measure([collection("lonely", lonely)], TARGETS[:1], knobs), knobs)
    assert any("single image" in note for note in found.notes)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(InputError, match="0 sources"):
        measure([], TARGETS, SimilarityKnobs())


@pytest.mark.slow
def test_the_interval_holds_the_distance_that_other_images_give_on_average() -> None:
    """Of 40 photographers, who each take their own images of the same classes, 95 % must catch the common mean."""
    rng = np.random.default_rng(0)
    means = [rng.normal(size=(5, 4)), 1 + rng.normal(size=(4, 4))]

    def taken() -> list[Collection]:
        found = []
        for name, centres in zip("st", means, strict=True):
            labels = rng.integers(0, len(centres), 80).astype(np.int32)
            rows = (centres[labels] + rng.normal(size=(80, 4))).astype(np.float32)
            found.append(collection(name, Features(rows, labels, labels.astype(str), tuple("abcde"[: len(centres)]))))
        return found

    knobs = SimilarityKnobs(bootstrap=100)
    tables = [similarity_table(measure(*([one] for one in taken()), knobs), knobs) for _ in range(40)]
    plain = SimilarityKnobs(bootstrap=0)
    expected = np.mean([measure(*([one] for one in taken()), plain).plans[0][0].distance for _ in range(300)])
    caught = sum(
        1 for one in tables if one.rows[0].interval and one.rows[0].interval[0] <= expected <= one.rows[0].interval[1]
    )
    assert caught >= 34
