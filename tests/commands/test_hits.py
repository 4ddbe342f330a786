"""fgtl hits: a regions file against a drawn record set, a file of each kind, and what it refuses."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.knobs import ViewKnobs
from fgtl.data.records import RecordSet
from fgtl.files import read_json, write_json
from fgtl.regions.cells import CellGrid, CropTransform
from fgtl.regions.files import images_of, read_regions, write_regions
from fgtl.regions.kept import KeptPoints, regions_of_points
from fgtl.regions.regions import Regions
from fgtl.regions.truth import read_truth

Run = Callable[..., int]


@pytest.fixture(scope="module")
def random_cells(records: Path) -> Regions:
    """Eight cells of a 4 x 4 and four of a 2 x 2 grid in each test image, drawn by chance."""
    found = RecordSet.open(records)
    selection = found.select("test")
    sizes = np.stack([selection.heights, selection.widths], axis=1)
    rng = np.random.default_rng(0)
    levels = []
    for name, cells, kept in (("p4", 4, 8), ("p5", 2, 4)):
        points = np.argsort(rng.random((len(selection), cells**2)), axis=1)[:, :kept]
        levels.append(KeptPoints(CellGrid(name, (cells, cells), 64 // cells), points, rng.random(points.shape)))
    transform = CropTransform.of_view(sizes, ViewKnobs(image_size=64, eval_crop=0.875))
    facts = {"source": "random cells", "manifest_sha256": found.manifest_sha256}
    return regions_of_points(levels, transform, selection.ids, sizes, **facts)


@pytest.fixture
def run(records: Path, random_cells: Regions, tmp_path: Path) -> Run:
    """Write regions, and run the verb on them."""

    def run(*words: str, regions: Regions = random_cells, **changed: Any) -> int:
        write_regions(tmp_path / "regions.npz", replace(regions, **changed))
        flags = [f"--regions={tmp_path}", f"--records={records}", "--draws=2", *words]
        return main(["hits", *flags])

    return run


def test_the_table_has_parts_objects_levels_and_what_decides(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--k=1,4") == 0
    shown = capsys.readouterr().out
    for text in ("all parts", "object", "deciding part", "p4", "p5", "left eye", "another image's", "Images: 12"):
        assert text in shown
    # The drawn set has two families: warblers differ in the wing, teals in the beak.
    assert shown.index("trait") < shown.index("\nwing ") < shown.rindex("\nbeak ")


def test_boxes_around_the_parts_hit_all_of_them_and_the_deciding_one(
    records: Path, random_cells: Regions, run: Run, tmp_path: Path
) -> None:
    """A box an annotated part; what is not visible gets the corner."""
    truth = read_truth(images_of(random_cells, RecordSet.open(records)))
    middles = np.nan_to_num(truth.points, nan=2.0)
    images, parts = middles.shape[:2]
    corners = np.clip(np.concatenate([middles - 1, middles + 1], axis=-1), 0, 64).reshape(-1, 4).astype(np.float32)
    rows = {
        "images": np.repeat(np.arange(images, dtype=np.int32), parts),
        "ranks": np.tile(np.arange(parts, dtype=np.int16), images),
        "scores": np.zeros(images * parts, np.float32),
        "levels": np.full(images * parts, -1, np.int8),
        "flags": np.zeros(images * parts, np.uint8),
    }
    assert run(f"--k={parts}", f"--output={tmp_path / 'hits.json'}", boxes=corners, **rows) == 0
    found = json.loads((tmp_path / "hits.json").read_text())
    assert {row["kind"] for row in found["rows"]} >= {"all parts", "deciding part", "part", "trait"}
    for row in found["rows"]:
        if row["kind"] != "object":
            assert row["regions"]["value"] == 1.0
            assert row["regions"]["low"] < 1.0
    assert found["rows"][0]["gain_over_other"]["low"] > 0


@pytest.mark.parametrize("ending", ["html", "json", "csv", "png"])
def test_each_kind_of_file_is_written(run: Run, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"found.{ending}"
    assert run(f"--output={output}", "--examples=3") == 0
    match ending:
        case "png":
            with Image.open(output) as picture:
                assert picture.size > (300, 100)
        case "json":
            assert json.loads(output.read_text())["facts"]["Images"] == "12"
        case "csv":
            kinds = [line["kind"] for line in csv.DictReader(output.open())]
            assert kinds.count("trait") == 2 * 2  # k = 1 and 4; no image has 16 boxes
        case _:
            page = output.read_text()
            assert page.count("data:image/jpeg") == 2 * 3 and "the deciding one" in page


def test_an_ending_may_be_in_capitals(run: Run, tmp_path: Path) -> None:
    assert run(f"--output={tmp_path / 'FOUND.JSON'}", "--k=1") == 0
    assert json.loads((tmp_path / "FOUND.JSON").read_text())["facts"]["Images"] == "12"


@pytest.mark.parametrize(("output", "code", "message"), [("a.html", 2, "is a folder"), ("b/hits.json", 3, "no folder")])
def test_where_nothing_can_be_written_nothing_is_read(
    tmp_path: Path, output: str, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.html").mkdir()
    (tmp_path / "b").touch()
    words = ["--regions=no/such.npz", "--records=no/such", f"--output={tmp_path / output}"]
    assert main(["hits", *words]) == code
    assert message in capsys.readouterr().err


def test_a_k_beyond_all_boxes_is_left_out_with_a_word(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert "k = 16 is left out: no image has more than 12 regions." in capsys.readouterr().out


def test_a_part_of_the_images_can_be_chosen(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--split=test[:50%]", "--k=1") == 0
    assert "Images: 6" in capsys.readouterr().out


def test_the_same_command_prints_the_same(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for _ in range(2):
        assert run("--k=4", "--seed=5") == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--k=0"], 2, "1 to 32768"),
        (["--k=two"], 2, "--k=two"),
        (["--k="], 2, "--k="),
        (["--k=99"], 2, "no image has more than 12 regions"),
        (["--split=train"], 2, "of no image of 'train'"),
        (["--split=nothing"], 2, "nothing"),
        (["--draws=0"], 2, "--draws=0"),
        (["--output=hits.xlsx"], 2, ".html, .json, .csv, .png"),
        (["--records=no/such"], 3, "no/such"),
        (["--regions=no/such.npz"], 3, "no/such.npz does not exist"),
    ],
)
def test_what_cannot_be_meant_is_said(
    run: Run, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == code
    assert message in capsys.readouterr().err


def test_regions_of_another_record_set_exit_3(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(manifest_sha256="ab" * 32) == 3
    assert "another record set" in capsys.readouterr().err


def test_an_image_that_is_not_there_exits_3(
    run: Run, random_cells: Regions, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ids=np.array([f"x{row}" for row in range(12)])) == 3
    assert "has no image 'x0'" in capsys.readouterr().err


def test_a_truncated_or_newer_file_exits_3(
    run: Run, records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--k=1") == 0
    words = ["hits", f"--regions={tmp_path}", f"--records={records}"]
    path, beside = tmp_path / "regions.npz", tmp_path / "regions.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    assert main(words) == 3
    path.write_bytes(whole)
    write_json(beside, read_json(beside) | {"schema": 9})
    assert main(words) == 3
    errors = capsys.readouterr().err
    assert f"has {len(whole) - 7:,} bytes" in errors and "schema 9" in errors
    write_json(beside, read_json(beside) | {"schema": 1})
    assert len(read_regions(path)) == 12 * 12


def test_without_flags_the_usage_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hits"]) == 2
    assert "fgtl hits --regions" in capsys.readouterr().err
