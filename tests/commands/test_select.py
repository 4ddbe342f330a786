"""fgtl select: from feature sets to a list that convert takes, who chose what, and what it refuses."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.manifest import read_manifest
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features
from fgtl.features.writing import write_feature_set

EXTRACTOR = Extractor("mobilenet_v2", "ab" * 32, input_size=160)


def written(
    folder: Path, dataset: str, means: np.ndarray, names: tuple[str, ...], extractor: Extractor = EXTRACTOR
) -> Path:
    """A feature set with two training images of each class around its mean, and a test image far away."""
    step = np.array([0.0, 0.5])
    around = np.concatenate([means - step, means + step, means + 1000]).astype(np.float32)
    labels = np.tile(np.arange(len(means), dtype=np.int32), 3)
    ids = np.array([f"{dataset}/{row}" for row in range(len(labels))])
    splits = np.repeat(np.array([0, 0, 2], np.uint8), len(means))
    write_feature_set(folder, Features(around, labels, ids, names), splits, extractor, dataset=dataset)
    return folder


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Acceptance B1: four classes."""
    return written(
        tmp_path / "source", "animals", np.array([[0, 0], [1, 0], [10, 0], [0, 10]]), ("ant", "bee", "cat", "dog")
    )


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return written(tmp_path / "target", "insects", np.array([[0, 0], [1, 0]]), ("fly", "wasp"))


@pytest.mark.parametrize(("k", "names"), [("2", "ant bee"), ("3", "ant bee cat"), ("all", "ant bee cat dog")])
@pytest.mark.parametrize("method", ["paper", "marginal"])
def test_b1_through_the_command_line(
    sources: Path, target: Path, tmp_path: Path, k: str, names: str, method: str
) -> None:
    output = tmp_path / "out" / "classes.txt"
    words = [f"--sources={sources}", f"--targets={target}", f"--k={k}", f"--method={method}", f"--output={output}"]
    assert main(["select", *words]) == 0
    assert output.read_text().split() == names.split()
    with output.with_suffix(".csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["rank"] for row in rows] == [str(rank + 1) for rank in range(len(names.split()))]
    alone = {"ant": 0.5, "bee": 0.5, "cat": 9.5, "dog": (10 + np.sqrt(101)) / 2}
    for row in rows:
        assert float(row["distance"]) == pytest.approx(alone[row["name"]])
        assert (row["source"], row["images"], row["target"]) == ("animals", "2", "insects")
    facts = json.loads(output.with_suffix(".json").read_text())
    assert facts["method"] == method
    assert facts["targets"][0]["lowest_at"] == 2 and facts["targets"][0]["lowest"] == pytest.approx(0)
    with Image.open(output.with_suffix(".png")) as picture:
        assert picture.size > (300, 200)


def test_the_list_is_what_convert_takes(records: Path, drawn: Path, target: Path, tmp_path: Path) -> None:
    names = read_manifest(records).class_names
    source = written(tmp_path / "birds", "synth_birds", np.array([[5, 5], [1, 0], [9, 9], [0, 0]]), names)
    output = tmp_path / "classes.txt"
    assert main(["select", f"--sources={source}", f"--targets={target}", "--k=2", f"--output={output}"]) == 0
    words = ["--dataset=synth_birds", f"--data_dir={drawn}", f"--output_dir={tmp_path / 'part'}", "--workers=1"]
    assert main(["convert", *words, "--num_shards=1", f"--classes=@{output}"]) == 0
    assert read_manifest(tmp_path / "part").class_names == (names[1], names[3])


def test_several_sources_have_a_list_each_and_several_targets_their_own_size(
    sources: Path, target: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = written(tmp_path / "more", "plants", np.array([[0, 1], [0, 9]]), ("moss", "oak"))
    far = written(tmp_path / "far", "mammals", np.array([[9, 0], [11, 0]]), ("lion", "wolf"))
    output = tmp_path / "classes.txt"
    words = [f"--sources={sources},{more}", f"--targets={target},{far}", "--k=3,1", f"--output={output}"]
    assert main(["select", *words]) == 0
    assert (tmp_path / "classes-animals.txt").read_text() == "ant\nbee\ncat\n"
    assert (tmp_path / "classes-plants.txt").read_text() == "moss\n"
    shown = capsys.readouterr().out
    assert "4 of 6 source classes are chosen" in shown
    assert f"The command that plants was converted with makes this part of it with --classes={tmp_path}" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--k=200, and there are 4 source classes"),
        (["--k=1,2"], "has 2 numbers"),
        (["--k=0"], "1 to 4, or all"),
        (["--k=few"], "1 to 4, or all"),
        (["--targets="], "--targets is missing"),
        (["--output=classes.csv"], ".txt"),
        (["--split=validation"], "validation"),
        (["--min_images=3", "--k=1"], "fewer than 3 images"),
    ],
)
def test_what_cannot_be_chosen_is_said(
    sources: Path, target: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["select", f"--sources={sources}", f"--targets={target}", *words]) == 2
    assert message in capsys.readouterr().err


def test_features_of_two_extractors_are_refused(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = written(tmp_path / "other", "insects", np.eye(2), ("fly", "wasp"), Extractor("inception_v3"))
    assert main(["select", f"--sources={sources}", f"--targets={other}", "--k=1"]) == 2
    assert "features of one extractor" in capsys.readouterr().err


def test_names_that_a_list_cannot_tell_apart_are_refused(
    target: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twins = written(tmp_path / "twins", "machines", np.eye(2), ("crane", "crane"))
    words = [f"--sources={twins}", f"--targets={target}", "--k=1", f"--output={tmp_path / 'classes.txt'}"]
    assert main(["select", *words]) == 3
    assert "2 classes of machines are called 'crane'" in capsys.readouterr().err
    assert not (tmp_path / "classes.txt").exists()


def test_sources_with_single_images_are_told_of(
    sources: Path, target: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tuple("abc")
    single = Features(np.eye(3, 2, dtype=np.float32), np.arange(3, dtype=np.int32), np.array(names), names)
    write_feature_set(tmp_path / "single", single, np.zeros(3, np.uint8), EXTRACTOR, dataset="photos")
    words = [f"--targets={target}", "--k=1", f"--output={tmp_path / 'classes.txt'}"]
    assert main(["select", f"--sources={sources}", *words]) == 0
    assert "Fewer than two images" not in capsys.readouterr().err
    assert main(["select", f"--sources={sources},{tmp_path / 'single'}", *words]) == 0
    assert "farther than it is, by an unknown amount: photos." in capsys.readouterr().err
