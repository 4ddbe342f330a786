"""The reader of folders that TensorFlow Datasets prepared: on files in its form, and on some that it made itself."""

import io
import json
import shutil
import struct
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fgtl.converters import READERS
from fgtl.converters.tfds import find_prepared
from fgtl.datasets import Box, Card, Sample
from fgtl.downloads import FolderTree, Place, read_place
from fgtl.downloads.archives import open_archive
from fgtl.errors import DataError, UsageError
from fgtl.tfrecord import RecordWriter

NAMES = ["robin", "song thrush", "wren"]
Values = list[bytes] | list[int] | list[float]


def field(number: int, content: bytes) -> bytes:
    size, head = len(content), bytes([number << 3 | 2])
    while size > 0x7F:
        head += bytes([size & 0x7F | 0x80])
        size >>= 7
    return head + bytes([size]) + content


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def tf_example(features: dict[str, Values]) -> bytes:
    entries = b""
    for key, values in features.items():
        if isinstance(values[0], bytes):
            listed = field(1, b"".join(field(1, value) for value in values))
        elif isinstance(values[0], float):
            listed = field(2, field(1, b"".join(struct.pack("<f", value) for value in values)))
        else:
            listed = field(3, field(1, b"".join(varint(value) for value in values)))
        entries += field(1, field(1, key.encode()) + field(2, listed))
    return field(1, entries)


def jpeg(number: int) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (20, 10 + number), (number * 20, 90, 0)).save(output, "JPEG")
    return output.getvalue()


def record(number: int, **others: Values) -> dict[str, Values]:
    return {"image": [jpeg(number)], "label": [number % 3], "bbox": [0.1, 0.2, 0.5, 0.6], **others}


FEATURES: dict[str, Any] = {
    "image": {
        "pythonClassName": "tensorflow_datasets.core.features.image_feature.Image",
        "image": {"shape": {"dimensions": ["-1", "-1", "3"]}, "dtype": "uint8", "encodingFormat": "jpeg"},
    },
    "label": {
        "pythonClassName": "tensorflow_datasets.core.features.class_label_feature.ClassLabel",
        "classLabel": {"numClasses": "3"},
    },
    "bbox": {
        "pythonClassName": "tensorflow_datasets.core.features.bounding_boxes.BBoxFeature",
        "boundingBox": {"shape": {"dimensions": ["4"]}, "dtype": "float32", "bboxFormat": "REL_YXYX"},
    },
    "file_name": {"pythonClassName": "tensorflow_datasets.core.features.text_feature.Text", "text": {}},
}


def prepare(
    folder: Path,
    shards: dict[str, list[list[dict[str, Values]]]],
    features: dict[str, Any] = FEATURES,
    **info: Any,
) -> Path:
    """What TensorFlow Datasets 4 writes: `shards` are the records of each shard of each split."""
    folder.mkdir(parents=True, exist_ok=True)
    splits = []
    for split, listed in shards.items():
        for number, records in enumerate(listed):
            name = f"my_birds-{split}.tfrecord-{number:05d}-of-{len(listed):05d}"
            with (folder / name).open("wb") as file:
                writer = RecordWriter(file)
                for one in records:
                    writer.write(tf_example(one))
        splits.append(
            {
                "name": split,
                "shardLengths": [str(len(records)) for records in listed],
                "numBytes": "1",
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
            }
        )
    described = {"name": "my_birds", "version": "1.2.0", "fileFormat": "tfrecord", "splits": splits, **info}
    (folder / "dataset_info.json").write_text(json.dumps(described, indent=2))
    described = {"pythonClassName": "...FeaturesDict", "featuresDict": {"features": features}}
    (folder / "features.json").write_text(json.dumps(described, indent=4))
    (folder / "label.labels.txt").write_text("\n".join(NAMES) + "\n")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    train = [[record(0), record(1)], [record(2), record(3)]]
    return prepare(tmp_path / "my_birds/1.2.0", {"train": train, "test": [[record(4)]]})


def read(root: Path, **options: str) -> list[Sample]:
    return list(READERS["tfds"](Card("mine", "tfds", options=options), FolderTree(root)))


def test_samples_have_what_the_records_say_and_lie_in_the_shards(root: Path) -> None:
    samples = read(root)
    name = "my_birds-train.tfrecord-00001-of-00002__0"
    assert (samples[2].id, samples[2].path, samples[2].label, samples[2].class_name) == (name, name, 2, "wren")
    assert [sample.split for sample in samples] == ["train"] * 4 + ["test"]
    for number, sample in enumerate(samples):
        assert isinstance(sample.place, Place)
        assert read_place(sample.place) == jpeg(number)
        (box,) = sample.boxes
        assert [box.x0, box.y0, box.x1, box.y1] == pytest.approx([4, 1 + number / 10, 12, 5 + number / 2])


def test_without_names_classes_are_called_by_their_numbers(root: Path) -> None:
    (root / "label.labels.txt").unlink()
    assert [sample.class_name for sample in read(root)] == ["0", "1", "2", "0", "1"]


def test_a_set_with_train_only_gets_a_seeded_test_split(tmp_path: Path) -> None:
    root = prepare(tmp_path / "x", {"train": [[record(row % 9) for row in range(30)]]})
    assert Counter((sample.label, sample.split) for sample in read(root)) == {
        **{(label, "train"): 8 for label in range(3)},
        **{(label, "test"): 2 for label in range(3)},
    }
    assert {sample.split for sample in read(root, test_fraction="0")} == {"train"}


def test_splits_of_other_names_and_splits_without_labels_are_left_out_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = {"train": [[record(0), record(1)]], "mini": [[record(0)]], "val": [[record(2)]]}
    shards["test"] = [[record(0, label=[-1]), record(1, label=[-1])]]
    samples = read(prepare(tmp_path / "x", shards))
    assert [sample.split for sample in samples] == ["train", "train", "validation"]
    told = capsys.readouterr().err
    assert "the split mini is left out" in told
    assert "the test split has no labels and is left out" in told


def test_an_empty_box_is_no_box(tmp_path: Path) -> None:
    root = prepare(tmp_path / "x", {"train": [[record(0, bbox=[0.0, 0.0, 0.0, 0.0])]]})
    assert read(root, test_fraction="0")[0].boxes == ()


def test_images_whose_size_cannot_be_read_lose_their_box_with_one_warning_and_no_noise(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        warnings.warn("a plugin's", stacklevel=1)
        raise RuntimeError("a plugin's")

    kinds = {kind: io.BytesIO() for kind in ("PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")}
    for kind, output in kinds.items():
        Image.new("RGB", (40, 20)).save(output, kind)
    whole = [record(0, image=[output.getvalue()]) for output in kinds.values()]
    bad = [record(0, image=[image]) for image in (b"", b"%!PS-Adobe-3.0 EPSF-3.0", b"RIFF\x04\0\0\0WEBP", jpeg(0)[:20])]
    root = prepare(tmp_path / "x", {"train": [[*whole, *bad, record(2)]]})
    samples = read(root, test_fraction="0")
    boxes = [[(round(box.x0), round(box.y0), round(box.x1), round(box.y1)) for box in one.boxes] for one in samples]
    assert boxes == [*([(8, 2, 24, 10)] for _ in whole), *([] for _ in bad), [(4, 1, 12, 6)]]
    told = capfd.readouterr().err
    assert "the boxes of 4 images are left out, since their size cannot be read; my_birds-train.tfrecord" in told
    monkeypatch.setattr(Image, "open", broken)
    assert not any(one.boxes for one in read(root, test_fraction="0")[6:])
    assert "a plugin's" not in capfd.readouterr().err


def test_a_canvas_of_a_gigabyte_is_not_opened_for_its_size(tmp_path: Path) -> None:
    canvas = b"VP8X\x0a\0\0\0\0\0\0\0" + (16_383).to_bytes(3, "little") * 2
    root = prepare(tmp_path / "x", {"train": [[record(0, image=[b"RIFF\x16\0\0\0WEBP" + canvas])]]})
    (box,) = read(root, test_fraction="0")[0].boxes
    assert (round(box.x0), round(box.y1)) == (round(0.2 * 16_384), 8192)


def test_which_features_count_is_the_makers_choice_or_the_cards(tmp_path: Path) -> None:
    features = {
        **FEATURES,
        "mask": {"image": {}},
        "species": {"classLabel": {"numClasses": "2"}},
        "head": FEATURES["bbox"],
    }
    del features["bbox"]
    one = {"image": [jpeg(0)], "mask": [b"no"], "label": [2], "species": [1], "head": [0.0, 0.0, 0.5, 0.5]}
    root = prepare(tmp_path / "x", {"train": [[one]]}, features)
    for option, choices in (("label", "label, species"), ("image", "image, mask")):
        with pytest.raises(DataError, match=rf"2 features that may be the {option}: {choices}"):
            read(root, **{"label": "label"} if option == "image" else {})
    assert read(root, image="image", label="species", test_fraction="0")[0].label == 1
    assert read(root, image="image", label="label", box="head", test_fraction="0")[0].boxes == (Box(0, 0, 10, 5),)
    for keys in (
        {"input": "image", "output": "label"},
        {"tuple": {"items": [{"featureKey": "image"}, {"featureKey": "label"}]}},
    ):
        prepare(tmp_path / "x", {"train": [[one]]}, features, supervisedKeys=keys)
        assert [(sample.label, sample.boxes) for sample in read(root, test_fraction="0")] == [(2, ())]
    with pytest.raises(DataError, match="(?s)the option label = 'labels'.*label, species.*Did you mean 'label'"):
        read(root, label="labels")


@pytest.mark.parametrize("name", ["array_record", "riegeli", "parquet"])
def test_other_record_formats_are_refused_with_the_command_that_helps(tmp_path: Path, name: str) -> None:
    root = prepare(tmp_path / "x", {"train": [[record(0)]]}, fileFormat=name)
    with pytest.raises(DataError, match=f"(?s)the format '{name}'.*tfds build my_birds --file_format=tfrecord"):
        read(root)


def test_counts_are_compared_with_the_card(root: Path) -> None:
    card = Card("mine", "tfds", classes=3, images={"train": 4, "test": 2})
    with pytest.raises(DataError, match="1 test images instead of 2"):
        list(READERS["tfds"](card, FolderTree(root)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"label": [3]}, "(?s)record 1: Label 3.*0 to 2"),
        ({"label": [-2]}, "record 1: Label -2"),
        ({"label": [0, 1]}, "record 1: The feature 'label' is not one whole number"),
        ({"label": [0.5]}, "record 1: The feature 'label' is not one whole number"),
        ({"label": [b"robin"]}, "record 1: The feature 'label' is not one whole number"),
        ({"label": [-1]}, "-of-00001__1 and 0 other records have no label"),
        ({"image": [jpeg(0), jpeg(1)]}, "record 1: The feature 'image' holds 2 images"),
        ({"image": [7]}, "record 1: The feature 'image' holds 0 images"),
        ({"bbox": [0.5]}, "record 1: Its box is not four numbers"),
    ],
)
def test_a_record_that_is_not_as_described_is_named(tmp_path: Path, wrong: dict[str, Values], message: str) -> None:
    root = prepare(tmp_path / "x", {"train": [[record(0), record(1, **wrong), record(2)]]})
    with pytest.raises(DataError, match=message):
        read(root)


def test_a_damaged_shard_is_named_with_its_byte(root: Path) -> None:
    shard = root / "my_birds-train.tfrecord-00000-of-00002"
    whole = shard.read_bytes()
    for at in range(0, len(whole), 97):
        shard.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(DataError, match=r"00000-of-00002 byte [\d,]+: "):
            read(root)
    for length in range(1, len(whole), 101):
        shard.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"00000-of-00002"):
            read(root)
    shard.write_bytes(b"")
    with pytest.raises(DataError, match=r"(?s)holds 0 records.*Expected 2"):
        read(root)


@pytest.mark.parametrize("kind", ["tar", "gztar", "zip"])
def test_a_prepared_set_in_an_archive_must_be_unpacked(root: Path, tmp_path: Path, kind: str) -> None:
    tree = open_archive(Path(shutil.make_archive(str(tmp_path / "packed"), kind, root)))
    with pytest.raises(DataError, match="(?s)00000-of-00002 lies in an archive.*Unpack it"):
        list(READERS["tfds"](Card("mine", "tfds"), tree))


def test_a_missing_shard_is_named(root: Path) -> None:
    (root / "my_birds-train.tfrecord-00001-of-00002").unlink()
    with pytest.raises(DataError, match=r"train\.tfrecord-00001-of-00002 does not exist"):
        read(root)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("dataset_info.json", '"my_birds"', "", r"dataset_info\.json is not JSON"),
        ("dataset_info.json", '"splits"', '"split"', "do not describe a prepared data set: KeyError"),
        ("dataset_info.json", '"2"', '"two"', "do not describe a prepared data set: ValueError"),
        ("dataset_info.json", "{DATASET}-", "../{DATASET}-", "do not describe a prepared data set: ValueError"),
        ("dataset_info.json", "{DATASET}", "{DATE}", "do not describe a prepared data set: ValueError"),
        ("features.json", "featuresDict", "features_dict", "do not describe a prepared data set: KeyError"),
        ("features.json", '"classLabel"', '"text"', "describes 0 features that may be the label: none"),
        ("features.json", '"3"\n', '"4"\n', r"(?s)label\.labels\.txt names 3 classes.*Expected 4"),
        ("features.json", '"numClasses": "3"', '"numClasses": "-1"', "the feature 'label' has -1 classes"),
        ("features.json", "REL_YXYX", "XYWH", "the boxes 'bbox' are not in shares of the image"),
    ],
)
def test_a_wrong_description_is_named(root: Path, file: str, old: str, new: str, message: str) -> None:
    text = (root / file).read_text()
    assert old in text
    # The last one: the number of classes stands behind the image's three channels.
    (root / file).write_text(new.join(text.rsplit(old, 1)))
    with pytest.raises(DataError, match=message):
        read(root)


def test_a_prepared_set_is_found_by_name_version_and_config(root: Path, tmp_path: Path) -> None:
    for version in ("1.10.0", "1.9.0"):
        prepare(tmp_path / "my_birds" / version, {"train": [[record(0)]]})
    (tmp_path / "my_birds/2.0.0.incomplete").mkdir()
    assert find_prepared(tmp_path, "my_birds").name == "1.10.0", "the highest version, not the last by name"
    assert find_prepared(tmp_path, "my_birds:1.2.0") == root
    assert find_prepared(root, "my_birds") == root
    prepare(tmp_path / "insects/small/1.0.0", {"train": [[record(0)]]})
    assert find_prepared(tmp_path, "insects") == tmp_path / "insects/small/1.0.0"
    prepare(tmp_path / "insects/large/1.0.0", {"train": [[record(0)]]})
    assert find_prepared(tmp_path, "insects/small:1.0.0") == tmp_path / "insects/small/1.0.0"
    with pytest.raises(DataError, match="(?s)several configurations: large, small.*tfds:insects/large"):
        find_prepared(tmp_path, "insects")


def test_what_is_not_prepared_is_told_with_the_commands_that_prepare_it(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)no prepared data set fish\..*fgtl\[tfds\].*tfds build fish --data_dir="):
        find_prepared(tmp_path, "fish")
    with pytest.raises(DataError, match=r"only version 1\.2\.0"):
        find_prepared(tmp_path, "my_birds:3.0.0")
    with pytest.raises(DataError, match="no prepared data set fish"):
        find_prepared(tmp_path / "absent", "fish")


@pytest.mark.parametrize("spec", ["", "my birds", "../my_birds", "my_birds:1", "my_birds/", "a/b/c"])
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, spec: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        find_prepared(tmp_path, spec)


def test_a_folder_that_tensorflow_datasets_made_is_read(tmp_path: Path) -> None:
    # TensorFlow Datasets 4.9.10 needs it for builders of no file, and does not declare that.
    pytest.importorskip("importlib_resources")
    tfds = pytest.importorskip("tensorflow_datasets")

    class MyBirds(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.2.0")

        def _info(self) -> Any:
            features = {
                "image": tfds.features.Image(encoding_format="png"),
                "label": tfds.features.ClassLabel(names=NAMES),
                "bbox": tfds.features.BBoxFeature(),
                "objects": tfds.features.Sequence({"bbox": tfds.features.BBoxFeature()}),
            }
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, manager: Any) -> Any:
            return {"train": self._generate_examples(0, 6), "test": self._generate_examples(6, 9)}

        def _generate_examples(self, start: int, stop: int) -> Any:
            for number in range(start, stop):
                box = tfds.features.BBox(0.1, 0.2, 0.5, 0.6)
                image = np.full((10 + number, 20, 3), number, np.uint8)
                yield number, {"image": image, "label": number % 3, "bbox": box, "objects": [{"bbox": box}]}

    MyBirds(data_dir=tmp_path).download_and_prepare()
    samples = read(find_prepared(tmp_path, "my_birds"))
    assert Counter(sample.split for sample in samples) == {"train": 6, "test": 3}
    for sample in samples:
        assert sample.place
        with Image.open(io.BytesIO(read_place(sample.place))) as image:
            number = image.getpixel((0, 0))[0]
            assert image.size == (20, 10 + number)
        assert (sample.label, sample.class_name) == (number % 3, NAMES[number % 3])
        assert sample.boxes[0].y1 == pytest.approx(0.5 * (10 + number))
