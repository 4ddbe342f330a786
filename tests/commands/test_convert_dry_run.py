"""`fgtl convert --dry_run`: everything that would stop a conversion is said before it begins, and nothing is written."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from fgtl.commands.app import main

CARD = """
schema = 1
name = "birds"
title = "Some birds"
layout = "folder"
homepage = "https://birds.example"
[[archives]]
name = "photos.tgz"
bytes = 4711
holds = "train"
[[archives]]
name = "names.mat"
optional = true
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of three training images and one test image each."""
    for number in range(8):
        path = tmp_path / "photos" / ("train" if number % 4 else "test") / f"class_{number // 4}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (20 * number, 90, 120)).save(path)
    return tmp_path / "photos"


def rehearse(tmp_path: Path, *words: str) -> int:
    return main(["convert", "--dry_run", f"--output_dir={tmp_path / 'out/records'}", *words])


def test_says_what_would_be_written_and_writes_nothing(photos, tmp_path, capsys):
    assert rehearse(tmp_path, f"--data_dir={photos}", "--num_shards=2") == 0
    told = capsys.readouterr().out
    assert "would write photos: train 6 in 2 shards, test 2 in 2 shards; 2 classes" in told
    assert "GB; free there: " in told and told.endswith("Nothing was written.\n")
    assert not (tmp_path / "out").exists()


def test_lists_every_official_file_and_names_those_that_are_missing(photos, tmp_path, capsys):
    (tmp_path / "card.toml").write_text(CARD)
    (tmp_path / "download").mkdir()
    assert rehearse(tmp_path, f"--dataset={tmp_path / 'card.toml'}", f"--data_dir={tmp_path / 'download'}") == 3
    told = capsys.readouterr()
    assert [line.split() for line in told.out.splitlines()[1:]] == [
        ["photos.tgz", "missing", "-", "4,711"],
        ["names.mat", "missing", "-", "-"],
    ]
    assert "1 of 2 files are missing or not what was published: photos.tgz" in told.err
    assert "https://birds.example" in told.err


def test_a_download_that_was_cut_short_shows_by_its_size(photos, tmp_path, capsys):
    (tmp_path / "card.toml").write_text(CARD)
    (tmp_path / "download").mkdir()
    (tmp_path / "download/photos.tgz").write_bytes(b"12345")
    assert rehearse(tmp_path, f"--dataset={tmp_path / 'card.toml'}", f"--data_dir={tmp_path / 'download'}") == 3
    assert ["photos.tgz", "wrong", "size", "5", "4,711"] in [
        line.split() for line in capsys.readouterr().out.splitlines()
    ]


def test_an_unpacked_download_is_read_as_a_conversion_would(photos, tmp_path, capsys):
    (tmp_path / "card.toml").write_text(CARD)
    words = (f"--dataset={tmp_path / 'card.toml'}", f"--data_dir={photos}")
    assert rehearse(tmp_path, *words) == 0
    assert ["photos.tgz", "unpacked", "-", "4,711"] in [line.split() for line in capsys.readouterr().out.splitlines()]
    (photos / "train/class_0/nothing").mkdir()
    for file in (photos / "train/class_1").iterdir():
        file.unlink()
    assert rehearse(tmp_path, *words) == 3
    assert "class_1 holds no image" in capsys.readouterr().err


def test_sigterm_ends_it_as_ctrl_c_does_with_a_code_of_its_own(tmp_path):
    # Work for some seconds, so that the signal comes in its midst however slowly this process is woken.
    Image.effect_noise((300, 300), 90).convert("CMYK").save(tmp_path / "one.jpg")
    for number in range(1200):
        path = tmp_path / "many" / f"class_{number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(tmp_path / "one.jpg")
    words = ["convert", f"--data_dir={tmp_path / 'many'}", f"--output_dir={tmp_path / 'out'}", "--workers=2"]
    running = subprocess.Popen(
        [sys.executable, "-m", "fgtl", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "out/.convert").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 143
    assert "fgtl convert: terminated. The same command goes on where it stopped." in told
    assert not (tmp_path / "out/manifest.json").exists()
    assert main(words) == 0
