"""The reader of ImageNet's ILSVRC 2012: validation images sorted and flat, each of the lists that label them."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from fgtl.converters import READERS
from fgtl.datasets import Card, Sample, load_card
from fgtl.downloads import FolderTree, Listing
from fgtl.errors import DataError

Write = Callable[..., None]
CARD = Card("small", "imagenet", images={"train": 5, "validation": 3})
# In the devkit's numbering, which is not that of the sorted wnids; 1001 is a synset above others.
SYNSETS = [(1, "n02119789", "kit fox"), (2, "n01440764", "tench, Tinca tinca"), (3, "n02012849", "crane")]
HIGHER = (1001, "n00001740", "entity")
TRAIN = ["n02119789/n02119789_1.JPEG", "n01440764/n01440764_10026.JPEG", "n01440764/n01440764_2.JPEG"]
MORE = ["n02012849/n02012849_5.JPEG", "n02012849/n02012849_6.JPEG"]
WNIDS = ["n02012849", "n02119789", "n01440764"]  # of the validation images 1, 2, 3
DEVKIT = "ILSVRC2012_devkit_t12/data"


@pytest.fixture
def root(tmp_path: Path, write: Write) -> Path:
    write(tmp_path, *(f"train/{name}" for name in TRAIN + MORE))
    return tmp_path


@pytest.fixture
def flat(root: Path, write: Write) -> Path:
    write(root, *(f"val/ILSVRC2012_val_{number:08d}.JPEG" for number in (1, 2, 3)))
    return root


def read(root: Path, card: Card = CARD) -> list[Sample]:
    return list(READERS["imagenet"](card, FolderTree(root)))


def write_devkit(root: Path, synsets: list[tuple[int, str, str]], numbers: list[int]) -> None:
    """meta.mat as the devkit has it: an (N, 1) struct array; and the validation images' ILSVRC2012_IDs."""
    kinds = [("ILSVRC2012_ID", object), ("WNID", object), ("words", object), ("gloss", object)]
    kinds += [("num_children", object), ("children", object), ("wordnet_height", object), ("num_train_images", object)]
    rows = np.zeros((len(synsets), 1), kinds)
    for row, (number, wnid, words) in enumerate(synsets):
        children = np.array([[1, 2, 3]] if number > 1000 else [[]], np.uint8)
        facts = (np.uint16(number), wnid, words, "a gloss", children.size, children, 0, 1300)
        for (kind, _), fact in zip(kinds, facts, strict=True):
            rows[kind][row, 0] = fact
    (root / DEVKIT).mkdir(parents=True)
    savemat(root / DEVKIT / "meta.mat", {"synsets": rows})
    lines = "".join(f"{number}\n" for number in numbers)
    (root / DEVKIT / "ILSVRC2012_validation_ground_truth.txt").write_text(lines)


def validation(samples: list[Sample]) -> list[tuple[str, int]]:
    return [(sample.id, sample.label) for sample in samples if sample.split == "validation"]


FLAT = [("ILSVRC2012_val_00000001", 1), ("ILSVRC2012_val_00000002", 2), ("ILSVRC2012_val_00000003", 0)]


def test_training_classes_are_the_sorted_wnids(flat: Path) -> None:
    (flat / "imagenet_2012_validation_synset_labels.txt").write_text("\n".join(WNIDS))
    samples = read(flat)
    assert samples[0] == Sample("n01440764_10026", "train/n01440764/n01440764_10026.JPEG", 0, "n01440764", "train")
    assert [sample.label for sample in samples if sample.split == "train"] == [0, 0, 1, 1, 2]


def test_a_flat_validation_folder_with_the_list_of_synsets(flat: Path) -> None:
    (flat / "imagenet_2012_validation_synset_labels.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(WNIDS).encode())
    assert validation(read(flat)) == FLAT


def test_a_flat_validation_folder_with_the_devkit_whose_ids_are_not_sorted_wnids(flat: Path) -> None:
    write_devkit(flat, [*SYNSETS, HIGHER], [3, 1, 2])
    samples = read(flat)
    assert validation(samples) == FLAT
    assert samples[0].class_name == "tench, Tinca tinca"


def test_a_flat_validation_folder_with_kaggles_solution_in_kaggles_folders(tmp_path: Path, write: Write) -> None:
    top = "ILSVRC/Data/CLS-LOC"
    write(tmp_path, *(f"{top}/train/{name}" for name in TRAIN + MORE))
    write(tmp_path, *(f"{top}/val/ILSVRC2012_val_{number:08d}.JPEG" for number in (1, 2, 3)))
    rows = [f"ILSVRC2012_val_{place:08d},{wnid} 85 1 499 272 {wnid} 1 2 3 4" for place, wnid in enumerate(WNIDS, 1)]
    (tmp_path / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *reversed(rows)]))
    (tmp_path / "LOC_synset_mapping.txt").write_text("n01440764 tench\nn02012849 crane\nn02119789 crane\nn1\n"[:-4])
    samples = read(tmp_path)
    assert validation(samples) == FLAT
    assert samples[0].path == f"{top}/train/n01440764/n01440764_10026.JPEG"
    assert [sample.class_name for sample in samples[1:5:2]] == ["tench", "crane (n02012849)"]
    assert samples[4].class_name == "crane (n02119789)", "two classes share a name"


def test_sorted_validation_images_need_no_list(root: Path, write: Write) -> None:
    write(root, *(f"val/{wnid}/ILSVRC2012_val_{place:08d}.JPEG" for place, wnid in enumerate(WNIDS, 1)))
    assert sorted(validation(read(root))) == FLAT


def test_names_separated_by_a_tab_as_in_slims_list(flat: Path) -> None:
    (flat / "imagenet_2012_validation_synset_labels.txt").write_text("\n".join(WNIDS))
    (flat / "imagenet_metadata.txt").write_text("".join(f"{wnid}\t{words}\n" for _, wnid, words in [*SYNSETS, HIGHER]))
    assert read(flat)[0].class_name == "tench, Tinca tinca"
    (flat / "imagenet_metadata.txt").write_text("n01440764\ttench\n")
    with pytest.raises(DataError, match="has no name for the synset n02012849"):
        read(flat)


def test_validation_images_without_any_list_are_refused(flat: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)no list that says.*imagenet_2012_validation_synset_labels\.txt"):
        read(flat)


def test_a_missing_validation_set_is_named_unless_the_card_has_none(root: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)val holds no images.*ILSVRC2012_img_val\.tar"):
        read(root, load_card("imagenet_1k"))
    assert len(read(root, Card("small", "imagenet"))) == 5


def test_a_missing_training_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)train holds no images.*ILSVRC2012_img_train\.tar should have 147,897"):
        read(tmp_path, load_card("imagenet_1k"))


def test_archives_inside_train_must_be_unpacked(root: Path) -> None:
    (root / "train/n03000134.tar").write_bytes(b"")
    with pytest.raises(DataError, match=r"(?s)n03000134\.tar is an archive inside train.*folder n03000134"):
        read(root)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("train/cat/1.JPEG", "lies in no synset's folder"),
        ("train/loose.JPEG", "lies in no synset's folder"),
        ("train/n01440764/deeper/1.JPEG", "lies in no synset's folder"),
        ("val/n09999999/ILSVRC2012_val_00000001.JPEG", "is of the synset n09999999, of which train has no images"),
    ],
)
def test_an_image_in_the_wrong_place_is_named(root: Path, write: Write, place: str, message: str) -> None:
    write(root, place)
    with pytest.raises(DataError, match=message):
        read(root)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("n02012849\nn02119789\n", r"ILSVRC2012_val_00000003\.JPEG is not among the 2 images of the list"),
        ("n02012849\nn02119789\nn01440764\nn01440764", r"(?s)val holds 3 images.*Expected 4"),
        ("n02012849\n7\nn01440764", r"labels\.txt line 2: '7' is no WordNet id"),
        ("n02012849\nn09999999\nn01440764", "is of the synset n09999999"),
    ],
)
def test_a_wrong_list_of_synsets_is_named(flat: Path, lines: str, message: str) -> None:
    (flat / "imagenet_2012_validation_synset_labels.txt").write_text(lines)
    with pytest.raises(DataError, match=message):
        read(flat)


def test_a_wrong_devkit_is_named(flat: Path) -> None:
    write_devkit(flat, SYNSETS, [3, 9, 2])
    with pytest.raises(DataError, match=r"ground_truth\.txt line 2: ILSVRC2012_ID 9 is not in meta\.mat"):
        read(flat)
    (flat / DEVKIT / "meta.mat").write_bytes(b"not MATLAB")
    with pytest.raises(DataError, match=r"meta\.mat"):
        read(flat)
    (flat / DEVKIT / "meta.mat").unlink()
    with pytest.raises(DataError, match=r"meta\.mat does not exist"):
        read(flat)


def test_a_synset_that_is_there_twice_is_named(flat: Path) -> None:
    write_devkit(flat, [*SYNSETS, SYNSETS[0]], [3, 1, 2])
    with pytest.raises(DataError, match=r"meta\.mat entry 4: ILSVRC2012_ID 1 is there twice"):
        read(flat)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("ILSVRC2012_val_00000002", "line 3: .* cannot be read"),
        ("two,n02119789 1 2 3 4", "line 3: .* cannot be read"),
        ("ILSVRC2012_val_00000002,cat 1 2 3 4", "line 3: .* is no WordNet id"),
        ("ILSVRC2012_val_00000001,n02119789 1 2 3 4", "line 3: validation image 1 is already on line 2"),
    ],
)
def test_a_wrong_solution_is_named(flat: Path, row: str, message: str) -> None:
    first = "ILSVRC2012_val_00000001,n02012849 1 2 3 4"
    (flat / "LOC_val_solution.csv").write_text(f"ImageId,PredictionString\n{first}\n{row}\n")
    with pytest.raises(DataError, match=message):
        read(flat)


def test_a_listed_synset_twice_is_named(flat: Path) -> None:
    (flat / "imagenet_2012_validation_synset_labels.txt").write_text("\n".join(WNIDS))
    (flat / "synset_words.txt").write_text("n01440764 tench\nn01440764 carp\n")
    with pytest.raises(DataError, match=r"synset_words\.txt line 2: the synset 'n01440764' is already on line 1"):
        read(flat)


class Whole(FolderTree):
    """As many names of images as the whole set has."""

    def walk(self, folder: str = "") -> Iterator[str]:
        counts = [1300] * 895 + [1120] * 104
        counts.append(1_281_167 - sum(counts))
        for number, count in enumerate(counts):
            of_class = range(count) if folder == "train" else range(count, count + 50)
            yield from (f"{folder}/n{number:08d}/n{number:08d}_{image}.JPEG" for image in of_class)

    def list(self, folder: str = "") -> Listing:
        return Listing(folders=("n00000000",))


@pytest.mark.slow
def test_the_whole_set_has_the_counts_of_its_card(tmp_path: Path) -> None:
    samples = list(READERS["imagenet"](load_card("imagenet_1k"), Whole(tmp_path)))
    assert Counter(sample.split for sample in samples) == {"train": 1_281_167, "validation": 50_000}
    assert {sample.label for sample in samples} == set(range(1000))
