"""What a run was trained on and with, from its run.json."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fgtl.data.manifest import MANIFEST
from fgtl.data.parts import Parts, SplitKnobs, parts_of
from fgtl.data.records import RecordSet, Selection
from fgtl.knobs import Knobs
from fgtl.reports.lineage import lineage_of
from fgtl.training.run import Run

KnobsT = TypeVar("KnobsT", bound=Knobs)


def recorded_knobs(group: type[KnobsT], config: Mapping[str, Any], **changed: Any) -> KnobsT:
    """A group of knobs as run.json has them.

    Args:
        group: which knobs; those that the run did not know yet have their defaults, and what it knew beside is left out.
        config: run.json's.
        changed: knobs that get another value.

    Raises:
        UsageError: a value that this version of fgtl does not take.
    """
    names = {field.name for field in dataclasses.fields(group)}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}
    return group(**({name: value for name, value in values.items() if name in names} | changed))


def recorded_parts(run: Run, records: RecordSet) -> Parts:
    """The images that the run trains on and those that choose its epoch."""
    config = run.facts["config"]
    return _parts(run, records, int(config.get("max_per_class", 0)))


def _parts(run: Run, records: RecordSet, max_per_class: int) -> Parts:
    config = run.facts["config"]
    return parts_of(records, recorded_knobs(SplitKnobs, config), int(config.get("seed", 0)), max_per_class)


def selected(run: Run, records: RecordSet, split: str) -> Selection:
    """The images of a split expression; "validation", where the set has none, is what was carved out for this run."""
    if split == "validation" and split not in records.counts:
        return recorded_parts(run, records).validation
    return records.select(split)


def first_stage(run: Run) -> Run:
    """The run that taught this one its classes: where a run goes on with the same data, what it started from.

    A later stage may see a few images only (the second of Cui et al. 2018 has a tenth of what the first has); its
    network has learned the classes from those of the first.

    Returns:
        The furthest of the runs before it, one after the other on the same record set and classes, that is at hand
        with the model that was started from; otherwise the run itself.
    """
    first = run
    for ancestor in lineage_of(run.facts):
        if ancestor.facts is None or not _has_same_data(run.facts, ancestor.facts):
            break
        first = Run(ancestor.folder, ancestor.facts, resumed=True)
    return first


def _has_same_data(facts: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    return all(facts["dataset"][name] == others["dataset"][name] for name in ("manifest_sha256", "class_names"))


def training_counts(run: Run, records: RecordSet) -> tuple[int, ...] | None:
    """(K,) training images of each class; None when the run's record set is not at hand any more.

    All that the run had: a stage that is balanced by taking few of each class (--max_per_class) has the same head and
    tail as the one before it.

    Args:
        records: the set that is evaluated; the one that was trained on where their manifests are equal, otherwise that
            one is looked for where run.json says.
    """
    home = records if _is_home(run, records) else _home_of(run)
    if home is None:
        return None
    parts = _parts(run, home, max_per_class=0)
    learned = parts.everything if run.facts["config"].get("refit") else parts.train
    return tuple(np.bincount(learned.labels, minlength=len(home.class_names)).tolist())


def _is_home(run: Run, records: RecordSet) -> bool:
    return records.manifest_sha256 == run.facts["dataset"]["manifest_sha256"]


def _home_of(run: Run) -> RecordSet | None:
    folder = Path(run.facts["config"].get("records", ""))
    if not (folder / MANIFEST).is_file():
        return None
    home = RecordSet.open(folder)
    return home if _is_home(run, home) else None
