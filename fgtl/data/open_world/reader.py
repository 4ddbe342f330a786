"""Open-world lists read back: those of `fgtl splits`, or others of the same names, such as the published ones."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from fgtl.converters.tables import Line, below_root, enter, read_lines
from fgtl.data.open_world.division import Listed, OpenWorld
from fgtl.data.open_world.lists import COLUMNS, PARTS, SCHEMA, SPLITS_FILE, TEST_LIST, TRUE_LABELS, read_facts
from fgtl.datasets import Sample
from fgtl.downloads import FolderTree
from fgtl.errors import DataError
from fgtl.files import sha256_of


def read_open_world(folder: Path, samples: Iterable[Sample] | None = None) -> OpenWorld:
    """Read the lists back, in the order they have.

    Args:
        folder: what `write_open_world` wrote, or lists of the same names from elsewhere.
        samples: the data set's images. Needed when there is no true_labels.csv: the lists themselves tell no class.

    Raises:
        DataError: with file and line: a list is missing or was changed, names an image twice or one that is not known,
            or an image in a part that its class does not belong to.
    """
    tree = FolderTree(folder)
    tests = sorted(name for name in tree.list().files if name.endswith(TEST_LIST))
    if len(tests) != 1:
        found = f"{len(tests)} lists of test images: {', '.join(tests)}" if tests else f"no {TEST_LIST}"
        raise DataError(f"{folder} has {found}.", expected="one.", fix="`fgtl splits` writes these lists.")
    if tree.is_file(SPLITS_FILE):
        _check_unchanged(folder)
    known = _read_true_labels(folder) if samples is None else _images_by_path(samples)
    seen: dict[str, Line] = {}
    parts: dict[str, tuple[Listed, ...]] = {}
    for part, file in {**PARTS, "test": tests[0]}.items():
        lines = {}
        for line in read_lines(tree, file):
            # The normal form of most paths is the path itself; finding that out takes longer than all else here.
            path = line.text if line.text in known else below_root(line, line.text)
            enter(seen, path, line, "the image")
            if path not in known:
                raise line.error(f"{path!r} is not an image of the data set", expected="paths relative to its folder.")
            lines[path] = line
        parts[part] = tuple(known[path] for path in lines)
    world = OpenWorld(**parts)
    _check_classes(world, seen)
    return world


def _check_unchanged(folder: Path) -> None:
    """DataError when a list is not the one that splits.json was written for."""
    told = read_facts(folder)
    if told.get("schema") != SCHEMA:
        raise DataError(f"{folder / SPLITS_FILE} has schema {told.get('schema')!r}.", expected=f"{SCHEMA}.")
    digests = {name: facts["sha256"] for name, facts in told["lists"].items()}
    for name, digest in {**digests, TRUE_LABELS: told["true_labels_sha256"]}.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != digest:
            raise DataError(
                f"{folder / name} is not the list that {SPLITS_FILE} tells of.",
                fix=f"Write the lists again with `fgtl splits --overwrite`, or remove {SPLITS_FILE} to use them as they are.",
            )


def _images_by_path(samples: Iterable[Sample]) -> dict[str, Listed]:
    return {sample.path: Listed(sample.path, sample.id, sample.label) for sample in samples}


def _read_true_labels(folder: Path) -> dict[str, Listed]:
    file = folder / TRUE_LABELS
    if not file.is_file():
        raise DataError(
            f"{file} does not exist.",
            expected="the classes of the listed images there, or the data set itself.",
            fix="Lists that `fgtl splits` did not write are read together with the data set's images.",
        )
    images = {}
    with file.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream, strict=True)
        try:
            for row in rows:
                if rows.line_num == 1 and row == COLUMNS:
                    continue
                path, name, label = row
                images[path] = Listed(path, name, int(label))
        except (csv.Error, ValueError) as error:
            raise DataError(
                f"{file} line {rows.line_num} cannot be read: {error}.", expected=f"{','.join(COLUMNS)}."
            ) from None
    return images


def _check_classes(world: OpenWorld, lines: Mapping[str, Line]) -> None:
    """DataError when a class is in parts that exclude each other."""
    known = {image.label for image in world.labelled}
    trained = {image.label for image in world.train}
    for images, classes, belongs, problem in (
        (world.unlabelled_known, known, True, "its class has no labelled image"),
        (world.unlabelled_unknown, known, False, "its class has labelled images"),
        (world.test, trained, False, "its class has training images"),
    ):
        for image in images:
            if (image.label in classes) != belongs:
                raise lines[image.path].error(f"{image.path!r} does not belong here: {problem}")
