"""`fgtl extract`: features by a network or a run, once; features made elsewhere; what cannot be meant is refused."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fgtl.commands.app import main
from fgtl.data.records import RecordSet
from fgtl.errors import DataError
from fgtl.features.feature_set import FeatureSet
from fgtl.training import features_of as asking
from fgtl.training.extract_knobs import ExtractKnobs
from fgtl.training.features_of import features_of

NETWORK = ["--backbone=mobilenet_v2", "--weights=none", "--image_size=32"]


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


@pytest.fixture(scope="module")
def home(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the record set with the features of an untrained network."""
    folder = shutil.copytree(records, tmp_path_factory.mktemp("home") / "birds")
    assert main(["extract", f"--records={folder}", *NETWORK]) == 0
    return folder


def test_the_folder_is_printed_last_and_holds_all_splits(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", f"--records={home}", *NETWORK]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "mobilenet_v2 at 32 px (none): 36 images (train 24, test 12) x 1,280 numbers, made before" in shown
    found = FeatureSet.open(Path(shown[-1]))
    assert found.folder.parent == home / "features"
    np.testing.assert_array_equal(found.ids, RecordSet.open(home).select("train+test").ids)


def test_the_same_question_needs_no_tensorflow(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asking, "import_tensorflow", lambda: pytest.fail("TensorFlow was asked for"))
    assert main(["extract", f"--records={home}", *NETWORK, "--eval_batch_size=7"]) == 0
    assert "made before" in capsys.readouterr().out


def test_python_gets_the_answer_of_the_command_and_hears_when_there_is_none(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", f"--records={home}", *NETWORK]) == 0
    records, asked = RecordSet.open(home), list[str]()
    knobs = ExtractKnobs(backbone="mobilenet_v2", weights="none", image_size=32)
    found = features_of(records, knobs, started=lambda: asked.append("a network"))
    assert str(found.folder) == last_line(capsys) and not asked
    again = features_of(records, knobs, tmp_path / "set", started=lambda: asked.append("a network"))
    assert again.folder == tmp_path / "set" and asked == ["a network"]
    np.testing.assert_array_equal(again.features, found.features)


def test_a_runs_features_come_with_what_it_says_of_each_image(
    finished_run: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", f"--records={home}", f"--run_dir={finished_run}"]) == 0
    found = FeatureSet.open(Path(last_line(capsys)))
    with np.load(finished_run / "eval" / "test.npz") as evaluated:
        test = found.rows("test")
        np.testing.assert_array_equal(found.ids[test], evaluated["ids"])
        assert found.probabilities is not None
        np.testing.assert_allclose(found.probabilities[test], evaluated["probabilities"], atol=1e-5)
    assert found.meta.source_classes == found.class_names
    assert found.meta.describe() == "mobilenet_v2 at 32 px (run birds)"
    assert main(["extract", f"--records={home}", f"--run_dir={finished_run}"]) == 0
    assert "made before" in capsys.readouterr().out


def test_the_papers_files_are_written_and_read(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", f"--records={home}", *NETWORK, f"--export_paper={tmp_path / 'paper'}"]) == 0
    found = FeatureSet.open(Path(last_line(capsys)))
    words = [f"--import_paper={tmp_path / 'paper'}", "--import_name=mine", f"--output_dir={tmp_path / 'set'}"]
    assert main(["extract", *words]) == 0
    again = FeatureSet.open(Path(last_line(capsys)))
    np.testing.assert_array_equal(again.features, found.features)
    np.testing.assert_array_equal(again.labels, found.labels)
    assert again.counts == found.counts


def test_features_made_elsewhere_find_their_images(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = RecordSet.open(home).select("train+test")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(36, 5)))
    (tmp_path / "ids.txt").write_text("\n".join(images.ids[::-1]))
    words = [f"--import_features={tmp_path / 'x.npy'}", f"--import_ids={tmp_path / 'ids.txt'}", "--import_name=vit"]
    assert main(["extract", f"--records={home}", *words]) == 0
    found = FeatureSet.open(Path(last_line(capsys)))
    np.testing.assert_array_equal(found.features, np.load(tmp_path / "x.npy")[::-1].astype(np.float32))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--records=/nowhere"], 2, "no finished record set"),
        (["--records={home}", "--backbone=mobilenet_v9"], 2, "mobilenet_v2"),
        (["--records={home}", *NETWORK[:2], "--tap=p7"], 2, "no tap 'p7'"),
        (["--records={home}", *NETWORK, "--views=ten", "--eval_crop=1"], 2, "every corner"),
        (["--records={home}", "--import_name=x"], 2, "--import_name with a network"),
        (["--import_features=x.npy", "--weights=none"], 2, "--weights with --import_"),
        (
            ["--import_features=/x.npy", "--import_labels=/y.npy", "--import_name=x", "--output_dir={home}/x"],
            3,
            "no file",
        ),
        (["--records={home}", "--weights=/gone.h5"], 3, "gone.h5"),
    ],
)
def test_what_cannot_be_meant_is_said(
    home: Path, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path for path in home.rglob("*") if not path.name.startswith("."))
    assert main(["extract", *(word.format(home=home) for word in words)]) == code
    assert message in capsys.readouterr().err
    assert sorted(path for path in home.rglob("*") if not path.name.startswith(".")) == before


def test_images_that_were_left_out_are_said_every_time(
    records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(records, tmp_path / "damaged")
    images = RecordSet.open(folder).select("test")
    path = images.shard_paths[int(images.shards[4])]
    data = bytearray(path.read_bytes())
    data[int(images.offsets[4]) + 100] ^= 1
    path.write_bytes(data)
    words = ["extract", f"--records={folder}", *NETWORK]
    assert main([*words, "--bad_records=skip"]) == 0
    assert f"1 could not be read: {images.ids[4]}" in capsys.readouterr().out
    assert main(words) == 3
    assert "was made with --bad_records=skip" in capsys.readouterr().err
    with pytest.raises(DataError, match="bad_records=skip: 1 could not be read"):
        features_of(RecordSet.open(folder), ExtractKnobs(backbone="mobilenet_v2", weights="none", image_size=32))
    assert main([*words, "--bad_records=skip"]) == 0
    assert "35 images (train 24, test 11)" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_that_is_killed_goes_on_and_ends_in_the_same_files(
    records: Path, tmp_path: Path, stop: signal.Signals
) -> None:
    # One image a step: slow enough to be met in the middle.
    words = [f"--records={records}", *NETWORK, "--eval_batch_size=1"]
    small_blocks = "from fgtl.training import extraction as e; e._SMALLEST_BLOCK = 2; e._BLOCK_SECONDS = 0.0"
    program = f"{small_blocks}; from fgtl.commands import app; app.run()"
    start = [sys.executable, "-c", program, "extract", *words]
    subprocess.run([*start, f"--output_dir={tmp_path / 'whole'}"], check=True, capture_output=True)
    process = subprocess.Popen([*start, f"--output_dir={tmp_path / 'parts'}"], stderr=subprocess.PIPE)
    progress = tmp_path / "parts" / "progress.json"
    while process.poll() is None and not progress.exists():
        time.sleep(0.01)
    process.send_signal(stop)
    process.communicate()
    assert process.returncode == (143 if stop == signal.SIGTERM else -stop)
    assert not (tmp_path / "parts" / "meta.json").exists()
    again = subprocess.run([*start, f"--output_dir={tmp_path / 'parts'}"], capture_output=True, text=True, check=True)
    assert "36 images" in again.stdout
    whole, parts = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("whole", "parts")
    )
    assert parts == whole
