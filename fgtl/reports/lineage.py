"""The runs that a run started from, as run.json remembers them and as far as they are still at hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgtl.errors import DataError
from fgtl.files import read_json


@dataclass(frozen=True)
class Ancestor:
    """A run whose model another one started from (--init_run).

    Attributes:
        folder: where it was then.
        sha256: of its model then; "" where run.json does not say.
        facts: its run.json; None where it is not there any more, or has another model now: then nobody knows what the
            one of then was.
    """

    folder: Path
    sha256: str
    facts: dict[str, Any] | None


def lineage_of(facts: Mapping[str, Any]) -> tuple[Ancestor, ...]:
    """The run that a run started from, the one that started from, and so on; of the last the facts may be None.

    Args:
        facts: content of the run's run.json. What it says of folders is absolute: the working directory is no matter.
    """
    found: list[Ancestor] = []
    here: Mapping[str, Any] | None = facts
    while here is not None and (ancestor := _ancestor_of(here)):
        if any(ancestor.sha256 == one.sha256 for one in found):
            # No model comes from itself: somebody has changed the files.
            break
        found.append(ancestor)
        here = ancestor.facts
    return tuple(found)


def _ancestor_of(facts: Mapping[str, Any]) -> Ancestor | None:
    init = facts.get("init")
    if init:
        folder, sha256 = Path(init["run"]), str(init["sha256"])
        return Ancestor(folder, sha256, _facts_of(folder, sha256))
    # As typed, so nobody can tell which folder that was; nor which model was in it.
    typed = facts["config"].get("init_run")
    return Ancestor(Path(typed), "", None) if typed else None


def _facts_of(folder: Path, sha256: str) -> dict[str, Any] | None:
    try:
        card, facts = read_json(folder / "model.json"), read_json(folder / "run.json")
    except (DataError, OSError):
        return None
    if not isinstance(card, dict) or card.get("sha256") != sha256:
        return None
    return facts if isinstance(facts, dict) and {"config", "dataset"} <= facts.keys() else None
