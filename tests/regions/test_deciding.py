"""Which part tells drawn classes apart, from their names."""

import pytest

from fgtl.data.synth.species import PART_NAMES, differences, species_list
from fgtl.regions.deciding import deciding_parts


@pytest.mark.parametrize(("families", "classes"), [(6, 4), (8, 2), (1, 3)])
def test_it_is_what_the_drawn_set_says_of_each_pair_of_look_alikes(families: int, classes: int) -> None:
    species = species_list(families, classes)
    found = deciding_parts([kind.folder for kind in species], PART_NAMES)
    assert found is not None
    for pair in differences(species):
        for number in pair["class_ids"]:
            assert found[number - 1].trait == pair["trait"]
            assert list(found[number - 1].parts) == pair["parts"]


def test_names_without_numbers_do_as_well() -> None:
    found = deciding_parts(["Spotted_Thrush", "Banded_Thrush"], PART_NAMES)
    assert found is not None and found[0].parts == ("breast",)


def test_a_class_without_look_alike_in_the_set_has_no_deciding_part() -> None:
    names = ["001.Spotted_Thrush", "002.Banded_Thrush", "003.Yellow_billed_Teal"]
    found = deciding_parts(names, PART_NAMES)
    assert found is not None and [one.trait for one in found] == ["breast", "breast", ""]


@pytest.mark.parametrize("names", [["001.Black_footed_Albatross"], ["001.Spotted_Thrush", "002.Wood_Thrush"], []])
def test_other_sets_have_none(names: list[str]) -> None:
    assert deciding_parts(names, PART_NAMES) is None


def test_a_set_without_the_parts_has_none() -> None:
    assert deciding_parts(["Spotted_Thrush", "Banded_Thrush"], ("beak",)) is None
