"""Extraction of a whole record set by a network of one line, and the networks that are asked for."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs
from fgtl.data.records import RecordSet
from fgtl.datasets import Card
from fgtl.downloads import FolderTree
from fgtl.errors import DataError, UsageError
from fgtl.features.extractor import Extractor
from fgtl.interop.pretrained import build_backbone
from fgtl.models.backbone import Backbone
from fgtl.training import extraction
from fgtl.training.extract_knobs import ExtractKnobs
from fgtl.training.extraction import Network, build_network, extract

SIZE = 8
TRAIN, TEST = 13, 6


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """13 training and 6 test images of two classes, each of one colour on the left and another on the right."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(TRAIN + TEST):
        path = root / ("train" if number < TRAIN else "test") / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", (20, 16), (10 * number, 200, 30))
        image.paste((0, 0, number), (10, 0, 20, 16))
        image.save(path)
    folder = tmp_path_factory.mktemp("records") / "photos"
    convert(Card("photos", "folder"), FolderTree(root), folder, ConvertKnobs(num_shards=2, workers=1))
    return folder


@pytest.fixture
def records(drawn: Path, tmp_path: Path) -> RecordSet:
    return RecordSet.open(shutil.copytree(drawn, tmp_path / "records"))


class Left:
    """A network that says the colour of the left upper pixel, and as its classifier the share of the three."""

    def __init__(self) -> None:
        self.batches = 0
        self.stop_at = -1
        self.spoil = -1.0

    def __call__(self, model: Any, images: tf.Tensor) -> tf.Tensor:
        colour = tf.numpy_function(self._look, [images[:, 0, 0]], tf.float32)
        colour.set_shape([None, 3])
        return tf.concat([colour, tf.nn.softmax(colour)], axis=1)

    def _look(self, colour: np.ndarray) -> np.ndarray:
        if self.batches == self.stop_at:
            raise KeyboardInterrupt
        self.batches += 1
        colour[colour[:, 0] == self.spoil] = np.nan
        return colour


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Left:
    """Takes the place of what would be built; blocks are one batch."""
    left = Left()
    own = Network(None, left, 3, ("r", "g", "b"), "ab", Extractor("left", input_size=SIZE))
    monkeypatch.setattr(
        extraction, "build_network", lambda knobs: replace(own, extractor=replace(own.extractor, views=knobs.views))
    )
    monkeypatch.setattr(extraction, "question_of", lambda knobs: {"weights": "none"})
    monkeypatch.setattr(extraction, "_SMALLEST_BLOCK", 1)
    monkeypatch.setattr(extraction, "_BLOCK_SECONDS", 0.0)
    return left


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_image_has_its_row_train_first_in_the_order_of_the_set(records: RecordSet, network: Left) -> None:
    found = extract(records, ExtractKnobs(eval_batch_size=4))
    assert found.folder == records.folder / "features" / found.meta.key
    images = records.select("train+test")
    np.testing.assert_array_equal(found.ids, images.ids)
    np.testing.assert_array_equal(found.labels, images.labels)
    assert found.counts == {"train": TRAIN, "test": TEST}
    numbers = np.array([float(Path(name).stem) for name in found.ids], np.float32)
    np.testing.assert_array_equal(found.features[:, 0], 10 * numbers)
    np.testing.assert_array_equal(found.features[:, 1:], np.tile(np.float32([200, 30]), (TRAIN + TEST, 1)))
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities, tf.nn.softmax(found.features), atol=1e-6)
    assert found.meta.source_classes == ("r", "g", "b")
    assert (found.meta.dataset, found.meta.manifest_sha256) == ("photos", records.manifest_sha256)


def test_the_same_question_is_not_computed_again(records: RecordSet, network: Left) -> None:
    first = extract(records, ExtractKnobs())
    done = network.batches
    assert extract(records, ExtractKnobs()).folder == first.folder
    assert network.batches == done


@pytest.mark.parametrize("stop_at", [1, 3])
def test_an_interrupted_extraction_goes_on_and_ends_in_the_same_files(
    records: RecordSet, network: Left, stop_at: int, tmp_path: Path
) -> None:
    knobs = ExtractKnobs(eval_batch_size=4)
    whole = extract(records, knobs, tmp_path / "whole")
    assert network.batches == 5
    network.batches, network.stop_at = 0, stop_at
    with pytest.raises((KeyboardInterrupt, tf.errors.OpError)):
        extract(records, knobs, tmp_path / "parts")
    network.batches, network.stop_at = 0, -1
    extract(records, knobs, tmp_path / "parts")
    assert network.batches == 5 - stop_at
    assert content(tmp_path / "parts") == content(whole.folder)


@pytest.mark.parametrize("batch", [1, 5, 32])
def test_no_batch_size_changes_a_row(records: RecordSet, network: Left, batch: int, tmp_path: Path) -> None:
    whole = extract(records, ExtractKnobs(eval_batch_size=4), tmp_path / "whole")
    found = extract(records, ExtractKnobs(eval_batch_size=batch), tmp_path / "other")
    np.testing.assert_array_equal(found.features, whole.features)


def test_features_of_several_views_are_their_mean(records: RecordSet, network: Left) -> None:
    found = extract(records, ExtractKnobs(views="flip", eval_batch_size=4))
    number = float(Path(found.ids[0]).stem)
    # The mirror image has the right half's colour on the left.
    np.testing.assert_allclose(found.features[0], [10 * number / 2, 100, (30 + number) / 2])


def test_a_bad_record_ends_it_or_is_left_out_and_listed(records: RecordSet, network: Left) -> None:
    name = _damage(records, 14)
    knobs = ExtractKnobs(eval_batch_size=4)
    with pytest.raises(DataError, match=f"The record {name} cannot be read"):
        extract(records, knobs)
    # What was done before stays.
    done = network.batches
    assert done == 3
    found = extract(records, replace(knobs, bad_records="skip"))
    assert network.batches - done == 2
    assert found.meta.unreadable == (name,)
    assert found.ids.tolist() == [one for one in records.select("train+test").ids if one != name]
    assert found.counts == {"train": TRAIN, "test": TEST - 1}


def test_features_that_are_not_finite_name_the_image_and_publish_nothing(records: RecordSet, network: Left) -> None:
    network.spoil = 70.0
    with pytest.raises(DataError, match=r"/7 .*not finite|7\.png .*not finite"):
        extract(records, ExtractKnobs(eval_batch_size=4))
    assert not list(records.folder.glob("features/*/meta.json"))


def test_a_folder_with_other_features_is_left_alone(records: RecordSet, network: Left, tmp_path: Path) -> None:
    extract(records, ExtractKnobs(), tmp_path / "set")
    with pytest.raises(UsageError, match="holds other features: left at 8 px"):
        extract(records, ExtractKnobs(views="flip"), tmp_path / "set")


def test_a_damaged_set_is_made_again(records: RecordSet, network: Left, capsys: pytest.CaptureFixture[str]) -> None:
    found = extract(records, ExtractKnobs())
    whole = content(found.folder)
    (found.folder / "features.npy").write_bytes(b"rotten")
    assert len(extract(records, ExtractKnobs())) == TRAIN + TEST
    assert "It is extracted again" in capsys.readouterr().err
    assert content(found.folder) == whole


def test_blocks_grow_with_the_rate_and_keep_whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(np.cumsum([0, 1.0] * 50))
    monkeypatch.setattr(extraction.time, "monotonic", lambda: next(times))
    blocks = list(extraction._blocks(300, 50_001, 100, 2048))
    assert [blocks[0].start, blocks[-1].stop] == [300, 50_001]
    assert [one.stop for one in blocks[:-1]] == [one.start for one in blocks[1:]]
    sizes = [one.stop - one.start for one in blocks]
    # 200 in the first second, at most four times as many next, 15 seconds' worth later; never beyond 256 MB.
    assert sizes[:3] == [200, 800, 3200]
    assert max(sizes[:-1]) <= 256 * 2**20 / (4 * 2048)
    assert all(size % 100 == 0 for size in sizes[:-1])
    # The one image that is left over goes with the last block.
    assert sizes[-1] > 200


# -- networks ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """A MobileNetV2 whose features differ from image to image: its statistics are those of some."""
    backbone = build_backbone("mobilenet_v2", "none", 32)
    for layer in backbone.trunk.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    backbone(tf.random.stateless_uniform((16, 32, 32, 3), (1, 2), 0, 255), training=True)
    return backbone


@pytest.fixture
def ask(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Network]:
    """The network that knobs ask of this backbone."""
    monkeypatch.setattr(extraction, "build_backbone", lambda name, weights, size: backbone)
    return lambda **more: build_network(ExtractKnobs(backbone="mobilenet_v2", image_size=32, **more))


def test_a_network_says_its_pooled_features(ask: Callable[..., Network]) -> None:
    network = ask()
    images = tf.random.stateless_uniform((3, 32, 32, 3), (1, 2), 0, 255)
    maps = network.model(images, training=False)
    np.testing.assert_array_equal(network.output(network.model, images), maps["features"])
    assert (network.dim, network.source_classes, network.head_sha256) == (1280, (), "")
    assert network.extractor.describe() == "mobilenet_v2 at 32 px"
    assert len(network.extractor.weights_sha256) == 64


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_a_tap_is_pooled_over_its_grid(ask: Callable[..., Network], pooling: str) -> None:
    network = ask(tap="p3", pooling=pooling)
    images = tf.random.stateless_uniform((2, 32, 32, 3), (1, 2), 0, 255)
    grid = network.model(images, training=False)["taps"]["p3"].numpy()
    wanted = getattr(np, pooling)(grid, axis=(1, 2))
    np.testing.assert_allclose(network.output(network.model, images), wanted, rtol=1e-5, atol=1e-6)
    assert network.dim == grid.shape[-1]
    assert network.extractor.key != ask().extractor.key


def test_an_unknown_tap_lists_those_that_there_are(ask: Callable[..., Network]) -> None:
    with pytest.raises(UsageError, match=r"no tap 'p9'(.|\n)*features, p2, p3, p4, p5"):
        ask(tap="p9")


def test_random_weights_are_the_same_every_time() -> None:
    knobs = ExtractKnobs(backbone="mobilenet_v2", weights="none", image_size=32)
    first = build_network(knobs).extractor
    keras.utils.set_random_seed(5)
    assert build_network(knobs).extractor == first


def test_what_changes_the_features_changes_the_key(ask: Callable[..., Network]) -> None:
    keys = {ask(**more).extractor.key for more in ({}, {"views": "flip"}, {"eval_crop": 0.9}, {"legacy_resize": True})}
    assert len(keys | {ask(resize=40).extractor.key}) == 5
    assert ask(eval_batch_size=3, threads=1, bad_records="skip").extractor.key in keys


@pytest.mark.usefixtures("ask")
def test_the_batch_size_moves_real_features_by_less_than_1e_5(records: RecordSet, tmp_path: Path) -> None:
    one, many = (
        extract(records, ExtractKnobs(eval_batch_size=batch), tmp_path / str(batch)).features for batch in (1, 32)
    )
    assert np.ptp(one, axis=0).max() > 0.1
    np.testing.assert_allclose(one, many, rtol=1e-5, atol=1e-5)


def _damage(records: RecordSet, row: int) -> str:
    """Rot a byte of an image of train + test; returns its id."""
    images = records.select("train+test")
    path = images.shard_paths[int(images.shards[row])]
    data = bytearray(path.read_bytes())
    data[int(images.offsets[row]) + 60] ^= 1
    path.write_bytes(data)
    return str(images.ids[row])
