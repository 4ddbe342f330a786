"""Chosen classes, thinned training images and a user's test list, on samples that need no files."""

import hashlib
import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.data.subset import Subset, SubsetKnobs, subset
from fgtl.datasets import Card, Sample
from fgtl.errors import DataError, UsageError

CARD = Card("birds", "folder", title="Birds", classes=5, images={"train": 20, "test": 10})
NAMES = ["Robin", "Wren", "Song thrush", "Owl, barn", "Kite"]


def birds() -> list[Sample]:
    """Five classes of four training and two test images, listed one of each class after the other."""
    return [
        Sample(
            f"id{row}", f"images/{NAMES[row % 5]}/{row} a.jpg", row % 5, NAMES[row % 5], "train" if row < 20 else "test"
        )
        for row in range(30)
    ]


def unsplit() -> list[Sample]:
    """The same, but the later images are for validation."""
    return [
        Sample(s.id, s.path, s.label, s.class_name, "train" if s.split == "train" else "validation") for s in birds()
    ]


def chosen(classes: str = "", samples: list[Sample] | None = None, **knobs: object) -> Subset:
    return subset(CARD, birds() if samples is None else samples, SubsetKnobs(classes=classes, **knobs), seed=0)


def test_nothing_asked_changes_nothing() -> None:
    samples = birds()
    part = chosen(samples=samples)
    assert part.samples is samples
    assert part.card is CARD
    assert part.settings == {"classes": None, "max_per_class": None, "test_list": None}


# --- classes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Kite,Wren", " Wren , Kite ,", "1,4", "4,Wren", "@list", "list"])
def test_classes_by_name_label_or_file_are_numbered_anew_in_official_order(text, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("list").write_bytes(b"\xef\xbb\xbfKite\r\n\r\n 1 \r\n")
    part = chosen(text)
    assert {(sample.label, sample.class_name) for sample in part.samples} == {(0, "Wren"), (1, "Kite")}
    assert [sample.id for sample in part.samples] == [s.id for s in birds() if s.class_name in ("Wren", "Kite")]
    assert (part.card.classes, part.card.images) == (2, {})
    assert part.settings["classes"] == {"chosen": 2, "sha256": hashlib.sha256(b"Wren\nKite\n").hexdigest()}


def test_a_sample_keeps_everything_but_its_label() -> None:
    kite = next(sample for sample in chosen("Kite").samples if sample.id == "id4")
    assert kite == Sample("id4", "images/Kite/4 a.jpg", 0, "Kite", "train")


def test_a_name_with_a_comma_is_one_class_alone_and_in_a_file(tmp_path) -> None:
    (tmp_path / "list.txt").write_text("Owl, barn\nKite\n")
    assert {sample.class_name for sample in chosen("Owl, barn").samples} == {"Owl, barn"}
    assert {sample.class_name for sample in chosen(f"{tmp_path}/list.txt").samples} == {"Owl, barn", "Kite"}
    with pytest.raises(UsageError, match="A name that holds a comma goes into a file"):
        chosen("Owl, barn,Kite")


def test_a_number_is_a_name_where_classes_are_called_by_numbers() -> None:
    flowers = [Sample(str(row), f"{row}.jpg", row, str(row + 1), "train") for row in range(3)]
    assert [sample.id for sample in chosen("1,2", flowers).samples] == ["0", "1"]
    with pytest.raises(UsageError, match=r"(?s)Birds has no class '0'.*a name of one of its 3 classes"):
        chosen("0", flowers)


def test_more_names_than_a_file_name_can_hold() -> None:
    many = [Sample(str(row), f"{row}.jpg", row, f"species of bird {row}", "train") for row in range(500)]
    part = chosen(",".join(sample.class_name for sample in many[::2]), many)
    assert len(part.samples) == 250


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Wren,Rabin",
            r"(?s)--classes: Birds has no class 'Rabin'.*name or a label.*5 classes.*Did you mean 'Robin'\?",
        ),
        ("5", r"--classes: Birds has no class '5'"),
        ("-1", r"--classes: Birds has no class '-1'"),
        ("Wren,1", r"--classes: the class 'Wren' is named already \(--classes\)"),
        (" , ", r"--classes= ,  names no class"),
        ("lists/none.txt", r"(?s)has no class 'lists/none.txt'.*or a text file of them"),
    ],
)
def test_a_wrong_class_on_the_command_line_is_a_usage_error(text, message) -> None:
    with pytest.raises(UsageError, match=message):
        chosen(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Kite\nRabin\n", r"(?s)list\.txt line 2: Birds has no class 'Rabin'.*Did you mean 'Robin'\?"),
        (b"Kite\n\n4\n", r"list\.txt line 3: the class 'Kite' is named already \(.*list\.txt line 1\)"),
        (b"Kite\n\xff\n", r"list\.txt line 2 is not UTF-8"),
        (b"Robin,Wren\n", r"list\.txt line 1: Birds has no class 'Robin,Wren'"),
    ],
)
def test_a_wrong_line_of_a_class_file_is_named(content, message, tmp_path) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        chosen(f"@{tmp_path}/list.txt")


def test_class_files_that_are_empty_missing_or_folders(tmp_path) -> None:
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(UsageError, match="names no class"):
        chosen(f"@{tmp_path}/empty")
    with pytest.raises(DataError, match="none does not exist"):
        chosen(f"@{tmp_path}/none")
    with pytest.raises(DataError, match="is a folder, not a file"):
        chosen(f"@{tmp_path}")


def test_two_classes_of_one_name_are_told_apart_by_label() -> None:
    twins = [Sample(str(row), f"{row}.jpg", row, "Wren", "train") for row in range(2)]
    assert [sample.id for sample in chosen("1", twins).samples] == ["1"]
    with pytest.raises(UsageError, match=r"(?s)2 classes are called 'Wren'.*one of 0, 1"):
        chosen("Wren", twins)


# --- exclude --------------------------------------------------------------------------------------------------------


def test_images_of_a_list_of_ids_are_left_out_whatever_their_split(tmp_path) -> None:
    file = tmp_path / "exclude.txt"
    file.write_text("id3\n\nid27\n")
    part = chosen(exclude=file)
    assert [sample.id for sample in part.samples] == [s.id for s in birds() if s.id not in ("id3", "id27")]
    assert part.card.images == {}
    assert part.settings["exclude"] == {"images": 2, "sha256": hashlib.sha256(b"id3\nid27\n").hexdigest()}


def test_an_empty_list_of_images_to_leave_out_changes_nothing(tmp_path) -> None:
    file = tmp_path / "exclude.txt"
    file.write_text("\n")
    part = chosen(exclude=file)
    assert (len(part.samples), part.card, "exclude" in part.settings) == (30, CARD, False)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("id3\nid33\n", r"exclude.txt line 2: 'id33' is not the id.*\n.*2 ids, one a line; 1 are.*\n.*mean"),
        ("id3\nid3\n", r"exclude.txt line 2: the id 'id3' is already on line 1"),
    ],
)
def test_an_id_to_leave_out_is_there_and_named_once(tmp_path, lines, message) -> None:
    file = tmp_path / "exclude.txt"
    file.write_text(lines)
    with pytest.raises(DataError, match=message):
        chosen(exclude=file)


# --- max_per_class --------------------------------------------------------------------------------------------------


@given(st.permutations(range(30)), st.integers(0, 5), st.integers(1, 4))
def test_a_larger_number_holds_the_images_of_a_smaller_one_however_they_are_listed(order, seed, most) -> None:
    shuffled = [birds()[row] for row in order]
    fewer = subset(CARD, birds(), SubsetKnobs(max_per_class=most), seed).samples
    more = subset(CARD, shuffled, SubsetKnobs(max_per_class=most + 1), seed).samples
    assert {sample.id for sample in fewer} <= {sample.id for sample in more}
    assert [sample.id for sample in more] == [s.id for s in shuffled if s.id in {sample.id for sample in more}]
    again = subset(CARD, shuffled, SubsetKnobs(max_per_class=most), seed).samples
    assert {sample.id for sample in fewer} == {sample.id for sample in again}
    for label in range(5):
        assert sum(sample.label == label and sample.split == "train" for sample in fewer) == most


def test_evaluation_splits_stay_whole_and_seeds_differ() -> None:
    kept = [
        {sample.id for sample in subset(CARD, birds(), SubsetKnobs(max_per_class=1), seed).samples} for seed in (0, 1)
    ]
    assert kept[0] != kept[1]
    assert all({f"id{row}" for row in range(20, 30)} <= ids and len(ids) == 15 for ids in kept)
    whole = [sample for sample in unsplit() if sample.split == "validation"]
    assert [s for s in chosen(samples=unsplit(), max_per_class=1).samples if s.split == "validation"] == whole


def test_which_images_are_kept_does_not_depend_on_the_other_classes() -> None:
    alone = {sample.id for sample in chosen("Kite", max_per_class=2).samples}
    among = {sample.id for sample in chosen(max_per_class=2).samples if sample.class_name == "Kite"}
    assert alone == among


def test_a_number_no_class_reaches_keeps_all_but_is_on_record() -> None:
    part = chosen(max_per_class=4)
    assert part.samples == birds()
    assert part.settings["max_per_class"] == 4


# --- test_list ------------------------------------------------------------------------------------------------------

SUPER = [  # the mini-val list of the iNaturalist-2017 transfer paper has 9,697 images of these 13 groups
    *("Plantae", "Aves", "Insecta", "Reptilia", "Mammalia", "Amphibia", "Fungi"),
    *("Mollusca", "Animalia", "Arachnida", "Actinopterygii", "Chromista", "Protozoa"),
]


def inat() -> list[Sample]:
    """A small set like iNaturalist-2017: 13 groups of two species, train and validation, blanks in the paths."""
    samples = []
    for label in range(26):
        name = f"Genus species{label}" + (" subspecies" if label % 5 == 0 else "")
        for number in range(6):
            file = hashlib.md5(f"{label} {number}".encode(), usedforsecurity=False).hexdigest()
            path = f"train_val_images/{SUPER[label // 2]}/{name}/{file}.jpg"
            split = "train" if number < 3 else "validation"
            samples.append(Sample(str(len(samples)), path, label, name, split, hierarchy=(SUPER[label // 2], name)))
    return samples


def minival(tmp_path: Path) -> tuple[Path, list[str]]:
    """A list as the paper's (acceptance C4; the real one is not at hand): unsorted, without labels, with blanks."""
    paths = [sample.path for sample in inat() if sample.split == "validation" and int(sample.id) % 6 == 3]
    random.Random(0).shuffle(paths)
    (tmp_path / "inat_minival.txt").write_text("".join(f"{path}\n" for path in paths))
    return tmp_path / "inat_minival.txt", paths


def test_listed_images_become_the_test_split_and_all_others_training(tmp_path) -> None:
    file, paths = minival(tmp_path)
    part = chosen(samples=inat(), test_list=file)
    splits = {sample.path: sample.split for sample in part.samples}
    assert len(paths) == 26
    assert {path for path, split in splits.items() if split == "test"} == set(paths)
    assert set(splits.values()) == {"train", "test"}
    assert len({sample.hierarchy[0] for sample in part.samples if sample.split == "test"}) == 13
    assert [(s.id, s.label, s.hierarchy) for s in part.samples] == [(s.id, s.label, s.hierarchy) for s in inat()]
    assert part.settings["test_list"] == {"images": 26, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    assert (part.card.classes, part.card.images) == (5, {})


def test_line_ends_and_byte_order_marks_of_a_test_list_do_not_matter(tmp_path) -> None:
    file, paths = minival(tmp_path)
    plain = chosen(samples=inat(), test_list=file)
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(f"./{path}  " for path in paths).encode())
    assert chosen(samples=inat(), test_list=file) == plain


def test_list_classes_and_number_together(tmp_path) -> None:
    file, _ = minival(tmp_path)
    part = chosen("24,25", inat(), test_list=file, max_per_class=2)
    assert [(sample.label, sample.split) for sample in part.samples].count((0, "train")) == 2
    assert [(sample.label, sample.split) for sample in part.samples].count((1, "test")) == 1
    assert part.samples[0].hierarchy[0] == "Protozoa"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Aves/none.jpg", r"minival\.txt line 27: 'Aves/none\.jpg' is not an image of Birds"),
        ("x/{file}", r"(?s)line 27: 'x/.*27 paths as the data set has them; 26 are.*Did you mean 'train_val_images/"),
        ("{first}", r"minival\.txt line 27: the image .* is already on line 1 of inat_minival\.txt"),
        ("../x.jpg", r"minival\.txt line 27: '\.\./x\.jpg' leads out of"),
    ],
)
def test_a_wrong_line_of_a_test_list_is_named(line, message, tmp_path) -> None:
    file, paths = minival(tmp_path)
    with file.open("a") as output:
        output.write(line.format(first=paths[0], file=paths[0].rpartition("/")[2]) + "\n")
    with pytest.raises(DataError, match=message):
        chosen(samples=inat(), test_list=file)


def test_test_lists_that_are_empty_or_missing(tmp_path) -> None:
    (tmp_path / "empty").write_text("")
    with pytest.raises(DataError, match="empty lists no image"):
        chosen(samples=inat(), test_list=tmp_path / "empty")
    with pytest.raises(DataError, match="none does not exist"):
        chosen(samples=inat(), test_list=tmp_path / "none")


def test_an_official_test_split_is_not_trained_on(tmp_path) -> None:
    (tmp_path / "list").write_text(birds()[0].path)
    with pytest.raises(UsageError, match=r"Birds has a test split of its own, of 10 images"):
        chosen(test_list=tmp_path / "list")


# --- what is left ---------------------------------------------------------------------------------------------------


def test_a_class_without_training_images_is_a_warning_and_none_at_all_an_error(tmp_path, capsys) -> None:
    robins = [sample.path for sample in unsplit() if sample.label == 0]
    (tmp_path / "list").write_text("\n".join(robins))
    part = chosen(samples=unsplit(), test_list=tmp_path / "list")
    assert {sample.label for sample in part.samples if sample.split == "train"} == {1, 2, 3, 4}
    assert "Birds: 1 of 5 classes have no training image now" in capsys.readouterr().err
    with pytest.raises(DataError, match="No training image of Birds is left"):
        chosen("Robin", samples=unsplit(), test_list=tmp_path / "list")


def test_a_whole_data_set_gives_no_warning(capsys) -> None:
    chosen("Kite", max_per_class=1)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_time_grows_with_the_samples_only() -> None:
    samples = [
        Sample(str(row), f"{row % 2000}/{row}.jpg", row % 2000, str(row % 2000), "train") for row in range(100_000)
    ]
    start = time.process_time()
    part = subset(CARD, samples, SubsetKnobs(classes=",".join(map(str, range(1, 2000))), max_per_class=10), 0)
    assert len(part.samples) == 19_990
    assert time.process_time() - start < 10  # under 1 s when nothing else runs
