import io
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fgtl.data.convert import convert
from fgtl.data.example import FORMAT, ID, IMAGE, encode_example
from fgtl.data.knobs import InputKnobs
from fgtl.data.plan import ConvertKnobs
from fgtl.data.quiet import import_tensorflow
from fgtl.data.records import RecordSet
from fgtl.datasets import Card
from fgtl.downloads import FolderTree
from fgtl.errors import InputError, UsageError

tf = import_tensorflow()

from fgtl.data.pipeline import training_batches  # noqa: E402
from fgtl.data.views import evaluation_batches, loose_batches  # noqa: E402


class Records:
    """Records in memory, with the part of `Selection` that the pipeline reads."""

    def __init__(self, files: list[bytes]) -> None:
        self.reads: Counter[int] = Counter()
        images = [Image.open(io.BytesIO(data)) for data in files]
        formats = [str(image.format).lower().encode() for image in images]
        self.payloads = [
            encode_example({IMAGE: [data], FORMAT: [kind], ID: [b"%d" % row]})
            for row, (data, kind) in enumerate(zip(files, formats, strict=True))
        ]
        self.labels = np.arange(len(files), dtype=np.int32)
        self.ids = np.array([f"image {row}" for row in range(len(files))])
        self.heights = np.array([image.height for image in images], np.int32)
        self.widths = np.array([image.width for image in images], np.int32)

    def __len__(self) -> int:
        return len(self.payloads)

    def payload(self, row: int) -> bytes:
        self.reads[row] += 1
        return self.payloads[row]


def encoded(image: np.ndarray, kind: str = "jpeg") -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def picture(seed: int, height: int = 30, width: int = 40) -> np.ndarray:
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 5, 3)).astype(np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    """23 images of several sizes, every third a PNG, every fifth grey."""
    made = []
    for row in range(23):
        image = picture(row, 20 + row, 40 - row)
        made.append(encoded(image[..., 0] if row % 5 == 0 else image, "png" if row % 3 == 0 else "jpeg"))
    return made


def knobs(**changed: Any) -> InputKnobs:
    return InputKnobs(**{"image_size": 12, "batch_size": 5, "eval_batch_size": 7, "seed": 3, **changed})


def batches(dataset: Any) -> list[tuple[np.ndarray, ...]]:
    return [tuple(part.numpy() for part in element) for element in dataset]


def assert_same(first: list[tuple[np.ndarray, ...]], second: list[tuple[np.ndarray, ...]]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def seen(dataset: Any) -> dict[tuple[int, int], np.ndarray]:
    """(label, how often it came before) -> image, of a training stream."""
    count: Counter[int] = Counter()
    found = {}
    for images, labels in batches(dataset):
        for image, label in zip(images, labels.tolist(), strict=True):
            found[label, count[label]] = image
            count[label] += 1
    return found


def test_training_batches_are_full_float_and_in_range(files: list[bytes]) -> None:
    dataset = training_batches(Records(files), knobs(), steps=range(9))
    assert dataset.cardinality() == 9
    assert [spec.shape.as_list() for spec in dataset.element_spec] == [[5, 12, 12, 3], [5]]
    for images, labels in batches(dataset):
        assert (images.dtype, labels.dtype) == (np.float32, np.int32)
        assert 0 <= images.min() < images.max() <= 255


def test_each_epoch_shows_each_image_once_and_batches_cross_its_border(files: list[bytes]) -> None:
    labels = np.concatenate([part[1] for part in batches(training_batches(Records(files), knobs(), steps=range(14)))])
    assert sorted(labels[:23]) == sorted(labels[23:46]) == list(range(23))
    assert labels[:23].tolist() != labels[23:46].tolist()


@pytest.mark.parametrize("start", [1, 4, 9])
def test_a_stream_that_starts_later_is_the_rest_of_the_whole_one(files: list[bytes], start: int) -> None:
    whole = batches(training_batches(Records(files), knobs(), steps=range(12)))
    assert_same(batches(training_batches(Records(files), knobs(), steps=range(start, 12))), whole[start:])


def test_the_same_command_gives_the_same_bytes_whatever_the_threads(files: list[bytes]) -> None:
    first = batches(training_batches(Records(files), knobs(threads=1, prefetch=0), steps=range(9)))
    assert_same(first, batches(training_batches(Records(files), knobs(threads=4), steps=range(9))))


def test_seeds_differ_in_order_and_in_augmentation(files: list[bytes]) -> None:
    first, second = (training_batches(Records(files), knobs(seed=seed), steps=range(5)) for seed in (1, 2))
    assert batches(first)[0][1].tolist() != batches(second)[0][1].tolist()
    mine, theirs = seen(first), seen(second)
    assert all(np.abs(mine[key] - theirs[key]).max() > 1 for key in mine.keys() & theirs.keys())


def test_batch_size_does_not_change_an_images_augmentation(files: list[bytes]) -> None:
    fives = seen(training_batches(Records(files), knobs(batch_size=5), steps=range(9)))
    nines = seen(training_batches(Records(files), knobs(batch_size=9), steps=range(5)))
    assert fives.keys() == nines.keys() & fives.keys()
    assert len(fives) == 45
    for key, image in fives.items():
        np.testing.assert_array_equal(image, nines[key])


def test_an_image_looks_different_in_each_epoch(files: list[bytes]) -> None:
    found = seen(training_batches(Records(files), knobs(), steps=range(14)))
    assert all(np.abs(found[label, 0] - found[label, 1]).max() > 1 for label in range(23))


def test_fewer_images_than_a_batch_wrap_around(files: list[bytes]) -> None:
    ((_, labels),) = batches(training_batches(Records(files[:3]), knobs(batch_size=8), steps=range(1)))
    assert sorted(labels[:3]) == sorted(labels[3:6]) == [0, 1, 2]


def test_without_augmentation_training_sees_what_evaluation_sees() -> None:
    # PNG: its decoder has no fast approximation.
    records = Records([encoded(picture(row), "png") for row in range(6)])
    plain = knobs(random_crop=False, flip=False, colour="none", batch_size=6, eval_batch_size=6)
    ((images, labels),) = batches(training_batches(records, plain, steps=range(1)))
    ((expected, order, _),) = batches(evaluation_batches(records, plain))
    assert order.tolist() == list(range(6))
    np.testing.assert_array_equal(images, expected[labels])


def test_flipping_alone_gives_the_image_or_its_mirror() -> None:
    records = Records([encoded(picture(row), "png") for row in range(20)])
    flipping = knobs(random_crop=False, colour="none", batch_size=20, eval_batch_size=20)
    ((images, labels),) = batches(training_batches(records, flipping, steps=range(1)))
    ((expected, _, _),) = batches(evaluation_batches(records, flipping))
    turned = 0
    for image, label in zip(images, labels, strict=True):
        mirrored = np.abs(image - expected[label][:, ::-1]).max() < 1e-3
        assert mirrored != (np.abs(image - expected[label]).max() < 1e-3)
        turned += mirrored
    assert 2 <= turned <= 18


@pytest.mark.parametrize("batch_size", [1, 5, 23, 97])
def test_evaluation_counts_every_image_once_in_order(files: list[bytes], batch_size: int) -> None:
    elements = batches(evaluation_batches(Records(files), knobs(eval_batch_size=batch_size)))
    assert len(elements) == -(-23 // batch_size)
    assert {images.shape for images, _, _ in elements} == {(batch_size, 12, 12, 3)}
    weights = np.concatenate([weights for _, _, weights in elements])
    assert weights[:23].tolist() == [1.0] * 23
    assert not weights[23:].any()
    assert np.concatenate([labels for _, labels, _ in elements])[:23].tolist() == list(range(23))
    reference = np.concatenate([images for images, _, _ in batches(evaluation_batches(Records(files), knobs()))])
    np.testing.assert_array_equal(np.concatenate([images for images, _, _ in elements])[:23], reference[:23])


def test_the_filling_of_the_last_batch_is_a_real_image(files: list[bytes]) -> None:
    images, _, weights = batches(evaluation_batches(Records(files), knobs(eval_batch_size=20)))[-1]
    assert weights.tolist() == [1.0] * 3 + [0.0] * 17
    np.testing.assert_array_equal(images[3:], np.repeat(images[2:3], 17, axis=0))


def test_the_size_of_the_cub_test_split_is_counted_exactly() -> None:
    # Acceptance F1.
    tiny = Records([encoded(picture(0, 8, 8))])
    for name in ("labels", "ids", "heights", "widths"):
        setattr(tiny, name, np.resize(getattr(tiny, name), 5794))
    tiny.payloads *= 5794
    elements = batches(evaluation_batches(tiny, knobs(image_size=4, eval_batch_size=100)))
    weights = [weights.sum() for _, _, weights in elements]
    assert len(weights) == 58
    assert sum(map(float, weights)) == 5794
    assert float(weights[-1]) == 94


def test_evaluation_cuts_the_originals_centre_and_keeps_grey_exact() -> None:
    # Acceptance D1: 375 x 500 -> offset (23, 31), size 329 x 438, output 299 x 299. What the backbones make of the
    # grey is in tests/models/test_applications.py.
    whole = knobs(image_size=299, eval_batch_size=1)
    # The crop's outermost pixels are white: a larger crop shows black, a smaller one grey at its border.
    marked = np.zeros((375, 500, 3), np.uint8)
    marked[23:352, 31:469] = 255
    marked[24:351, 32:468] = 128
    # PNG: in a JPEG the border would bleed into the grey.
    ((images, _, _),) = batches(evaluation_batches(Records([encoded(marked, "png")]), whole))
    assert images.shape == (1, 299, 299, 3)
    image = images[0]
    assert image.min() == 128
    for border in (image[0], image[-1], image[:, 0], image[:, -1]):
        assert border.min() > 200
    np.testing.assert_array_equal(image[2:-2, 2:-2], 128)
    grey = Records([encoded(np.full((375, 500, 3), 128, np.uint8))])
    ((images, _, _),) = batches(evaluation_batches(grey, whole))
    np.testing.assert_array_equal(images, np.full((1, 299, 299, 3), 128, np.float32))


@pytest.mark.parametrize("shade", [0, 255])
def test_black_and_white_stay_in_range_in_training(shade: int) -> None:
    # Acceptance D2.
    records = Records([encoded(np.full((30, 40, 3), shade, np.uint8))])
    for images, _ in batches(training_batches(records, knobs(), steps=range(6))):
        assert images.min() >= 0
        assert images.max() <= 255
    plain = training_batches(records, knobs(colour="none"), steps=range(2))
    assert all(np.all(images == shade) for images, _ in batches(plain))


def test_the_whole_image_is_used_when_the_centre_crop_is_off() -> None:
    image = picture(1, 12, 12)
    ((images, _, _),) = batches(
        evaluation_batches(Records([encoded(image, "png")]), knobs(eval_crop=1.0, eval_batch_size=1))
    )
    np.testing.assert_allclose(images[0], image, atol=1e-4)


@pytest.mark.parametrize("legacy", [False, True])
def test_loose_files_give_the_numbers_of_evaluation(files: list[bytes], legacy: bool) -> None:
    evaluation = batches(evaluation_batches(Records(files), knobs(legacy_resize=legacy)))
    loose = batches(loose_batches(files, knobs(legacy_resize=legacy)))
    assert_same(loose, [(images, weights) for images, _, weights in evaluation])


def test_the_ram_cache_reads_each_record_once_and_changes_nothing(files: list[bytes]) -> None:
    cached, read_again = Records(files), Records(files)
    kept = training_batches(cached, knobs(cache="ram"), steps=range(14))
    assert_same(batches(kept), batches(training_batches(read_again, knobs(), steps=range(14))))
    assert set(cached.reads.values()) == {1}
    assert set(read_again.reads.values()) != {1}


def test_a_converted_folder_is_read_as_its_files_are(tmp_path: Path, files: list[bytes]) -> None:
    for row, data in enumerate(files):
        folder = tmp_path / "pictures" / f"class {row % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{row:02d}.{'png' if row % 3 == 0 else 'jpg'}").write_bytes(data)
    card = Card(name="pictures", layout="folder")
    convert(card, FolderTree(tmp_path / "pictures"), tmp_path / "records", ConvertKnobs(num_shards=3, workers=1))
    records = RecordSet.open(tmp_path / "records")
    selection = records.select("+".join(split for split, count in records.counts.items() if count))
    assert len(selection) == 23
    images, labels, weights = (
        np.concatenate(part) for part in zip(*batches(evaluation_batches(selection, knobs())), strict=True)
    )
    assert labels[weights > 0].tolist() == selection.labels.tolist()
    loose = [(tmp_path / "pictures" / name).read_bytes() for name in selection.ids]
    np.testing.assert_array_equal(images, np.concatenate([part[0] for part in batches(loose_batches(loose, knobs()))]))
    trained = np.concatenate([labels for _, labels in batches(training_batches(selection, knobs(), steps=range(5)))])
    assert sorted(trained[:23]) == sorted(selection.labels)


EVERYTHING: dict[str, Any] = {
    "batch_size": 6,
    "colour": "slow",
    "blur": 0.5,
    "sharpen": 0.5,
    "randaugment_layers": 1,
    "erasing": 0.5,
    "mixup": 0.2,
    "cutmix": 1.0,
    "sampling": "balanced",
}


def test_with_everything_on_a_later_start_other_threads_and_two_workers_see_the_same(files: list[bytes]) -> None:
    records = Records(files)
    records.labels = np.minimum(records.labels, 3)
    whole = batches(training_batches(records, knobs(threads=1, **EVERYTHING), steps=range(10)))
    assert_same(batches(training_batches(records, knobs(threads=4, **EVERYTHING), steps=range(4, 10))), whole[4:])
    for replaced in (knobs(bad_records="skip", **EVERYTHING), knobs(cache="ram", **EVERYTHING)):
        assert_same(batches(training_batches(records, replaced, steps=range(3))), whole[:3])
    options = knobs(**{**EVERYTHING, "batch_size": 12})
    once = batches(training_batches(records, options, steps=range(5)))
    workers = [batches(training_batches(records, options, steps=range(5), part=(i, 2))) for i in range(2)]
    both = zip(*workers, strict=True)
    assert_same(once, [tuple(map(np.concatenate, zip(*parts, strict=True))) for parts in both])
    for images, _, _ in whole:
        assert 0 <= images.min() < images.max() <= 255


def test_mixes_come_as_a_third_part_only_when_images_are_to_be_mixed(files: list[bytes]) -> None:
    plain = batches(training_batches(Records(files), knobs(batch_size=6), steps=range(4)))
    mixed = training_batches(Records(files), knobs(batch_size=6, mixup=0.2), steps=range(4))
    assert [spec.shape.as_list() for spec in mixed.element_spec] == [[6, 12, 12, 3], [6], [6, 5]]
    assert_same([parts[:2] for parts in batches(mixed)], plain)
    for _, _, mixes in batches(mixed):
        np.testing.assert_array_equal(mixes[::2], mixes[1::2])
    for batch_size, part in ((7, (0, 1)), (6, (0, 2))):
        with pytest.raises(UsageError, match="the pairs of --mixup or --cutmix"):
            training_batches(Records(files), knobs(batch_size=batch_size, cutmix=1.0), steps=range(1), part=part)


def test_erasing_changes_nothing_outside_its_rectangle(files: list[bytes]) -> None:
    plain = seen(training_batches(Records(files), knobs(), steps=range(9)))
    erased = seen(training_batches(Records(files), knobs(erasing=1.0), steps=range(9)))
    for key, image in erased.items():
        changed = (image != plain[key]).any(axis=-1)
        assert changed.any()
        np.testing.assert_array_equal(image[changed], 128)


def test_randaugment_leaves_window_mirror_and_colour_as_they_were(files: list[bytes]) -> None:
    plain = seen(training_batches(Records(files), knobs(), steps=range(9)))
    still = knobs(randaugment_layers=1, randaugment_magnitude=0)
    augmented = seen(training_batches(Records(files), still, steps=range(9)))
    # Without magnitude all but 3 of the 14 operations leave an image alone (posterize: all but its fractions).
    same = [np.abs(augmented[key] - image).max() <= 0.5 for key, image in plain.items()]
    assert 0.6 < np.mean(same) < 1


def test_an_image_that_comes_again_in_an_epoch_looks_different(files: list[bytes]) -> None:
    records = Records(files)
    rare = records.labels == 7
    records.labels = rare.astype(np.int32)
    # 23 positions: the one image of the rare class stands on 11 or 12 of them.
    ((images, labels),) = batches(training_batches(records, knobs(batch_size=23, sampling="balanced"), steps=range(1)))
    shown = images[labels == 1]
    assert len(shown) in (11, 12)
    for row in range(len(shown)):
        assert all(np.abs(shown[row] - shown[other]).max() > 1 for other in range(row))


def test_fast_shows_the_same_images_in_any_order_and_the_others_keep_it(files: list[bytes]) -> None:
    def sorted_images(determinism: str, **changed: Any) -> np.ndarray:
        options = knobs(determinism=determinism, threads=4, **changed)
        images = np.concatenate(
            [part[0] for part in batches(training_batches(Records(files), options, steps=range(9)))]
        )
        rows = images.reshape(len(images), -1)
        return rows[np.lexsort(rows.T)]

    for changed in ({}, {"bad_records": "skip"}):
        np.testing.assert_array_equal(sorted_images("fast", **changed), sorted_images("order", **changed))
    for determinism, expected in (("fast", False), ("order", True), ("strict", True)):
        dataset = training_batches(Records(files), knobs(determinism=determinism), steps=range(2))
        assert dataset.options().deterministic is expected


def test_a_late_image_lets_others_pass_in_fast_only() -> None:
    from fgtl.data.image_stream import Source, image_stream

    payload = Records([encoded(np.zeros((8, 8, 3), np.uint8), "png")]).payloads[0]

    def prepare(first: int, last: int) -> tuple[np.ndarray, ...]:
        count = last - first
        windows = np.tile(np.array([0, 0, 8, 8], np.int32), (count, 1))
        return np.array([payload] * count, object), windows, np.arange(first, last, dtype=np.int32)

    def finish(pixels: Any, place: Any) -> tuple[Any, ...]:
        def wait(place: np.ndarray) -> np.ndarray:
            time.sleep(0.3 if place == 0 else 0)
            return place

        return (tf.numpy_function(wait, [place], tf.int32),)

    for ordered in (True, False):
        source = Source(12, prepare, (tf.TensorSpec((), tf.int32),))
        stream = image_stream(source, finish, dct="", threads=2, ordered=ordered)
        places = [int(place) for (place,) in stream]
        assert sorted(places) == list(range(12))
        assert (places == list(range(12))) is ordered


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_images_of_a_pixel_or_a_row_go_through_everything(kind: str) -> None:
    tiny = Records([encoded(picture(1, height, width), kind) for height, width in ((1, 1), (2, 300), (300, 1), (1, 5))])
    everything = EVERYTHING | {"batch_size": 4}
    for options in (knobs(batch_size=4), knobs(**everything), knobs(**everything, resize=16)):
        for images, *_ in batches(training_batches(tiny, options, steps=range(12))):
            assert np.isfinite(images).all()
            assert 0 <= images.min() <= images.max() <= 255
        assert len(batches(evaluation_batches(tiny, options))) == 1


def test_nothing_to_read_is_an_error() -> None:
    for empty in (
        lambda: training_batches(Records([]), knobs(), steps=range(3)),
        lambda: evaluation_batches(Records([]), knobs()),
        lambda: loose_batches([], knobs()),
    ):
        with pytest.raises(InputError):
            empty()
    with pytest.raises(InputError, match="steps"):
        training_batches(Records([encoded(picture(0))]), knobs(), steps=range(-1, 2))


def test_no_steps_are_no_batches(files: list[bytes]) -> None:
    assert batches(training_batches(Records(files), knobs(), steps=range(5, 5))) == []


def test_two_replicas_share_each_batch() -> None:
    # In a process of its own: devices can only be split before TensorFlow first uses them.
    done = subprocess.run([sys.executable, "-c", TWO_REPLICAS], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["ok"], done.stderr


ROOT = __file__.rsplit("/tests/", 1)[0]
TWO_REPLICAS = """
import sys
sys.path.insert(0, "tests/data")
from test_pipeline import Records, batches, encoded, evaluation_batches, knobs, np, picture, tf, training_batches

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
records = Records([encoded(picture(row)) for row in range(23)])
options = knobs(batch_size=6, eval_batch_size=10)
for make in (lambda: training_batches(records, options, steps=range(7)), lambda: evaluation_batches(records, options)):
    whole = batches(make())
    shares = list(strategy.experimental_distribute_dataset(make()))
    assert len(shares) == len(whole)
    for parts, expected in zip(shares, whole):
        for part, value in zip(parts, expected):
            pieces = strategy.experimental_local_results(part)
            assert [len(piece) for piece in pieces] == [len(value) // 2] * 2
            np.testing.assert_array_equal(np.concatenate(pieces), value)
print("ok")
"""
