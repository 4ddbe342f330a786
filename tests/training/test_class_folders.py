"""Which photographs lie in folders that are called after classes, and what is said of the others."""

from pathlib import Path

import pytest

from fgtl.training.class_folders import read_class_folders

NAMES = ("robin", "wren", "bullfinch")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("robin/1.jpg", "wren/2.jpg", "wren/nest/3.jpg", "wrenn/4.jpg", "misc/5.jpg", "misc/6.jpg", "7.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_sub_folders_called_as_classes_are_labels_at_any_depth(photos: Path) -> None:
    found = read_class_folders([str(photos)], files(photos), NAMES)
    assert {str(path.relative_to(photos)): label for path, label in found.labels.items()} == {
        "robin/1.jpg": 0,
        "wren/2.jpg": 1,
        "wren/nest/3.jpg": 1,
    }
    assert found.strangers == {"": 1, "misc": 2, "wrenn": 1}
    assert found.left_out().splitlines() == [
        "4 images count in no figure:",
        "  2 in 'misc', which is no class of the run.",
        "  1 in 'wrenn', which is no class of the run. Did you mean 'wren'?",
        "  1 in no sub-folder.",
    ]


def test_a_folder_whose_sub_folders_are_no_classes_says_nothing(photos: Path) -> None:
    found = read_class_folders([str(photos)], files(photos), ("eagle", "owl"))
    assert (found.labels, found.strangers, found.left_out()) == ({}, {}, "")


def test_a_folder_of_one_class_and_single_files_say_nothing(photos: Path) -> None:
    named = [photos / "wren", photos / "robin" / "1.jpg"]
    found = read_class_folders(map(str, named), [*files(photos / "wren"), named[1]], NAMES)
    assert (found.labels, found.strangers) == ({}, {})


def test_of_several_folders_each_speaks_for_itself(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "holiday").mkdir()
    (other / "holiday" / "8.jpg").touch()
    found = read_class_folders([str(other), str(photos)], [*files(other), *files(photos)], NAMES)
    assert len(found.labels) == 3 and "holiday" not in found.strangers


def test_a_name_of_two_classes_says_neither_and_accents_may_be_written_either_way(tmp_path: Path) -> None:
    for name in ("crane", "e\u0301pervier"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    found = read_class_folders([str(tmp_path)], files(tmp_path), ("crane", "\u00e9pervier", "crane"))
    assert list(found.labels.values()) == [1] and list(found.strangers) == ["crane"]


def test_what_it_names_has_an_end(tmp_path: Path) -> None:
    for name in ("robin", *(f"x{number}" for number in range(9))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    (_, *lines) = read_class_folders([str(tmp_path)], files(tmp_path), NAMES).left_out().splitlines()
    assert [line.split("'")[1] for line in lines[:-1]] == ["x0", "x1", "x2", "x3", "x4"]
    assert lines[-1] == "  4 in 4 more folders that are called as no class."
