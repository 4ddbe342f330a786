"""Lists of a million images, as large data sets have them: read within a minute, in bounded memory."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.converters import READERS
from fgtl.datasets import Card
from fgtl.downloads import FolderTree

IMAGES, CLASSES = 1_000_000, 1000
ROWS = range(IMAGES)
STATUS = Path("/proc/self/status")


class Promised(FolderTree):
    """A folder of lists whose images all seem to be there."""

    def is_file(self, name: str) -> bool:
        return name.endswith(".jpg") or super().is_file(name)


def table() -> dict[str, str]:
    rows = (f"class {row % CLASSES}/a photograph {row}.jpg,class {row % CLASSES},train\n" for row in ROWS)
    return {"list.csv": f"path,label,split\n{''.join(rows)}"}


def lists() -> dict[str, str]:
    rows = [f"class {row % CLASSES}/a photograph {row}.jpg: {row % CLASSES}\n" for row in ROWS]
    return {"train.txt": "".join(rows[:-CLASSES]), "val.txt": "".join(rows[-CLASSES:])}


def cub() -> dict[str, str]:
    return {
        "images.txt": "".join(f"{row} class {row % CLASSES}/a photograph {row}.jpg\n" for row in ROWS),
        "image_class_labels.txt": "".join(f"{row} {row % CLASSES + 1}\n" for row in ROWS),
        "train_test_split.txt": "".join(f"{row} {int(row >= CLASSES)}\n" for row in ROWS),
        "classes.txt": "".join(f"{row + 1} class {row}\n" for row in range(CLASSES)),
        "bounding_boxes.txt": "".join(f"{row} 1.5 2.5 100.0 200.0\n" for row in ROWS),
    }


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="the peak of a process's memory is read as Linux gives it")
@pytest.mark.parametrize(("make", "most"), [(table, 800), (lists, 800), (cub, 1600)])
def test_a_million_images_are_read_within_a_minute_and_bounded_memory(
    make: Callable[[], dict[str, str]], most: int, tmp_path: Path
) -> None:
    for name, text in make().items():
        (tmp_path / name).write_text(text)
    # A process of its own: this one has had its peak.
    words = [sys.executable, __file__, make.__name__, str(tmp_path)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    print(f"{make.__name__}: images, seconds, MiB: {told}")
    images, seconds, mebibytes = map(float, told.split())
    assert images == IMAGES
    assert seconds < 60
    assert mebibytes < most


def measure(layout: str, root: str) -> None:
    """Print how many images a reader finds, its seconds of processor time, and the peak of this process in MiB."""
    start = time.process_time()
    images = sum(1 for _ in READERS[layout](Card("large", layout), Promised(Path(root))))
    seconds = time.process_time() - start
    peak = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    print(images, f"{seconds:.1f}", int(peak.split()[1]) // 1024)


if __name__ == "__main__":
    measure(*sys.argv[1:])
