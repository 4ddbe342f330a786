"""The layout of the iNaturalist competitions of 2017, 2018 and 2021: lists in the JSON form of COCO.

       images                                            lists                         optional
2017   train_val_images/<super>/<species>/<hash>.jpg     train2017.json, val2017.json  {train,val}_2017_bboxes.json
2018   train_val2018/<super>/<category id>/<hash>.jpg    train2018.json, val2018.json  categories.json
2021   {train,train_mini,val}/<taxon>/<uuid>.jpg         train.json or train_mini.json, val.json

A list:  {"images": [{"id", "file_name", ...}], "annotations": [{"image_id", "category_id", ...}],
          "categories": [{"id", "name", "supercategory", and since 2018 "kingdom", "phylum", ... "genus"}], ...}

The names in the lists of 2018 are obfuscated; categories.json, published later, has the true ones. A subset of the
images of 2017 has boxes ("bbox": [x, y, width, height] in annotations), in lists of their own.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.inat_taxa import Taxon, taxa_by_category
from fgtl.converters.json_files import Pairs, read_json_file
from fgtl.converters.tables import clean_name, require_all, require_files
from fgtl.datasets import Box, Card, Sample
from fgtl.downloads import Tree
from fgtl.errors import DataError

_OPTIONS = ("train", "validation", "categories", "train_boxes", "validation_boxes")


class _Image(NamedTuple):
    id: int
    file: str


class _Annotation(NamedTuple):
    image: int
    category: int
    box: tuple[float, ...] | None


class _List(NamedTuple):
    """One list: (file, category id) of each image in order, and the categories as they stand there."""

    rows: list[tuple[str, int]]
    categories: list[dict[str, Any]]


@READERS.register("inat")
def read_inat(card: Card, tree: Tree) -> Iterator[Sample]:
    """Training samples in list order, then the official validation ones; the id is the file as listed.

    At the level "species" label = category id where the ids are 0, 1, ... without a gap, else their order. At any
    other level (a rank, or "supercategory") the classes are the sorted different paths down to it. The hierarchy is
    kingdom to species where the list knows ranks, else (supercategory, species).

    Memory: the text of the largest list twice, or once and some 350 bytes an image, whichever is more; then some 550
    bytes an image for the samples. (The training list of 2021 has 2.7 million images.)

    Options: `train`, `validation`: the lists' names; `categories`, `train_boxes`, `validation_boxes`: names of the
    optional files, read where they are there.

    Raises:
        DataError: something is missing, no JSON, inconsistent, or not what the card says.
    """
    check_options(card, _OPTIONS)
    names = {split: card.options[split] for split in ("train", "validation") if split in card.options}
    if not names:
        raise DataError(
            f"The card {card.name} names no list.", expected='options train = "train.json" and validation = "val.json".'
        )
    require_files(card, tree, list(names.values()))
    lists = {split: _read_list(tree, name) for split, name in names.items()}
    taxa = taxa_by_category(card, tree, {names[split]: found.categories for split, found in lists.items()})
    samples: list[Sample] = []
    for split, found in lists.items():
        where = tree.where(names[split])
        boxes = _read_boxes(tree, card.options.get(f"{split}_boxes", ""))
        samples += [_sample(file, category, split, taxa, boxes, where) for file, category in found.rows]
        found.rows.clear()
    _require_unique(samples, tree)
    for split, name in names.items():
        listed = [sample.path for sample in samples if sample.split == split]
        require_all(card, tree, listed, lambda _, name=name: tree.where(name))  # type: ignore[misc]
    check_counts(card, samples, len({taxon.label for taxon in taxa.values()}), tree.where())
    yield from samples


def _sample(
    file: str,
    category: int,
    split: str,
    taxa: dict[int, Taxon],
    boxes: dict[str, tuple[Box, ...]],
    where: str,
) -> Sample:
    if category not in taxa:
        raise DataError(f"{where}: the image {file!r} is of the category {category}, which is not in its categories.")
    if clean_name(file) != file or not file:
        raise DataError(f"{where}: the image {file!r} does not name a file below the data set's folder.")
    taxon = taxa[category]
    return Sample(file, file, taxon.label, taxon.name, split, boxes.get(file, ()), hierarchy=taxon.path)


def _keep(pairs: Pairs) -> Any:
    """Of images and annotations only what is needed; every other object as a dict."""
    entry = dict(pairs)
    if "file_name" in entry:
        return _Image(entry.get("id"), entry["file_name"])  # type: ignore[arg-type]
    if "image_id" in entry:
        box = entry.get("bbox")
        return _Annotation(entry["image_id"], entry.get("category_id"), tuple(box) if isinstance(box, list) else None)  # type: ignore[arg-type]
    return entry


def _read_list(tree: Tree, name: str) -> _List:
    """A list whose every image has exactly one category."""
    where = tree.where(name)
    content = read_json_file(tree, name, _keep)
    images = _entries(content, "images", _Image, where)
    category_of: dict[int, int] = {}
    for annotation in _entries(content, "annotations", _Annotation, where):
        known = category_of.setdefault(annotation.image, annotation.category)
        if known != annotation.category:
            raise DataError(
                f"{where}: the image id {annotation.image} has the categories {known} and {annotation.category}.",
                expected="one category an image.",
            )
    categories = _entries(content, "categories", dict, where)
    del content
    rows = []
    for image in images:
        category = category_of.pop(image.id, None)
        if category is None:
            raise _without_category(image, images, where)
        rows.append((image.file, category))
    if category_of:
        raise DataError(
            f"{where}: an annotation is of the image id {next(iter(category_of))}, which is not among the images.",
            expected=f"annotations of its {len(rows):,} images; {len(category_of):,} are of others.",
        )
    return _List(rows, categories)


def _without_category(image: _Image, images: Sequence[_Image], where: str) -> DataError:
    twins = [other.file for other in images if other.id == image.id]
    if len(twins) > 1:
        return DataError(f"{where}: the image id {image.id} stands for {twins[0]!r} and {twins[1]!r}.")
    return DataError(f"{where}: no annotation is of the image {image.file!r} (id {image.id}).")


def _entries(content: Any, key: str, kind: type, where: str) -> list[Any]:
    """The list under a key, all of a kind and with whole numbers where they belong."""
    listed = content.get(key) if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise DataError(f"{where} has no list of {key}.", expected="the JSON list of an iNaturalist competition.")
    for number, entry in enumerate(listed):
        right = isinstance(entry, kind)
        if right and kind is _Image:
            right = type(entry.id) is int and isinstance(entry.file, str)
        elif right and kind is _Annotation:
            right = type(entry.image) is int and type(entry.category) is int
        if not right:
            raise DataError(f"{where}: entry {number:,} of {key} cannot be read: {entry!r:.200}.")
    return listed


def _read_boxes(tree: Tree, name: str) -> dict[str, tuple[Box, ...]]:
    """Boxes by file; empty when there is no such list. Its own list of images says which file an annotation is of."""
    if not name or not tree.is_file(name):
        return {}
    where = tree.where(name)
    content = read_json_file(tree, name, _keep)
    files = {image.id: image.file for image in _entries(content, "images", _Image, where)}
    boxes: dict[str, tuple[Box, ...]] = {}
    for annotation in _entries(content, "annotations", _Annotation, where):
        file, box = files.get(annotation.image), annotation.box
        if file is None or box is None or len(box) != 4 or not all(_is_finite(value) for value in box):
            raise DataError(f"{where}: an annotation of the image id {annotation.image} cannot be read: {box!r:.200}.")
        x, y, width, height = box
        # An empty box is left out, and counted, when the image is stored.
        boxes[file] = (*boxes.get(file, ()), Box(x, y, x + width, y + height))
    return boxes


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and -1e9 < value < 1e9


def _require_unique(samples: Sequence[Sample], tree: Tree) -> None:
    if len({sample.path for sample in samples}) == len(samples):
        return
    seen: set[str] = set()
    for sample in samples:
        if sample.path in seen:
            raise DataError(f"{tree.where()}: the image {sample.path!r} is listed twice, once for {sample.split}.")
        seen.add(sample.path)
