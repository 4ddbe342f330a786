"""Trainings that are killed, asked to stop, or run out of disk; through `fgtl train` as a person runs it."""

import json
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from fgtl.commands.app import main

TRAIN = [sys.executable, "-m", "fgtl", "train"]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Flags of a small training in two phases on drawn birds, with everything that a checkpoint has to hold."""
    folder = tmp_path_factory.mktemp("set")
    counts = ["--families=2", "--classes_per_family=2", "--train_per_class=8", "--test_per_class=1"]
    assert main(["synth", f"--output_dir={folder / 'drawn'}", "--image_size=64", "--workers=1", *counts]) == 0
    source = ["--dataset=synth_birds", f"--data_dir={folder / 'drawn'}", f"--output_dir={folder / 'records'}"]
    assert main(["convert", *source, "--num_shards=2", "--workers=1"]) == 0
    return [
        f"--records={folder / 'records'}",
        "--validation_fraction=0.25",
        "--backbone=mobilenet_v2",
        "--weights=none",
        "--image_size=32",
        # Slices of two pairs.
        "--batch_size=8",
        "--accumulate=2",
        "--mixup=0.2",
        "--clip_norm=1",
        "--mode=head_then_all",
        "--head_epochs=3",
        "--frozen_bn=train",
        "--tuned_bn=train",
        "--dropout=0.3",
        "--optimizer=momentum",
        "--ema_decay=0.9",
        "--determinism=strict",
        "--devices=cpu",
        # Calls of two steps, and of one where an epoch of three ends.
        "--steps_per_call=2",
        "--log_every_steps=2",
        "--checkpoint_every_steps=2",
        "--seed=3",
    ]


def weights(run: Path) -> dict[str, np.ndarray]:
    """The arrays of model.keras (the best epoch's) and of the last checkpoint (model, optimizer, averages) by name."""
    last = max((run / "checkpoints").glob("step-*"), key=lambda path: int(path.name.removeprefix("step-")))
    found = dict(np.load(last / "arrays.npz"))

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with zipfile.ZipFile(run / "model.keras") as archive, archive.open("model.weights.h5") as file:
        h5py.File(file, "r").visititems(keep)
    return found


def lines(run: Path) -> list[dict]:
    """What was logged, without how long it took."""
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "images_per_second"} for line in logged]


def steps(run: Path) -> list[tuple[int, bool]]:
    return [(line["step"], "validation/loss" in line) for line in lines(run)]


def checkpoints(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def check_same(run: Path, other: Path) -> None:
    one, two = weights(run), weights(other)
    assert one.keys() == two.keys() and {name.split("/")[0] for name in one} >= {"model", "optimizer", "ema"}
    for name in one:
        assert one[name].tobytes() == two[name].tobytes(), name
    assert lines(run) == lines(other)
    assert len(steps(run)) == len(set(steps(run)))
    assert json.loads((run / "best.json").read_text()) == json.loads((other / "best.json").read_text())


@pytest.mark.slow
def test_killed_at_twenty_random_moments_it_ends_bit_equal_and_logs_each_step_once(words, tmp_path):
    script = str(Path(__file__).with_name("killed_training.py"))
    done = subprocess.run(
        [sys.executable, script, str(tmp_path), "20", *words, "--epochs=52"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=1500,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    log = (tmp_path / "killed.log").read_text()
    assert (found["reference"], found["codes"]) == (0, [0]), log[-3000:]
    assert found["kills"] == 20 and found["inside a save"] >= 3
    assert "Traceback" not in log
    check_same(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.slow
def test_asked_to_stop_it_saves_says_so_with_its_exit_code_and_goes_on_bit_equal(words, tmp_path):
    """SIGTERM, then SIGINT, then to the end; and a training that was left alone."""
    words = [*words, "--epochs=12", "--checkpoint_every_steps=0", "--checkpoint_every_seconds=0"]
    whole = subprocess.Popen([*TRAIN, f"--run_dir={tmp_path / 'whole'}", *words], stderr=subprocess.DEVNULL)
    run = tmp_path / "stopped"
    for sent, code, word in ((signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")):
        process = subprocess.Popen([*TRAIN, f"--run_dir={run}", *words], stderr=subprocess.PIPE, text=True)
        before = len(lines(run)) if (run / "metrics.jsonl").exists() else 0
        deadline = time.monotonic() + 120
        while not (run / "metrics.jsonl").exists() or len(lines(run)) <= before + 2:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.01)
        process.send_signal(sent)
        told = process.communicate(timeout=120)[1]
        assert process.returncode == code, told[-2000:]
        assert f"fgtl train: {word}. The same command goes on where it stopped." in told
        assert "Stopping after this step, with a checkpoint." in told and "Traceback" not in told
        last = lines(run)[-1]["step"]
        assert f"step-{last}" in checkpoints(run)
    subprocess.run([*TRAIN, f"--run_dir={run}", *words], check=True, stderr=subprocess.DEVNULL)
    assert whole.wait(timeout=240) == 0
    check_same(run, tmp_path / "whole")


@pytest.mark.slow
def test_a_full_disk_ends_it_with_a_message_and_keeps_the_last_good_checkpoint(words, tmp_path):
    """In a mount namespace of its own: the run folder is on a file system for one checkpoint and a half."""
    out = tmp_path / "small"
    out.mkdir()
    mount = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=45m tmpfs "$0" && "$@"', str(out)]
    if subprocess.run([*mount, "true"], capture_output=True).returncode:
        pytest.skip("mounting a file system needs rights that this process does not have")
    look = f'"$0" "$@"; code=$?; cd {out}/run && find . >&2; cp -r . {tmp_path}/saved; exit $code'
    command = ["sh", "-c", look, *TRAIN, f"--run_dir={out / 'run'}", *words, "--epochs=3"]
    done = subprocess.run([*mount, *command], capture_output=True, text=True, timeout=240)
    assert done.returncode == 3, done.stderr[-3000:]
    assert "The disk is full" in done.stderr and "Traceback" not in done.stderr
    assert ".partial" not in done.stderr
    kept = checkpoints(tmp_path / "saved")
    assert kept
    # Where there is room again, the same command goes on from there.
    go_on = [*TRAIN, f"--run_dir={tmp_path / 'saved'}", *words, "--epochs=3"]
    subprocess.run(go_on, check=True, stderr=subprocess.DEVNULL, timeout=240)
    assert (tmp_path / "saved" / "model.keras").exists()
    logged = steps(tmp_path / "saved")
    assert len(logged) == len(set(logged))
