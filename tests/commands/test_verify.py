import numpy as np
import pytest
from PIL import Image

from fgtl.commands.app import main


@pytest.fixture
def records(tmp_path, capsys):
    """A small converted record set, records/photos in the current folder."""
    for number in range(8):
        path = tmp_path / "photos" / ("train" if number % 2 else "test") / f"class_{number // 4}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 30, 3), number * 20, np.uint8)).save(path)
    folder = tmp_path / "records" / "photos"
    assert main(["convert", f"--data_dir={tmp_path / 'photos'}", f"--output_dir={folder}", "--num_shards=1"]) == 0
    capsys.readouterr()
    return folder


@pytest.mark.parametrize("check", ["header", "decode"])
def test_whole_has_exit_code_0_and_one_line(records, capsys, check):
    assert main(["verify", f"--records={records}", f"--check={check}"]) == 0
    assert capsys.readouterr().out == f"whole: photos: train 4, test 4; 2 classes; 0.0 MB; {records}\n"


def test_the_name_of_the_data_set_is_enough(records, capsys, monkeypatch):
    monkeypatch.chdir(records.parents[1])
    assert main(["verify", "--dataset=photos"]) == 0
    assert "whole" in capsys.readouterr().out


def test_damage_has_exit_code_3_and_its_place(records, capsys):
    shard = records / "photos-test.tfrecord-00000-of-00001"
    data = bytearray(shard.read_bytes())
    data[-10] ^= 1
    shard.write_bytes(data)
    assert main(["verify", f"--records={records}"]) == 3
    error = capsys.readouterr().err
    assert "is damaged in one place" in error
    assert "photos-test.tfrecord-00000-of-00001 record 3 (id test/class_1/6.jpg) byte" in error
    assert "data checksum differs" in error


def test_an_unfinished_set_has_exit_code_3(records, capsys):
    (records / "manifest.json").unlink()
    assert main(["verify", f"--records={records}"]) == 3
    assert "no manifest.json" in capsys.readouterr().err


def test_nothing_named_is_a_usage_error(capsys):
    assert main(["verify"]) == 2
    assert "--records" in capsys.readouterr().err
