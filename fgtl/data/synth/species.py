"""Families, their part variants, and the classes they make: two classes of a family differ in exactly one part."""

from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Any

from fgtl.data.synth.plans import PLANS, Plan
from fgtl.errors import UsageError

# The fifteen parts of CUB-200-2011, in its order.
PART_NAMES = (
    "back", "beak", "belly", "breast", "crown", "forehead", "left eye", "left leg", "left wing", "nape",
    "right eye", "right leg", "right wing", "tail", "throat",
)  # fmt: skip

# Trait -> the official parts in which it is seen.
TRAIT_PARTS = {
    "beak": ("beak",),
    "breast": ("breast",),
    "crown": ("crown",),
    "eye": ("left eye", "right eye"),
    "legs": ("left leg", "right leg"),
    "tail": ("tail",),
    "throat": ("throat",),
    "wing": ("left wing", "right wing"),
}


@dataclass(frozen=True)
class Look:
    """Which variant of each part a class wears; "plain" leaves the part as the family's palette colours it."""

    beak: str = "plain"
    breast: str = "plain"
    crown: str = "plain"
    eye: str = "plain"
    legs: str = "plain"
    tail: str = "square"
    throat: str = "plain"
    wing: str = "plain"


@dataclass(frozen=True)
class Family:
    """Look-alikes: one body plan and palette; the classes differ in the variant of one trait.

    Attributes:
        name: last word of its classes' names; also the key of its body plan.
        trait: the field of Look that tells the classes apart.
        variants: (value of the trait, first words of the class name), one a class.
    """

    name: str
    trait: str
    variants: tuple[tuple[str, str], ...]

    @property
    def plan(self) -> Plan:
        return PLANS[self.name]

    def looks(self) -> tuple[Look, ...]:
        """The look of each of the family's classes, in order."""
        return tuple(replace(Look(), **{self.trait: value}) for value, _ in self.variants)


FAMILIES = (
    Family(
        "Warbler",
        "wing",
        (
            ("plain", "Plain_winged"),
            ("one bar", "Single_barred"),
            ("two bars", "Double_barred"),
            ("panel", "White_paneled"),
        ),
    ),
    Family(
        "Teal",
        "beak",
        (
            ("yellow", "Yellow_billed"),
            ("black", "Black_billed"),
            ("tipped", "Black_tipped"),
            ("orange", "Orange_billed"),
        ),
    ),
    Family(
        "Thrush",
        "breast",
        (("spotted", "Spotted"), ("streaked", "Streaked"), ("banded", "Banded"), ("plain", "Plain_breasted")),
    ),
    Family(
        "Woodpecker",
        "crown",
        (("red", "Red_crowned"), ("black", "Black_crowned"), ("gold", "Golden_crowned"), ("crest", "Crested")),
    ),
    Family(
        "Sandpiper",
        "legs",
        (("yellow", "Yellow_legged"), ("black", "Black_legged"), ("red", "Red_legged"), ("green", "Green_legged")),
    ),
    Family(
        "Flycatcher",
        "tail",
        (("square", "Square_tailed"), ("forked", "Fork_tailed"), ("edged", "White_sided"), ("tipped", "White_tipped")),
    ),
    Family(
        "Vireo",
        "eye",
        (("plain", "Plain_faced"), ("ringed", "Ringed"), ("spectacled", "Spectacled"), ("browed", "White_browed")),
    ),
    Family(
        "Sparrow",
        "throat",
        (
            ("plain", "Plain_throated"),
            ("black", "Black_throated"),
            ("white", "White_throated"),
            ("rufous", "Rufous_throated"),
        ),
    ),
)
MOST_CLASSES_PER_FAMILY = min(len(family.variants) for family in FAMILIES)


@dataclass(frozen=True)
class Species:
    """One class: `index` is zero-based, `folder` is CUB's "001.Class_Name"."""

    index: int
    family: Family
    name: str
    look: Look

    @property
    def folder(self) -> str:
        return f"{self.index + 1:03d}.{self.name}"


def species_list(families: int, classes_per_family: int) -> tuple[Species, ...]:
    """The first `classes_per_family` classes of each of the first `families` families, family by family.

    Raises:
        UsageError: more families or classes than there are.
    """
    if not 1 <= families <= len(FAMILIES):
        raise UsageError(f"There are no {families} families.", expected=f"1 to {len(FAMILIES)}.")
    if not 2 <= classes_per_family <= MOST_CLASSES_PER_FAMILY:
        raise UsageError(
            f"A family cannot have {classes_per_family} classes.", expected=f"2 to {MOST_CLASSES_PER_FAMILY}."
        )
    found: list[Species] = []
    for family in FAMILIES[:families]:
        for look, (_, words) in list(zip(family.looks(), family.variants, strict=True))[:classes_per_family]:
            found.append(Species(len(found), family, f"{words}_{family.name}", look))
    return tuple(found)


def differing_traits(first: Look, second: Look) -> tuple[str, ...]:
    """The traits in which two looks differ."""
    return tuple(field.name for field in fields(Look) if getattr(first, field.name) != getattr(second, field.name))


def differences(species: tuple[Species, ...]) -> list[dict[str, Any]]:
    """For each pair of classes of one family: the part that tells them apart and the two variants, JSON-ready."""
    found: list[dict[str, Any]] = []
    for first, second in combinations(species, 2):
        if first.family is not second.family:
            continue
        (trait,) = differing_traits(first.look, second.look)
        found.append(
            {
                "family": first.family.name,
                "classes": [first.folder, second.folder],
                "class_ids": [first.index + 1, second.index + 1],
                "trait": trait,
                "parts": list(TRAIT_PARTS[trait]),
                "variants": [getattr(first.look, trait), getattr(second.look, trait)],
            }
        )
    return found
