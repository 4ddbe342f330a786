"""Of the drawn birds: the parts that tell a class from its look-alikes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fgtl.data.numbered_names import without_number
from fgtl.data.synth.species import FAMILIES, TRAIT_PARTS


@dataclass(frozen=True)
class Deciding:
    """What decides on a class.

    Attributes:
        trait: by which the classes of its family differ, "wing"; "" where it has no look-alike in the set.
        parts: the annotated parts in which the trait is seen, ("left wing", "right wing"); any of them is enough.
    """

    trait: str
    parts: tuple[str, ...]


def deciding_parts(class_names: Sequence[str], part_names: Sequence[str]) -> tuple[Deciding, ...] | None:
    """What decides on each class of a set of drawn birds, by label; None of any other set.

    A set is one of drawn birds when every class has the name that `fgtl synth` gives, "001.Plain_winged_Warbler", with
    its number or without, and the trait's parts are annotated.
    """
    known = {f"{words}_{family.name}": family for family in FAMILIES for _, words in family.variants}
    families = [known.get(without_number(name)) for name in class_names]
    if not families or not all(families):
        return None
    of_family = Counter(family.name for family in families if family)
    found = []
    for family in families:
        alone = family is None or of_family[family.name] < 2
        trait = "" if alone or family is None else family.trait
        found.append(Deciding(trait, TRAIT_PARTS.get(trait, ())))
    return tuple(found) if {part for one in found for part in one.parts} <= set(part_names) else None
