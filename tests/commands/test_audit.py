"""fgtl audit: planted copies and a wrong label are found, listed and shown; and what it refuses."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from fgtl.commands.app import main
from fgtl.console import Progress
from fgtl.data.records import RecordSet
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features
from fgtl.features.find import STORE
from fgtl.features.stored_images import stored_images
from fgtl.features.writing import write_feature_set

EXTRACTOR = Extractor("mobilenet_v2", "ab" * 32, input_size=32)
OTHER = Extractor("mobilenet_v2", "cd" * 32, input_size=32)


def with_features(home: Path, extractor: Extractor = EXTRACTOR) -> Features:
    """Add a made-up feature set to a record set: directions of classes and noise, the same for the same picture."""
    found = RecordSet.open(home)
    parts = [found.select(split) for split in ("train", "test") if found.counts.get(split)]
    labels = np.concatenate([part.labels for part in parts]).astype(np.int32)
    ids = np.concatenate([part.ids for part in parts])
    splits = np.repeat(np.array([0, 2][: len(parts)], np.uint8), [len(part) for part in parts])
    noise = np.random.default_rng(0).normal(size=(len(labels), 64))
    features = (4 * np.eye(64)[labels] + noise).astype(np.float32)
    rows = Features(features, labels, ids, found.class_names)
    key = "made" if extractor == EXTRACTOR else "other"
    write_feature_set(
        home / STORE / key, rows, splits, extractor, dataset="birds", manifest_sha256=found.manifest_sha256
    )
    return rows


@pytest.fixture(scope="module")
def planted(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Drawn birds where two training images are test images: (record set, training id -> test id).

    One is the same file, one is the mirror image, coded anew.
    """
    place = tmp_path_factory.mktemp("planted")
    data = shutil.copytree(drawn, place / "data")
    files = dict(line.split() for line in (data / "images.txt").read_text().splitlines())
    sides = dict(line.split() for line in (data / "train_test_split.txt").read_text().splitlines())
    train, test = ([id for id in files if sides[id] == side] for side in ("1", "0"))
    pairs = {train[0]: test[0], train[9]: test[5]}
    copy, mirror = pairs.items()
    shutil.copy(data / "images" / files[copy[1]], data / "images" / files[copy[0]])
    with Image.open(data / "images" / files[mirror[1]]) as image:
        ImageOps.mirror(image.convert("RGB")).save(data / "images" / files[mirror[0]], quality=80)
    home = place / "records"
    words = ["--dataset=synth_birds", f"--data_dir={data}", f"--output_dir={home}"]
    assert main(["convert", *words, "--num_shards=1", "--workers=1"]) == 0
    with_features(home)
    return home, pairs


def test_planted_copies_are_found_listed_and_shown(
    planted: tuple[Path, dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, pairs = planted
    output = tmp_path / "found.html"
    assert main(["audit", str(home), f"--output={output}", "--nolabels", "--workers=1", "--c=10"]) == 0
    shown = capsys.readouterr().out
    assert "2 of 24 training images have a near duplicate in test: equal files 1, alike by hash 1" in shown
    assert "with a near duplicate in train" in shown
    assert sorted((tmp_path / "found-exclude.txt").read_text().split()) == sorted(pairs)
    page = output.read_text()
    assert page.count("data:image/jpeg") == 4 and "mirrored" in page
    assert "http" not in page.replace("http-equiv", "")
    images = stored_images(RecordSet.open(home), [*pairs, *pairs.values()])
    assert len(images) == 4
    assert not (tmp_path / "found-labels.csv").exists()


def test_a_wrong_label_is_listed_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = tmp_path / "set"
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(3, dtype=np.int32), 20)
    rows = (3 * np.eye(8)[labels] + rng.normal(size=(60, 8)) / 3).astype(np.float32)
    labels[25] = 2
    ids = np.array([f"bird {row}" for row in range(60)])
    write_feature_set(alone, Features(rows, labels, ids, ("wren", "tit", "owl")), np.zeros(60, np.uint8), EXTRACTOR)
    assert main(["audit", str(alone), f"--output={tmp_path / 'found.html'}", "--c=1", "--most=3"]) == 0
    with (tmp_path / "found-labels.csv").open() as file:
        listed = list(csv.DictReader(file))
    assert (listed[0]["id"], listed[0]["label"], listed[0]["suggested"]) == ("bird 25", "owl", "tit")
    assert "of 60 training labels are doubtful to a classifier that agrees with 9" in capsys.readouterr().out
    assert "no picture" in (tmp_path / "found.html").read_text()


def test_fits_are_counted_while_they_run(
    planted: tuple[Path, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Progress, "seconds_between_lines", 0.0)
    assert main(["audit", str(planted[0]), f"--output={tmp_path / 'found.html'}", "--workers=1", "--folds=3"]) == 0
    said = capsys.readouterr().err
    assert all(f"judge labels: {done} of 6 fits" in said for done in range(1, 7))
    assert "test without duplicates: 2 of 2 fits" in said


def test_how_it_is_decided_is_said_once_however_many_sets_are_compared(
    planted: tuple[Path, dict[str, str]], records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shutil.copytree(records, tmp_path / "source", ignore=shutil.ignore_patterns(STORE))
    with_features(source)
    words = [f"--against={source}", f"--output={tmp_path / 'found.html'}", "--nolabels", "--workers=1", "--c=1"]
    assert main(["audit", str(planted[0]), *words]) == 0
    for text in (capsys.readouterr().out, (tmp_path / "found.html").read_text()):
        assert text.count("Features: ratio 0.") == 2
        assert text.count("Hashes: at most 4 of 64 bits") == 1
        assert text.count("nearest neighbour, for one of them at most") == 1


def test_a_source_is_compared_with_every_photograph(
    planted: tuple[Path, dict[str, str]], records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The source is what the planted set was made of: all but the two overwritten photographs are in both."""
    home, pairs = planted
    source = shutil.copytree(records, tmp_path / "source", ignore=shutil.ignore_patterns(STORE))
    with_features(source, OTHER)
    words = [f"--against={source}", f"--output={tmp_path / 'found.html'}", "--nolabels", "--workers=1", "--c=1"]
    assert main(["audit", str(home), *words]) == 0
    shown = capsys.readouterr().out
    assert "34 of 36 birds images have a near duplicate in birds: equal files 34" in shown
    assert "different extractors: only hashes were compared" in shown
    listed = (tmp_path / "found-exclude-source.txt").read_text().split()
    assert len(listed) == 34 and not set(listed) & set(pairs)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--output=found.csv"], 2, ".html"),
        (["--train=train", "--test=train[:5]"], 2, "share images"),
        (["--test=validation"], 2, "validation"),
        (["--against=no/such"], 2, "no/such"),
        (["--records=no/such"], 3, "no/such"),
        (["--folds=1"], 2, "at least 2"),
    ],
)
def test_what_cannot_be_audited_is_said(
    planted: tuple[Path, dict[str, str]],
    words: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["audit", str(planted[0]), "--workers=1", *words]) == code
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_sets_that_share_nothing_to_compare_are_refused(
    planted: tuple[Path, dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, _ = planted
    alone = shutil.copytree(home / STORE / "made", tmp_path / "alone")
    foreign = tmp_path / "foreign"
    rows = Features(np.eye(4, dtype=np.float32), np.zeros(4, np.int32), np.array(["a", "b", "c", "d"]), ("wren",))
    write_feature_set(foreign, rows, np.zeros(4, np.uint8), OTHER)
    words = ["audit", str(alone), f"--against={foreign}", "--nolabels", f"--output={tmp_path / 'found.html'}"]
    assert main(words) == 2
    assert "Neither features nor pictures" in capsys.readouterr().err


def test_the_same_images_by_another_network_are_no_source(
    planted: tuple[Path, dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them would be repeats, and a list of all of them is of no use."""
    home = shutil.copytree(planted[0], tmp_path / "records")
    with_features(home, OTHER)
    words = [f"--against={home / STORE / 'other'}", "--workers=1", f"--output={tmp_path / 'found.html'}"]
    assert main(["audit", str(home / STORE / "made"), *words]) == 2
    assert "is about the same images as" in capsys.readouterr().err
    assert not list(tmp_path.glob("found*"))


def test_an_image_alone_in_its_class_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No classifier that never saw it can know its class: it would be doubted always."""
    labels = np.array([0] * 10 + [1] * 10 + [2], np.int32)
    rows = (3 * np.eye(4)[labels] + np.random.default_rng(0).normal(size=(21, 4)) / 9).astype(np.float32)
    ids = np.array([f"{row}" for row in range(21)])
    few = Features(rows, labels, ids, ("wren", "tit", "owl"))
    write_feature_set(tmp_path / "few", few, np.zeros(21, np.uint8), EXTRACTOR)
    assert main(["audit", str(tmp_path / "few"), f"--output={tmp_path / 'few.html'}", "--c=1"]) == 0
    assert "0 of 20 training labels are doubtful" in capsys.readouterr().out
    assert "1 images that are the only one of their class were not judged" in (tmp_path / "few.html").read_text()
    single = Features(rows[:3], np.arange(3, dtype=np.int32), ids[:3], few.class_names)
    write_feature_set(tmp_path / "single", single, np.zeros(3, np.uint8), EXTRACTOR)
    assert main(["audit", str(tmp_path / "single"), f"--output={tmp_path / 'single.html'}"]) == 2
    assert "is the only one of its class" in capsys.readouterr().out
    assert not (tmp_path / "single.html").exists()


def test_no_feature_set_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit"]) == 2
    assert "fgtl audit FEATURESET" in capsys.readouterr().err
