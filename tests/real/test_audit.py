"""The audit on real photographs: what CUB-200-2011 repeats, copies that are planted, labels that are swapped."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from fgtl.analysis.confidence import confidence
from fgtl.analysis.label_errors import find_label_errors
from fgtl.analysis.near_duplicates import Side, near_duplicates
from fgtl.analysis.perceptual_hash import Hashes, hashes_of, perceptual_hash
from fgtl.commands.app import main
from fgtl.data.records import RecordSet
from fgtl.features.feature_set import Features
from fgtl.features.find import find_feature_sets

CARD = Path(__file__).parent.parent / "cards" / "cub_50.toml"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cub_50(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CUB-200-2011, first 50 classes, with features of a network that knows birds."""
    home = tmp_path_factory.mktemp("records") / "cub_50"
    source = shared / "data" / "cub_50"
    assert main(["convert", f"--dataset={CARD}", f"--data_dir={source}", f"--output_dir={home}"]) == 0
    weights = shared / "weights" / "mobilenet_v2_inat_birds_notop.weights.h5"
    network = ["--backbone=mobilenet_v2", f"--weights={weights}", "--image_size=160", "--devices=cpu"]
    assert main(["extract", f"--records={home}", *network]) == 0
    return home


def test_the_photographs_in_train_and_test_are_found_and_no_others(cub_50: Path, tmp_path: Path) -> None:
    """Four pairs of the same bird in the same place, which a person has looked at."""
    assert main(["audit", str(cub_50), f"--output={tmp_path / 'found.html'}", "--c=100"]) == 0
    assert set((tmp_path / "found-exclude.txt").read_text().split()) == {"690", "1460", "1734", "2080"}
    with (tmp_path / "found-labels.csv").open() as file:
        doubtful = list(csv.DictReader(file))
    assert 50 <= len(doubtful) <= 250
    # A bird with the blue gloss of a grackle, called a crow.
    assert "1699" in [row["id"] for row in doubtful[:10]]


def test_swapped_labels_come_first(cub_50: Path) -> None:
    """75 of 1,500 labels, each to any other class; the clean data have doubtful ones of their own."""
    (found,) = find_feature_sets([cub_50])
    train, rng = found.part("train"), np.random.default_rng(1)
    swapped = rng.choice(len(train), 75, replace=False)
    labels = train.labels.copy()
    labels[swapped] = (labels[swapped] + rng.integers(1, 50, 75)) % 50
    probabilities, _ = confidence(Features(train.features, labels, train.ids, train.class_names), c=100)
    suspects = find_label_errors(probabilities, labels)
    assert np.isin(suspects.rows[:75], swapped).sum() >= 45
    assert np.isin(swapped, suspects.rows).mean() >= 0.75


def changed(data: bytes) -> Iterator[tuple[str, bytes]]:
    """A photograph as it comes again: what was done -> JPEG."""
    with Image.open(io.BytesIO(data)) as file:
        image = file.convert("RGB")
    width, height = image.size

    def cut(share: float) -> Image.Image:
        x, y = round(width * share), round(height * share)
        return image.crop((x, y, width - x, height - y))

    kinds = {
        "coded anew": (image, 40),
        "half the size": (image.resize((width // 2, height // 2), Image.Resampling.LANCZOS), 90),
        "mirrored": (ImageOps.mirror(image), 90),
        "cut by 3 %": (cut(0.03), 90),
        "cut by 10 %": (cut(0.1), 90),
        "brighter": (ImageEnhance.Brightness(image).enhance(1.3), 90),
        "grey": (ImageOps.grayscale(image), 90),
    }
    for kind, (picture, quality) in kinds.items():
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality)
        yield kind, out.getvalue()


# At least this share of planted copies is found by the hash alone, of real photographs of birds.
RECALL = {"coded anew": 1.0, "half the size": 1.0, "mirrored": 1.0, "brighter": 0.8, "grey": 1.0, "cut by 3 %": 0.15}


def test_planted_copies_are_found_by_their_hash(cub_50: Path) -> None:
    records = RecordSet.open(cub_50)
    known, test = hashes_of(records), records.select("test")
    mine = Side(None, known.take(test.ids))
    rows = np.random.default_rng(0).choice(len(test), 40, replace=False)
    found: dict[str, list[bool]] = {}
    for row in rows.tolist():
        for kind, data in changed(test.image(row)):
            plain, mirrored, contrast = perceptual_hash(data)
            words = (np.array([word], np.uint64) for word in (plain, mirrored, 0))
            again = Hashes(np.array(["again"]), *words, np.array([contrast], np.float32))
            pairs, _ = near_duplicates(Side(None, again), mine)
            assert [pair.other for pair in pairs] in ([], [row])
            found.setdefault(kind, []).append(bool(pairs))
    for kind, share in RECALL.items():
        assert np.mean(found[kind]) >= share, kind
