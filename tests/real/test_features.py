"""Two pre-trained networks on real birds, each looked through once: which is better, and how good it is."""

import json
from pathlib import Path

import pytest

from fgtl.commands.app import main

CARD = Path(__file__).parent.parent / "cards" / "cub_50.toml"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sets(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """CUB-200-2011, first 50 classes, at 224 pixels: ImageNet's features, then those of a network that knows birds."""
    home = tmp_path_factory.mktemp("records") / "cub_50"
    assert (
        main(["convert", f"--dataset={CARD}", f"--data_dir={shared / 'data' / 'cub_50'}", f"--output_dir={home}"]) == 0
    )
    for name in ("imagenet", "inat_birds"):
        weights = shared / "weights" / f"mobilenet_v2_{name}_notop.weights.h5"
        network = ["--backbone=mobilenet_v2", f"--weights={weights}", "--image_size=224", "--devices=cpu"]
        assert main(["extract", f"--records={home}", *network]) == 0
    return [f"{home}@imagenet", f"{home}@inat_birds"]


def test_the_probe_reaches_what_the_readme_says(sets: list[str], tmp_path: Path) -> None:
    """C is chosen on images carved from train."""
    output = tmp_path / "probe.json"
    assert main(["probe", *sets, "--classifiers=logistic", f"--output={output}"]) == 0
    rows = json.loads(output.read_text())["rows"]
    top_1 = {row["features"]: row["evaluation"]["top1"] for row in rows}
    assert top_1["mobilenet_v2_imagenet"] >= 0.73
    assert top_1["mobilenet_v2_inat_birds"] >= 0.86


def test_the_network_that_knows_birds_is_ranked_first(sets: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rank", *sets]) == 0
    assert "Start from mobilenet_v2_inat_birds: first by all 4 scores." in capsys.readouterr().out
