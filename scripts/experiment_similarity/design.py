"""design.toml: which classes each source net learns, and which each target holds out."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgtl.errors import DataError, UsageError, did_you_mean

# Name of a record set in the design -> names of its classes.
Classes = Mapping[str, tuple[str, ...]]
SMALLEST = {"sources": 4, "targets": 1}


@dataclass(frozen=True)
class Design:
    """Named groups of classes, none of them in both a source and a target.

    Attributes:
        sources: name -> classes that a net learns.
        targets: name -> classes that it is transferred to.
    """

    sources: Mapping[str, Classes]
    targets: Mapping[str, Classes]

    @property
    def sets(self) -> list[str]:
        """What the design calls the record sets that it needs."""
        return sorted({name for group in self.groups() for name in group})

    def groups(self) -> Iterator[Classes]:
        """All sources, then all targets."""
        yield from self.sources.values()
        yield from self.targets.values()

    def classes_of(self, name: str) -> list[str]:
        """The classes of one record set that take part."""
        return sorted({word for group in self.groups() for word in group.get(name, ())})


def read_design(path: Path) -> Design:
    """Read and check a design.

    Raises:
        UsageError: there is no such file.
        DataError: not TOML of the form [sources."name"] with record sets and lists of classes; too few sources; a class
            in both a source and a target.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--design={path} cannot be read: {error.strerror}.", expected="a TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not TOML: {error}.") from None
    groups = {kind: _groups(path, kind, values.get(kind)) for kind in SMALLEST}
    learnt, held = (
        {(name, word) for group in groups[kind].values() for name in group for word in group[name]} for kind in SMALLEST
    )
    if both := sorted(learnt & held):
        raise DataError(
            f"{path}: {both[0][1]} of {both[0][0]} is in a source and in a target.",
            expected="targets of classes that no net has seen.",
        )
    return Design(groups["sources"], groups["targets"])


def _groups(path: Path, kind: str, tables: Any) -> dict[str, Classes]:
    if not isinstance(tables, dict) or len(tables) < SMALLEST[kind]:
        came = f"{len(tables)} {kind}" if isinstance(tables, dict) else f"no {kind}"
        raise DataError(f"{path} has {came}.", expected=f'{SMALLEST[kind]} or more tables [{kind}."name"].')
    return {name: _classes(path, f"{kind}.{name}", table) for name, table in tables.items()}


def _classes(path: Path, where: str, table: Any) -> Classes:
    lists = table if isinstance(table, dict) else {}
    words = [word for listed in lists.values() if isinstance(listed, list) for word in listed]
    if not all(isinstance(listed, list) for listed in lists.values()) or not all(isinstance(w, str) for w in words):
        raise DataError(f"{path}: [{where}] holds something else.", expected='lines such as birds = ["Crow", "Jay"].')
    if len(words) < 2:
        raise DataError(f"{path}: [{where}] has {len(words)} classes.", expected="two or more, to tell apart.")
    for name, listed in lists.items():
        if len(set(listed)) < len(listed):
            raise DataError(f"{path}: [{where}] names a class of {name} twice.", expected="each class once.")
    return {name: tuple(listed) for name, listed in lists.items() if listed}


def check_classes(path: Path, design: Design, class_names: Mapping[str, tuple[str, ...]]) -> None:
    """Raise DataError unless every class is in the record set that the design names.

    Args:
        path: of the design, for the message.
        design: what was read from it.
        class_names: name of a record set in the design -> all its classes.
    """
    for name in design.sets:
        for word in design.classes_of(name):
            if word not in class_names[name]:
                raise DataError(
                    f"{path}: {name} has no class {word!r}.",
                    expected=f"one of its {len(class_names[name])}.",
                    fix=did_you_mean(word, class_names[name]),
                )
