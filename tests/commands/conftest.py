"""A small drawn record set and a finished run on it, made once for the tests of all verbs."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fgtl.commands.app import main

# pytest's importlib mode leaves the tests' folders out of the path.
sys.path.insert(0, str(Path(__file__).parent.parent / "models"))

SMALL = ["--backbone=mobilenet_v2", "--weights=none", "--image_size=32", "--batch_size=8", "--seed=3"]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes of drawn birds in the CUB layout: 24 training and 12 test images."""
    folder = tmp_path_factory.mktemp("drawn") / "birds"
    counts = ["--families=2", "--classes_per_family=2", "--train_per_class=6", "--test_per_class=3"]
    assert main(["synth", f"--output_dir={folder}", "--image_size=64", "--workers=1", *counts]) == 0
    return folder


@pytest.fixture(scope="session")
def records(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their record set."""
    folder = tmp_path_factory.mktemp("records") / "birds"
    words = ["--dataset=synth_birds", f"--data_dir={drawn}", f"--output_dir={folder}"]
    assert main(["convert", *words, "--num_shards=2", "--workers=1"]) == 0
    return folder


@pytest.fixture(scope="session")
def train_words(records: Path) -> list[str]:
    """Flags of the smallest training, all but --run_dir."""
    return [f"--records={records}", "--mode=head", "--epochs=1", "--validation_fraction=0.25", *SMALL]


@pytest.fixture(scope="session")
def finished_run(train_words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained and evaluated on the test split."""
    folder = tmp_path_factory.mktemp("runs") / "birds"
    assert main(["train", f"--run_dir={folder}", *train_words]) == 0
    assert main(["evaluate", f"--run_dir={folder}", "--split=test"]) == 0
    return folder


@pytest.fixture(scope="module")
def bright_run(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run with the plug-in on those records, whose points lie where an image is bright; nobody trained it."""
    from bright_network import bright_classifier, bright_networks, save_run

    from fgtl.data.records import RecordSet

    with bright_networks():
        yield save_run(tmp_path_factory.mktemp("bright") / "run", bright_classifier(4), RecordSet.open(records))


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Run a command that must be refused: a message of what came, what was expected and what to do; no traceback."""

    def check(arguments: list[str], *expected: str) -> None:
        capsys.readouterr()
        code = main(arguments)
        printed = capsys.readouterr().err
        for text in expected:
            assert text in printed
        said = [line for line in printed.splitlines() if line.startswith(("fgtl ", "  "))]
        assert code in (2, 3) and said[0].startswith("fgtl ") and "Traceback" not in printed
        assert len(said) > 1, "what was expected, or how to mend it"

    return check
