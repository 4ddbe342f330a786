import shutil

import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.records import RecordSet


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def an_id(records):
    return str(RecordSet.open(records).select("test").ids[0])


def width_of(path):
    with Image.open(path) as picture:
        picture.load()
        return picture.width


def test_a_sheet_is_named_after_data_set_and_split(records, here, capsys):
    assert main(["show", f"--records={records}"]) == 0
    assert capsys.readouterr().out == "24 of 24 images, train of synth_birds -> synth_birds-train.png\n"
    assert width_of(here / "synth_birds-train.png") > 8 * 160


def test_split_classes_count_columns_and_output_are_obeyed(records, here, capsys):
    words = ["--split=train[:50%]+test", "--classes=0,3", "--count=5", "--columns=2", "--annotations"]
    assert main(["show", f"--records={records}", *words, "--output=some where/sheet.jpg"]) == 0
    assert "5 of " in capsys.readouterr().out
    assert width_of(here / "some where" / "sheet.jpg") < 3 * 180
    assert [path.name for path in here.rglob("*.*")] == ["sheet.jpg"]


def test_the_name_of_the_data_set_is_enough(records, here, capsys):
    (here / "records").mkdir()
    shutil.copytree(records, here / "records" / "mine")
    assert main(["show", "--dataset=mine", "--split=test"]) == 0
    assert (here / "synth_birds-test.png").is_file()


def test_one_record_is_named_after_its_id(records, here, an_id, capsys):
    assert main(["show", f"--records={records}", f"--id={an_id}"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{an_id}: ") and ", test -> synth_birds-" in out
    (picture,) = here.glob("synth_birds-*.png")
    assert width_of(picture) > 400


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "Neither --records nor --dataset"),
        (["--records={records}", "--id=nobody"], 2, "no record with the id 'nobody'"),
        (["--records={records}", "--split=tran"], 2, "Did you mean 'train'?"),
        (["--records={records}", "--classes=unheard of"], 2, "No class is called 'unheard of'"),
        (["--records={records}", "--count=0"], 2, "--count=0 is out of range"),
        (["--records={records}", "--output=sheet.gif"], 2, "--output=sheet.gif"),
        (["--records={records}", "--output=."], 2, "no picture's name"),
        (["--records={records}", "--output=/proc/sheet.png"], 3, "/proc/sheet.png\n"),
        (["--records=nowhere"], 3, "nowhere does not exist"),
    ],
)
def test_what_cannot_be_meant_is_said(records, here, capsys, words, code, message):
    assert main(["show", *(word.format(records=records) for word in words)]) == code
    assert message in capsys.readouterr().err
    assert list(here.iterdir()) == []


def test_a_picture_too_long_for_jpeg_is_refused_with_what_to_do(records, here, capsys, monkeypatch):
    monkeypatch.setattr("fgtl.commands.show._JPEG_SIDE", 1000)
    assert main(["show", f"--records={records}", "--output=sheet.jpg"]) == 2
    assert "ends in .png" in capsys.readouterr().err


def test_a_damaged_record_is_named_beside_the_sheet_and_stops_its_own_picture(records, here, an_id, capsys):
    copy = shutil.copytree(records, here / "copy")
    selection = RecordSet.open(copy).select("test")
    shard = selection.shard_paths[selection.shards[0]]
    data = bytearray(shard.read_bytes())
    data[int(selection.offsets[0]) + 99] ^= 4
    shard.write_bytes(data)
    assert main(["show", f"--records={copy}", "--split=test"]) == 0
    said = capsys.readouterr()
    assert "12 of 12 images" in said.out
    assert f"The record {an_id} is damaged" in said.err
    assert main(["show", f"--records={copy}", f"--id={an_id}"]) == 3
    assert f"The record {an_id} of {copy} cannot be shown" in capsys.readouterr().err
