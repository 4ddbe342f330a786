import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.manifest import read_manifest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def photos(tmp_path):
    """Two classes of three photographs each, in train/ and test/."""
    for number in range(12):
        path = tmp_path / "my photos" / ("train" if number % 2 else "test") / f"class_{number // 6}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    return tmp_path / "my photos"


def convert(photos, tmp_path, *flags):
    return main(["convert", f"--data_dir={photos}", f"--output_dir={tmp_path / 'out'}", "--workers=1", *flags])


def test_says_in_one_line_what_is_there_now(photos, tmp_path, capsys):
    assert convert(photos, tmp_path) == 0
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert line.startswith("converted my_photos: train 6, test 6; 2 classes; 0.0 MB; ")
    assert line.endswith(f" images/s -> {tmp_path / 'out'}\n")


def test_a_second_time_says_already_converted(photos, tmp_path, capsys):
    convert(photos, tmp_path)
    capsys.readouterr()
    assert convert(photos, tmp_path) == 0
    assert capsys.readouterr().out.startswith("already converted: my_photos: train 6, test 6")


def test_odd_and_bad_images_are_in_the_line(photos, tmp_path, capsys):
    Image.open(photos / "train/class_0/1.jpg").convert("CMYK").save(photos / "train/class_0/1.jpg")
    (photos / "test/class_0/0.jpg").write_bytes(b"")
    assert convert(photos, tmp_path, "--on_bad=skip") == 0
    line = capsys.readouterr().out
    assert "1 odd images re-encoded" in line
    assert "1 bad images left out, the first test/class_0/0.jpg" in line


@pytest.mark.parametrize("flags", [[], ["--on_bad=fail"]])
def test_a_bad_image_ends_it_with_exit_code_3_and_its_name(photos, tmp_path, capsys, flags):
    (photos / "test/class_0/0.jpg").write_bytes(b"")
    assert convert(photos, tmp_path, *flags) == 3
    assert "test/class_0/0.jpg" in capsys.readouterr().err


def test_odd_images_can_be_forbidden(photos, tmp_path, capsys):
    Image.open(photos / "train/class_0/1.jpg").convert("CMYK").save(photos / "train/class_0/1.jpg")
    assert convert(photos, tmp_path, "--odd=fail") == 3
    assert "train/class_0/1.jpg" in capsys.readouterr().err


def test_another_plan_in_the_folder_has_exit_code_3_until_overwrite(photos, tmp_path, capsys):
    convert(photos, tmp_path)
    assert convert(photos, tmp_path, "--num_shards=2") == 3
    assert "num_shards: 10 there, 2 asked for" in capsys.readouterr().err
    assert convert(photos, tmp_path, "--num_shards=2", "--overwrite") == 0


def test_a_folder_alone_names_the_record_set(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.move(photos, tmp_path / "birds")
    assert main(["convert", "--data_dir=birds", "--workers=1"]) == 0
    assert (tmp_path / "records" / "birds" / "birds-train.tfrecord-00000-of-00010").is_file()


def test_the_current_folder_converts_to_the_same_bytes(photos, tmp_path, monkeypatch):
    convert(photos, tmp_path, "--num_shards=1")
    monkeypatch.chdir(photos)
    words = [f"--output_dir={tmp_path / 'here'}", "--workers=1", "--num_shards=1"]
    assert main(["convert", "--data_dir=.", *words]) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "here").iterdir())
    for name in names:
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_lists_of_the_original_give_its_shard_names(photos, tmp_path):
    for name, split in (("train", "train"), ("val", "test")):
        paths = sorted((photos / split).rglob("*.jpg"))
        lines = [f"{path.relative_to(photos)}: {path.parent.name[-1]}" for path in paths]
        (photos / f"{name}.txt").write_text("\n".join(lines))
    assert convert(photos, tmp_path, "--num_shards=1", "--shard_names=slim") == 0
    shards = sorted(path.name for path in (tmp_path / "out").glob("*.tfrecord"))
    assert shards == ["train_00000-of-00001.tfrecord", "validation_00000-of-00001.tfrecord"]
    assert read_manifest(tmp_path / "out").counts == {"train": 6, "test": 6}


def test_neither_dataset_nor_folder_is_a_usage_error(capsys):
    assert main(["convert"]) == 2
    assert "--data_dir" in capsys.readouterr().err


def test_a_wrong_knob_is_a_usage_error(photos, tmp_path, capsys):
    assert convert(photos, tmp_path, "--num_shards=0") == 2
    assert convert(photos, tmp_path, "--shard_names=tfrecord") == 2
    assert "tfds, slim" in capsys.readouterr().err


def test_the_door_of_the_original_opens(photos, tmp_path):
    command = [sys.executable, ROOT / "converters" / "convert.py", f"--data_dir={photos}", "--num_shards=2"]
    command += [f"--output_dir={tmp_path / 'out'}", "--shard_names=slim"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("converted my_photos")
    assert (tmp_path / "out" / "validation_00001-of-00002.tfrecord").is_file()


def test_ctrl_c_ends_with_130_and_the_next_run_finishes(photos, tmp_path, monkeypatch, capsys):
    from fgtl.data import convert as module

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_shard", interrupted)
    assert convert(photos, tmp_path) == 130
    assert "interrupted" in capsys.readouterr().err
    monkeypatch.undo()
    assert convert(photos, tmp_path) == 0


def test_real_birds_convert_and_verify(shared, tmp_path):
    source = shared / "data" / "cub_50"
    assert main(["convert", f"--data_dir={source}", f"--output_dir={tmp_path / 'out'}", "--num_shards=4"]) == 0
    assert main(["verify", f"--records={tmp_path / 'out'}"]) == 0


@pytest.mark.parametrize("output", ["records", "../photos", ".."])
def test_a_record_set_inside_its_own_images_is_refused(tmp_path, monkeypatch, capsys, output):
    folder = tmp_path / "photos"
    for name in ("wren", "robin"):
        (folder / name).mkdir(parents=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / name / "1.png")
    monkeypatch.chdir(folder)
    assert main(["convert", "--data_dir=.", f"--output_dir={output}"]) == 2
    assert "lie inside each other" in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["robin", "wren"]


def test_a_single_class_is_warned_of(photos, tmp_path, capsys):
    assert convert(photos / "train" / "class_0" / "..", tmp_path) == 0
    assert "only one class" not in capsys.readouterr().err
    shutil.rmtree(photos / "train/class_1")
    shutil.rmtree(photos / "test/class_1")
    assert main(["convert", f"--data_dir={photos}", f"--output_dir={tmp_path / 'one'}"]) == 0
    assert "There is only one class, 'class_0': nothing can be learnt from it" in capsys.readouterr().err


def test_a_table_may_lie_beside_its_record_set_and_gives_it_its_name(photos, monkeypatch, capsys):
    monkeypatch.chdir(photos)
    rows = [f"{path.relative_to(photos)},{path.parent.name},{path.parts[-3]}" for path in sorted(photos.rglob("*.jpg"))]
    Path("mine.csv").write_text("path,label,split\n" + "\n".join(rows) + "\n")
    assert main(["convert", "--data_dir=mine.csv", "--workers=1"]) == 0
    assert read_manifest(Path("records/mine")).counts == {"train": 6, "test": 6}
    assert main(["verify", "--dataset=mine"]) == 0


def test_boxes_that_miss_their_images_are_warned_of(photos, tmp_path, capsys):
    header, rows = "path,label,split,xmin,ymin,xmax,ymax", []
    for path in sorted(photos.rglob("*.jpg")):
        rows.append(f"{path.relative_to(photos)},{path.parent.name},{path.parts[-3]},500,500,600,600")
    (photos / "mine.csv").write_text("\n".join([header, *rows]) + "\n")
    assert convert(photos / "mine.csv", tmp_path) == 0
    told = capsys.readouterr()
    assert "12 images without boxes that lay outside of them" in told.out and "re-encoded" not in told.out
    assert "12 images have boxes that lie outside of them" in told.err


CARD = """
schema = 1
name = "birds"
layout = "folder"
classes = 2
[images]
train = 600
test = 6
[[archives]]
name = "photos.tgz"
bytes = 4711
holds = "train"
"""


def test_a_part_of_a_data_set_is_taken_when_it_is_called_one(photos, tmp_path, capsys):
    (tmp_path / "card.toml").write_text(CARD)
    assert convert(photos, tmp_path, f"--dataset={tmp_path / 'card.toml'}") == 3
    assert "6 train images instead of 600" in (told := capsys.readouterr().err) and "--subset" in told
    assert convert(photos, tmp_path, f"--dataset={tmp_path / 'card.toml'}", "--subset") == 0


def test_downloads_that_are_not_what_was_published_are_named(photos, tmp_path, capsys):
    (tmp_path / "card.toml").write_text(CARD.replace("600", "6"))
    (photos / "photos.tgz").write_bytes(b"12345")
    assert convert(photos, tmp_path, f"--dataset={tmp_path / 'card.toml'}") == 0
    assert "train in " in (told := capsys.readouterr().err) and "not photos.tgz beside it" in told


def test_a_checksum_that_was_asked_for_and_differs_stops_the_conversion(photos, tmp_path, capsys):
    card = CARD.replace("600", "6").replace('holds = "train"', f'holds = "elsewhere"\nsha256 = "{"0" * 64}"')
    (tmp_path / "card.toml").write_text(card.replace("4711", "5"))
    (photos / "photos.tgz").write_bytes(b"12345")
    assert convert(photos, tmp_path, f"--dataset={tmp_path / 'card.toml'}", "--checksums") == 3
    assert "not what was published: photos.tgz" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
