"""The open-world division and its lists, on generated samples."""

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fgtl.data.open_world.division import OpenWorld, OpenWorldKnobs, divide
from fgtl.data.open_world.lists import describe, lists_of, write_open_world
from fgtl.data.open_world.reader import read_open_world
from fgtl.datasets import Card, Sample
from fgtl.errors import DataError, UsageError

CARD = Card("wild", "folder")
# Super category -> classes of iNaturalist 2018, from the table on its official page.
INAT_2018 = {
    "Plantae": 2917,
    "Insecta": 2031,
    "Aves": 1258,
    "Actinopterygii": 369,
    "Fungi": 321,
    "Reptilia": 284,
    "Mollusca": 262,
    "Mammalia": 234,
    "Animalia": 178,
    "Amphibia": 144,
    "Arachnida": 114,
    "Chromista": 25,
    "Protozoa": 4,
    "Bacteria": 1,
}


def wild(sizes: list[int], groups: int = 1) -> list[Sample]:
    """Classes of these sizes, by turns in so many groups; every third image is for validation."""
    return [
        Sample(
            f"{label}-{number}",
            f"photos/group {label % groups}/{label:04d}/{number:04d}.jpg",
            label,
            f"species {label}",
            "validation" if number % 3 == 2 else "train",
            hierarchy=(f"group {label % groups}", f"species {label}"),
        )
        for label, size in enumerate(sizes)
        for number in range(size)
    ]


def inat_2018(images: int = 3) -> list[Sample]:
    """8,142 classes, so many images each, in the official folders and taxonomy."""
    supers = [name for name, classes in INAT_2018.items() for _ in range(classes)]
    return [
        Sample(
            f"{label}/{n}", f"train_val2018/{name}/{label}/{n}.jpg", label, f"{label:04d}", "train", hierarchy=(name,)
        )
        for label, name in enumerate(supers)
        for n in range(images)
    ]


def classes(images: Any) -> set[int]:
    return {image.label for image in images}


def roles(world: OpenWorld) -> dict[int, str]:
    named = {"known": world.labelled, "unknown": world.unlabelled_unknown, "test": world.test}
    return {label: role for role, images in named.items() for label in classes(images)}


# --- the division ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knobs", [OpenWorldKnobs(), OpenWorldKnobs(strata="taxonomy", seed=1)])
def test_inaturalist_2018_gives_the_published_numbers_of_classes(knobs) -> None:
    world = divide(inat_2018(), knobs)
    assert (len(classes(world.train)), len(classes(world.test))) == (5690, 2452)
    assert (len(classes(world.labelled)), len(classes(world.unlabelled_unknown))) == (948, 4742)
    # Of each super category, three in ten classes, rounded up.
    bounds = [sum(list(INAT_2018.values())[:place]) for place in range(len(INAT_2018) + 1)]
    held_out = [sum(low <= label < high for label in classes(world.test)) for low, high in pairwise(bounds)]
    assert held_out == [876, 610, 378, 111, 97, 86, 79, 71, 54, 44, 35, 8, 2, 1]


def test_the_default_share_gives_about_the_labelled_images_of_the_original() -> None:
    """47,414 images in 948 known classes: the original labels 29,011."""
    draw = random.Random(0)
    sizes = [draw.randint(5, 95) for _ in range(400)]
    world = divide(wild(sizes), OpenWorldKnobs(test_share=0.0, known_one_in=1))
    known = len(world.labelled) + len(world.unlabelled_known)
    assert len(world.labelled) / known == pytest.approx(29011 / 47414, abs=0.002)


sizes = st.lists(st.integers(0, 9), min_size=1, max_size=30)
knobs = st.builds(
    OpenWorldKnobs,
    seed=st.integers(0, 3),
    test_share=st.sampled_from([0.0, 0.1, 0.3, 0.5]),
    known_one_in=st.integers(1, 7),
    labelled_share=st.sampled_from([0.0, 0.3, 0.612, 1.0]),
    min_labelled=st.integers(1, 2),
    min_images=st.integers(3, 4),
)


def divided(samples: list[Sample], knobs: OpenWorldKnobs) -> OpenWorld:
    try:
        return divide(samples, knobs)
    except DataError as error:
        assert "No class is left for training" in str(error)
        assume(False)
        raise


@given(sizes, knobs, st.integers(1, 3))
def test_every_image_is_in_one_part_and_every_class_has_one_role(sizes, knobs, groups) -> None:
    samples = wild(sizes, groups)
    world = divided(samples, knobs)
    everything = world.train + world.test
    expected = [(s.path, s.id, s.label) for s in samples if sizes[s.label] >= knobs.min_images]
    assert sorted(everything) == sorted(expected)
    assert not classes(world.test) & classes(world.train)
    assert not classes(world.unlabelled_unknown) & classes(world.labelled)
    assert classes(world.unlabelled_known) == classes(world.labelled)
    assert len(classes(world.labelled)) == max(1, len(classes(world.train)) // knobs.known_one_in)


@given(sizes, knobs, st.integers(1, 3))
def test_shares_hold_in_every_group_and_every_known_class(sizes, knobs, groups) -> None:
    world = divided(wild(sizes, groups), knobs)
    enough = [label for label, size in enumerate(sizes) if size >= knobs.min_images]
    members = [[label for label in enough if label % groups == group] for group in range(groups)]
    alone = [label for labels in members if len(labels) == 1 for label in labels]
    for labels in [alone, *(labels for labels in members if len(labels) > 1)]:
        tenths = round(10 * knobs.test_share) * len(labels)
        assert sum(label in classes(world.test) for label in labels) == -(-tenths // 10)
    for label in classes(world.labelled):
        labelled = sum(image.label == label for image in world.labelled)
        assert knobs.min_labelled <= labelled < sizes[label]
        wanted = knobs.labelled_share * sizes[label]
        assert abs(labelled - wanted) <= 0.5 or labelled in (knobs.min_labelled, sizes[label] - 1)


@given(st.randoms(use_true_random=False), st.integers(0, 3))
def test_the_order_of_the_samples_plays_no_part(shuffler, seed) -> None:
    samples = wild([4, 5, 6, 7, 3, 9, 8], groups=2)
    shuffled = samples.copy()
    shuffler.shuffle(shuffled)
    assert divide(samples, OpenWorldKnobs(seed=seed)) == divide(shuffled, OpenWorldKnobs(seed=seed))


def test_seeds_draw_other_classes_and_other_images() -> None:
    one, other = (divide(wild([9] * 40), OpenWorldKnobs(seed=seed, known_one_in=1, test_share=0.3)) for seed in (0, 1))
    assert classes(one.test) != classes(other.test)
    both = classes(one.labelled) & classes(other.labelled)
    few, others = (divide(wild([9] * 40), OpenWorldKnobs(seed=seed, test_share=0.0)) for seed in (0, 1))
    assert classes(few.labelled) != classes(others.labelled)
    assert {i.id for i in one.labelled if i.label in both} != {i.id for i in other.labelled if i.label in both}


def test_adding_a_class_moves_few_others() -> None:
    before = roles(divide(wild([5] * 120), OpenWorldKnobs()))
    after = roles(divide(wild([5] * 121), OpenWorldKnobs()))
    assert sum(after[label] != role for label, role in before.items()) <= 2


def test_adding_an_image_moves_few_labels_and_no_class() -> None:
    before = divide(wild([10] * 12), OpenWorldKnobs())
    after = divide(wild([11] * 12), OpenWorldKnobs())
    assert roles(before) == roles(after)
    gone = set(before.labelled_as()) - set(after.labelled_as())
    assert len(gone) <= len(classes(before.labelled))


def test_only_the_pooled_splits_are_divided() -> None:
    world = divide(wild([9] * 10), OpenWorldKnobs(pool=("train",)))
    assert len(world.train + world.test) == 60
    assert not [image for image in world.train + world.test if int(image.id.split("-")[1]) % 3 == 2]


def test_without_groups_the_share_is_of_all_classes() -> None:
    # Three in ten, rounded up: twice 2 of 5 classes, but 3 of 10.
    assert len(classes(divide(wild([3] * 10, groups=2), OpenWorldKnobs()).test)) == 4
    assert len(classes(divide(wild([3] * 10, groups=2), OpenWorldKnobs(strata="none")).test)) == 3


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
def test_a_share_is_what_its_digits_say(share) -> None:
    # The float nearest to 0.1 is a little more: of 10 classes, rounded up, that would be 2.
    assert len(classes(divide(wild([3] * 10), OpenWorldKnobs(test_share=share)).test)) == round(10 * share)


def test_sub_folders_inside_class_folders_do_not_make_groups() -> None:
    samples = [
        Sample(f"{label}{n}", f"{label}/2019/{n}.jpg", label, f"{label}", "train")
        for label in range(10)
        for n in range(3)
    ]
    assert len(classes(divide(samples, OpenWorldKnobs()).test)) == 3


def test_training_sees_the_labels_of_l_in_only() -> None:
    world = divide(wild([9] * 10), OpenWorldKnobs())
    assert set(world.labelled_as()) == {image.id for image in world.labelled}
    assert set(world.true_label()) == {image.id for image in world.train + world.test}


def test_impossible_knobs_and_data_are_refused() -> None:
    with pytest.raises(UsageError, match=r"(?s)--min_images=3 and --min_labelled=3.*unlabelled image too"):
        OpenWorldKnobs(min_labelled=3)
    with pytest.raises(DataError, match=r"No class is left for training: 1 have 3 images or more, and 1 of them"):
        divide(wild([5]), OpenWorldKnobs())
    with pytest.raises(DataError, match="No class is left for training: 0 have"):
        divide([], OpenWorldKnobs())
    twins = [Sample(f"{n}", f"{n}.jpg", n % 2, "Wren", "train") for n in range(8)]
    with pytest.raises(DataError, match="labels 0 and 1 are both called 'Wren'"):
        divide(twins, OpenWorldKnobs())


# --- the lists ------------------------------------------------------------------------------------------------------


def written(
    folder: Path, samples: list[Sample], *, test_prefix: str = "", overwrite: bool = False, **more
) -> OpenWorld:
    knobs = OpenWorldKnobs(**more)
    world = divide(samples, knobs)
    about = describe(CARD, samples, world, knobs)
    write_open_world(folder, world, about, test_prefix=test_prefix, overwrite=overwrite)
    return world


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_lists_hold_paths_in_the_order_that_the_original_counts_on(tmp_path) -> None:
    world = written(tmp_path, wild([9] * 20))
    lines = {name: (tmp_path / name).read_text().splitlines() for name in lists_of(world)}
    lin, uin, uout = (lines[f"{part}_train_set1.txt"] for part in ("lin", "uin", "uout"))
    assert lines["train_set1.txt"] == lin + uin + uout
    assert lines["in_train_set1.txt"] == lin + uin
    assert lin[0].startswith("photos/group 0/")
    assert len(lines["train_set1.txt"]) + len(lines["test_set1.txt"]) == 180


def test_splits_json_tells_what_is_listed_and_by_which_rule(tmp_path) -> None:
    world = written(tmp_path, wild([9] * 20 + [2, 1]), seed=7)
    told = json.loads((tmp_path / "splits.json").read_text())
    assert (told["dataset"], told["rule"]["seed"], told["rule"]["labelled_share"]) == ("wild", 7, 0.612)
    assert set(told["rule"]) == set(OpenWorldKnobs.__dataclass_fields__)
    assert told["left_out"] == {"classes": 2, "images": 3}
    assert told["lists"]["train_set1.txt"]["images"] == len(world.train)
    assert told["lists"]["test_set1.txt"]["classes"] == 6
    assert {len(told["classes"][role]) for role in ("known", "unknown", "test")} == {2, 12, 6}
    assert {int(label) for label in told["classes"]["test"]} == classes(world.test)
    assert all(name == f"species {label}" for label, name in told["classes"]["known"].items())


@pytest.mark.parametrize("prefix", ["", "Inaturalist_"])
def test_what_is_written_is_read_back_with_and_without_the_samples(tmp_path, prefix) -> None:
    samples = wild([9, 4, 7, 5, 6, 8, 3, 9, 9], groups=2)
    world = written(tmp_path, samples, test_prefix=prefix)
    assert (tmp_path / f"{prefix}test_set1.txt").is_file()
    assert read_open_world(tmp_path) == world
    assert read_open_world(tmp_path, samples) == world


def test_odd_ids_and_paths_are_read_back(tmp_path) -> None:
    samples = [
        Sample(f'{n},"\n\r', f'a b/ü "{label}", x/{n}: {label}.jpg', label, f"{label}", "train")
        for label in range(6)
        for n in range(6 * label, 6 * label + 6)
    ]
    world = written(tmp_path, samples)
    assert read_open_world(tmp_path) == world


def test_lists_from_elsewhere_are_read_with_the_samples(tmp_path) -> None:
    samples = wild([9] * 10)
    world = written(tmp_path, samples)
    for name in ("splits.json", "true_labels.csv", "train_set1.txt", "in_train_set1.txt"):
        (tmp_path / name).unlink()
    lines = (tmp_path / "uin_train_set1.txt").read_text().splitlines()
    (tmp_path / "uin_train_set1.txt").write_bytes("\r\n".join(reversed(lines)).encode())
    read = read_open_world(tmp_path, samples)
    assert read.unlabelled_known == world.unlabelled_known[::-1]
    with pytest.raises(DataError, match=r"(?s)true_labels\.csv does not exist.*read together with the data set"):
        read_open_world(tmp_path)


def test_the_same_again_writes_nothing_and_elsewhere_the_same_bytes(tmp_path) -> None:
    samples = wild([9] * 10)
    written(tmp_path / "a", samples)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    written(tmp_path / "a", samples[::-1])
    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    written(tmp_path / "b", samples)
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_other_lists_stay_until_overwrite_and_other_files_always(tmp_path) -> None:
    samples = wild([9] * 10)
    written(tmp_path, samples, test_prefix="Inaturalist_")
    (tmp_path / "categories.json").write_text("{}")
    before = content(tmp_path)
    with pytest.raises(DataError, match=r"(?s)has lists made from something else: .*splits\.json.*--overwrite"):
        written(tmp_path, samples, seed=1)
    assert content(tmp_path) == before
    world = written(tmp_path, samples, seed=1, overwrite=True)
    assert not (tmp_path / "Inaturalist_test_set1.txt").exists()
    assert (tmp_path / "categories.json").read_text() == "{}"
    assert read_open_world(tmp_path) == world


def test_an_interrupted_run_is_finished_by_the_same_command(tmp_path) -> None:
    samples = wild([9] * 10)
    world = written(tmp_path, samples)
    whole = content(tmp_path)
    (tmp_path / "splits.json").unlink()
    (tmp_path / "test_set1.txt").unlink()
    assert written(tmp_path, samples) == world
    assert content(tmp_path) == whole


def test_damaged_splits_json_can_be_overwritten(tmp_path) -> None:
    world = written(tmp_path, wild([9] * 10))
    (tmp_path / "splits.json").write_text('{"lists": 3}')
    with pytest.raises(DataError, match="does not tell of lists"):
        read_open_world(tmp_path)
    assert written(tmp_path, wild([9] * 10), overwrite=True) == world == read_open_world(tmp_path)


@pytest.mark.parametrize("path", ["a\nb.jpg", "a\rb.jpg", "a\u2028b.jpg", " a.jpg", "a.jpg ", "a\udcff.jpg"])
def test_paths_that_cannot_stand_on_a_line_are_refused(tmp_path, path) -> None:
    samples = wild([9] * 10)
    samples[0] = Sample(samples[0].id, path, 0, samples[0].class_name, "train")
    with pytest.raises(DataError, match="cannot stand on a line|is not UTF-8"):
        written(tmp_path / "lists", samples)
    assert not (tmp_path / "lists").exists()


def test_an_image_listed_twice_is_refused(tmp_path) -> None:
    samples = wild([9] * 10)
    again = Sample("again", samples[0].path, 3, samples[30].class_name, "train")
    with pytest.raises(DataError, match=f"Two images have the path {samples[0].path!r}"):
        written(tmp_path, [*samples, again])


@pytest.mark.parametrize("prefix", ["../", "a/", ".", "a\n"])
def test_a_prefix_that_makes_no_file_name_is_refused(tmp_path, prefix) -> None:
    with pytest.raises(UsageError, match="--test_prefix"):
        written(tmp_path, wild([9] * 10), test_prefix=prefix)


def test_a_file_in_the_folders_place_is_named(tmp_path) -> None:
    (tmp_path / "lists").write_text("")
    with pytest.raises(DataError, match="lists is a file"):
        written(tmp_path / "lists", wild([9] * 10))


@pytest.mark.parametrize("name", ["lin_train_set1.txt", "train_set1.txt", "test_set1.txt", "true_labels.csv"])
def test_a_list_that_was_changed_is_named(tmp_path, name) -> None:
    written(tmp_path, wild([9] * 10))
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(text + text.splitlines()[-1].replace("0", "1") + "\n")
    with pytest.raises(DataError, match=rf"(?s)/{name} is not the list that splits\.json tells of.*--overwrite"):
        read_open_world(tmp_path)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("uin", "lin", r"lin_train_set1\.txt|uin_train_set1\.txt line 1: the image .* is already on line"),
        ("test", "uout", r"test_set1\.txt line \d+: the image .* is already on line"),
    ],
)
def test_an_image_in_two_lists_is_named(tmp_path, source, target, message) -> None:
    samples = wild([9] * 10)
    written(tmp_path, samples)
    (tmp_path / "splits.json").unlink()
    name = {
        "uin": "uin_train_set1.txt",
        "test": "test_set1.txt",
        "uout": "uout_train_set1.txt",
        "lin": "lin_train_set1.txt",
    }
    with (tmp_path / name[target]).open("a") as file:
        file.write((tmp_path / name[source]).read_text().splitlines()[0] + "\n")
    with pytest.raises(DataError, match=message):
        read_open_world(tmp_path, samples)


@pytest.mark.parametrize(
    ("source", "target", "problem"),
    [
        ("uout_train_set1.txt", "uin_train_set1.txt", "its class has no labelled image"),
        ("uin_train_set1.txt", "uout_train_set1.txt", "its class has labelled images"),
        ("uout_train_set1.txt", "test_set1.txt", "its class has training images"),
    ],
)
def test_an_image_in_a_part_of_other_classes_is_named(tmp_path, source, target, problem) -> None:
    samples = wild([9] * 10)
    written(tmp_path, samples)
    (tmp_path / "splits.json").unlink()
    moved, *rest = (tmp_path / source).read_text().splitlines()
    (tmp_path / source).write_text("\n".join(rest))
    (tmp_path / target).write_text(f"{moved}\n{(tmp_path / target).read_text()}")
    with pytest.raises(DataError, match=rf"{target} line 1: '{moved}' does not belong here: {problem}"):
        read_open_world(tmp_path, samples)


def test_wrong_lists_and_tables_are_named(tmp_path) -> None:
    samples = wild([9] * 10)
    with pytest.raises(DataError, match=r"has no test_set1\.txt"):
        read_open_world(tmp_path, samples)
    written(tmp_path, samples)
    (tmp_path / "splits.json").unlink()
    table = (tmp_path / "true_labels.csv").read_text()
    (tmp_path / "true_labels.csv").write_text(table.replace(",1\n", ",one\n", 1))
    with pytest.raises(DataError, match=r"(?s)true_labels\.csv line \d+ cannot be read.*path,id,label"):
        read_open_world(tmp_path)
    (tmp_path / "test_set1.txt").write_text("photos/none.jpg\n")
    with pytest.raises(DataError, match=r"test_set1\.txt line 1: 'photos/none\.jpg' is not an image of the data set"):
        read_open_world(tmp_path, samples)
    (tmp_path / "Inaturalist_test_set1.txt").write_text("")
    with pytest.raises(DataError, match=r"has 2 lists of test images: Inaturalist_test_set1\.txt, test_set1\.txt"):
        read_open_world(tmp_path, samples)
    (tmp_path / "Inaturalist_test_set1.txt").unlink()
    (tmp_path / "uin_train_set1.txt").unlink()
    with pytest.raises(DataError, match=r"uin_train_set1\.txt does not exist"):
        read_open_world(tmp_path, samples)


def test_newer_lists_are_refused(tmp_path) -> None:
    written(tmp_path, wild([9] * 10))
    told = json.loads((tmp_path / "splits.json").read_text())
    (tmp_path / "splits.json").write_text(json.dumps({**told, "schema": 2}))
    with pytest.raises(DataError, match=r"splits\.json has schema 2"):
        read_open_world(tmp_path)
