"""Feature sets -> accuracy of simple classifiers on them: chosen on validation images, tested once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.analysis.probe_knobs import ProbeKnobs
from fgtl.commands.answers import ENDINGS, as_json, check_output, write_answer
from fgtl.console import Progress, say
from fgtl.errors import UsageError
from fgtl.knobs import flag

if TYPE_CHECKING:
    from fgtl.features.feature_set import Features, FeatureSet
    from fgtl.reports.probe_table import ProbeTable


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
    from fgtl.analysis.probe_comparison import compare_probes, images_in_words
    from fgtl.features.find import find_feature_sets
    from fgtl.reports.probe_table import as_text

    _check(config)
    sets = find_feature_sets(config.files)
    parts = [_parts(one, config) for one in sets]
    steps = len(sets) * (len(config.classifiers) + len(config.shots))
    with Progress("probe", steps, unit="classifiers") as progress:
        results = [probe(*own, config, partial(progress.advance, 1)) for own in parts]
    found = compare_probes(sets, [own[2] for own in parts], results, split=config.test_split, seed=config.seed)
    say(f"{images_in_words(found.images)} of {found.dataset}")
    say(as_text(found))
    if config.output is not None:
        _write(config.output, found)


def _check(config: Config) -> None:
    check_output(config.output, *ENDINGS)
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


def _write(output: Path, found: "ProbeTable") -> None:
    from fgtl.reports.figures import to_png
    from fgtl.reports.probe_page import as_html, dot_plot
    from fgtl.reports.probe_table import as_csv

    kinds: dict[str, Callable[[], bytes | str]] = {
        ".html": lambda: as_html(found),
        ".json": lambda: as_json(found.as_dict()),
        ".csv": lambda: as_csv(found),
        ".png": lambda: to_png(dot_plot(found)),
    }
    write_answer(output, kinds)
