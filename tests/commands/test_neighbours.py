"""fgtl neighbours: queries by id, row and file, what is printed and drawn, and what it refuses."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.records import RecordSet
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.find import STORE
from fgtl.features.writing import write_feature_set

EXTRACTOR = Extractor("mobilenet_v2", "ab" * 32, input_size=32)


@pytest.fixture(scope="module")
def gallery(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record set with made-up features: the class is the direction, the first row of each is a bit off."""
    home = shutil.copytree(records, tmp_path_factory.mktemp("gallery") / "birds", ignore=shutil.ignore_patterns(STORE))
    found = RecordSet.open(home)
    parts = {split: found.select(split) for split in ("train", "test")}
    labels = np.concatenate([part.labels for part in parts.values()]).astype(np.int32)
    ids = np.concatenate([part.ids for part in parts.values()])
    splits = np.repeat(np.array([0, 2], np.uint8), [len(part) for part in parts.values()])
    noise = np.random.default_rng(0).normal(size=(len(labels), 8)) / 10
    features = (3 * np.eye(8)[labels] + noise).astype(np.float32)
    rows = Features(features, labels, ids, found.class_names)
    write_feature_set(
        home / STORE / "made", rows, splits, EXTRACTOR, dataset="birds", manifest_sha256=found.manifest_sha256
    )
    return home


def opened(gallery: Path) -> FeatureSet:
    return FeatureSet.open(gallery / STORE / "made")


def test_neighbours_of_an_id_are_printed_with_their_distance(gallery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = opened(gallery).part("test").take([0])
    assert main(["neighbours", str(gallery), f"--query={query.ids[0]}", "--k=3"]) == 0
    shown = capsys.readouterr().out
    name = query.class_names[query.labels[0]]
    assert f"{query.ids[0]}  {name}" in shown
    assert shown.count("  = distance 0.") == 3
    assert "12 images of test, against train: precision@1 1.0000, precision@3 1.0000" in shown


def test_a_photograph_is_not_its_own_neighbour(gallery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = opened(gallery).part("train")
    words = ["--query=0", "--split=train", "--query_split=train", "--k=23"]
    assert main(["neighbours", str(gallery), *words]) == 0
    shown = capsys.readouterr().out
    assert "leave-one-out" in shown
    # A line each for the 23 others.
    listed = [line.split()[-1] for line in shown.splitlines() if " distance " in line]
    assert sorted(listed) == sorted(found.ids[1:].tolist())


def test_queries_may_follow_the_feature_set(gallery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = opened(gallery).part("test")
    one, two, three = test.ids[:3]
    assert main(["neighbours", str(gallery), "--k=1", "--query", one, two, three]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n{id}  " in shown for id in (one, two, three)) and shown.count(" = distance") == 3


@pytest.mark.parametrize("metric", ["euclidean", "dot"])
def test_random_queries_are_the_same_every_time(gallery: Path, metric: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for _ in range(2):
        words = ["--random=4", "--seed=5", f"--metric={metric}", "--noprecision"]
        assert main(["neighbours", str(gallery), *words]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] and "precision" not in shown[0]
    assert shown[0].count("\n\n") == 4


def test_pictures_are_drawn(gallery: Path, tmp_path: Path) -> None:
    assert main(["neighbours", str(gallery), "--random=2", "--k=2", f"--output={tmp_path / 'found.png'}"]) == 0
    with Image.open(tmp_path / "found.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    frames = (pixels == (0x1B, 0x66, 0xB8)).all(axis=2)
    assert frames.sum() > 4 * 500
    # Photographs, not empty squares.
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1000


def test_the_page_shows_the_same_and_loads_nothing(gallery: Path, tmp_path: Path) -> None:
    assert main(["neighbours", str(gallery), "--random=2", "--k=2", f"--output={tmp_path / 'found.html'}"]) == 0
    page = (tmp_path / "found.html").read_text()
    assert page.count("data:image/jpeg") == 6
    assert page.count("✓ distance") == 4
    assert "http" not in page.replace("http-equiv", "")


def test_without_the_record_set_there_are_names_but_no_pictures(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = shutil.copytree(gallery / STORE / "made", tmp_path / "alone")
    words = ["neighbours", str(alone), "--random=1", f"--output={tmp_path / 'found.html'}"]
    assert main(words) == 0
    assert "No pictures" in capsys.readouterr().err
    assert "no picture" in (tmp_path / "found.html").read_text()
    assert main([*words, f"--records={gallery}"]) == 0
    assert "data:image/jpeg" in (tmp_path / "found.html").read_text()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--query=nobody.jpg"], 2, "no id of"),
        (["--query=99"], 2, "a row number below 36"),
        (["--random=-1"], 2, "at least 0"),
        (["--k=25"], 2, "24 images of train"),
        (["--split=validation"], 2, "validation"),
        (["--output=found.pdf"], 2, ".png, .html"),
        (["--metric=manhattan"], 2, "cosine, euclidean, dot"),
        (["--records=no/such", "--output=found.png"], 3, "no/such"),
    ],
)
def test_what_cannot_be_done_is_said(
    gallery: Path, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["neighbours", str(gallery), *words]) == code
    assert message in capsys.readouterr().err


def test_a_file_that_is_no_image_is_named(gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.jpg").write_text("not an image")
    assert main(["neighbours", str(gallery), f"--query={tmp_path / 'notes.jpg'}"]) == 3
    assert "notes.jpg" in capsys.readouterr().err


def test_a_photograph_for_a_set_whose_network_is_not_at_hand_is_refused_at_once(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not after a download of other weights, and not by a word about an image size that nobody gave."""
    rows = opened(gallery).part("train")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(RecordSet.open(gallery).select("train").image(0))
    question = {"weights": "birds.weights.h5"}
    splits = np.zeros(len(rows), np.uint8)
    write_feature_set(tmp_path / "ours", rows, splits, EXTRACTOR, question=question)
    write_feature_set(tmp_path / "theirs", rows, splits, Extractor("dinov2_vits14"))
    for name, message in (("ours", "was made with birds.weights.h5"), ("theirs", "were made elsewhere")):
        assert main(["neighbours", str(tmp_path / name), str(photo), "--noprecision"]) == 2
        assert message in capsys.readouterr().err


def test_the_cosine_distance_is_one_less_the_cosine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = np.array([[1, 0], [3, 4], [0, 2]], np.float32)
    write_feature_set(
        tmp_path / "set",
        Features(rows, np.zeros(3, np.int32), np.array([*"abc"]), ("wren",)),
        np.array([2, 0, 0], np.uint8),
        EXTRACTOR,
    )
    assert main(["neighbours", str(tmp_path / "set"), "a", "--k=2"]) == 0
    shown = capsys.readouterr().out
    assert "by cosine distance" in shown and "distance 0.400" in shown and "distance 1.000" in shown


def test_no_feature_set_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["neighbours"]) == 2
    assert "fgtl neighbours FEATURESET" in capsys.readouterr().err


@pytest.mark.slow
def test_a_new_photograph_is_looked_at_by_the_network_of_the_set_or_refused(
    records: Path, finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = shutil.copytree(records, tmp_path / "birds", ignore=shutil.ignore_patterns(STORE))
    network = ["--backbone=mobilenet_v2", "--weights=none", "--image_size=32"]
    assert main(["extract", f"--records={home}", *network, "--devices=cpu"]) == 0
    selection = RecordSet.open(home).select("train")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(selection.image(5))
    capsys.readouterr()
    assert main(["neighbours", str(home), f"--query={photo}", "--weights=none", "--k=1"]) == 0
    shown = capsys.readouterr().out
    # The stored image itself is in the set: looked at alike, it is found at distance 0.
    assert f"{photo}\n    distance 0.000 " in shown and f"  {selection.ids[5]}\n" in shown
    assert main(["neighbours", str(home), f"--query={photo}", f"--run_dir={finished_run}"]) == 2
    assert "makes other features" in capsys.readouterr().err
