"""Lists of a million images, as large data sets have them: read within a minute, in bounded memory."""

import time
import tracemalloc
from collections.abc import Callable

import pytest

from fgtl.converters import READERS
from fgtl.datasets import Card
from fgtl.downloads import Tree

IMAGES, CLASSES = 1_000_000, 1000
ROWS = range(IMAGES)


def table() -> dict[str, str]:
    rows = (f"class {row % CLASSES}/a photograph {row}.jpg,class {row % CLASSES},train\n" for row in ROWS)
    return {"list.csv": f"path,label,split\n{''.join(rows)}"}


def lists() -> dict[str, str]:
    rows = [f"class {row % CLASSES}/a photograph {row}.jpg: {row % CLASSES}\n" for row in ROWS]
    return {"train.txt": "".join(rows[:-CLASSES]), "val.txt": "".join(rows[-CLASSES:])}


def cub() -> dict[str, str]:
    return {
        "images.txt": "".join(f"{row} class {row % CLASSES}/a photograph {row}.jpg\n" for row in ROWS),
        "image_class_labels.txt": "".join(f"{row} {row % CLASSES}\n" for row in ROWS),
        "train_test_split.txt": "".join(f"{row} {int(row >= CLASSES)}\n" for row in ROWS),
        "classes.txt": "".join(f"{row} class {row}\n" for row in range(CLASSES)),
        "bounding_boxes.txt": "".join(f"{row} 1.5 2.5 100.0 200.0\n" for row in ROWS),
    }


@pytest.mark.slow
@pytest.mark.parametrize(("make", "bytes_an_image"), [(table, 1200), (lists, 1200), (cub, 2000)])
def test_a_million_images_are_read_within_a_minute_and_bounded_memory(
    make: Callable[[], dict[str, str]], bytes_an_image: int, lists_only: Callable[[dict[str, str]], Tree]
) -> None:
    tree, read = lists_only(make()), READERS[make.__name__]
    start = time.perf_counter()
    assert sum(1 for _ in read(Card("large", make.__name__), tree)) == IMAGES
    seconds = time.perf_counter() - start
    tracemalloc.start()
    try:
        assert sum(1 for _ in read(Card("large", make.__name__), tree)) == IMAGES
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(f"{make.__name__}: {seconds:.1f} s, {peak / IMAGES:.0f} bytes an image")
    assert seconds < 60
    assert peak < bytes_an_image * IMAGES
