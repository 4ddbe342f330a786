"""Categories of the iNaturalist competitions as classes at one level of the taxonomy."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fgtl.console import warn
from fgtl.converters.json_files import read_json_file
from fgtl.converters.levels import Names, number_paths, path_names
from fgtl.datasets import Card
from fgtl.downloads import Tree
from fgtl.errors import DataError

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus")
_SPECIES, _SUPER = "species", "supercategory"


class Taxon(NamedTuple):
    """The class of a category's images: label, name, and the names from the root down to it."""

    label: int
    name: str
    path: Names


def taxa_by_category(card: Card, tree: Tree, lists: Mapping[str, Sequence[dict[str, Any]]]) -> dict[int, Taxon]:
    """Category id -> taxon, at the card's level.

    Args:
        card: its level; its option `categories` names a file whose entries replace those of the lists, if it is there.
        tree: the download.
        lists: file -> its categories; the first one counts, the others must agree with it.

    Raises:
        DataError: categories are not as they should be, lists disagree, or nothing says what the level needs.
    """
    first, *others = lists
    categories = _by_id(lists[first], tree.where(first))
    for file in others:
        for number, category in _by_id(lists[file], tree.where(file)).items():
            known = categories.get(number, {}).get("name")
            if known != category["name"]:
                raise DataError(
                    f"{tree.where(file)}: the category {number} is called {category['name']!r}.",
                    expected=f"{known!r}, as in {first}." if known else f"a category of {first}.",
                )
    file = card.options.get("categories", "")
    if file and tree.is_file(file):
        categories = _with_true_names(categories, read_json_file(tree, file), tree.where(file))
    if list(categories) != list(range(len(categories))):
        warn(f"{tree.where(first)}: its {len(categories):,} category ids have gaps; labels are their order.")
    paths = {number: _path(category, card.level, tree.where(first)) for number, category in categories.items()}
    names = path_names(paths.values())
    at_species = card.level in ("", _SPECIES)
    labels = number_paths(paths.values())
    return {
        number: Taxon(order if at_species else labels[path], names[path], path)
        for order, (number, path) in enumerate(paths.items())
    }


def _by_id(listed: Any, where: str) -> dict[int, dict[str, Any]]:
    """The entries by id, in its order."""
    if not isinstance(listed, list):
        raise DataError(f"{where} is no list of categories.")
    found: dict[int, dict[str, Any]] = {}
    for entry in listed:
        if not isinstance(entry, dict) or type(entry.get("id")) is not int or not str(entry.get("name", "")).strip():
            raise DataError(f"{where}: a category cannot be read: {entry!r:.200}.", expected='"id" and "name".')
        if entry["id"] in found:
            raise DataError(f"{where}: the category {entry['id']} is there twice.")
        found[entry["id"]] = entry
    return dict(sorted(found.items()))


def _with_true_names(categories: dict[int, dict[str, Any]], listed: Any, where: str) -> dict[int, dict[str, Any]]:
    true = _by_id(listed, where)
    if true.keys() != categories.keys():
        odd = min(true.keys() ^ categories.keys())
        raise DataError(
            f"{where}: the category {odd} is {'not in the lists' if odd in true else 'missing'}.",
            expected=f"the {len(categories):,} categories of the lists.",
        )
    return {number: {**category, **true[number]} for number, category in categories.items()}


def _path(category: Mapping[str, Any], level: str, where: str) -> Names:
    """Names from the root down to the level."""
    ranks = tuple(str(category.get(rank, "")) for rank in RANKS)
    species, above = str(category["name"]), str(category.get(_SUPER, ""))
    if level in ("", _SPECIES):
        return (*ranks, species) if all(ranks) else (above, species) if above else (species,)
    path = (above,) if level == _SUPER else ranks[: RANKS.index(level) + 1] if level in RANKS else ("",)
    if not all(path):
        raise DataError(
            f"{where}: the category {category['id']} ({species}) has no {level}.",
            expected=f"a level of {_SPECIES}, {_SUPER}, or a rank that the list knows.",
        )
    return path
