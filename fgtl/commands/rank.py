"""Feature sets of one target -> which pre-trained model, or which source, to start from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.commands.answers import ENDINGS, as_json, check_output, dataset_of, few_images_note, write_answer
from fgtl.console import Progress, say
from fgtl.errors import UsageError
from fgtl.knobs import LARGEST_SEED, Knobs, flag

if TYPE_CHECKING:
    from fgtl.features.feature_set import FeatureSet
    from fgtl.reports.rank_table import Ranking

SCORES = ("logme", "h_score", "leep", "nce", "knn", "ridge", "logistic")


@dataclass(frozen=True)
class Config(Knobs):
    """What is ranked; the feature sets follow the flags."""

    files: tuple[str, ...] = flag((), "feature sets of the target, one a model; also given without the flag")
    sources: tuple[str, ...] = flag((), "rank these sources instead, for one target: feature sets of one extractor")
    split: str = flag("train", "split expression that is looked at; without test images")
    scores: tuple[str, ...] = flag(SCORES[:-1], "what is computed of models; logistic takes longest", choices=SCORES)
    by: str = flag("logme", "score of models that gives the order", choices=SCORES)
    h_score: str = flag("auto", "covariance; auto: shrunk where rows are few", choices=("auto", "shrunk", "plain"))
    min_images: int = flag(0, "source classes with fewer images are left out (the paper: 200)", low=0)
    runs: tuple[str, ...] = flag((), "evaluated runs, one for each that is ranked, in the same order")
    evaluated: str = flag("test", "split expression that the runs were evaluated on")
    accuracies: Path | None = flag(None, "or a CSV file with name,accuracy (0 to 1): measured accuracies")
    seed: int = flag(0, "of the resamples", low=0, high=LARGEST_SEED)
    output: Path | None = flag(None, "rank.html, .json, .csv or .png, beside the table on the terminal")


def main(config: Config) -> None:
    """Open the feature sets, score, compare with what was measured, print, and write what was asked for."""
    from fgtl.analysis.ranking import with_measured
    from fgtl.features.find import find_feature_sets
    from fgtl.reports.rank_table import as_text
    from fgtl.reports.rank_verdict import verdict

    _check(config)
    sets, sources = find_feature_sets(config.files), find_feature_sets(config.sources)
    names = _names(sets, sources)
    measured = _measured(config, sources or sets, names)
    ranking = _ranked_sources(config, sets[0], sources, names) if sources else _ranked_models(config, sets, names)
    if measured:
        ranking = with_measured(ranking, *measured, config.seed)
    say(f"{ranking.images:,} images of {ranking.classes:,} classes, {config.split} of {ranking.target}; no test image")
    say(as_text(ranking))
    say(f"\n{verdict(ranking)}")
    if config.output is not None:
        write_answer(config.output, _kinds(ranking))


def _check(config: Config) -> None:
    check_output(config.output, *ENDINGS)
    if not config.files:
        raise UsageError("No feature set is named.", expected="fgtl rank FEATURESET FEATURESET ..., of one target.")
    if config.sources and len(config.files) > 1:
        raise UsageError(
            f"{len(config.files)} targets, with --sources.", expected="one target, in the sources' extractor."
        )
    if config.by not in config.scores and not config.sources:
        raise UsageError(f"--by={config.by} is not among --scores={','.join(config.scores)}.")
    if config.runs and config.accuracies:
        raise UsageError("--runs and --accuracies both say what was measured.", expected="one of them.")
    if "test" in config.split:
        raise UsageError(
            f"--split={config.split} would look at test images.",
            expected="training or validation images: a ranking is made before the test is seen.",
        )


def _names(sets: Sequence["FeatureSet"], sources: Sequence["FeatureSet"]) -> tuple[str, ...]:
    """Of what is ranked, for people."""
    from fgtl.reports.rank_table import names_of

    return names_of([dataset_of(one) for one in sources] or [one.meta.network for one in sets])


def _ranked_models(config: Config, sets: Sequence["FeatureSet"], names: Sequence[str]) -> "Ranking":
    from fgtl.analysis.ranking import Candidate, rank_models
    from fgtl.features.same_images import check_same_images

    check_same_images(sets, config.split)
    candidates = []
    for one, name in zip(sets, names, strict=True):
        known = one.probabilities
        rows = None if known is None else known[one.rows(config.split)]
        candidates.append(Candidate(name, one.part(config.split), rows, one.meta.extractor.describe()))
    with Progress("rank", len(sets) * len(config.scores), unit="scores") as progress:
        found = rank_models(dataset_of(sets[0]), candidates, config.scores, config.by, config.h_score, progress.advance)
    return replace(found, seed=config.seed)


def _ranked_sources(
    config: Config, target: "FeatureSet", sources: Sequence["FeatureSet"], names: Sequence[str]
) -> "Ranking":
    from fgtl.analysis.domain import domain_of
    from fgtl.analysis.ranking import rank_sources
    from fgtl.features.comparable import check_comparable

    check_comparable([target, *sources])
    domains = [
        domain_of(one.part(config.split), name, min_images=config.min_images)
        for one, name in zip(sources, names, strict=True)
    ]
    found = rank_sources(domain_of(target.part(config.split), dataset_of(target)), domains)
    note = few_images_note(domains)
    return replace(found, notes=(*found.notes, note)) if note else found


def _measured(
    config: Config, sets: Sequence["FeatureSet"], names: Sequence[str]
) -> tuple[list[float | None], str] | None:
    """Accuracies of what is ranked, and which they are; None where none are given."""
    if config.accuracies is not None:
        from fgtl.reports.measured import matched, read_accuracies

        words = config.sources or config.files
        known = [
            tuple(dict.fromkeys((name, word, one.meta.key))) for name, word, one in zip(names, words, sets, strict=True)
        ]
        return matched(read_accuracies(config.accuracies), known, config.accuracies), config.accuracies.name
    if not config.runs:
        return None
    if len(config.runs) != len(sets):
        raise UsageError(
            f"{len(config.runs)} runs for {len(sets)} that are ranked.",
            expected="one run for each, in the same order.",
            fix="--accuracies takes a CSV file, in which some may be missing.",
        )
    return [_accuracy(Path(run), one, config) for run, one in zip(config.runs, sets, strict=True)], (
        f"top-1 on {config.evaluated}"
    )


def _accuracy(folder: Path, one: "FeatureSet", config: Config) -> float:
    from fgtl.reports.evaluated_run import read_evaluated

    run = read_evaluated(folder.expanduser(), config.evaluated, "centre")
    backbone = run.config.get("backbone")
    if not config.sources and backbone != one.meta.extractor.backbone:
        raise UsageError(
            f"The run {folder} is of {backbone}, and {one.folder} of {one.meta.extractor.backbone}.",
            expected="the runs in the order of the feature sets.",
        )
    return run.evaluation.top1


def _kinds(ranking: "Ranking") -> dict[str, Callable[[], bytes | str]]:
    from fgtl.reports.figures import to_png
    from fgtl.reports.rank_page import as_html
    from fgtl.reports.rank_plots import score_panels
    from fgtl.reports.rank_table import as_csv

    return {
        ".html": lambda: as_html(ranking),
        ".json": lambda: as_json(ranking.as_dict()),
        ".csv": lambda: as_csv(ranking),
        ".png": lambda: to_png(score_panels(ranking)),
    }
