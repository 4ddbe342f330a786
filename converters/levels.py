"""Labels at a level of a hierarchy: classes are the different paths from its root down to that level."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence

from fgtl.datasets import Sample
from fgtl.errors import DataError

Names = tuple[str, ...]


def number_paths(paths: Iterable[Names]) -> dict[Names, int]:
    """Label of each different path: its place among them, sorted. Equal names below different parents are two classes."""
    return {path: label for label, path in enumerate(sorted(set(paths)))}


def path_names(paths: Iterable[Names]) -> dict[Names, str]:
    """What a person calls each path: its last name, or the whole path where several end in the same name."""
    different = set(paths)
    ends = Counter(path[-1] for path in different)
    return {path: path[-1] if ends[path[-1]] == 1 else " / ".join(path) for path in different}


def at_level(samples: Sequence[Sample], depth: int) -> list[Sample]:
    """The samples labelled by what stands at `depth` of their hierarchy (0: at its root); below that it is cut off.

    Raises:
        DataError: a sample's hierarchy does not reach down to there.
    """
    for sample in samples:
        if len(sample.hierarchy) <= depth:
            raise DataError(
                f"The image {sample.id} has no class at this level: {' / '.join(sample.hierarchy) or 'no hierarchy'}.",
                expected=f"{depth + 1} names.",
            )
    paths = [sample.hierarchy[: depth + 1] for sample in samples]
    labels, names = number_paths(paths), path_names(paths)
    return [
        dataclasses.replace(sample, label=labels[path], class_name=names[path], hierarchy=path)
        for sample, path in zip(samples, paths, strict=True)
    ]
