"""Look-alikes differ in exactly one part, and differences.json will say which."""

from itertools import combinations

import pytest

from fgtl.data.synth.plans import PLANS
from fgtl.data.synth.species import (
    FAMILIES,
    MOST_CLASSES_PER_FAMILY,
    PART_NAMES,
    TRAIT_PARTS,
    differences,
    differing_traits,
    species_list,
)
from fgtl.errors import UsageError

EVERYTHING = species_list(len(FAMILIES), MOST_CLASSES_PER_FAMILY)


def pairs_of_families(species):
    return [pair for pair in combinations(species, 2) if pair[0].family is pair[1].family]


def test_each_pair_of_a_family_differs_in_exactly_the_familys_trait():
    for first, second in pairs_of_families(EVERYTHING):
        assert differing_traits(first.look, second.look) == (first.family.trait,)


def test_the_default_set_has_six_families_decided_by_six_different_parts():
    species = species_list(6, 4)
    assert len(species) == 24
    assert len({kind.family.trait for kind in species}) == 6


def test_differences_name_every_pair_once_with_its_parts_and_variants():
    listed = differences(EVERYTHING)
    expected = pairs_of_families(EVERYTHING)
    assert len(listed) == len(expected) == len(FAMILIES) * 6
    for entry, (first, second) in zip(listed, expected, strict=True):
        assert entry["classes"] == [first.folder, second.folder]
        assert entry["class_ids"] == [first.index + 1, second.index + 1]
        assert entry["variants"][0] != entry["variants"][1]
        assert entry["variants"] == [getattr(first.look, entry["trait"]), getattr(second.look, entry["trait"])]
        assert tuple(entry["parts"]) == TRAIT_PARTS[entry["trait"]]


def test_every_trait_is_seen_in_official_parts():
    assert {part for parts in TRAIT_PARTS.values() for part in parts} <= set(PART_NAMES)
    assert {family.trait for family in FAMILIES} <= set(TRAIT_PARTS)


def test_names_are_unique_and_numbered_as_in_cub():
    assert len({kind.name for kind in EVERYTHING}) == len(EVERYTHING)
    assert [kind.folder[:4] for kind in EVERYTHING[:2]] == ["001.", "002."]


def test_every_family_has_a_plan():
    assert {family.name for family in FAMILIES} == set(PLANS)


@pytest.mark.parametrize(("families", "classes"), [(0, 4), (len(FAMILIES) + 1, 4), (6, 1), (6, 5)])
def test_more_than_there_is_cannot_be_asked_for(families, classes):
    with pytest.raises(UsageError, match="Expected"):
        species_list(families, classes)
