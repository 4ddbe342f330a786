import dataclasses
import errno
import io
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.data import convert as convert_module
from fgtl.data import example
from fgtl.data.convert import convert
from fgtl.data.output_folder import locked
from fgtl.data.plan import ConvertKnobs, make_plan
from fgtl.data.records import RecordSet
from fgtl.data.verify import verify
from fgtl.datasets import Card, Sample
from fgtl.downloads import FolderTree
from fgtl.downloads.archives import open_archive
from fgtl.errors import DataError

CARD = Card("photos", "folder")
KNOBS = ConvertKnobs(num_shards=3, workers=1)


def sizes(plan):
    return {split: [len(task.samples) for task in tasks] for split, tasks in plan.tasks.items()}


def fake_samples(**counts):
    number = itertools.count()
    return [
        Sample(f"i{next(number)}", f"{split}{place}.jpg", 0, "bird", split)
        for split, count in counts.items()
        for place in range(count)
    ]


def test_shards_of_the_acceptance_list_c1():
    knobs = ConvertKnobs(shard_names="slim")
    plan = make_plan(CARD, FolderTree(Path("/data")), fake_samples(train=5994, test=5794), Path("out"), knobs)
    assert sizes(plan) == {"train": [600] * 9 + [594], "test": [580] * 9 + [574]}
    # The original calls the official test split "validation".
    assert [task.path.name for task in plan.all_tasks] == [
        *(f"train_0000{number}-of-00010.tfrecord" for number in range(10)),
        *(f"validation_0000{number}-of-00010.tfrecord" for number in range(10)),
    ]
    small = make_plan(CARD, FolderTree(Path("/data")), fake_samples(train=11), Path("out"), knobs)
    assert sizes(small)["train"] == [2, 2, 2, 2, 2, 1, 0, 0, 0, 0]


def test_order_of_records_c1():
    samples = fake_samples(train=50, validation=50)

    def ids(split, seed):
        plan = make_plan(CARD, FolderTree(Path("/data")), samples, Path("out"), ConvertKnobs(seed=seed))
        return [sample.id for task in plan.tasks[split] for sample in task.samples]

    assert ids("train", 0) == ids("train", 0) != ids("train", 1)
    assert sorted(ids("train", 0)) == sorted(ids("train", 1))
    assert ids("validation", 0) == ids("validation", 1) == [f"i{n}" for n in range(50, 100)]


def test_the_same_seed_gives_the_same_bytes_under_slim_names_c1(image_folder, tmp_path, content):
    knobs = ConvertKnobs(shard_names="slim", num_shards=3, seed=7, workers=1)
    for name, asked in (("one", knobs), ("two", knobs), ("other", dataclasses.replace(knobs, seed=8))):
        convert(CARD, FolderTree(image_folder), tmp_path / name, asked)
    one, other = content(tmp_path / "one"), content(tmp_path / "other")
    assert content(tmp_path / "two") == one
    shards = sorted(name for name in one if name.endswith(".tfrecord"))
    assert shards == [f"{split}_0000{n}-of-00003.tfrecord" for split in ("train", "validation") for n in range(3)]
    differ = {name for name in shards if one[name] != other[name]}
    assert differ and all(name.startswith("train_") for name in differ)


def test_slim_names_with_both_validation_and_test():
    samples = fake_samples(train=1, validation=1, test=1)
    plan = make_plan(
        CARD, FolderTree(Path("/data")), samples, Path("out"), ConvertKnobs(shard_names="slim", num_shards=1)
    )
    assert [task.path.name for task in plan.all_tasks] == [
        "train_00000-of-00001.tfrecord",
        "validation_00000-of-00001.tfrecord",
        "test_00000-of-00001.tfrecord",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "i0"}, r"Two images have the id 'i0': train0.jpg \(train\) and test0.jpg \(test\)"),
        ({"class_name": "fish"}, "Label 0 is called 'bird' and 'fish'"),
        ({"label": -1, "class_name": "x"}, "label -1"),
        ({"id": ""}, "id ''"),
    ],
)
def test_samples_that_contradict_each_other_are_refused(change, message):
    samples = fake_samples(train=1, test=1)
    samples[1] = dataclasses.replace(samples[1], **change)
    with pytest.raises(DataError, match=message):
        make_plan(CARD, FolderTree(Path("/data")), samples, Path("out"), KNOBS)


def test_converts_and_is_whole(image_folder, tmp_path):
    manifest = convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)
    assert manifest.counts == {"train": 11, "test": 7}
    assert (tmp_path / "out" / "labels.txt").read_text() == "0:class 0\n1:class 1\n2:class 2\n"
    assert not (tmp_path / "out" / ".convert").exists()
    assert verify(tmp_path / "out", decode=True) == []


def test_tensorflow_and_slim_users_read_it(image_folder, tmp_path):
    tf = pytest.importorskip("tensorflow")
    convert(CARD, FolderTree(image_folder), tmp_path / "out", dataclasses.replace(KNOBS, shard_names="slim"))
    files = sorted(map(str, (tmp_path / "out").glob("train_*.tfrecord")))
    wanted = {
        "image/encoded": tf.io.FixedLenFeature((), tf.string),
        "image/format": tf.io.FixedLenFeature((), tf.string),
        "image/class/label": tf.io.FixedLenFeature((), tf.int64),
        "image/height": tf.io.FixedLenFeature((), tf.int64),
        "image/width": tf.io.FixedLenFeature((), tf.int64),
        "image/object/bbox/xmin": tf.io.VarLenFeature(tf.float32),
    }
    count = 0
    for serialized in tf.data.TFRecordDataset(files):
        parsed = tf.io.parse_single_example(serialized, wanted)
        assert tf.io.decode_image(parsed["image/encoded"]).shape == (parsed["image/height"], parsed["image/width"], 3)
        count += 1
    assert count == 11


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_gives_the_same_bytes(image_folder, tmp_path, content, workers):
    convert(CARD, FolderTree(image_folder), tmp_path / "one", KNOBS)
    convert(CARD, FolderTree(image_folder), tmp_path / "many", dataclasses.replace(KNOBS, workers=workers))
    assert content(tmp_path / "many") == content(tmp_path / "one")


def test_the_same_data_elsewhere_gives_the_same_bytes(image_folder, tmp_path, content):
    convert(CARD, FolderTree(image_folder), tmp_path / "one", KNOBS)
    shutil.copytree(image_folder, tmp_path / "moved")
    convert(CARD, FolderTree(tmp_path / "moved"), tmp_path / "two", KNOBS)
    assert content(tmp_path / "two") == content(tmp_path / "one")


def test_a_second_run_rewrites_nothing(image_folder, tmp_path, monkeypatch):
    convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    monkeypatch.setattr(convert_module, "write_shard", None)
    convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


def test_another_plan_is_refused_with_the_difference_and_overwrite_replaces_it_c3(image_folder, tmp_path, content):
    out = tmp_path / "out"
    convert(CARD, FolderTree(image_folder), out, KNOBS)
    before = content(out)
    other = dataclasses.replace(KNOBS, num_shards=2, seed=5)
    with pytest.raises(DataError, match=r"num_shards: 3 there, 2 asked for(.|\n)*seed: 0 there, 5(.|\n)*--overwrite"):
        convert(CARD, FolderTree(image_folder), out, other)
    assert content(out) == before
    (out / "features").mkdir()
    convert(CARD, FolderTree(image_folder), out, dataclasses.replace(other, overwrite=True))
    assert len(list(out.glob("*.tfrecord*"))) == 4
    assert (out / "features").is_dir()
    assert verify(out) == []


def test_five_slim_shards_over_ten_leave_no_mixture_c3(image_folder, tmp_path, content):
    ten = ConvertKnobs(shard_names="slim", workers=1)
    five = dataclasses.replace(ten, num_shards=5)
    convert(CARD, FolderTree(image_folder), tmp_path / "fresh", five)
    out = tmp_path / "out"
    convert(CARD, FolderTree(image_folder), out, ten)
    assert len(list(out.glob("*.tfrecord"))) == 20
    with pytest.raises(DataError, match="num_shards: 10 there, 5 asked for"):
        convert(CARD, FolderTree(image_folder), out, five)
    convert(CARD, FolderTree(image_folder), out, dataclasses.replace(five, overwrite=True))
    # A reader that lists the folder, as the original's does, sees five shards of each split.
    assert sorted(path.name for path in out.glob("*.tfrecord")) == [
        f"{split}_0000{number}-of-00005.tfrecord" for split in ("train", "validation") for number in range(5)
    ]
    assert content(out) == content(tmp_path / "fresh")


def test_changed_images_are_another_plan(image_folder, tmp_path):
    convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)
    shutil.copy(image_folder / "test/class 0/12.jpg", image_folder / "test/class 0/15.jpg")
    with pytest.raises(DataError, match="ids, labels, annotations or sizes of the images differ"):
        convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_holds_something_else_is_left_alone(image_folder, tmp_path, overwrite, content):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("thesis.tex", "a.txt", "b.txt", "c.txt", "photos-train.tfrecord-00000-of-00003"):
        (out / name).write_text("dear")
    before = content(out)
    with pytest.raises(
        DataError, match=r"holds something else: a.txt, b.txt, c.txt and 2 more(.|\n)*Nothing was written"
    ):
        convert(CARD, FolderTree(image_folder), out, dataclasses.replace(KNOBS, overwrite=overwrite))
    assert content(out) == before


def test_overwrite_keeps_its_hands_off_a_strangers_file_beside_the_records(image_folder, tmp_path):
    convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)
    (tmp_path / "out" / "notes.md").write_text("dear")
    with pytest.raises(DataError, match=r"holds something else: notes.md"):
        convert(CARD, FolderTree(image_folder), tmp_path / "out", dataclasses.replace(KNOBS, overwrite=True))
    assert RecordSet.open(tmp_path / "out").counts == {"train": 11, "test": 7}


def test_output_that_is_a_file_is_refused(image_folder, tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(DataError, match="out is a file"):
        convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)


def test_two_conversions_at_once_are_refused(image_folder, tmp_path):
    with locked(tmp_path / "out"), pytest.raises(DataError, match="Another conversion is writing"):
        convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)


def test_bad_images_stop_it_by_name_and_repair_resumes(image_folder, tmp_path, content):
    out = tmp_path / "out"
    convert(CARD, FolderTree(image_folder), tmp_path / "undisturbed", KNOBS)
    bad = image_folder / "test/class 0/15.jpg"
    good = bad.read_bytes()
    bad.write_bytes(good[: len(good) // 2])
    with pytest.raises(DataError, match=r"test/class 0/15.jpg \(id test/class 0/15.jpg\): .*(.|\n)*--on_bad=skip"):
        convert(CARD, FolderTree(image_folder), out, KNOBS)
    with pytest.raises(DataError, match="not a finished record set"):
        RecordSet.open(out)
    bad.write_bytes(good)
    convert(CARD, FolderTree(image_folder), out, KNOBS)
    assert content(out) == content(tmp_path / "undisturbed")


def test_skipped_images_are_in_the_report_and_not_in_the_records(image_folder, tmp_path):
    (image_folder / "test/class 0/15.jpg").write_bytes(b"")
    skip = dataclasses.replace(KNOBS, on_bad="skip")
    manifest = convert(CARD, FolderTree(image_folder), tmp_path / "out", skip)
    assert manifest.counts == {"train": 11, "test": 6}
    assert [bad["path"] for bad in manifest.report["skipped"]] == ["test/class 0/15.jpg"]
    assert verify(tmp_path / "out") == []
    assert convert(CARD, FolderTree(image_folder), tmp_path / "out", skip) == manifest
    with pytest.raises(DataError, match="1 bad images were left out there"):
        convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)


def test_a_disk_that_fails_is_not_taken_for_bad_images(image_folder, tmp_path, monkeypatch, content):
    """--on_bad=skip forgives files, not a mount that goes away: the set would shrink without a word."""
    skip, shards_module = dataclasses.replace(KNOBS, on_bad="skip"), sys.modules["fgtl.data.shards"]
    convert(CARD, FolderTree(image_folder), tmp_path / "undisturbed", skip)
    read, calls = shards_module.read_place, itertools.count()

    def vanishing(place):
        if next(calls) > 5:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), place.file)
        return read(place)

    monkeypatch.setattr(shards_module, "read_place", vanishing)
    with pytest.raises(OSError, match="Stale"):
        convert(CARD, FolderTree(image_folder), tmp_path / "out", skip)
    assert not (tmp_path / "out/manifest.json").exists()
    monkeypatch.undo()
    convert(CARD, FolderTree(image_folder), tmp_path / "out", skip)
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")


def test_a_link_to_nothing_is_a_bad_image(image_folder, tmp_path):
    (image_folder / "train/class 0/lost.jpg").symlink_to("/nowhere/lost.jpg")
    with pytest.raises(DataError, match=r"lost\.jpg.*cannot be read"):
        convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)
    report = convert(CARD, FolderTree(image_folder), tmp_path / "out", dataclasses.replace(KNOBS, on_bad="skip")).report
    assert [bad["path"] for bad in report["skipped"]] == ["train/class 0/lost.jpg"]


def test_a_split_of_which_nothing_is_left_is_an_error(image_folder, tmp_path):
    for path in (image_folder / "test").rglob("*.jpg"):
        path.write_bytes(b"no image")
    with pytest.raises(DataError, match="Not one of the test images"):
        convert(CARD, FolderTree(image_folder), tmp_path / "out", dataclasses.replace(KNOBS, on_bad="skip"))


def test_shards_of_files_that_were_changed_since_are_written_again(image_folder, tmp_path, content):
    """Equal sizes: only the time of the change tells."""
    bad = image_folder / "test/class 2/17.jpg"
    photo, files = bad.read_bytes(), sorted((image_folder / "train").rglob("*.jpg"))
    bad.write_bytes(b"")
    with pytest.raises(DataError):
        convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)
    bad.write_bytes(photo)
    changed = bytearray(files[0].read_bytes())
    changed[-3] ^= 1
    files[0].write_bytes(changed)
    os.utime(files[0], ns=(0, 0))
    convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)
    convert(CARD, FolderTree(image_folder), tmp_path / "fresh", KNOBS)
    assert content(tmp_path / "out") == content(tmp_path / "fresh")


@pytest.mark.parametrize("folder", ["two\nlines", "a\x1b[31mb", "x" * 200 + "\u2028"])
def test_names_that_no_list_can_hold_are_refused(image_folder, tmp_path, folder):
    (image_folder / "train/class 0").rename(image_folder / "train" / folder)
    (image_folder / "test/class 0").rename(image_folder / "test" / folder)
    with pytest.raises(DataError, match=r"(?s)has the (id|class) .*without line ends.*Rename it"):
        convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)
    assert not (tmp_path / "out").exists()


def test_an_archive_that_is_replaced_meanwhile_is_noticed(image_folder, tmp_path, monkeypatch):
    archive = tmp_path / "photos.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(image_folder, ".")
    tree, shards_module = open_archive(archive), sys.modules["fgtl.data.shards"]
    read, calls = shards_module.read_place, itertools.count()

    def replacing(place):
        if next(calls) == 3:
            os.utime(archive, ns=(0, 0))
        return read(place)

    monkeypatch.setattr(shards_module, "read_place", replacing)
    with pytest.raises(DataError, match=r"photos\.tar has changed since it was opened"):
        convert(CARD, tree, tmp_path / "out", KNOBS)
    assert not (tmp_path / "out/manifest.json").exists()


def test_a_card_may_be_reworded(image_folder, tmp_path):
    convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)
    reworded = dataclasses.replace(CARD, licence="The same, in other words.", sha256="0" * 64)
    convert(reworded, FolderTree(image_folder), tmp_path / "out", KNOBS)


def test_nothing_but_bad_images_is_an_error(image_folder, tmp_path):
    for path in image_folder.rglob("*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="Not one of the train images"):
        convert(CARD, FolderTree(image_folder), tmp_path / "out", dataclasses.replace(KNOBS, on_bad="skip"))


def test_formats_of_the_acceptance_list_c2(tmp_path):
    """The five keys are true for five kinds of files.

    RGB JPEG, grey JPEG and PNG are stored byte for byte; CMYK JPEG and EXIF-rotated JPEG are re-encoded.
    """
    root = tmp_path / "odd"
    pixels = np.random.default_rng(0).integers(0, 255, (16, 24, 3), np.uint8)
    picture = Image.fromarray(pixels)
    turned = picture.getexif()
    turned[0x0112] = 8
    for name, image, options in [
        ("rgb.jpg", picture, {}),
        ("grey.jpg", picture.convert("L"), {}),
        ("cmyk.jpg", picture.convert("CMYK"), {}),
        ("drawing.png", picture, {}),
        ("turned.jpg", picture, {"exif": turned}),
    ]:
        for split in ("train", "test"):
            path = root / split / "bird" / f"{split}-{name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path, **options)
    manifest = convert(CARD, FolderTree(root), tmp_path / "out", KNOBS)
    assert manifest.report["reencoded"] == 4
    selection = RecordSet.open(tmp_path / "out").select("train")
    records = {name.rpartition("train-")[2]: selection.example(row) for row, name in enumerate(selection.ids)}
    untouched = {
        name
        for name, record in records.items()
        if record[example.IMAGE] == [(root / f"train/bird/train-{name}").read_bytes()]
    }
    assert untouched == {"rgb.jpg", "grey.jpg", "drawing.png"}
    shapes = {name: (int(record[example.HEIGHT][0]), int(record[example.WIDTH][0])) for name, record in records.items()}
    assert shapes == {**dict.fromkeys(records, (16, 24)), "turned.jpg": (24, 16)}
    for record in records.values():
        numbers = [record[key] for key in ("image/class/label", "image/height", "image/width")]
        assert all(column.dtype == np.int64 and column.shape == (1,) for column in numbers)
        assert [len(record[key]) for key in ("image/encoded", "image/format")] == [1, 1]
        assert record["image/class/label"][0] == 0
        with Image.open(io.BytesIO(record[example.IMAGE][0])) as image:
            assert image.format.lower().encode() == record[example.FORMAT][0]
            assert image.size == (record[example.WIDTH][0], record[example.HEIGHT][0])
    assert verify(tmp_path / "out", decode=True) == []


def test_a_full_disk_ends_it_unfinished_and_space_resumes_it(image_folder, tmp_path, monkeypatch, content):
    out = tmp_path / "out"
    convert(CARD, FolderTree(image_folder), tmp_path / "undisturbed", KNOBS)
    real, calls = os.fsync, itertools.count()

    def full_after_a_while(handle):
        if next(calls) > 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", full_after_a_while)
    with pytest.raises(OSError, match="No space left"):
        convert(CARD, FolderTree(image_folder), out, KNOBS)
    monkeypatch.setattr(os, "fsync", real)
    assert not (out / "manifest.json").exists()
    whole = [out / sidecar.stem for sidecar in out.glob(".convert/photos-*.json")]
    assert whole
    stamps = {path: path.stat().st_mtime_ns for path in whole}
    convert(CARD, FolderTree(image_folder), out, KNOBS)
    assert {path: path.stat().st_mtime_ns for path in whole} == stamps
    assert content(out) == content(tmp_path / "undisturbed")


def test_an_unfinished_conversion_of_another_plan_leaves_no_trace(image_folder, tmp_path, monkeypatch, content):
    out = tmp_path / "out"
    convert(CARD, FolderTree(image_folder), tmp_path / "undisturbed", KNOBS)
    monkeypatch.setattr(convert_module, "_finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        convert(CARD, FolderTree(image_folder), out, dataclasses.replace(KNOBS, num_shards=5, shard_names="slim"))
    monkeypatch.undo()
    (out / "photos-train.tfrecord-00000-of-00003.77.partial").write_bytes(b"half")
    convert(CARD, FolderTree(image_folder), out, KNOBS)
    assert content(out) == content(tmp_path / "undisturbed")


def test_an_overwrite_that_was_killed_early_can_still_be_repeated(image_folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    convert(CARD, FolderTree(image_folder), out, dataclasses.replace(KNOBS, num_shards=5))
    monkeypatch.setattr(Path, "unlink", _die_on("tfrecord", Path.unlink))
    with pytest.raises(KeyboardInterrupt):
        convert(CARD, FolderTree(image_folder), out, dataclasses.replace(KNOBS, overwrite=True))
    monkeypatch.undo()
    assert not (out / "manifest.json").exists()
    convert(CARD, FolderTree(image_folder), out, KNOBS)
    assert len(list(out.glob("*.tfrecord*"))) == 6
    assert verify(out) == []


def _die_on(word, real):
    def unlink(path, **options):
        if word in path.name and not path.name.endswith(".partial"):
            raise KeyboardInterrupt
        real(path, **options)

    return unlink


def test_a_damaged_manifest_can_be_overwritten(image_folder, tmp_path):
    convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)
    (tmp_path / "out" / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="manifest.json line 1 is not JSON"):
        convert(CARD, FolderTree(image_folder), tmp_path / "out", KNOBS)
    convert(CARD, FolderTree(image_folder), tmp_path / "out", dataclasses.replace(KNOBS, overwrite=True))
    assert verify(tmp_path / "out") == []


def process_tree_is_gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


# The parent kills itself, while its workers write the next shards: no race with a run that is soon done.
KILLED_AFTER = """
import os, signal, sys
from fgtl.commands.app import main
from fgtl.data import convert

shards, run_tasks = int(sys.argv.pop(1)), convert.run_tasks

def run_and_die(*arguments, **named):
    for number, done in enumerate(run_tasks(*arguments, **named), start=1):
        if number == shards:
            os.kill(os.getpid(), signal.SIGKILL)
        yield done

convert.run_tasks = run_and_die
sys.exit(main(sys.argv[1:]))
"""


def test_killed_at_any_moment_the_next_run_ends_in_the_same_bytes(image_folder, tmp_path, content):
    """SIGKILL of the parent after several shards of a run with two workers; nobody stays behind."""
    for number in range(300):
        split = "train" if number % 2 else "test"
        path = image_folder / split / f"class {number % 3}" / f"x{number}.jpg"
        shutil.copy(image_folder / "train/class 0/00.jpg", path)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "fgtl", "convert", f"--data_dir={image_folder}", "--workers=2"]
    command += ["--num_shards=20", f"--output_dir={out}"]
    undisturbed = tmp_path / "undisturbed"
    subprocess.run([*command[:-1], f"--output_dir={undisturbed}"], check=True)
    for shards in (1, 12, 5):
        words = [sys.executable, "-c", KILLED_AFTER, str(shards), *command[3:]]
        process = subprocess.Popen(words, start_new_session=True, stderr=subprocess.DEVNULL)
        assert process.wait() == -signal.SIGKILL
        deadline = time.monotonic() + 10
        while not process_tree_is_gone(process.pid):
            assert time.monotonic() < deadline, "a worker outlived its parent"
            time.sleep(0.02)
    assert not (out / "manifest.json").exists()
    subprocess.run(command, check=True)
    assert content(out) == content(undisturbed)
    assert verify(out) == []


def test_a_file_size_limit_is_an_error_not_a_signal(image_folder, tmp_path):
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "from fgtl.commands.app import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "convert", f"--data_dir={image_folder}", f"--output_dir={tmp_path / 'out'}"]
    done = subprocess.run([*command, "--num_shards=1", "--workers=1"], capture_output=True, text=True)
    assert done.returncode == 3
    assert "File too large" in done.stderr
    assert "tfrecord-00000-of-00001" in done.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()
