import dataclasses
import re

import numpy as np
import pytest
from PIL import Image

from fgtl.data.companions import CLASSES_PICTURE, COMPANIONS, PAGE, SIZES_PICTURE
from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs
from fgtl.data.records import RecordSet
from fgtl.data.tfds_metadata import tfds_files
from fgtl.datasets import Card, Sample
from fgtl.downloads import FolderTree
from fgtl.reports.contact_sheet import SIDE
from fgtl.reports.dataset_page import dataset_page, markdown, write_dataset_page
from fgtl.reports.dataset_pictures import class_grid, class_size_figure

COLOURS = ((200, 0, 0), (0, 200, 0), (0, 0, 200))
ABOUT = {
    "title": "Our *birds*",
    "licence": "CC BY 4.0",
    "citation": "Doe: Birds. 2020",
    "homepage": "https://b.org/a_b",
}


def page_of(records, **changes):
    return dataset_page(dataclasses.replace(records.manifest, **changes))


def test_the_page_and_its_pictures_lie_in_the_record_sets_folder(trained):
    written = write_dataset_page(trained.records)
    assert [path.name for path in written] == [CLASSES_PICTURE, SIZES_PICTURE, PAGE]
    assert set(COMPANIONS) > {path.name for path in written}
    page = (trained.records.folder / PAGE).read_text(encoding="utf-8")
    linked = re.findall(r"!\[.*?\]\((.*?)\)", page)
    assert sorted(linked) == sorted([CLASSES_PICTURE, SIZES_PICTURE])
    for name in linked:
        with Image.open(trained.records.folder / name) as picture:
            picture.load()


def test_the_same_record_set_gives_the_same_bytes(trained):
    first = [path.read_bytes() for path in write_dataset_page(trained.records)]
    assert [path.read_bytes() for path in write_dataset_page(trained.records)] == first


def test_counts_are_those_of_the_manifest(trained):
    page = page_of(trained.records, class_counts={"train": (1, 0, 200, 9, 10), "test": (3, 3, 3, 3, 4)})
    assert "| train | 220 | 4 | 1 | 9.5 | 200 | 2 |" in page
    assert "| test | 16 | 5 | 3 | 3 | 4 | 5 |" in page
    assert "| 4 | plain | 10 | 4 |" in page


def test_what_the_card_says_is_there_and_nothing_is_made_up_without_one(trained):
    page = page_of(trained.records, about=ABOUT)
    for text in (r"# Our \*birds\*", "Licence: CC BY 4.0", "cite: Doe: Birds. 2020", "<https://b.org/a_b>"):
        assert text in page
    assert "no card" not in page
    assert "no card" in page_of(trained.records)
    assert "<javascript" not in page_of(trained.records, about={"homepage": "javascript:alert(1)"})


def test_what_was_changed_is_counted(trained):
    report = {
        "reencoded": 3,
        "shrunk": 5,
        "odd": {"cmyk": 2, "rotated": 1, "empty box left out": 7},
        "skipped": [{"id": "a", "path": "a_*.jpg", "reason": "It is an empty file (0 bytes)."}],
        "duplicates": {"groups": 2, "images": 5, "across_splits": 1, "other_labels": 0, "listed": []},
    }
    page = page_of(trained.records, report=report)
    assert "3 images were re-encoded. Out of the ordinary: cmyk 2, rotated 1." in page
    assert "5 images were shrunk" in page
    assert "7 images lost boxes" in page
    assert r"1 images were left out: a\_\*.jpg (It is an empty file (0 bytes))." in page
    assert "5 files are byte-equal copies, in 2 groups; 1 of these groups reach across splits." in page
    assert "Nothing:" not in page
    assert "Nothing:" in page_of(trained.records)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<b>x</b>", r"\<b\>x\</b\>"),
        ("Black_footed_Albatross", "Black_footed_Albatross"),
        ("_x_ `y` [z]", r"\_x\_ \`y\` \[z\]"),
        ("two\nlines\x00", "two lines?"),
    ],
)
def test_names_are_shown_as_they_are(text, shown):
    assert markdown(text) == shown


@pytest.fixture
def with_classes(tmp_path, monkeypatch):
    """Function: number of classes -> a record set with an image of each; the last one's is in the test split."""
    for number, colour in enumerate(COLOURS):
        Image.new("RGB", (30, 20), colour).save(tmp_path / f"{number}.png")

    def make(classes):
        samples = [Sample(str(k), f"{k % 3}.png", k, f"kind {k}", "train") for k in range(classes)]
        samples[-1] = dataclasses.replace(samples[-1], split="test")
        monkeypatch.setattr("fgtl.data.convert.READERS", {"listed": lambda card, tree: iter(samples)})
        folder = tmp_path / f"{classes} classes"
        convert(Card("kinds", "listed"), FolderTree(tmp_path), folder, ConvertKnobs(num_shards=1, workers=1))
        return RecordSet.open(folder)

    return make


@pytest.fixture
def snippets(with_classes, tmp_path, monkeypatch):
    """The Python of a record set's page, in the folder that it speaks of."""
    records = with_classes(3)
    for name, content in tfds_files(records.manifest).items():
        (records.folder / name).write_bytes(content)
    (tmp_path / "records").mkdir()
    records.folder.rename(tmp_path / "records" / "kinds")
    monkeypatch.chdir(tmp_path)
    return re.findall(r"```python\n(.*?)```", dataset_page(records.manifest), re.DOTALL)


def test_the_snippets_of_fgtl_and_of_bare_tensorflow_run(snippets, capsys):
    exec(snippets[0], {})
    ours = capsys.readouterr().out.split()
    assert ours[1:3] == ["kind", ours[0]]
    exec(snippets[2], {})
    assert capsys.readouterr().out == f"(20, 30, 3) {ours[0]}\n"


def test_the_snippet_of_tensorflow_datasets_runs(snippets, capsys):
    pytest.importorskip("tensorflow_datasets", reason="needs tensorflow-datasets: pip install 'fgtl[tfds]'")
    exec(snippets[1], {})
    assert re.fullmatch(r"\(20, 30, 3\) kind [01]\n", capsys.readouterr().out)


@pytest.mark.parametrize(("classes", "columns", "rows"), [(2, 2, 1), (13, 10, 2), (230, 10, 10)])
def test_every_class_has_its_picture_up_to_a_hundred(with_classes, classes, columns, rows):
    grid = class_grid(with_classes(classes))
    assert (grid.width // SIDE, grid.height // (SIDE + 48)) == (columns, rows)
    shown = range(classes) if classes <= 100 else [(2 * place + 1) * classes // 200 for place in range(100)]
    for place, label in enumerate(shown):
        x, y = SIDE // 2 + place % 10 * (SIDE + 10), SIDE // 2 + place // 10 * (SIDE + 48)
        assert grid.getpixel((x, y)) == COLOURS[label % 3]


@pytest.mark.parametrize(
    ("counts", "scale"),
    [
        ((30, 30, 11), "linear"),
        ((3000, 40, 1, 0), "log"),
        ((0, 0, 0), "linear"),
        ((500, 0, 0), "linear"),
        ((7,), "linear"),
    ],
)
def test_a_long_tail_gets_a_logarithmic_axis(counts, scale):
    figure = class_size_figure({"train": counts})
    (axes,) = figure.axes
    assert axes.get_yscale() == scale
    (curve, *_) = axes.lines
    heights = np.asarray(curve.get_ydata(), float)
    # Pairs of equal values are the steps; a class without images has no logarithm.
    empty = 0 if scale == "linear" else np.nan
    np.testing.assert_array_equal(heights[::2], [count or empty for count in sorted(counts)[::-1]])
