"""Images that are no files, or larger than any image: named as bad, never waited for, never taken into memory."""

import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HUGE = 600 << 20  # beyond what is read of one image


def jpeg(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (20, 30, 3), np.uint8)).save(path)
    return path


def in_folder(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    root = tmp_path / "photos"
    for number in range(8):
        jpeg(root / f"{'train' if number % 2 else 'test'}/class_{number // 4}/{number}.jpg", number)
    bad = root / "train/class_0"
    os.mkfifo(tmp_path / "fifo")
    (bad / "fifo.jpg").symlink_to(tmp_path / "fifo")
    (bad / "zeros.jpg").symlink_to("/dev/zero")
    (bad / "sparse.jpg").touch()
    os.truncate(bad / "sparse.jpg", 30 << 30)
    os.truncate(jpeg(bad / "padded.jpg", 9), HUGE)
    reasons = {
        "fifo": "It is a fifo, not a file.",
        "zeros": "It is a device, not a file.",
        "sparse": "It has 30.0 GiB (32,212,254,720 bytes). Expected at most 512.0 MiB.",
        "padded": "It has 600.0 MiB (629,145,600 bytes). Expected at most 512.0 MiB.",
    }
    return root, {f"train/class_0/{name}.jpg": reason for name, reason in reasons.items()}


def in_zip(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    root, _ = in_folder(tmp_path)
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("[0-9].jpg")):
            archive.write(file, file.relative_to(root))
        archive.writestr("train/class_0/bomb.jpg", b"\xff\xd8" + bytes(1000))
    data = bytearray(path.read_bytes())
    struct.pack_into("<L", data, data.rindex(b"PK\x01\x02") + 24, HUGE)  # what it says that it inflates to
    path.write_bytes(data)
    return path, {"train/class_0/bomb.jpg": "It has 600.0 MiB (629,145,600 bytes). Expected at most 512.0 MiB."}


@pytest.mark.parametrize("make", [in_folder, in_zip])
def test_are_named_and_can_be_left_out(make: Callable, tmp_path: Path) -> None:
    data, reasons = make(tmp_path)
    words = [sys.executable, "-m", "fgtl", "convert", f"--data_dir={data}", f"--output_dir={tmp_path / 'out'}"]
    # The whole conversion has less memory than one of the files would take.
    limited = ["sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh", *words, "--workers=1", "--num_shards=1"]
    failed = subprocess.run(limited, capture_output=True, text=True, timeout=120)
    assert failed.returncode == 3 and "Traceback" not in failed.stderr, failed.stderr
    for path, reason in reasons.items():
        assert f"{path} (id {path.removesuffix('.jpg')}" in failed.stderr and reason in failed.stderr
    left_out = subprocess.run([*limited, "--on_bad=skip"], capture_output=True, text=True, timeout=120)
    assert left_out.returncode == 0, left_out.stderr
    assert f"{len(reasons)} bad images left out" in left_out.stdout
    skipped = json.loads((tmp_path / "out/manifest.json").read_text())["report"]["skipped"]
    assert {bad["path"]: bad["reason"] for bad in skipped} == reasons
