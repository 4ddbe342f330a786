"""--resize: the whole image becomes a square first, and a part of it is cut out. Pillow is the oracle."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fgtl.data import crops, framing
from fgtl.data.bad_records import BadRecords
from fgtl.data.crops import DRAWS
from fgtl.data.draws import id_keys, image_keys, uniforms
from fgtl.data.example import FORMAT, ID, IMAGE, encode_example
from fgtl.data.framing import random_frames, shown_centre, view_frames
from fgtl.data.knobs import InputKnobs, ViewKnobs
from fgtl.data.many_views import CENTRE, VIEWS, View
from fgtl.data.quiet import import_tensorflow
from fgtl.errors import UsageError

tf = import_tensorflow()

from fgtl.data import augment  # noqa: E402
from fgtl.data.decode import ACCURATE, decode_window, place, resize  # noqa: E402
from fgtl.data.pipeline import training_batches  # noqa: E402
from fgtl.data.views import evaluation_batches, loose_batches  # noqa: E402

MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
# Two levels of 255, on the scale of the reference: Pillow rounds twice, we never.
TOLERANCE = 2 / 255 / 0.225


def encoded(pixels: np.ndarray, kind: str = "png", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def noise(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def by_pillow(pixels: np.ndarray, knobs: ViewKnobs, corner: tuple[int, int] | None = None) -> np.ndarray:
    """The part of the resized image that begins at (top, left), by default the centre."""
    whole = Image.fromarray(pixels).resize((knobs.resize, knobs.resize), Image.Resampling.BILINEAR)
    top, left = corner or (round((knobs.resize - knobs.image_size) / 2),) * 2
    return np.asarray(whole, np.float32)[top : top + knobs.image_size, left : left + knobs.image_size]


def seen(files: list[bytes], knobs: ViewKnobs, look: View = CENTRE) -> np.ndarray:
    return np.concatenate([x.numpy()[w.numpy() > 0] for x, w in loose_batches(files, knobs, look)])


def views(**knobs: Any) -> ViewKnobs:
    return ViewKnobs(**({"image_size": 12, "resize": 17, "eval_batch_size": 4, "threads": 1} | knobs))


def formula_image() -> np.ndarray:
    """(640, 700, 3) uint8: the picture that the reference was made from."""
    y, x = np.mgrid[:640, :700].astype(np.float64)
    red, green = 127.5 + 127 * np.sin(x / 9 + y / 31), 127.5 + 127 * np.cos(y / 7 - x / 53)
    return np.clip(np.rint(np.stack([red, green, (3 * x + 5 * y) % 256], axis=-1)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def reference(shared: Path) -> Callable[[int], np.ndarray]:
    arrays = np.load(shared / "reference" / "pim_reference.npz")
    np.testing.assert_array_equal(formula_image()[:4, :8], arrays["I/in/img_u8_first_rows"])
    assert formula_image().sum() == arrays["I/in/img_u8_sum"]
    return lambda size: arrays[f"I/out/eval{size}_hwc_stride16_from3"]


def normalised(image: np.ndarray) -> np.ndarray:
    return (image[3::16, 3::16] / 255 - MEAN) / DEVIATION


@pytest.mark.parametrize("size", [384, 448])
def test_evaluation_sees_what_the_papers_does(reference: Callable[[int], np.ndarray], size: int) -> None:
    (image,) = seen([encoded(formula_image())], views(image_size=size, resize=510))
    np.testing.assert_allclose(normalised(image), reference(size), atol=TOLERANCE)


@pytest.mark.parametrize("size", [384, 448])
def test_without_antialiasing_it_would_not(reference: Callable[[int], np.ndarray], size: int) -> None:
    margin = (510 - size) // 2
    plain = resize(tf.constant(formula_image()), 510, legacy=False).numpy()[margin:-margin, margin:-margin]
    assert np.abs(normalised(plain) - reference(size)).max() > 5 * TOLERANCE


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.integers(0, 30), st.sampled_from(VIEWS["five"]))
def test_every_view_is_that_part_of_the_whole_resized_image(
    height: int, width: int, size: int, more: int, look: View
) -> None:
    knobs, pixels = views(image_size=size, resize=size + more), noise(height, height, width)
    corner = round(more * look.vertical), round(more * look.horizontal)
    (image,) = seen([encoded(pixels)], knobs, look)
    assert np.abs(image - by_pillow(pixels, knobs, corner)).max() <= 1.01


@pytest.mark.parametrize("sides", [(241, 330), (330, 97), (64, 80)])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_of_a_jpeg_only_what_is_needed_is_decoded_and_it_makes_no_difference(
    sides: tuple[int, int], subsampling: int
) -> None:
    pixels = np.asarray(Image.fromarray(noise(1, 9, 9)).resize(sides[::-1], Image.Resampling.BICUBIC))
    data, knobs = tf.constant(encoded(pixels, "jpeg", subsampling=subsampling)), views(image_size=40, resize=100)
    frames = view_frames(*(np.int32([side]) for side in sides), knobs)
    (window,), (where,) = frames.windows, frames.places
    assert window[2] * window[3] < 0.6 * sides[0] * sides[1]
    part = place(decode_window(data, tf.constant("jpeg"), window, dct=ACCURATE), where, 40)
    everything = decode_window(data, tf.constant("jpeg"), np.int32([0, 0, *sides]), dct=ACCURATE)
    whole = tf.image.resize(everything, (100, 100), antialias=True)[30:70, 30:70]
    np.testing.assert_allclose(part, whole, atol=2e-3)


def test_a_record_and_a_loose_file_are_seen_alike() -> None:
    files = [encoded(noise(seed, 20 + seed, 43)) for seed in range(5)]
    found = [(x.numpy(), w.numpy()) for x, _, w in evaluation_batches(Records(files), views())]
    np.testing.assert_array_equal(np.concatenate([x[w > 0] for x, w in found]), seen(files, views()))


class Records:
    """Files in memory, with the part of `Selection` that the pipeline reads."""

    def __init__(self, files: list[bytes]) -> None:
        self.files = files
        sizes = [Image.open(io.BytesIO(data)).size for data in files]
        self.widths, self.heights = (np.int32([size[axis] for size in sizes]) for axis in (0, 1))
        self.labels = np.arange(len(files), dtype=np.int32)
        self.ids = np.array([f"image {row}" for row in range(len(files))])
        self.bad = BadRecords()

    def __len__(self) -> int:
        return len(self.files)

    def payload(self, row: int) -> bytes:
        return encode_example({IMAGE: [self.files[row]], FORMAT: [b"png"], ID: [b"%d" % row]})


def training(**knobs: Any) -> InputKnobs:
    plain = {"image_size": 12, "resize": 17, "batch_size": 4, "threads": 1, "flip": False, "colour": "none"}
    return InputKnobs(**(plain | knobs))


def test_training_cuts_anywhere_by_seed_epoch_and_id() -> None:
    pixels, knobs = [noise(seed, 20 + seed, 43) for seed in range(4)], training(seed=5)
    records: Any = Records([encoded(image) for image in pixels])
    corners = set()
    for epoch, (images, labels) in enumerate(training_batches(records, knobs, steps=range(3))):
        keys = image_keys(5, np.full(4, epoch), id_keys(records.ids))
        for image, label in zip(images.numpy(), labels.numpy(), strict=True):
            # Six places on each axis.
            corner = tuple(np.floor(6 * uniforms(keys[label : label + 1], 0, 2)[0]).astype(int).tolist())
            assert np.abs(image - by_pillow(pixels[label], knobs, corner)).max() <= 1.01
            corners.add(corner)
    assert len(corners) > 6


def test_without_random_crops_training_sees_the_centre() -> None:
    pixels, knobs = noise(0, 30, 20), training(random_crop=False, batch_size=1)
    records: Any = Records([encoded(pixels)])
    ((images, _),) = training_batches(records, knobs, steps=range(1))
    assert np.abs(images.numpy()[0] - by_pillow(pixels, knobs)).max() <= 1.01


def test_every_place_comes_about_equally_often() -> None:
    keys = image_keys(0, np.zeros(6000, np.int64), id_keys([str(row) for row in range(6000)]))
    sides = np.full(6000, 17, np.int32)
    shifts = -random_frames(keys, sides, sides, training()).places[:, 2:]
    frames = random_frames(keys, sides, sides, training())
    corners = np.rint(shifts + frames.windows[:, :2]).astype(int)
    assert [np.bincount(corners[:, axis]).tolist() for axis in (0, 1)] == [pytest.approx([1000] * 6, rel=0.12)] * 2
    assert abs(np.corrcoef(corners.T)[0, 1]) < 0.05


@pytest.mark.parametrize("resize", [0, 17])
def test_places_and_looks_have_draws_of_their_own(resize: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No place is found in a strip of two pixels that must be covered as a whole: every attempt's draws are used."""
    used: dict[str, set[int]] = {"cuts": set(), "looks": set()}

    def noted(what: str) -> Callable[..., np.ndarray]:
        def draw(keys: np.ndarray, first: int, count: int) -> np.ndarray:
            used[what] |= set(range(first, first + count))
            return uniforms(keys, first, count)

        return draw

    for module, what in ((crops, "cuts"), (framing, "cuts"), (augment, "looks")):
        monkeypatch.setattr(module, "uniforms", noted(what))
    keys, sides = (
        image_keys(0, np.zeros(3, np.int64), id_keys(["a", "b", "c"])),
        (np.int32([1] * 3), np.int32([99] * 3)),
    )
    augment.draw_augmentation(keys, *sides, training(resize=resize, crop_min_coverage=1.0, colour="slow"))
    assert len(used["cuts"]) == (2 if resize else DRAWS) and len(used["looks"]) == 6
    assert not used["cuts"] & used["looks"]


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 600), st.integers(0, 300))
def test_windows_lie_in_the_image_and_hold_what_is_shown(height: int, width: int, size: int, more: int) -> None:
    knobs, sides = views(image_size=size, resize=size + more), (np.int32([height]), np.int32([width]))
    (window,), (shown,) = view_frames(*sides, knobs).windows, shown_centre(*sides, knobs)
    assert window[:2].min() >= 0
    assert window[0] + window[2] <= height and window[1] + window[3] <= width
    assert (window[:2] <= shown[:2] + 1e-9).all()
    assert (window[:2] + window[2:] >= shown[:2] + shown[2:] - 1e-9).all()
    assert shown[2] == pytest.approx(height * knobs.kept_share)


def test_the_papers_crops_are_cut_63_and_31_pixels_from_the_border() -> None:
    sides = np.int32([510]), np.int32([510])
    for size, offset in ((384, 63), (448, 31)):
        assert shown_centre(*sides, views(image_size=size, resize=510))[0].tolist() == [offset, offset, size, size]


@pytest.mark.parametrize("batches", ["training", "evaluation", "loose"])
def test_a_square_that_is_too_small_is_refused(batches: str) -> None:
    files = [encoded(noise(0, 20, 20))]
    records: Any = Records(files)
    with pytest.raises(UsageError, match="--resize=10 is smaller than --image_size=12"):
        {
            "training": lambda: training_batches(records, training(resize=10), steps=range(1)),
            "evaluation": lambda: evaluation_batches(records, views(resize=10)),
            "loose": lambda: loose_batches(files, views(resize=10)),
        }[batches]()


def test_tensorflow_1_knew_no_antialiasing() -> None:
    with pytest.raises(UsageError, match="--resize=300 with --legacy_resize"):
        ViewKnobs(resize=300, legacy_resize=True)
