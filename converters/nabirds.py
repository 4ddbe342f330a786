"""The layout of NABirds: CUB's lists with uuids for image ids, and classes that are the leaves of a tree of birds.

nabirds/
    images/<class id, four digits>/<uuid without dashes>.jpg
    images.txt, image_class_labels.txt, train_test_split.txt                as in `numbered_lists`
    classes.txt              <class id> <name>                              1,011 nodes, of which 555 have images
    hierarchy.txt            <class id> <class id of its parent>            needed when the card has "hierarchy"
    bounding_boxes.txt, parts/parts.txt, parts/part_locs.txt                as in `numbered_lists`

sizes.txt and photographers.txt are not read.
"""

from collections.abc import Iterator, Mapping

from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.numbered_lists import CLASSES, Category, distinct, read_names, read_numbered_lists
from fgtl.converters.tables import Line, enter, integer, read_lines, require_files
from fgtl.datasets import Card, Sample
from fgtl.downloads import Tree

_HIERARCHY = "hierarchy.txt"


@READERS.register("nabirds")
def read_nabirds(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples in the order of images.txt; label = rank of the class id among those that have images.

    The class name is the leaf's own ("Common Eider (Adult male)"), which is unique among leaves though not among nodes.

    Raises:
        DataError: with file and line: something is missing, inconsistent, or not what the card says.
    """
    check_options(card, ())
    # The official file writes some names with two blanks in a row.
    nodes = {
        key: (line, " ".join(name.split())) for key, (line, name) in read_names(card, tree, CLASSES, "class").items()
    }
    has_hierarchy = "hierarchy" in card.annotations or tree.is_file(_HIERARCHY)
    parents = _read_parents(card, tree, nodes) if has_hierarchy else {}
    lists = read_numbered_lists(card, tree, nodes)
    used = sorted(set(lists.class_ids.values()))
    names = distinct({key: nodes[key] for key in used}, "class")
    categories = {
        key: Category(label, names[key], _ancestry(key, nodes, parents) if has_hierarchy else ())
        for label, key in enumerate(used)
    }
    samples = lists.samples(categories)
    check_counts(card, samples, len(categories), tree.where())
    yield from samples


def _read_parents(card: Card, tree: Tree, nodes: Mapping[int, object]) -> dict[int, tuple[Line, int]]:
    """Node -> (its line, its parent); a root has no line."""
    require_files(card, tree, [_HIERARCHY])
    lines: dict[int, Line] = {}
    parents: dict[int, tuple[Line, int]] = {}
    for line in read_lines(tree, _HIERARCHY):
        texts = line.text.split()
        if len(texts) != 2:
            raise line.error(f"{line.text!r} cannot be read", expected="<class id> <class id of its parent>.")
        child, parent = (integer(line, text, "class id") for text in texts)
        for node in (child, parent):
            if node not in nodes:
                raise line.error(f"class id {node} is not in {CLASSES}")
        enter(lines, child, line, "the parent of class")
        parents[child] = (line, parent)
    return parents


def _ancestry(
    leaf: int, nodes: Mapping[int, tuple[Line, str]], parents: Mapping[int, tuple[Line, int]]
) -> tuple[str, ...]:
    """Names from the root to the leaf; DataError when going up leads round in a circle."""
    chain = [leaf]
    while chain[-1] in parents:
        line, parent = parents[chain[-1]]
        if parent in chain:
            raise line.error(f"class {parent} is above itself")
        chain.append(parent)
    return tuple(nodes[node][1] for node in reversed(chain))
