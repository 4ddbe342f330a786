"""fgtl regions: the kept points of a run as boxes in the stored images, where they must be; and what it refuses."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bright_network import KEPT, bright_classifier, bright_networks, linear_classifier, save_run
from PIL import Image, ImageDraw

from fgtl.commands.app import main
from fgtl.data.records import RecordSet
from fgtl.files import read_json
from fgtl.regions.files import images_of, read_regions

# The network's input is the inner 280 x 140 of 320 x 160 pixels: a cell of 4 x 4 has 35 x 17.5 of them.
SPOTS = {"a": (2, 5), "b": (7, 0), "c": (0, 3), "d": (4, 7)}


def box_of(row: int, column: int) -> list[float]:
    return [20 + 35 * column, 10 + 17.5 * row, 20 + 35 * (column + 1), 10 + 17.5 * (row + 1)]


@pytest.fixture(scope="module")
def spots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Black photographs, each with one red spot as large as a cell of the finest level."""
    folder = tmp_path_factory.mktemp("spots")
    for name, place in SPOTS.items():
        picture = Image.new("RGB", (320, 160))
        x0, y0, x1, y1 = box_of(*place)
        ImageDraw.Draw(picture).rectangle((x0, y0, x1 - 1, y1 - 1), fill=(255, 0, 0))
        for split in ("train", "test"):
            for kind in ("one", "two"):
                (folder / "photos" / split / kind).mkdir(parents=True, exist_ok=True)
                picture.save(folder / "photos" / split / kind / f"{name}-{split}-{kind}.png")
    words = [f"--dataset={folder / 'photos'}", f"--output_dir={folder / 'records'}"]
    assert main(["convert", *words, "--num_shards=1", "--workers=1"]) == 0
    return folder / "records"


@pytest.fixture(scope="module")
def spot_run(spots: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with bright_networks():
        yield save_run(tmp_path_factory.mktemp("runs") / "spots", bright_classifier(2), RecordSet.open(spots))


def test_the_best_region_is_the_spot_in_the_stored_image(spots: Path, spot_run: Path) -> None:
    assert main(["regions", f"--run_dir={spot_run}"]) == 0
    regions = read_regions(spot_run)
    selection = images_of(regions, RecordSet.open(spots))
    assert len(selection) == 8 and regions.level_names == ("p2", "p3", "p4")
    assert (regions.counts == sum(KEPT)).all()
    assert [np.count_nonzero(regions.levels == level) // 8 for level in range(3)] == list(KEPT)
    best = regions.best(1)
    for id, box, level in zip(regions.ids.tolist(), best.boxes.tolist(), best.levels.tolist(), strict=True):
        assert box == pytest.approx(box_of(*SPOTS[Path(id).name[0]]), abs=1), id
        assert level == 0
    # On a coarser level the best cell is the one that holds the spot.
    for level, cells in ((1, 4), (2, 2)):
        own = regions.of_level(level).best(1)
        for id, (x0, y0, x1, y1) in zip(own.ids.tolist(), own.boxes.tolist(), strict=True):
            left, top, right, bottom = box_of(*SPOTS[Path(id).name[0]])
            assert x0 - 1 <= left < right <= x1 + 1 and y0 - 1 <= top < bottom <= y1 + 1
            assert x1 - x0 == pytest.approx(280 / cells)


def test_scores_are_confidences_and_the_file_says_whose_they_are(
    records: Path, bright_run: Path, tmp_path: Path
) -> None:
    words = [f"--run_dir={bright_run}", "--split=train[:7]", f"--output={tmp_path / 'own.npz'}"]
    assert main(["regions", *words, "--eval_batch_size=3"]) == 0
    regions = read_regions(tmp_path / "own.npz")
    assert len(regions.ids) == 7 and regions.run == str(bright_run)
    assert regions.manifest_sha256 == RecordSet.open(records).manifest_sha256
    assert (regions.scores > 0.25).all() and (regions.scores <= 1).all()
    assert all((np.diff(regions.scores[regions.images == image]) <= 0).all() for image in range(7))
    facts = read_json(tmp_path / "own.json")
    assert "plugin" in facts["source"] and "train[:7]" in facts["source"]


def test_batches_do_not_matter_and_the_best_are_the_first(bright_run: Path, tmp_path: Path) -> None:
    """An image does not see the others of its batch."""
    found = {}
    for name, words in {"one": ["--eval_batch_size=1"], "all": ["--best=0"], "best": ["--best=5"]}.items():
        path = tmp_path / f"{name}.npz"
        assert main(["regions", f"--run_dir={bright_run}", f"--output={path}", *words]) == 0
        found[name] = read_regions(path)
    np.testing.assert_allclose(found["one"].scores, found["all"].scores, atol=1e-5)
    np.testing.assert_array_equal(found["one"].boxes, found["all"].boxes)
    for level in range(3):
        best, every = (found[name].of_level(level) for name in ("best", "all"))
        np.testing.assert_array_equal(best.boxes, every.best(5).boxes)
        assert (best.most, every.most) == (min(5, KEPT[level]), KEPT[level])


def test_hits_take_them(records: Path, bright_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "regions.npz"
    assert main(["regions", f"--run_dir={bright_run}", f"--output={path}"]) == 0
    assert f"next: fgtl hits --regions {path} --records {records}" in capsys.readouterr().out
    words = [f"--regions={path}", f"--records={records}", "--draws=2", "--k=1,4"]
    assert main(["hits", *words, f"--output={tmp_path / 'hits.html'}"]) == 0
    shown = capsys.readouterr().out
    assert "points kept by plugin" in shown and "deciding part" in shown and "p4" in shown
    assert (tmp_path / "hits.html").stat().st_size > 10_000


def test_more_points_than_ranks_are_refused_before_any_image_is_seen(
    bright_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fgtl.regions.regions.MOST_RANKS", 30)
    monkeypatch.setattr("fgtl.training.kept_points.predict_selection", lambda *_: pytest.fail("images were seen"))
    words = ["regions", f"--run_dir={bright_run}", f"--output={tmp_path / 'regions.npz'}"]
    for best, points in ((0, 24 + 8 + 3), (20, 20 + 8 + 3)):
        assert main([*words, f"--best={best}"]) == 2
        shown = capsys.readouterr().err
        assert f"--best={best} keeps {points} points" in shown and "at most 30 in all: --best=10 or less" in shown
    monkeypatch.undo()
    monkeypatch.setattr("fgtl.regions.regions.MOST_RANKS", 30)
    assert main([*words, "--best=10"]) == 0


def test_what_cannot_be_is_refused(
    records: Path, bright_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    linear = save_run(tmp_path / "linear", linear_classifier(4), RecordSet.open(records))
    for words, message in (
        ([], "--run_dir is missing"),
        ([f"--run_dir={bright_run}", "--output=boxes.csv"], "boxes.csv is no regions file's name"),
        ([f"--run_dir={bright_run}", "--split=night"], "night"),
        ([f"--run_dir={linear}"], "The run's head, linear, keeps no points."),
    ):
        assert main(["regions", *words]) == 2
        assert message in capsys.readouterr().err
    assert not (linear / "regions.npz").exists()
