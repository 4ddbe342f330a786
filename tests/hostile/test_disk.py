"""Conversions on disks that are full, read-only or shared, and conversions that are killed."""

import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from PIL import Image

from fgtl.data.verify import verify

CONVERT = [sys.executable, "-m", "fgtl", "convert"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """300 odd pictures (each is re-encoded, so that a conversion takes a while) in three classes."""
    folder = tmp_path / "photos"
    for number in range(300):
        path = folder / ("test" if number % 4 == 0 else "train") / f"class_{number % 3}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((120, 90), 60 + number % 50).convert("CMYK").save(path, quality=80)
    return folder


@pytest.fixture
def packed(photos: Path) -> Path:
    """The same in a .tgz."""
    archive = photos.with_suffix(".tgz")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(photos, "photos")
    return archive


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def on_mount(options: str, folder: Path, command: list[str]) -> subprocess.CompletedProcess:
    """Run a command that sees a temporary file system at `folder`, in a mount namespace of its own."""
    folder.mkdir(exist_ok=True)
    script = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"'
    words = ["unshare", "--mount", "sh", "-c", script, "sh", options, str(folder), *command]
    probe = subprocess.run([*words[:7], str(folder), "true"], capture_output=True)
    if probe.returncode:
        pytest.skip("mounting a file system needs rights that this process does not have")
    return subprocess.run(words, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("source", ["folder", "archive"])
@pytest.mark.parametrize("size", ["64k", "900k"])
def test_a_full_disk_is_said_to_be_full(photos, packed, tmp_path, source, size):
    data = photos if source == "folder" else packed
    out = tmp_path / "small"
    script = f'"$0" "$@"; code=$?; find {out} -type f | sort >&2; exit $code'
    command = ["sh", "-c", script, *CONVERT, f"--data_dir={data}", f"--output_dir={out / 'records'}", "--workers=2"]
    done = on_mount(f"size={size}", out, command)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert any(words in done.stderr for words in ("disk is full", "No space", " left.")), done.stderr
    assert "manifest.json" not in done.stderr and ".partial" not in done.stderr


def test_a_read_only_output_is_said_to_be_one(photos, tmp_path):
    done = on_mount(
        "ro", tmp_path / "fixed", [*CONVERT, f"--data_dir={photos}", f"--output_dir={tmp_path / 'fixed/out'}"]
    )
    assert done.returncode == 3
    assert "No permission to write or read" in done.stderr and "Traceback" not in done.stderr


def test_of_two_conversions_into_one_folder_one_waits_or_ends_and_the_result_is_whole(photos, tmp_path):
    words = [*CONVERT, f"--data_dir={photos}", f"--output_dir={tmp_path / 'out'}", "--workers=1"]
    running = [subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    ended = [(process.communicate(timeout=120), process.returncode) for process in running]
    assert 0 in [code for _, code in ended]
    for (_, told), code in ended:
        assert code == 0 or "Another conversion is writing" in told
    assert verify(tmp_path / "out") == []


@pytest.mark.slow
@pytest.mark.parametrize("source", ["folder", "archive"])
def test_killed_at_twenty_random_moments_it_ends_in_the_same_bytes(photos, packed, tmp_path, source):
    """SIGKILL of the parent alone, anywhere between its start and its end; then of what is left nothing may run."""
    words = [*CONVERT, f"--data_dir={photos if source == 'folder' else packed}", "--workers=2", "--num_shards=15"]
    start = time.monotonic()
    subprocess.run([*words, f"--output_dir={tmp_path / 'undisturbed'}"], check=True)
    whole = time.monotonic() - start
    draw, out = random.Random(7), tmp_path / "out"
    for _ in range(20):
        process = subprocess.Popen([*words, f"--output_dir={out}"], start_new_session=True, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0, whole))
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 20
        while subprocess.run(["pgrep", "-s", str(process.pid)], capture_output=True).stdout:
            assert time.monotonic() < deadline, "a worker outlived its parent"
            time.sleep(0.05)
        if (out / "manifest.json").exists():
            assert verify(out) == []
    subprocess.run([*words, f"--output_dir={out}"], check=True)
    assert content(out) == content(tmp_path / "undisturbed")
