"""Lists as people's editors, spreadsheets and scripts leave them: read rightly, or refused by file and line."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.records import RecordSet

IMAGES = ["images/a/1 one.jpg", "images/a/2.jpg", "images/b/3: three.jpg", "images/b/4.jpg"]
CUB = {
    "images.txt": "1 a/1 one.jpg\n2 a/2.jpg\n3 b/3: three.jpg\n4 b/4.jpg\n",
    "image_class_labels.txt": "1 1\n2 1\n3 2\n4 2\n",
    "train_test_split.txt": "1 1\n2 0\n3 1\n4 0\n",
    "classes.txt": "1 Robin\n2 Wren\n",
}
LISTS = {
    "train.txt": "images/a/1 one.jpg: 0\nimages/b/3: three.jpg: 1\n",
    "val.txt": "images/a/2.jpg: 0\nimages/b/4.jpg: 1\n",
}
TABLE = {
    "list.csv": (
        "path,label,split\nimages/a/1 one.jpg,Robin,train\nimages/a/2.jpg,Robin,test\n"
        "images/b/3: three.jpg,Wren,train\nimages/b/4.jpg,Wren,test\n"
    )
}
LAYOUTS = {"cub": CUB, "lists": LISTS, "table": TABLE}


def change(file, *pairs):
    """A function that replaces text in one of a layout's files."""

    def apply(files):
        content = files[file]
        for old, new in pairs:
            assert old.encode() in content, old
            content = content.replace(old.encode(), new if isinstance(new, bytes) else new.encode(), 1)
        return {**files, file: content}

    return apply


def everywhere(edit):
    return lambda files: {name: edit(content) for name, content in files.items()}


HARMLESS = {
    "as published": everywhere(lambda content: content),
    "CRLF line ends": everywhere(lambda content: content.replace(b"\n", b"\r\n")),
    "a byte order mark": everywhere(lambda content: b"\xef\xbb\xbf" + content),
    "blank lines": everywhere(lambda content: content.replace(b"\n", b"\n\n")),
    "trailing blanks": everywhere(lambda content: content.replace(b"\n", b" \t\n")),
    "no end of the last line": everywhere(lambda content: content.rstrip(b"\n")),
}
TABS = {
    "cub": everywhere(lambda content: b"\n".join(line.replace(b" ", b"\t", 1) for line in content.split(b"\n"))),
}
HARMFUL = [
    ("cub", "an id twice", change("images.txt", ("2 a/2", "1 a/2")), "images.txt line 2: image id '1' is already on line 1"),
    ("cub", "an image twice", change("images.txt", ("2 a/2.jpg", "2 a/1 one.jpg")), "images.txt line 2"),
    ("cub", "a label twice", change("image_class_labels.txt", ("2 1", "1 1")), "image_class_labels.txt line 2"),
    ("cub", "an id without label", change("image_class_labels.txt", ("4 2\n", "")), "no line for image 4"),
    ("cub", "an id without split", change("train_test_split.txt", ("4 0\n", "")), "no line for image 4"),
    ("cub", "an id that is not listed", change("images.txt", ("4 b/4.jpg\n", "")), "image id 4 is not in images.txt"),
    ("cub", "label 0 in a list from 1", change("image_class_labels.txt", ("1 1", "1 0")), "line 1: class id '?0'?"),
    ("cub", "a label out of range", change("image_class_labels.txt", ("4 2", "4 3")), "line 4: class id '?3'?"),
    ("cub", "a label of letters", change("image_class_labels.txt", ("4 2", "4 Wren")), "line 4"),
    ("cub", "a split of 2", change("train_test_split.txt", ("4 0", "4 2")), "train_test_split.txt line 4"),
    ("cub", "text that is not UTF-8", change("images.txt", ("b/4.jpg", b"b/\xff.jpg")), "images.txt line 4 is not UTF-8"),
    ("cub", "UTF-16", everywhere(lambda content: content.decode().encode("utf-16")), "line 1"),
    ("cub", "a name that leads out", change("images.txt", ("b/4.jpg", "../../etc/passwd")), "leads out"),
    ("cub", "an absolute name", change("images.txt", ("b/4.jpg", "/etc/passwd")), "leads out"),
    ("cub", "a NUL", change("images.txt", ("b/4.jpg", "b/4\0.jpg")), "images.txt line 4"),
    ("cub", "a number of a thousand digits", change("image_class_labels.txt", ("4 2", "4 " + "9" * 5000)), "line 4"),
    ("cub", "a name of 5,000 letters", change("images.txt", ("b/4.jpg", "b/" + "x" * 5000 + ".jpg")), "images.txt line 4"),
    ("cub", "an empty list", change("classes.txt", ("1 Robin\n2 Wren\n", "")), "class id"),
    ("lists", "no colon", change("train.txt", ("one.jpg: 0", "one.jpg 0")), "train.txt line 1: .* cannot be read"),
    ("lists", "a label below 0", change("train.txt", ("one.jpg: 0", "one.jpg: -1")), "train.txt line 1: label -1"),
    ("lists", "labels from 1", everywhere(lambda text: text.replace(b": 1\n", b": 2\n").replace(b": 0\n", b": 1\n")), "no image of label 0"),
    ("lists", "an image in both", change("val.txt", ("images/a/2.jpg", "images/a/1 one.jpg")), "val.txt line 1"),
    ("lists", "a missing image", change("val.txt", ("images/a/2.jpg", "images/a/22.jpg")), "val.txt line 1: 'images/a/22.jpg' does not exist"),
    ("lists", "text that is not UTF-8", change("train.txt", ("one", b"\xe9")), "train.txt line 1 is not UTF-8"),
    ("table", "no header", change("list.csv", ("path,label,split\n", "")), "list.csv line 1: there is no column .path. in .images"),
    ("table", "other column names", change("list.csv", ("path,label", "file,species")), "(?s)line 1.*'file' to path.*'species' to label"),
    ("table", "paths of Windows", change("list.csv", ("images/a/2.jpg", r"images\a\2.jpg")), "(?s)line 3: .* not exist.*not as Windows"),
    ("table", "paths of another machine", change("list.csv", ("images/a/2.jpg", "/mnt/2.jpg")), "line 3: .* is absolute and lies outside"),
    ("table", "boxes in shares", change("list.csv", ("split\n", "split,box\n"), ("train\n", "train,.1 .1 .9 .9\n"), ("test\n", "test,\n"), ("Wren,train\n", "Wren,train,\n"), ("Wren,test\n", "Wren,test,\n")), "no box reaches beyond 1"),
    ("table", "no training images", everywhere(lambda text: text.replace(b",train", b",val")), "only 2 validation and 2 test."),
    ("table", "an unknown split", change("list.csv", ("Robin,train", "Robin,practice")), "list.csv line 2"),
    ("table", "a row that is short", change("list.csv", (".jpg,Robin,train", ".jpg")), "list.csv line 2"),
    ("table", "a quote that never ends", change("list.csv", ("images/a/1", '"images/a/1')), "list.csv"),
    ("table", "an image twice", change("list.csv", ("images/a/2", "images/a/1 one")), "list.csv line 3"),
    ("table", "a class without training images", change("list.csv", ("Wren,train", "Robin,train")), "Wren"),
    ("table", "labels with a gap", everywhere(lambda text: text.replace(b"Robin", b"0").replace(b"Wren", b"2")), "1"),
    ("table", "text that is not UTF-8", change("list.csv", ("Wren", b"\xff")), "list.csv line 4 is not UTF-8"),
    ("table", "a folder as image", change("list.csv", ("images/a/2.jpg", "images/a")), "list.csv line 3"),
]  # fmt: skip


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (12, 8), "teal").save(buffer, "JPEG")
    return buffer.getvalue()


def convert(layout: str, edit, folder: Path, jpeg: bytes) -> int:
    data = folder / "data"
    for name in IMAGES:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(jpeg)
    for name, content in edit({name: text.encode() for name, text in LAYOUTS[layout].items()}).items():
        (data / name).write_bytes(content)
    source = data / "list.csv" if layout == "table" else data
    return main(["convert", f"--data_dir={source}", f"--output_dir={folder / 'out'}", "--workers=1", "--num_shards=1"])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("what", [*HARMLESS, "tabs"])
def test_what_editors_do_changes_nothing(layout, what, tmp_path, jpeg):
    edit = HARMLESS.get(what) or TABS.get(layout)
    if edit is None:
        pytest.skip("a tab is not a separator there")
    assert convert(layout, edit, tmp_path, jpeg) == 0
    records = RecordSet.open(tmp_path / "out")
    assert records.counts == {"train": 2, "test": 2}
    assert len(records.class_names) == 2
    names = {
        records.select(split).example(row)["image/filename"][0].decode() for split in records.counts for row in (0, 1)
    }
    assert names == set(IMAGES)


@pytest.mark.parametrize(("layout", "what", "edit", "message"), HARMFUL, ids=[f"{row[0]}: {row[1]}" for row in HARMFUL])
def test_damage_is_named_by_file_and_line_and_nothing_is_written(layout, what, edit, message, tmp_path, jpeg, capsys):
    assert convert(layout, edit, tmp_path, jpeg) == 3
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert re.search(message, told), told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layout", ["lists", "table"])
def test_absolute_names_below_the_folder_are_read(layout, tmp_path, jpeg):
    top = f"{tmp_path / 'data'}/".encode()
    assert convert(layout, everywhere(lambda text: text.replace(b"images/", top + b"images/")), tmp_path, jpeg) == 0
    assert RecordSet.open(tmp_path / "out").counts == {"train": 2, "test": 2}
