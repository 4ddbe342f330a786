"""The set on disk: the official files, the same bytes from any number of workers, and no half-written folder."""

import json
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from fgtl.data.synth import dataset
from fgtl.data.synth.dataset import write_synthetic_birds
from fgtl.data.synth.settings import SynthKnobs
from fgtl.data.synth.species import PART_NAMES
from fgtl.errors import UsageError

SMALL = SynthKnobs(families=2, classes_per_family=2, train_per_class=3, test_per_class=2, image_size=64)


def table(path):
    """Lines split into (first field, rest)."""
    return [tuple(line.split(" ", 1)) for line in path.read_text().splitlines()]


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synth") / "birds"
    assert write_synthetic_birds(folder, SMALL, workers=1)
    return folder


def test_the_files_are_those_of_cub(birds):
    assert {path.name for path in birds.iterdir()} == {
        "README", "bounding_boxes.txt", "classes.txt", "differences.json", "image_class_labels.txt", "images",
        "images.txt", "parts", "synth.json", "train_test_split.txt",
    }  # fmt: skip
    assert table(birds / "parts" / "parts.txt") == [(str(k + 1), name) for k, name in enumerate(PART_NAMES)]
    assert "Apache License" in (birds / "README").read_text()


def test_ids_run_from_one_class_by_class_and_name_existing_files(birds):
    images = table(birds / "images.txt")
    classes = dict(table(birds / "classes.txt"))
    labels = dict(table(birds / "image_class_labels.txt"))
    assert [image_id for image_id, _ in images] == [str(k) for k in range(1, 21)]
    assert list(labels.values()) == [str(k) for k in range(1, 5) for _ in range(5)]
    for image_id, name in images:
        folder, file = name.split("/")
        assert folder == classes[labels[image_id]]
        assert file.startswith(folder[4:]) and file.endswith(f"_{image_id}.jpg")
        assert (birds / "images" / name).is_file()


def test_each_class_has_the_asked_number_of_training_and_test_images(birds):
    labels = dict(table(birds / "image_class_labels.txt"))
    counts = Counter((labels[image_id], train) for image_id, train in table(birds / "train_test_split.txt"))
    assert counts == {(str(k), train): count for k in range(1, 5) for train, count in (("1", 3), ("0", 2))}


def test_the_split_is_not_the_same_in_every_class(birds):
    flags = [train for _, train in table(birds / "train_test_split.txt")]
    assert len({tuple(flags[start : start + 5]) for start in range(0, 20, 5)}) > 1


def test_boxes_and_parts_are_written_for_every_image_and_fit_it(birds):
    boxes = {key: [float(v) for v in rest.split()] for key, rest in table(birds / "bounding_boxes.txt")}
    parts = [line.split() for line in (birds / "parts" / "part_locs.txt").read_text().splitlines()]
    assert [(row[0], row[1]) for row in parts] == [(str(i), str(k)) for i in range(1, 21) for k in range(1, 16)]
    for image_id, name in table(birds / "images.txt"):
        x, y, width, height = boxes[image_id]
        with Image.open(birds / "images" / name) as image:
            assert x >= 0 and y >= 0 and x + width <= image.width and y + height <= image.height
        for _, _, px, py, visible in (row for row in parts if row[0] == image_id):
            if visible == "1":
                assert x <= float(px) <= x + width and y <= float(py) <= y + height
            else:
                assert (px, py, visible) == ("0.0", "0.0", "0")


def test_differences_speak_of_the_written_classes(birds):
    pairs = json.loads((birds / "differences.json").read_text())["pairs"]
    names = [name for _, name in table(birds / "classes.txt")]
    assert [pair["classes"] for pair in pairs] == [names[:2], names[2:]]
    assert pairs[0]["parts"] == ["left wing", "right wing"]


def test_the_number_of_workers_does_not_matter(birds, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "CHUNK", 7)
    write_synthetic_birds(tmp_path / "again", SMALL, workers=2)
    assert contents(tmp_path / "again") == contents(birds)


def test_the_same_set_is_not_drawn_twice(birds, monkeypatch):
    monkeypatch.setattr(dataset, "draw", None)
    assert not write_synthetic_birds(birds, SMALL, workers=1)


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="something else"):
            write_synthetic_birds(tmp_path, SMALL, workers=1, overwrite=overwrite)
    assert contents(tmp_path) == {(tmp_path / "holiday.jpg").relative_to(tmp_path): b"mine"}


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "birds").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        write_synthetic_birds(tmp_path / "birds", SMALL, workers=1)


def test_other_settings_are_named_and_need_overwrite(tmp_path):
    tiny = SynthKnobs(families=1, classes_per_family=2, train_per_class=1, test_per_class=1, image_size=64)
    other = SynthKnobs(families=1, classes_per_family=2, train_per_class=1, test_per_class=1, image_size=64, seed=4)
    write_synthetic_birds(tmp_path / "birds", tiny, workers=1)
    before = contents(tmp_path / "birds")
    with pytest.raises(UsageError, match=r"--seed=0 there, 4 now"):
        write_synthetic_birds(tmp_path / "birds", other, workers=1)
    assert contents(tmp_path / "birds") == before
    assert write_synthetic_birds(tmp_path / "birds", other, workers=1, overwrite=True)
    assert contents(tmp_path / "birds") != before
    assert [path.name for path in tmp_path.iterdir()] == ["birds"]


def test_a_set_that_lost_images_is_not_taken_for_whole(tmp_path):
    tiny = SynthKnobs(families=1, classes_per_family=2, train_per_class=1, test_per_class=1, image_size=64)
    write_synthetic_birds(tmp_path / "birds", tiny, workers=1)
    next((tmp_path / "birds").rglob("*.jpg")).unlink()
    with pytest.raises(UsageError, match="lacks some of its images"):
        write_synthetic_birds(tmp_path / "birds", tiny, workers=1)


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dataset, "draw", full)
    with pytest.raises(OSError, match="No space"):
        write_synthetic_birds(tmp_path / "birds", SMALL, workers=1)
    assert not list(tmp_path.iterdir())


def test_raw_pixels_do_not_tell_the_classes_apart(tmp_path):
    """Nearest neighbour on 32x32 pixels stays below 25 % (of the default set: 13.5 %)."""
    knobs = SynthKnobs(train_per_class=6, test_per_class=4, image_size=64)
    write_synthetic_birds(tmp_path / "birds", knobs, workers=2)
    root = tmp_path / "birds"
    labels = np.array([int(label) for _, label in table(root / "image_class_labels.txt")])
    train = np.array([flag == "1" for _, flag in table(root / "train_test_split.txt")])
    images = [Image.open(root / "images" / name).resize((32, 32)) for _, name in table(root / "images.txt")]
    pixels = np.stack([np.asarray(image, np.float32).ravel() for image in images])
    distances = ((pixels[~train][:, None] - pixels[train][None]) ** 2).mean(axis=2)
    accuracy = (labels[train][distances.argmin(axis=1)] == labels[~train]).mean()
    assert accuracy < 0.25


def test_what_a_killed_drawing_left_is_cleared(tmp_path):
    tiny = SynthKnobs(families=1, classes_per_family=2, train_per_class=1, test_per_class=1, image_size=64)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for number in (dead.pid, os.getpid()):
        (tmp_path / f"birds.{number}.partial" / "images").mkdir(parents=True)
    assert write_synthetic_birds(tmp_path / "birds", tiny, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["birds"]
