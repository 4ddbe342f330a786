"""Words that name feature sets, and the answer to a question that was asked before."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from fgtl.errors import DataError, UsageError
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.find import find_answer, find_feature_sets
from fgtl.features.writing import write_feature_set

MANIFEST = b"{}"
SHA256 = hashlib.sha256(MANIFEST).hexdigest()


def add(records: Path, backbone: str, weights: str = "", manifest_sha256: str = SHA256) -> FeatureSet:
    rows = Features(np.ones((2, 3), np.float32), np.zeros(2, np.int32), np.array(["a", "b"]), ("bird",))
    extractor = Extractor(backbone, hashlib.sha256(weights.encode()).hexdigest())
    question = {"weights": weights, "fixed": weights} if weights else {}
    facts = {"manifest_sha256": manifest_sha256, "question": question}
    folder = records / "features" / f"{backbone}{weights}{manifest_sha256[:2]}"
    found = write_feature_set(folder, rows, np.zeros(2, np.uint8), extractor, **facts)
    named = folder.with_name(found.meta.key)
    folder.rename(named)
    return FeatureSet.open(named)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """The folder of a record set, as far as its features see it."""
    (tmp_path / "birds").mkdir()
    (tmp_path / "birds" / "manifest.json").write_bytes(MANIFEST)
    return tmp_path / "birds"


def test_a_folder_or_a_record_set_with_a_single_set(records: Path) -> None:
    wanted = add(records, "mobilenet_v2").folder
    words = [records, str(records), records / "features", wanted]
    assert [one.folder for one in find_feature_sets(words)] == [wanted] * 4


def test_of_several_sets_one_is_named_by_key_backbone_or_weights(records: Path) -> None:
    birds, things = add(records, "mobilenet_v2", "inat_birds.h5"), add(records, "mobilenet_v2", "imagenet.h5")
    inception = add(records, "inception_v3", "imagenet.h5")
    for word, wanted in (
        (birds.meta.key[:8], birds),
        (things.meta.key, things),
        ("inat_birds", birds),
        ("inception_v3", inception),
    ):
        assert find_feature_sets([f"{records}@{word}"])[0].folder == wanted.folder
    with pytest.raises(UsageError, match=r"holds 3 feature sets(.|\n)*inat_birds\.h5") as error:
        find_feature_sets([records])
    assert all(f"{records}@{one.meta.key}" in str(error.value) for one in (birds, things, inception))
    with pytest.raises(UsageError, match="holds 2 feature sets"):
        find_feature_sets([f"{records}@mobilenet_v2"])
    with pytest.raises(UsageError, match="no feature set called 'vgg16'"):
        find_feature_sets([f"{records}@vgg16"])


def test_a_folder_that_has_an_at_sign_is_a_folder(tmp_path: Path) -> None:
    wanted = add(tmp_path, "x").folder.rename(tmp_path / "mine@home")
    assert find_feature_sets([tmp_path / "mine@home"])[0].folder == wanted


def test_without_features_the_command_that_makes_them_is_named(records: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"no features yet(.|\n)*fgtl extract --records {records}"):
        find_feature_sets([records])
    with pytest.raises(UsageError, match="no folder"):
        find_feature_sets([tmp_path / "nowhere"])
    with pytest.raises(UsageError, match="holds no feature set"):
        find_feature_sets([tmp_path])


def test_features_of_an_earlier_conversion_do_not_count(records: Path) -> None:
    add(records, "mobilenet_v2", manifest_sha256="0" * 64)
    with pytest.raises(UsageError, match="about an earlier conversion"):
        find_feature_sets([records])
    now = add(records, "mobilenet_v2")
    assert find_feature_sets([records])[0].folder == now.folder


def test_what_is_unfinished_is_no_set_and_said_when_it_is_named(records: Path) -> None:
    wanted, other = add(records, "mobilenet_v2"), add(records, "inception_v3")
    (other.folder / "meta.json").unlink()
    assert find_feature_sets([records])[0].folder == wanted.folder
    with pytest.raises(DataError, match="not a finished feature set"):
        find_feature_sets([other.folder])


def test_a_damaged_set_stands_in_nobodys_way_but_its_own(records: Path) -> None:
    wanted, other = add(records, "mobilenet_v2"), add(records, "inception_v3")
    (other.folder / "features.npy").write_bytes(b"")
    assert find_feature_sets([f"{records}@mobilenet_v2"])[0].folder == wanted.folder
    with pytest.raises(DataError, match=r"features\.npy has 0 bytes"):
        find_feature_sets([f"{records}@inception_v3"])


def test_the_same_question_has_an_answer(records: Path) -> None:
    wanted = add(records, "mobilenet_v2", "birds.h5")
    question = {"weights": "birds.h5", "fixed": "birds.h5"}
    for folder in (records, wanted.folder):
        found = find_answer(folder, question, SHA256)
        assert found is not None
        assert found.folder == wanted.folder
    assert find_answer(records, question | {"fixed": "other"}, SHA256) is None
    assert find_answer(records, question, "0" * 64) is None
    assert find_answer(records / "nowhere", question, SHA256) is None
    # Words that do not fix the answer have none.
    add(records, "inception_v3")
    assert find_answer(records, {}, SHA256) is None


def test_a_damaged_set_is_no_answer(records: Path) -> None:
    wanted = add(records, "mobilenet_v2", "birds.h5")
    (wanted.folder / "labels.npy").write_bytes(b"")
    assert find_answer(records, {"weights": "birds.h5", "fixed": "birds.h5"}, SHA256) is None
    shutil.rmtree(wanted.folder)
    assert find_answer(records, {"weights": "birds.h5", "fixed": "birds.h5"}, SHA256) is None
