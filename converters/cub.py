"""The layout of CUB-200-2011: numbered images, and one list for each thing that is known of them.

CUB_200_2011/
    images/<class>/<image>.jpg
    images.txt, image_class_labels.txt, train_test_split.txt, classes.txt
    bounding_boxes.txt                                                      needed when the card has "boxes"
    parts/parts.txt, parts/part_locs.txt                                    both needed when the card has "parts"

What a line of each says is in `numbered_lists`.
"""

from collections.abc import Iterator

from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.numbered_lists import CLASSES, Category, distinct, read_names, read_numbered_lists
from fgtl.datasets import Card, Sample
from fgtl.downloads import Tree


@READERS.register("cub")
def read_cub(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples in the order of images.txt; label = class id - 1; the class name is the official one.

    Raises:
        DataError: with file and line: something is missing, inconsistent, or not what the card says.
    """
    check_options(card, ())
    classes = read_names(card, tree, CLASSES, "class")
    for key, (line, _) in classes.items():
        if not 1 <= key <= len(classes):
            raise line.error(
                f"class id {key} in a list of {len(classes):,}", expected=f"ids from 1 to {len(classes):,}."
            )
    categories = {key: Category(key - 1, name) for key, name in distinct(classes, "class").items()}
    samples = read_numbered_lists(card, tree, categories).samples(categories)
    check_counts(card, samples, len(categories), tree.where())
    yield from samples
