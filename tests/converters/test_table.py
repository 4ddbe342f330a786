"""The reader of CSV, TSV and JSONL lists."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.converters import READERS
from fgtl.datasets import Box, Card, Sample
from fgtl.downloads import FolderTree, Tree
from fgtl.errors import DataError

Write = Callable[..., None]
HEADER = "path,label,split"
# What the same list looks like from other hands.
DIALECTS = {
    "semicolons, as in Germany": (";", "utf-8"),
    "tabs": ("\t", "utf-8"),
    "Excel's CSV UTF-8": (",", "utf-8-sig"),
    "Excel's Unicode text": ("\t", "utf-16"),
    "UTF-16, the other way round": (";", "utf-16-be"),
}
ROWS = ["b/two.jpg,wren,train", '"a/one, two: x.jpg",robin,train', "c/3.jpg,robin,valid", "c/4.jpg,wren,TEST"]


def read(root: Path, **options: str) -> list[Sample]:
    return list(READERS["table"](Card("mine", "table", options=options), FolderTree(root)))


@pytest.fixture
def root(tmp_path: Path, write: Write) -> Path:
    write(tmp_path, "b/two.jpg", "a/one, two: x.jpg", "c/3.jpg", "c/4.jpg")
    (tmp_path / "list.csv").write_text("\n".join([HEADER, *ROWS]) + "\n")
    return tmp_path


def put(root: Path, *rows: str, header: str = HEADER) -> None:
    (root / "list.csv").write_text("\n".join([header, *rows]) + "\n")


def test_samples_have_what_the_rows_say(root: Path) -> None:
    assert read(root) == [
        Sample("b/two.jpg", "b/two.jpg", 1, "wren", "train"),
        Sample("a/one, two: x.jpg", "a/one, two: x.jpg", 0, "robin", "train"),
        Sample("c/3.jpg", "c/3.jpg", 0, "robin", "validation"),
        Sample("c/4.jpg", "c/4.jpg", 1, "wren", "test"),
    ]


def test_byte_order_mark_crlf_blank_lines_blanks_and_capitals_in_the_header_do_not_matter(root: Path) -> None:
    plain = read(root)
    lines = ["  Path , LABEL, Split", *(row.replace(",t", " , t") for row in ROWS)]
    (root / "list.csv").write_bytes(b"\xef\xbb\xbf\r\n" + "\r\n\r\n".join(lines).encode() + b"\r\n , , \r\n")
    assert read(root) == plain


@pytest.mark.parametrize("name", ["list.csv", "list.tsv"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_spreadsheets_of_every_kind_are_read(root: Path, dialect: str, name: str) -> None:
    separator, encoding = DIALECTS[dialect]
    plain = read(root)
    (root / "list.csv").unlink()
    cells = [["path", "label", "split"], *([sample.path, sample.class_name, sample.split] for sample in plain)]
    text = "".join(separator.join(f'"{cell}"' for cell in row) + "\r\n" for row in cells)
    (root / name).write_bytes((b"\xfe\xff" if encoding == "utf-16-be" else b"") + text.encode(encoding))
    assert read(root) == plain


@pytest.mark.parametrize(
    ("words", "split"),
    [("Train training", "train"), ("val VALID validation dev", "validation"), ("test Testing", "test")],
)
def test_splits_have_the_names_that_people_use(root: Path, words: str, split: str) -> None:
    for word in words.split():
        put(root, ROWS[0], f"c/3.jpg,wren,{word}")
        assert read(root)[1].split == split


def test_absolute_paths_below_the_folder_are_relative_to_it(root: Path) -> None:
    plain = read(root)
    put(root, *(f'"{root}//{one.path}",{one.class_name},{one.split}' for one in plain))
    assert read(root) == plain


def test_jsonl_rows_are_objects_in_any_order_of_keys(root: Path) -> None:
    plain = read(root)
    (root / "list.csv").unlink()
    objects = [{"split": one.split, "path": one.path, "label": one.class_name} for one in plain]
    (root / "list.jsonl").write_text("\n\n".join(map(json.dumps, objects)))
    assert read(root) == plain


def test_line_ends_and_doubled_quotes_may_stand_in_quoted_cells(root: Path, write: Write) -> None:
    write(root, 'd/"q".jpg')
    put(root, ROWS[0], '"d/""q"".jpg","two\nlines",train')
    assert [(one.path, one.class_name) for one in read(root)] == [("b/two.jpg", "wren"), ('d/"q".jpg', "two\nlines")]


def test_whole_numbers_are_the_labels_themselves(root: Path) -> None:
    put(root, "b/two.jpg,1,train", "c/3.jpg,0,train", "c/4.jpg,1,test")
    assert [(one.label, one.class_name) for one in read(root)] == [(1, "1"), (0, "0"), (1, "1")]
    put(root, "b/two.jpg,1,train", "c/3.jpg,0,train", "c/4.jpg,x,train")
    assert [(one.label, one.class_name) for one in read(root)] == [(1, "1"), (0, "0"), (2, "x")], "names, then"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((1, 2, 2), "labels from 1 to 2, but none is 0"),
        ((0, 2, 2), "labels from 0 to 2, but none is 1"),
        ((0, 1, -1), "labels from -1 to 1, but none is 2"),
        (("1", "01", "0"), "the same number in two ways"),
    ],
)
def test_numbers_with_a_gap_are_refused(root: Path, labels: tuple[object, ...], message: str) -> None:
    put(
        root,
        *(f"{path},{label},train" for path, label in zip(("b/two.jpg", "c/3.jpg", "c/4.jpg"), labels, strict=True)),
    )
    with pytest.raises(DataError, match=message):
        read(root)


def test_without_splits_a_seeded_share_of_each_class_is_for_testing(root: Path, write: Write) -> None:
    write(root, *(f"{name}/{row}.jpg" for name in "xy" for row in range(20)))
    put(root, *(f"{name}/{row}.jpg,{name}" for name in "xy" for row in range(20)), header="path,label")
    assert Counter((one.class_name, one.split) for one in read(root)) == {
        **{(name, "train"): 16 for name in "xy"},
        **{(name, "test"): 4 for name in "xy"},
    }
    assert read(root) == read(root) != read(root, seed="1")
    assert {one.split for one in read(root, test_fraction="0")} == {"train"}


def test_ids_and_boxes(root: Path) -> None:
    header = f"{HEADER},id,xmin,ymin,xmax,ymax"
    put(root, "b/two.jpg,wren,train,7,1,2.5,3,4", "c/3.jpg,wren,train,8,,,,", header=header)
    samples = read(root)
    assert [(one.id, one.boxes) for one in samples] == [("7", (Box(1, 2.5, 3, 4),)), ("8", ())]
    put(root, "b/two.jpg,wren,train,7,1 2.5 3 4", "c/3.jpg,wren,train,8,", header=f"{HEADER},id,box")
    assert read(root) == samples
    (root / "list.csv").unlink()
    rows = [
        {"path": "b/two.jpg", "label": "wren", "split": "train", "id": 7, "box": [1, 2.5, 3, 4]},
        {"path": "c/3.jpg", "label": "wren", "split": "train", "id": 8, "box": None},
    ]
    (root / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert read(root) == samples


def test_columns_that_nobody_knows_are_ignored_with_one_warning(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(root, "b/two.jpg,wren,train,x,1", "c/3.jpg,wren,train,y,2", header=f"{HEADER},camera,year")
    assert len(read(root)) == 2
    assert capsys.readouterr().err.count("the columns 'camera', 'year' are ignored") == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("c/5.jpg,wren", r"(?s)list\.csv line 6: 2 cells.*Expected 3: path, label, split"),
        ("c/5.jpg,wren,train,", "line 6: 4 cells"),
        (",wren,train", "line 6: the path is empty"),
        ("c/5.jpg,,train", "line 6: the label is empty"),
        ("c/5.jpg,wren,", "line 6: split ''"),
        ("c/5.jpg,wren,eval", "(?s)line 6: split 'eval'.*one of train, training, val"),
        ("../5.jpg,wren,train", "line 6: .* leads out of"),
        ("/etc/5.jpg,wren,train", "(?s)line 6: '/etc/5.jpg' is absolute and lies outside /.*above its images"),
        (r"c\5.jpg,wren,train", r"(?s)line 6: 'c\\\\5\.jpg' does not exist.*by slashes, not as Windows"),
        (r"C:\c\5.jpg,wren,train", "(?s)line 6: 'C:.* does not exist.*by slashes, not as Windows"),
        ("a\0.jpg,wren,train", "line 6: .*(leads out of|cannot be read)"),
        ("b/two.jpg,wren,train", "line 6: the image 'b/two.jpg' is already on line 2"),
        ("./b//two.jpg,wren,train", "line 6: the image 'b/two.jpg' is already on line 2"),
        ("c/5.jpg,wren,train", r"(?s)line 6: 'c/5\.jpg' does not exist.*5 images; 4 are there"),
        ("c/5.jpg,thrush,test", "the class 'thrush' has no training image"),
        ('"c/5.jpg,wren,train', "line 6: the row that starts here cannot be read"),
        ('"c"/5.jpg,wren,train', "line 6: the row that starts here cannot be read"),
        (f'"{"x" * 200_000}",wren,train', "line 6: the row that starts here cannot be read: field larger"),
        ("c/\r5.jpg,wren,train", "line 6: the row that starts here cannot be read"),
    ],
)
def test_a_wrong_row_is_named(root: Path, row: str, message: str) -> None:
    put(root, *ROWS, row)
    with pytest.raises(DataError, match=message):
        read(root)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ("1 2 3", "line 2: a box of 3 numbers"),
        ("1 2 3 x", "line 2: ymax 'x' is not a number"),
        ("1 2 3 nan", "line 2: ymax 'nan' is not a number"),
        ("3 2 3 4", r"line 2: a box from \(3, 2\) to \(3, 4\)"),
    ],
)
def test_a_wrong_box_is_named(root: Path, box: str, message: str) -> None:
    put(root, f"b/two.jpg,wren,train,{box}", header=f"{HEADER},box")
    with pytest.raises(DataError, match=message):
        read(root)
    put(root, "b/two.jpg,wren,train,1 2 3 4,5", header=f"{HEADER},box,xmin")
    with pytest.raises(DataError, match="line 2: a box, and its sides too"):
        read(root)


def test_boxes_in_shares_of_the_image_are_refused(root: Path) -> None:
    header = f"{HEADER},box"
    put(root, "b/two.jpg,wren,train,0 .25 .5 1", "c/3.jpg,wren,train,", "c/4.jpg,wren,train,0 0 1 1", header=header)
    with pytest.raises(DataError, match=r"(?s)no box reaches beyond 1, from 0 0\.25 0\.5 1 on.*pixels.*by the width"):
        read(root)
    put(root, "b/two.jpg,wren,train,0 .25 .5 1", "c/3.jpg,wren,train,0 0 1 1.5", header=header)
    assert [one.boxes for one in read(root)] == [(Box(0, 0.25, 0.5, 1),), (Box(0, 0, 1, 1.5),)], "of a tiny image"


def test_absolute_paths_below_an_archive_are_not_guessed(lists_only: Callable[[dict[str, str]], Tree]) -> None:
    tree = lists_only({"list.csv": f"{HEADER}\n/lists/a.jpg,wren,train\n"})
    with pytest.raises(DataError, match="line 2: '/lists/a.jpg' is absolute and lies outside lists"):
        list(READERS["table"](Card("mine", "table"), tree))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("path,split,class", "(?s)line 1: there is no column 'label' in 'path,split,class'.*a first line that names"),
        ("path,split,class", "Rename the column 'class' to label"),
        ("Filename;Species", "(?s)no column 'path' in 'Filename;Species'.*'filename' to path.*'species' to label"),
        (ROWS[3], f"line 1: there is no column 'path' in '{ROWS[3]}'"),
        ("paths,label,split", "(?s)no column 'path'.*Did you mean 'paths'"),
        ("path,path,label", "line 1: two columns are called 'path'"),
        ("path;label;split", "(?s)line 2: 1 cell\\..*Expected 3: .*semicolons separate cells"),
    ],
)
def test_a_wrong_header_is_named(root: Path, header: str, message: str) -> None:
    put(root, ROWS[0], header=header)
    with pytest.raises(DataError, match=message):
        read(root)


def test_a_first_line_after_blank_ones_is_quoted_as_it_stands(root: Path) -> None:
    put(root, '"Image",label ', ROWS[0], header=" , ")
    with pytest.raises(DataError, match="line 2: there is no column 'path' in '\"Image\",label '"):
        read(root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"path": "c/3.jpg", "label": "wren"', "(?s)line 2 is not JSON, line 1 column .*ends too early"),
        ("[1, 2]", r"line 2: \[1, 2\] is no object"),
        ('{"path": "c/3.jpg"}', "(?s)line 2: there is no column 'label' in '{\"path\": .*an object with the keys"),
        ('{"path": "c/3.jpg", "label": true}', "line 2: label = True"),
        ('{"path": "c/3.jpg", "label": {}}', "line 2: label = {}"),
        ('{"path": "c/3.jpg", "label": "wren"}', "line 2: only some rows have the column 'split'"),
        ('{"path": "c/3.jpg", "label": "wren", "split": null}', "line 2: split ''"),
        ("[" * 100_000, "line 2 is nested too deeply"),
    ],
)
def test_a_wrong_object_is_named(root: Path, line: str, message: str) -> None:
    (root / "list.csv").unlink()
    (root / "list.jsonl").write_text('{"path": "b/two.jpg", "label": "wren", "split": "train"}\n' + line)
    with pytest.raises(DataError, match=message):
        read(root)


def test_bytes_that_are_not_utf8_are_named_with_their_line(root: Path) -> None:
    (root / "list.csv").write_bytes(f"{HEADER}\n{ROWS[0]}\nDro\u00dfel.jpg,x,train\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"(?s)list\.csv line 3 is not UTF-8.*CSV UTF-8"):
        read(root)
    (root / "list.csv").write_bytes(f"{HEADER}\n".encode("utf-16") + b"x")
    with pytest.raises(DataError, match=r"list\.csv begins as UTF-16, but is not"):
        read(root)


def test_a_list_without_rows_or_without_a_file_is_refused(root: Path) -> None:
    for text in ("", HEADER, "\n\n"):
        (root / "list.csv").write_text(text)
        with pytest.raises(DataError, match="has no rows"):
            read(root)
    (root / "other.tsv").touch()
    with pytest.raises(DataError, match=r"holds 2 lists: list\.csv, other\.tsv"):
        read(root)
    with pytest.raises(DataError, match=r"third\.csv does not exist"):
        read(root, table="third.csv")
    (root / "list.csv").write_text("\n".join([HEADER, *ROWS]))
    assert len(read(root, table="list.csv")) == 4


def test_a_list_without_training_rows_is_refused(root: Path) -> None:
    put(root, "b/two.jpg,wren,val", "c/3.jpg,wren,val", "c/4.jpg,wren,test")
    with pytest.raises(DataError, match=r"(?s)no training images, only 2 validation and 1 test\..*the split train"):
        read(root)
