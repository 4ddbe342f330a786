"""The image that stands for a class."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.analysis.similarity import Collection, measure
from fgtl.analysis.similarity_knobs import SimilarityKnobs
from fgtl.analysis.similarity_table import similarity_table
from fgtl.analysis.typical import typical_pictures, typical_row
from fgtl.commands.app import main
from fgtl.data.records import RecordSet
from fgtl.errors import InputError
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.find import STORE
from fgtl.features.writing import write_feature_set


def test_it_is_the_one_nearest_to_the_mean() -> None:
    rows = np.array([[0, 0], [9, 9], [1, 1], [2, 2], [5, 5]], np.float32)
    features = Features(rows, np.array([1, 0, 1, 1, 0], np.int32), np.arange(5).astype(str), ("a", "b", "c"))
    assert typical_row(features, 1) == 2
    assert typical_row(features, 0) == 1
    with pytest.raises(InputError, match="class 2 has no image"):
        typical_row(features, 2)


@pytest.fixture
def photographs(tmp_path: Path) -> FeatureSet:
    """Three photographs of each of three classes; their red is 60 times the class plus their place in it."""
    for number in range(9):
        folder = tmp_path / "photos" / "abc"[number // 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (60 * (number // 3) + number % 3, 0, 0)).save(folder / f"{number % 3}.png")
    home = tmp_path / "records"
    words = [f"--dataset={tmp_path / 'photos'}", f"--output_dir={home}", "--num_shards=1", "--workers=1"]
    assert main(["convert", *words]) == 0
    records = RecordSet.open(home)
    images = records.select("+".join(records.counts))
    place = np.array([int(Path(id).stem) for id in images.ids])
    # The second of each class is at its mean.
    features = np.stack([10.0 * images.labels, place - 1], axis=1).astype(np.float32)
    rows = Features(features, images.labels.astype(np.int32), images.ids, records.class_names)
    about = {"manifest_sha256": records.manifest_sha256}
    return write_feature_set(home / STORE / "made", rows, np.zeros(9, np.uint8), Extractor("any"), **about)


def test_classes_of_any_collection_get_the_picture_of_their_typical_image(photographs: FeatureSet) -> None:
    rows = photographs.part("train")
    source = Collection("ends", (rows.of_classes([2, 0]),), (photographs,))
    target = Collection("middle", (rows.of_classes([1]),), (photographs,))
    # The same images, and nobody says which feature set they are of.
    bare = Collection("bare", (rows.of_classes([1]),))
    knobs = SimilarityKnobs(bootstrap=0)
    measured = measure([source], [target, bare], knobs)
    found = typical_pictures(similarity_table(measured, knobs).flows, measured, (source, target, bare))
    # Places in the source follow its own labels: 0 is the class "c".
    assert reds(found) == {("source", "ends", 0): 121, ("source", "ends", 1): 1, ("target", "middle", 0): 61}


def test_a_source_that_is_a_target_too_and_has_lost_classes_shows_its_own(photographs: FeatureSet) -> None:
    rows = photographs.part("train")
    # Two images of the first class: fewer than a source needs.
    fewer = rows.take(np.flatnonzero((rows.labels != 0) | (rows.features[:, 1] != 1)))
    both = Collection("both", (fewer,), (photographs,))
    knobs = SimilarityKnobs(bootstrap=0, min_images=3)
    measured = measure([both], [both], knobs)
    found = reds(typical_pictures(similarity_table(measured, knobs).flows, measured, (both, both)))
    assert (found["source", "both", 0], found["target", "both", 1]) == (61, 61)


def reds(found: dict[tuple[str, str, int], bytes]) -> dict[tuple[str, str, int], int]:
    """The red of each picture."""
    return {key: np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[0, 0, 0] for key, data in found.items()}
