"""The layout of the Oxford-IIIT Pet data set: 37 breeds of cats and dogs.

images/<Breed_name>_<n>.jpg       a few are not JPEG files, whatever they are called
annotations/trainval.txt          <image> <class id> <species: 1 cat, 2 dog> <breed id within the species>
annotations/test.txt              the same; <image> is the name below images/ without its ending

list.txt (both lists together) and trimaps/ are not read, nor are the boxes in xmls/: they are of heads, not of
animals, and only images of trainval.txt have one.
"""

from collections.abc import Iterator

from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.levels import at_level
from fgtl.converters.tables import Line, below_root, enter, integer, read_lines, require_files, require_images
from fgtl.datasets import Card, Sample
from fgtl.downloads import Tree
from fgtl.errors import DataError

_LISTS = {"annotations/trainval.txt": "train", "annotations/test.txt": "test"}
_SPECIES = {"1": "cat", "2": "dog"}
_FORM = "<image> <class id> <species> <breed id>"


@READERS.register("oxford_pet")
def read_oxford_pet(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples in the order of trainval.txt, then test.txt; label = class id - 1; the id is the image's name.

    A breed is called what its images are, with blanks. The hierarchy is (species, breed); at the level "species"
    cats are 0 and dogs 1.

    Raises:
        DataError: with file and line: something is missing, inconsistent, or not what the card says.
    """
    check_options(card, ())
    require_files(card, tree, list(_LISTS))
    images: dict[str, Line] = {}
    classes: dict[int, tuple[str, str]] = {}  # class id -> (species, breed)
    samples = []
    for file, split in _LISTS.items():
        for line in read_lines(tree, file):
            if line.text.startswith("#"):
                continue
            image, number, kind = _parse(line)
            path = f"images/{image}.jpg"
            enter(images, path, line, "the image")
            known = classes.setdefault(number, kind)
            if known != kind:
                raise line.error(f"class {number} is {' '.join(kind)} here and {' '.join(known)} further up")
            samples.append(Sample(image, path, number - 1, kind[1], split, hierarchy=kind))
    _check_classes(classes, tree)
    require_images(card, tree, images)
    if card.level == "species":
        samples = at_level(samples, 0)
    check_counts(card, samples, len({sample.label for sample in samples}), tree.where())
    yield from samples


def _parse(line: Line) -> tuple[str, int, tuple[str, str]]:
    """Image, class id, (species, breed)."""
    texts = line.text.split()
    breed = texts[0].rpartition("_")[0].replace("_", " ")
    if len(texts) != 4 or not breed:
        raise line.error(f"{line.text!r} cannot be read", expected=f"{_FORM}.")
    if texts[2] not in _SPECIES:
        raise line.error(f"species {texts[2]!r}", expected="1 (cat) or 2 (dog).")
    return below_root(line, texts[0]), integer(line, texts[1], "class id"), (_SPECIES[texts[2]], breed)


def _check_classes(classes: dict[int, tuple[str, str]], tree: Tree) -> None:
    where = tree.where("annotations")
    absent = [number for number in range(1, len(classes) + 1) if number not in classes]
    if absent:
        raise DataError(
            f"{where}: no image of class {absent[0]}, but of class {max(classes)}.",
            expected=f"classes 1 to {len(classes)}.",
        )
    breeds: dict[str, int] = {}
    for number, (_, breed) in sorted(classes.items()):
        if breeds.setdefault(breed, number) != number:
            raise DataError(f"{where}: the classes {breeds[breed]} and {number} are both called {breed!r}.")
