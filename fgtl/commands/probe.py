"""Feature sets -> accuracy of simple classifiers on them: chosen on validation images, tested once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.analysis.probe_knobs import ProbeKnobs
from fgtl.console import Progress, say
from fgtl.errors import UsageError
from fgtl.files import write_atomically
from fgtl.knobs import flag

if TYPE_CHECKING:
    import numpy as np

    from fgtl.analysis.probe import Outcome, ProbeResult
    from fgtl.features.feature_set import Features, FeatureSet
    from fgtl.reports.probe_table import Classified, ProbeTable

ENDINGS = (".html", ".json", ".csv", ".png")


@dataclass(frozen=True)
class Config(ProbeKnobs):
    """Which images; the feature sets follow the flags."""

    files: tuple[str, ...] = flag((), "feature sets, one a network; also given without the flag")
    train_split: str = flag("train", "split expression to fit on")
    validation_split: str = flag(
        "", "the same to choose by; default: validation, or carved from train where that is used or not there"
    )
    test_split: str = flag("test", "the same to test on, once")
    output: Path | None = flag(None, "probe.html, .json, .csv or .png, beside the table on the terminal")


def main(config: Config) -> None:
    """Open the feature sets, probe each, print, and write what was asked for."""
    from fgtl.analysis.probe import probe
    from fgtl.features.find import find_feature_sets
    from fgtl.reports.probe_table import as_text

    _check(config)
    sets = find_feature_sets(config.files)
    parts = [_parts(one, config) for one in sets]
    steps = len(sets) * (len(config.classifiers) + len(config.shots))
    with Progress("probe", steps, unit="classifiers") as progress:
        results = [probe(*own, config, partial(progress.advance, 1)) for own in parts]
    found = _table(config, sets, [own[2] for own in parts], results)
    say(f"{_images(found.images)} of {found.dataset}")
    say(as_text(found))
    if config.output is not None:
        write_atomically(config.output, _rendered(config.output.suffix, found))
        say(f"-> {config.output}")


def _check(config: Config) -> None:
    if config.output is not None and config.output.suffix not in ENDINGS:
        raise UsageError(f"--output={config.output} has no known ending.", expected=f"one of {', '.join(ENDINGS)}.")
    if not config.files:
        raise UsageError("No feature set is named.", expected="fgtl probe FEATURESET ...; fgtl extract makes them.")


def _parts(one: "FeatureSet", config: Config) -> "tuple[Features, Features | None, Features]":
    validation = config.validation_split
    if not validation and "validation" in one.counts and "validation" not in config.train_split + config.test_split:
        validation = "validation"
    wanted = [config.train_split, *filter(None, [validation]), config.test_split]
    # No image is in two parts: the test images must not be fitted on or chosen by.
    one.rows("+".join(wanted))
    return (
        one.part(config.train_split),
        one.part(validation) if validation else None,
        one.part(config.test_split),
    )


def _table(
    config: Config, sets: "Sequence[FeatureSet]", tests: "Sequence[Features]", results: "Sequence[ProbeResult]"
) -> "ProbeTable":
    from fgtl.reports.probe_table import Shots, probe_table

    names = _names(sets)
    rows: list[Classified] = []
    few: list[Shots] = []
    for name, test, result in zip(names, tests, results, strict=True):
        same = _same_images(tests[0], test)
        rows += [_classified(name, outcome, test, comparable=same) for outcome in result.outcomes]
        few += [Shots(name, one.shots, one.each, one.interval) for one in result.few]
    called = [one.meta.dataset or one.folder.name for one in sets]
    datasets = list(dict.fromkeys(called))
    notes = [
        f"{name}: {_images(result.images)} of {dataset}."
        for name, dataset, result in zip(names, called, results, strict=True)
        if len(datasets) > 1 or result.images != results[0].images
    ]
    notes += _notes(names, results) + _uncompared(names, tests)
    return probe_table(datasets[0], config.test_split, results[0].images, rows, few, notes, config.seed)


def _images(counts: dict[str, int]) -> str:
    return f"{counts['train']:,} training, {counts['validation']:,} validation and {counts['test']:,} test images"


def _names(sets: "Sequence[FeatureSet]") -> tuple[str, ...]:
    """The network and where its weights came from; how images are shown to it where that alone tells two apart."""
    from fgtl.reports.rank_table import names_of

    words = [_short_name(one) for one in sets]
    if len(set(words)) < len(words):
        words = [f"{word}: {one.meta.extractor.describe()}" for word, one in zip(words, sets, strict=True)]
    return names_of(words)


def _short_name(one: "FeatureSet") -> str:
    backbone = one.meta.extractor.backbone
    weights = Path(str(one.meta.question.get("weights", ""))).name
    for ending in (".h5", ".weights", "_notop"):
        weights = weights.removesuffix(ending)
    return weights if weights.startswith(backbone) else f"{backbone}, {weights}".removesuffix(", ")


def _same_images(one: "Features", other: "Features") -> bool:
    """Whether the test images are the same, and of the same classes."""
    if len(one) != len(other) or one.class_names != other.class_names:
        return False
    mine, theirs = one.ids.argsort(), other.ids.argsort()
    return bool((one.ids[mine] == other.ids[theirs]).all() and (one.labels[mine] == other.labels[theirs]).all())


def _classified(name: str, outcome: "Outcome", test: "Features", *, comparable: bool) -> "Classified":
    from fgtl.reports.probe_table import Classified

    right: np.ndarray | None = (outcome.predicted == test.labels)[test.ids.argsort()] if comparable else None
    return Classified(
        features=name,
        classifier=outcome.classifier,
        setting=outcome.described,
        validation=outcome.validation,
        tried=outcome.tried_values,
        evaluation=outcome.evaluation,
        right=right,
    )


def _notes(names: Sequence[str], results: "Sequence[ProbeResult]") -> list[str]:
    notes = []
    for name, result in zip(names, results, strict=True):
        if result.absent:
            notes.append(
                f"{name}: {result.absent:,} classes have no training image; {result.unseen:,} test images are theirs "
                "and count as wrong."
            )
        notes += [
            f"{name}: {outcome.classifier} stopped at --max_iterations, short of its optimum."
            for outcome in result.outcomes
            if not outcome.converged
        ]
        notes += [
            f"{name}: {one.short:,} classes have fewer than {one.shots} training images and gave all."
            for one in result.few
            if one.short
        ]
    return notes


def _uncompared(names: Sequence[str], tests: "Sequence[Features]") -> list[str]:
    others = [name for name, test in zip(names, tests, strict=True) if not _same_images(tests[0], test)]
    return [
        f"Other test images or classes than those of {names[0]}, so not compared image by image: {'; '.join(others)}."
    ] * bool(others)


def _rendered(ending: str, found: "ProbeTable") -> bytes | str:
    from fgtl.reports.figures import to_png
    from fgtl.reports.probe_page import as_html, dot_plot
    from fgtl.reports.probe_table import as_csv

    match ending:
        case ".html":
            # A folder's name may hold bytes that are no UTF-8.
            return as_html(found).encode("utf-8", "replace")
        case ".json":
            return json.dumps(found.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        case ".csv":
            return as_csv(found)
        case _:
            return to_png(dot_plot(found))
