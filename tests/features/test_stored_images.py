"""From features back to photographs: the right record set, or the reason why not."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.records import RecordSet, Selection
from fgtl.errors import DataError, UsageError
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.find import STORE
from fgtl.features.stored_images import images_at_hand, records_of, stored_images
from fgtl.features.writing import write_feature_set


def every(records: RecordSet) -> Selection:
    return records.select("+".join(records.counts))


def made_of(home: Path, folder: Path) -> FeatureSet:
    selection = every(RecordSet.open(home))
    rows = Features(np.eye(4, dtype=np.float32), selection.labels, selection.ids, ("tit", "wren"))
    digest = RecordSet.open(home).manifest_sha256
    return write_feature_set(folder, rows, np.zeros(4, np.uint8), Extractor("any"), manifest_sha256=digest)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photographs as a record set with a feature set."""
    photos = tmp_path_factory.mktemp("photos")
    for place in range(4):
        folder = photos / ("wren", "tit")[place % 2]
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (20, 20), (60 * place, 0, 0)).save(folder / f"{place}.png")
    home = tmp_path_factory.mktemp("records") / "few"
    assert main(["convert", f"--dataset={photos}", f"--output_dir={home}", "--num_shards=1", "--workers=1"]) == 0
    made_of(home, home / STORE / "made")
    return home


def test_the_record_set_is_the_one_that_the_features_lie_in(home: Path) -> None:
    found = FeatureSet.open(home / STORE / "made")
    assert records_of(found).folder == home.resolve()
    assert images_at_hand(found, found.ids[:2]) == stored_images(RecordSet.open(home), found.ids[:2])


def test_features_elsewhere_need_to_be_told(home: Path, tmp_path: Path) -> None:
    found = made_of(home, tmp_path / "alone")
    with pytest.raises(UsageError, match="--records"):
        records_of(found)
    assert images_at_hand(found, found.ids) == {}
    assert records_of(found, home).folder == home


def test_another_record_set_is_refused(home: Path, tmp_path: Path) -> None:
    other = shutil.copytree(home, tmp_path / "other")
    manifest = other / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(DataError, match="another record set"):
        records_of(FeatureSet.open(home / STORE / "made"), other)


def test_images_are_those_of_the_ids_and_strangers_are_left_out(home: Path) -> None:
    records = RecordSet.open(home)
    ids = every(records).ids[[2, 0, 2]]
    found = stored_images(records, [*ids.tolist(), "stranger"])
    assert set(found) == set(ids.tolist())
    for id, data in found.items():
        with Image.open(io.BytesIO(data)) as image:
            red = np.asarray(image.convert("RGB"))[0, 0, 0]
        assert red == 60 * int(Path(id).stem)
