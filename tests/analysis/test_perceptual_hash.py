"""Hashes of pictures: what leaves them alone, what changes them, and how they are kept."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy.fft import dctn

from fgtl.analysis import perceptual_hash as module
from fgtl.analysis.perceptual_hash import CACHE, hashes_of, perceptual_hash
from fgtl.commands.app import main
from fgtl.data.records import RecordSet
from fgtl.errors import DataError
from fgtl.features.find import STORE


def picture(seed: int, size: int = 128) -> Image.Image:
    """Smooth patches of colour."""
    rough = np.random.default_rng(seed).integers(0, 256, (9, 9, 3)).astype(np.uint8)
    return Image.fromarray(rough).resize((size, size), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **how: int) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def apart(one: int, other: int) -> int:
    return (one ^ other).bit_count()


def test_is_the_signs_of_the_low_frequencies_of_the_cosine_transform() -> None:
    image = ImageOps.grayscale(picture(0, 32))
    found, mirrored, contrast = perceptual_hash(encoded(image))
    grey = np.asarray(image, np.float64)
    for pixels, hashed in ((grey, found), (grey[:, ::-1], mirrored)):
        low = dctn(pixels, type=2)[1:9, 1:9].ravel()
        assert f"{hashed:064b}" == "".join("1" if value > np.median(low) else "0" for value in low)
    assert contrast == pytest.approx(grey.std())


@pytest.mark.parametrize(
    ("change", "most"),
    [
        (lambda image: encoded(image, "JPEG", quality=30), 2),
        (lambda image: encoded(image.resize((60, 60), Image.Resampling.LANCZOS)), 4),
        (lambda image: encoded(ImageEnhance.Brightness(image).enhance(0.7)), 2),
        (lambda image: encoded(ImageEnhance.Contrast(image).enhance(0.6)), 2),
        (lambda image: encoded(ImageOps.grayscale(image)), 0),
    ],
)
def test_a_picture_stored_anew_keeps_its_hash(change, most: int) -> None:  # type: ignore[no-untyped-def]
    for seed in range(5):
        one, other = perceptual_hash(encoded(picture(seed)))[0], perceptual_hash(change(picture(seed)))[0]
        assert apart(one, other) <= most


def test_a_mirror_image_has_the_mirrored_hash() -> None:
    plain, mirrored, _ = perceptual_hash(encoded(picture(1)))
    other = perceptual_hash(encoded(ImageOps.mirror(picture(1))))
    assert apart(mirrored, other[0]) <= 1 and apart(plain, other[1]) <= 1
    assert apart(plain, other[0]) > 16


def test_different_pictures_are_far_apart() -> None:
    hashes = [perceptual_hash(encoded(picture(seed)))[0] for seed in range(20)]
    assert min(apart(one, other) for one in hashes for other in hashes if one != other) > 8


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures as a record set."""
    photos = tmp_path_factory.mktemp("photos")
    for seed in range(6):
        folder = photos / ("wren", "tit")[seed % 2]
        folder.mkdir(exist_ok=True)
        (folder / f"{seed}.jpg").write_bytes(encoded(picture(seed), "JPEG", quality=90))
    home = tmp_path_factory.mktemp("records") / "few"
    words = [f"--dataset={photos}", f"--output_dir={home}", "--num_shards=2", "--workers=1"]
    assert main(["convert", *words]) == 0
    return home


def test_every_image_of_a_record_set_is_hashed_once(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = hashes_of(RecordSet.open(records), workers=1)
    for row, id in enumerate(found.ids.tolist()):
        data = encoded(picture(int(Path(id).stem)), "JPEG", quality=90)
        assert (int(found.plain[row]), int(found.mirrored[row])) == perceptual_hash(data)[:2]
    monkeypatch.setattr(module, "perceptual_hash", lambda data: pytest.fail("hashed again"))
    again = hashes_of(RecordSet.open(records), workers=1)
    for name in ("ids", "plain", "mirrored", "content", "contrast"):
        np.testing.assert_array_equal(getattr(found, name), getattr(again, name))


def test_the_size_of_the_parts_changes_nothing(records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IMAGES_AT_ONCE", 2)
    found = hashes_of(RecordSet.open(records), workers=1)
    home = shutil.copytree(records, tmp_path / "few", ignore=shutil.ignore_patterns(STORE))
    np.testing.assert_array_equal(hashes_of(RecordSet.open(home), workers=1).plain, found.plain)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"half a file",
        lambda data: b"",
        lambda data: data[:-20],
        lambda data: data[:300] + bytes([data[300] ^ 1]) + data[301:],
    ],
    ids=["no archive", "empty", "cut short", "rotten"],
)
def test_kept_hashes_that_are_damaged_are_made_again(
    records: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    home = shutil.copytree(records, tmp_path / "few")
    before = hashes_of(RecordSet.open(home), workers=1)
    kept = home / STORE / CACHE
    kept.write_bytes(damage(kept.read_bytes()))
    np.testing.assert_array_equal(hashes_of(RecordSet.open(home), workers=1).plain, before.plain)


def test_an_image_that_cannot_be_read_has_no_hash(records: Path, tmp_path: Path) -> None:
    home = shutil.copytree(records, tmp_path / "few", ignore=shutil.ignore_patterns(STORE))
    opened = RecordSet.open(home)
    selection = opened.select("train")
    path = opened.shard_paths[int(selection.shards[0])]
    data = bytearray(path.read_bytes())
    data[int(selection.offsets[0]) + 40] ^= 255
    path.write_bytes(data)
    found = hashes_of(RecordSet.open(home), workers=1)
    assert (found.contrast < 0).sum() == 1 and found.contrast[found.ids == selection.ids[0]] == -1


def test_rows_are_taken_by_id_and_strangers_are_named(records: Path) -> None:
    found = hashes_of(RecordSet.open(records), workers=1)
    turned = found.take(found.ids[::-1])
    np.testing.assert_array_equal(turned.plain, found.plain[::-1])
    with pytest.raises(DataError, match="stranger"):
        found.take(np.array(["stranger"]))
