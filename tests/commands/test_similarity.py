"""fgtl similarity: folders to a table, files of each kind, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.records import RecordSet
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features
from fgtl.features.writing import write_feature_set

NET = Extractor("mobilenet_v2", "ab" * 32, input_size=224)


def write_set(folder: Path, seed: int, extractor: Extractor = NET, dim: int = 6, **more: str) -> str:
    """40 images of 4 classes, 32 of them for training, and a class without images."""
    rng = np.random.default_rng(seed)
    labels = np.arange(40, dtype=np.int32) % 4
    rows = (seed + rng.normal(size=(4, dim))[labels] + 0.1 * rng.normal(size=(40, dim))).astype(np.float32)
    names = tuple(f"{folder.name} {label}" for label in range(5))
    splits = np.repeat([0, 2], [32, 8]).astype(np.uint8)
    found = Features(rows, labels, np.array([f"{row}.jpg" for row in range(40)]), names)
    write_feature_set(folder, found, splits, extractor, dataset=folder.name, **more)
    return str(folder)


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, str]:
    return {name: write_set(tmp_path / name, seed) for seed, name in enumerate(("wild", "things", "birds"))}


def words(sets: dict[str, str], *more: str) -> list[str]:
    both = f"{sets['wild']},{sets['things']},{sets['wild']}+{sets['things']}"
    return ["similarity", f"--sources={both}", f"--targets={sets['birds']}", "--bootstrap=20", *more]


def test_the_table_is_printed_nearest_first(sets: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(sets)) == 0
    shown = capsys.readouterr().out
    assert [line.split()[1] for line in shown.splitlines()[1:4]] == ["things", "wild+things", "wild"]
    assert "left out: 1 without images" in shown and "mobilenet_v2 at 224 px" in shown


@pytest.mark.parametrize("ending", ["html", "json", "csv", "png"])
def test_each_kind_of_file_is_written(sets: dict[str, str], tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"found.{ending}"
    assert main(words(sets, f"--output={output}", "--gamma=auto", "--split=test")) == 0
    if ending == "png":
        with Image.open(output) as picture:
            assert picture.size > (300, 100)
    elif ending == "json":
        found = json.loads(output.read_text())
        assert [row["source"] for row in found["rows"]] == ["things", "wild+things", "wild"]
        assert found["gamma"] > 0 and "auto" in found["gamma_words"] and found["sources"][2]["images"] == 16
    else:
        assert "wild+things" in output.read_text()


def test_the_same_seed_gives_the_same_file(sets: dict[str, str], tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.json" for number in range(3)]
    for output, seed in zip(files, (1, 1, 2), strict=True):
        assert main(words(sets, f"--output={output}", f"--seed={seed}")) == 0
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()


def test_both_solvers_agree(sets: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("pyemd")
    found = []
    for solver in ("pot", "pyemd"):
        output = tmp_path / f"{solver}.json"
        assert main(words(sets, f"--output={output}", f"--solver={solver}", "--bootstrap=0")) == 0
        found.append([row["emd"] for row in json.loads(output.read_text())["rows"]])
    np.testing.assert_allclose(*found, rtol=1e-9)


def test_a_record_set_gives_its_features_and_its_pictures(records: Path, tmp_path: Path) -> None:
    whole = RecordSet.open(records)
    images = whole.select("train")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(len(images), 6)).astype(np.float32)
    found = Features(rows, images.labels.astype(np.int32), images.ids, whole.class_names)
    folder = records / "features" / "made-for-a-test"
    about = {"dataset": whole.name, "manifest_sha256": whole.manifest_sha256}
    try:
        write_feature_set(folder, found, np.zeros(len(images), np.uint8), NET, **about)
        output = tmp_path / "found.html"
        wild = write_set(tmp_path / "wild", 0)
        assert (
            main(["similarity", f"--sources={wild}", f"--targets={folder}", "--bootstrap=3", f"--output={output}"]) == 0
        )
        page = output.read_text()
        # Of four classes two are reached best and two worst; the other domain has no images.
        assert page.count("data:image/jpeg") == 4
        assert page.count("data:image/png") == 4
    finally:
        for path in sorted(folder.glob("*")):
            path.unlink()
        folder.rmdir()


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--output=found.xlsx"], 2, ".html, .json, .csv, .png"),
        (["--gamma=much"], 2, "--gamma=much"),
        (["--solver=sinkhorn"], 2, "one of: pot, pyemd"),
        (["--min_images=100"], 2, "fewer than 100 images"),
        (["--split=validation"], 2, "validation"),
        (["--bootstrap=-1"], 2, "--bootstrap=-1 is out of range"),
        (["--targets="], 2, "--targets is missing"),
        (["--targets=no/such/folder"], 2, "There is no folder no/such/folder"),
    ],
)
def test_what_cannot_be_meant_is_said(
    sets: dict[str, str], flags: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(sets, *flags)) == code
    assert message in capsys.readouterr().err


def test_the_same_source_twice_is_refused(sets: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["similarity", f"--sources={sets['wild']},{sets['wild']}", f"--targets={sets['birds']}"]) == 2
    assert "names wild twice" in capsys.readouterr().err


def test_a_source_and_a_target_of_one_name_are_told_apart(
    sets: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two collections that are both called wild; and one that is source and target at once."""
    (tmp_path / "elsewhere").mkdir()
    other, output = write_set(tmp_path / "elsewhere" / "wild", 5), tmp_path / "found.json"
    words = [f"--targets={other},{sets['birds']}", "--bootstrap=0", f"--output={output}"]
    assert main(["similarity", f"--sources={sets['wild']},{sets['birds']}", *words]) == 0
    found = json.loads(output.read_text())
    assert [one["name"] for one in found["targets"]] == ["wild (target)", "birds"]
    assert {row["emd"] == 0 for row in found["rows"] if row["target"] == "wild (target)"} == {False}
    assert "\nbirds: source and target at once" in capsys.readouterr().out


def test_another_extractor_is_refused_with_what_differs(
    sets: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_set(tmp_path / "other", 3, Extractor("mobilenet_v2", "cd" * 32, input_size=160))
    assert main(["similarity", f"--sources={sets['wild']}", f"--targets={other}"]) == 2
    said = capsys.readouterr().err
    assert "weights_sha256 abababababab… and cdcdcdcdcdcd…; input_size 224 and 160" in said
    assert "backbone" not in said.splitlines()[0]


def test_a_damaged_set_is_named(sets: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    features = Path(sets["wild"]) / "features.npy"
    features.write_bytes(features.read_bytes()[:-8])
    assert main(words(sets)) == 3
    assert str(features) in capsys.readouterr().err
