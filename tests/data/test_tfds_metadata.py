import dataclasses
import json

import pytest

from fgtl.data.companions import COMPANIONS, DATASET_INFO, FEATURES, LABEL_NAMES
from fgtl.data.convert import convert
from fgtl.data.example import CLASS_TEXT, HIERARCHY, ID, IMAGE, KINDS, LABEL, PART_VISIBLE
from fgtl.data.manifest import File, Manifest
from fgtl.data.plan import ConvertKnobs
from fgtl.data.records import RecordSet
from fgtl.data.tfds_metadata import tfds_files, tfds_name
from fgtl.datasets import Card

NAME = "My-Birds.v2"


@pytest.fixture
def manifest():
    return Manifest(
        name=NAME,
        class_names=("Gull", "Tern"),
        part_names=(),
        shards={"test": (File("My-Birds.v2-test.tfrecord-00000-of-00002", 2, 70, ""), File("b", 0, 0, ""))},
        indexes={"test": File("index-test.npz", 2, 9, "")},
        class_counts={"test": (1, 1)},
        settings={},
        plan="",
        report={},
        versions={},
        about={"title": "Our birds", "licence": "CC0", "citation": "Doe 2020", "homepage": "https://example.org"},
    )


@pytest.fixture
def mixed(samples, tmp_path, monkeypatch):
    """Function: shard naming -> a record set of which some records have boxes, parts or a hierarchy."""
    tree, listed = samples
    listed = [
        dataclasses.replace(
            one,
            boxes=one.boxes * (row % 3),
            parts=one.parts if row % 2 else (),
            hierarchy=("Aves", "Müller") if row % 5 else (),
        )
        for row, one in enumerate(listed)
    ]
    monkeypatch.setattr("fgtl.data.convert.READERS", {"listed": lambda card, tree: iter(listed)})

    def make(naming):
        folder = tmp_path / f"{naming} set"
        # Seven test images in six shards: two each, so that the last two shards are empty.
        convert(Card(NAME, "listed"), tree, folder, ConvertKnobs(num_shards=6, shard_names=naming, workers=1))
        records = RecordSet.open(folder)
        for name, content in tfds_files(records.manifest).items():
            (folder / name).write_bytes(content)
        return records

    return make


def info_of(manifest):
    return json.loads(tfds_files(manifest)[DATASET_INFO])


def names_of(manifest, *class_names):
    return tfds_files(dataclasses.replace(manifest, class_names=class_names))[LABEL_NAMES].decode().splitlines()


def test_the_files_say_what_the_manifest_says(manifest):
    assert set(tfds_files(manifest)) <= set(COMPANIONS)
    info = info_of(manifest)
    assert info["name"] == "my_birds_v2"
    assert info["description"] == "Our birds"
    assert info["citation"] == "Doe 2020"
    assert info["redistributionInfo"] == {"license": "CC0"}
    assert info["location"] == {"urls": ["https://example.org"]}
    (split,) = info["splits"]
    assert split["shardLengths"] == ["2", "0"]
    assert split["filepathTemplate"] == "My-Birds.v2-test.tfrecord-{SHARD_X_OF_Y}"


def test_every_key_of_a_record_is_a_feature(manifest):
    features = json.loads(tfds_files(manifest)[FEATURES])
    assert set(features["featuresDict"]["features"]) == set(KINDS)


def test_only_the_number_of_the_shard_becomes_a_field_of_the_template(manifest):
    odd = dataclasses.replace(
        manifest, shards={"test": (File("12345-of-00002_{x}-00000-of-00001.tfrecord", 2, 9, ""),)}
    )
    assert info_of(odd)["splits"][0]["filepathTemplate"] == "12345-of-00002_{{x}}-{SHARD_X_OF_Y}.tfrecord"


def test_a_data_set_without_a_card_needs_no_facts(manifest):
    info = info_of(dataclasses.replace(manifest, about={}))
    assert info["description"] == NAME
    assert "citation" not in info


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("cub_200", "cub_200"), ("Cars-196.v2", "cars_196_v2"), ("2024 birds", "dataset_2024_birds"), ("鳥", "dataset")],
)
def test_names_become_names_that_tfds_allows(name, wanted):
    assert tfds_name(name) == wanted


def test_every_class_keeps_a_line_of_its_own(manifest):
    assert names_of(manifest, "Gull", "", "Gull", " Tern\nx ", "é") == ["Gull", "[1]", "Gull [2]", "Tern x", "é"]
    assert names_of(manifest, "a", "a [2]", "a") == ["a", "a [2]", "a [2] [2]"]


@pytest.mark.parametrize("naming", ["tfds", "slim"])
def test_tfds_slim_and_fgtl_read_the_same(mixed, naming):
    tfds = pytest.importorskip("tensorflow_datasets", reason="needs tensorflow-datasets: pip install 'fgtl[tfds]'")
    records = mixed(naming)
    builder = tfds.builder_from_directory(records.folder)
    for split in ("train", "test"):
        selection = records.select(split)
        ours = [
            (row[ID][0], int(row[LABEL][0]), row[IMAGE][0]) for row in map(selection.example, range(len(selection)))
        ]
        undecoded = builder.as_dataset(split=split, decoders={IMAGE: tfds.decode.SkipDecoding()})
        theirs = [(row[ID], int(row[LABEL]), row[IMAGE]) for row in undecoded.as_numpy_iterator()]
        assert sorted(theirs) == sorted(ours)
        assert sorted(slim_rows(records, split)) == sorted(ours)


def slim_rows(records, split):
    """As TF-Slim's users read such shards: by a pattern of names, and with the keys they know."""
    import tensorflow as tf

    keys = {ID: tf.string, LABEL: tf.int64, IMAGE: tf.string}
    spec = {key: tf.io.FixedLenFeature((), kind) for key, kind in keys.items()}
    slim = records.manifest.settings["shard_names"] == "slim"
    pattern = {"train": "train_*", "test": "validation_*"}[split] if slim else f"*-{split}.tfrecord-*"
    shards = sorted(map(str, records.folder.glob(pattern)))
    for row in (
        tf.data.TFRecordDataset(shards).map(lambda one: tf.io.parse_single_example(one, spec)).as_numpy_iterator()
    ):
        yield row[ID], int(row[LABEL]), row[IMAGE]


def test_tfds_decodes_names_classes_and_reads_what_only_some_records_have(mixed):
    tfds = pytest.importorskip("tensorflow_datasets", reason="needs tensorflow-datasets: pip install 'fgtl[tfds]'")
    records = mixed("tfds")
    builder = tfds.builder_from_directory(records.folder)
    assert builder.info.features[LABEL].names == list(records.class_names)
    image, label = next(iter(builder.as_dataset(split="train", as_supervised=True)))
    assert image.shape == (16, 24, 3)
    assert 0 <= int(label) < len(records.class_names)
    selection = records.select("train+test")
    stored = {row[ID][0]: row for row in map(selection.example, range(len(selection)))}
    lengths = set()
    for row in builder.as_dataset(split="train+test").as_numpy_iterator():
        wanted = stored[row[ID]]
        assert row[CLASS_TEXT] == wanted[CLASS_TEXT][0]
        for key in (HIERARCHY, PART_VISIBLE, "image/object/bbox/xmin"):
            assert row[key].tolist() == list(wanted.get(key, []))
            lengths.add((key, len(row[key])))
    assert {0, 1, 2} <= {length for _, length in lengths}
