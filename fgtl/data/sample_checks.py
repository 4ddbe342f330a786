"""What every reader's samples must be before they are written: ids, labels and names that records and lists can hold."""

import re
from collections.abc import Iterable, Sequence

from fgtl.datasets import Card, Sample
from fgtl.errors import DataError

# Indexes keep ids in columns as wide as the longest one.
LONGEST_NAME = 1024
# Lists such as labels.txt have a line a name.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def check_ids(samples: Sequence[Sample]) -> None:
    """DataError when an id is there twice, is empty, or cannot be stored."""
    seen: dict[str, Sample] = {}
    for sample in samples:
        other = seen.setdefault(sample.id, sample)
        if other is not sample:
            places = " and ".join(f"{one.path} ({one.split})" for one in (other, sample))
            raise DataError(f"Two images have the id {sample.id!r}: {places}.", expected="every image listed once.")
        check_name(sample.id, "id", sample.path)


def check_name(name: str, what: str, where: str) -> None:
    """DataError when a name is empty, longer than `LONGEST_NAME`, or holds a control character or line end."""
    if not name or len(name) > LONGEST_NAME or _CONTROL.search(name):
        shown = repr(name if len(name) <= 80 else f"{name[:60]}...")
        raise DataError(
            f"{where[:300]} has the {what} {shown}.",
            expected=f"a text of 1 to {LONGEST_NAME:,} characters, without line ends and control characters.",
            fix="Rename it.",
        )


def class_names_of(card: Card, samples: Iterable[Sample]) -> tuple[str, ...]:
    """Names by label; a label without images is called by its number.

    Raises:
        DataError: a label with two names, a label that is no class index, or a name that cannot be stored.
    """
    names: dict[int, str] = {}
    for sample in samples:
        known = names.get(sample.label)
        if known is None:
            check_name(sample.class_name, "class", sample.path)
            if not 0 <= sample.label < 2**31:
                raise DataError(f"{sample.path} has the label {sample.label}.", expected="a zero-based class index.")
            names[sample.label] = sample.class_name
        elif known != sample.class_name:
            raise DataError(
                f"Label {sample.label} is called {known!r} and {sample.class_name!r}.", expected="one name."
            )
    count = max(card.classes or 0, max(names) + 1)
    return tuple(names.get(label, str(label)) for label in range(count))


def part_names_of(card: Card, samples: Iterable[Sample]) -> tuple[str, ...]:
    """The card's part names, or those that the samples have in the order they come. Raises DataError as `check_name`."""
    names = card.part_names or tuple(dict.fromkeys(part.name for sample in samples for part in sample.parts))
    for name in names:
        check_name(name, "part", card.title or card.name)
    return names
