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


NUMBERED = ("001.robin", "002.wren", "003.wren", "owl", "004.4.5_tit")


def labels_in(folder: Path, names: tuple[str, ...], *folders: str) -> dict[str, int]:
    for name in folders:
        (folder / name).mkdir()
        (folder / name / "1.jpg").touch()
    found = read_class_folders([str(folder)], files(folder), names).labels
    return {path.parent.name: label for path, label in found.items()}


def test_the_number_of_a_class_may_be_left_out_on_either_side(tmp_path: Path) -> None:
    assert labels_in(tmp_path, NUMBERED, "robin", "017.owl", "4.5_tit") == {"robin": 0, "017.owl": 3, "4.5_tit": 4}


def test_a_name_of_two_numbered_classes_and_another_number_say_nothing(tmp_path: Path) -> None:
    found = labels_in(tmp_path, NUMBERED, "002.wren", "wren", "005.robin", "12.owl", "5_tit")
    assert found == {"002.wren": 1}


def test_a_whole_name_goes_before_one_without_its_number(tmp_path: Path) -> None:
    assert labels_in(tmp_path, ("001.crane", "crane"), "crane", "001.crane", "002.crane") == {
        "crane": 1,
        "001.crane": 0,
    }


def test_where_no_sub_folder_is_a_class_an_example_is_given(tmp_path: Path) -> None:
    assert labels_in(tmp_path, NAMES, "abc", "bulfinch") == {}
    found = read_class_folders([str(tmp_path)], files(tmp_path), NAMES)
    assert found.unmatched().endswith("'bulfinch' is no class of the run. Did you mean 'bullfinch'?")
    found = read_class_folders([str(tmp_path)], files(tmp_path), ("kea", "emu"))
    assert found.unmatched().endswith("'abc' is no class of the run. Its classes have names such as 'kea'.")


def test_nothing_is_said_where_an_image_lies_beside_the_folders_or_a_folder_is_a_class(tmp_path: Path) -> None:
    labels_in(tmp_path, NAMES, "abc")
    single = [*files(tmp_path), tmp_path / "2.jpg"]
    assert read_class_folders([str(tmp_path)], single, NAMES).unmatched() == ""
    assert read_class_folders([str(tmp_path / "abc")], files(tmp_path), NAMES).unmatched() == ""
    assert labels_in(tmp_path, NAMES, "wren") == {"wren": 1}
    assert read_class_folders([str(tmp_path)], files(tmp_path), NAMES).unmatched() == ""
