"""A record that cannot be read becomes a message with its name; a failure of anything else stays what it is."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from pictures import encoded, picture, torn_png

from fgtl.data.convert import convert
from fgtl.data.knobs import InputKnobs
from fgtl.data.plan import ConvertKnobs
from fgtl.data.quiet import import_tensorflow
from fgtl.data.records import RecordSet, Selection
from fgtl.data.verify import verify
from fgtl.datasets import Card
from fgtl.downloads import FolderTree
from fgtl.errors import DataError

tf = import_tensorflow()

from fgtl.data.damage import damage_explained, find_undecodable  # noqa: E402
from fgtl.data.pipeline import training_batches  # noqa: E402
from fgtl.data.views import evaluation_batches  # noqa: E402

KNOBS = InputKnobs(image_size=12, batch_size=4, eval_batch_size=3)


@pytest.fixture
def selection(tmp_path: Path) -> Selection:
    """Seven records, of which numbers 3 (a PNG) and 5 (a JPEG) pass a look at their headers, but not a decoder."""
    good = encoded(picture(), "JPEG")
    huffman = good.index(b"\xff\xc4") + 5
    bad = {3: ("png", torn_png(picture())), 5: ("jpg", good[:huffman] + b"\xff" * 16 + good[huffman + 16 :])}
    for row in range(7):
        ending, data = bad.get(row, ("jpg", good))
        path = tmp_path / "pictures" / "train" / "bird" / f"{row}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    convert(
        Card("pictures", "folder"), FolderTree(tmp_path / "pictures"), tmp_path / "my records", ConvertKnobs(workers=1)
    )
    return RecordSet.open(tmp_path / "my records").select("train")


def consume(dataset: "tf.data.Dataset") -> None:
    for _ in dataset:
        pass


@pytest.mark.parametrize("stage", ["training", "evaluation", "replicas"])
def test_a_record_that_cannot_be_decoded_is_named_with_what_finds_the_others(selection: Selection, stage: str) -> None:
    if stage == "training":
        dataset = training_batches(selection, KNOBS, steps=range(4))
    else:
        dataset = evaluation_batches(selection, KNOBS)
    if stage == "replicas":
        dataset = tf.distribute.MirroredStrategy(["/cpu:0"]).experimental_distribute_dataset(dataset)
    with pytest.raises(DataError) as caught, damage_explained(selection):
        consume(dataset)
    first = next(name for name in selection.ids if "/3." in name or "/5." in name)
    assert f"The record {first} cannot be read: " in str(caught.value)
    assert f"fgtl verify --check=decode --records '{selection.records.folder}' names" in str(caught.value)


def test_verify_names_all_that_the_message_sends_people_to(selection: Selection) -> None:
    assert verify(selection.records.folder) == []
    found = {damage.id for damage in verify(selection.records.folder, decode=True)}
    assert found == {"train/bird/3.png", "train/bird/5.jpg"}


def test_without_a_selection_the_message_has_no_name(selection: Selection) -> None:
    with pytest.raises(DataError, match=r"A record cannot be read: (.|\n)*--check=decode --records RECORDS"):
        with damage_explained():
            consume(evaluation_batches(selection, KNOBS))


def test_the_first_undecodable_record_in_the_selections_order(selection: Selection) -> None:
    names = selection.ids.tolist()
    png, jpeg = names.index("train/bird/3.png"), names.index("train/bird/5.jpg")
    found = [find_undecodable(selection.take([jpeg, png])), find_undecodable(selection.take([png, jpeg]))]
    assert [name for name, _ in filter(None, found)] == ["train/bird/5.jpg", "train/bird/3.png"]
    assert all(what and "{{" not in what for _, what in filter(None, found))
    assert find_undecodable(selection.take([row for row in range(7) if row not in (png, jpeg)])) is None


def test_a_record_of_another_size_than_the_index_says_is_found(selection: Selection) -> None:
    whole = selection.take([row for row, name in enumerate(selection.ids) if "/3." not in name and "/5." not in name])
    heights = whole.heights + np.arange(len(whole), dtype=np.int32) // 3
    assert (find_undecodable(dataclasses.replace(whole, heights=heights)) or ("",))[0] == whole.ids[3]


def test_a_damaged_shard_keeps_the_readers_words_and_is_not_searched(
    selection: Selection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fgtl.data.damage.find_undecodable", None)
    path = selection.shard_paths[int(selection.shards[0])]
    data = bytearray(path.read_bytes())
    data[selection.offsets[0] + 40] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"tfrecord.*byte 12: data checksum differs") as caught:
        with damage_explained(selection):
            consume(evaluation_batches(selection, KNOBS))
    assert "Traceback" not in str(caught.value)


def test_a_failure_in_the_model_is_not_blamed_on_a_record(selection: Selection) -> None:
    whole = selection.take([row for row, name in enumerate(selection.ids) if name.endswith(("0.jpg", "1.jpg"))])

    @tf.function
    def step(images: "tf.Tensor") -> "tf.Tensor":
        return tf.debugging.check_numerics(tf.reduce_mean(images) / 0.0, "mean")

    with pytest.raises(tf.errors.InvalidArgumentError, match="mean : Tensor had"), damage_explained(selection):
        for images, _, _ in evaluation_batches(whole, KNOBS):
            step(images)
    with pytest.raises(tf.errors.InvalidArgumentError, match="reshape"), damage_explained(selection):
        tf.reshape(tf.zeros(3), [7])
