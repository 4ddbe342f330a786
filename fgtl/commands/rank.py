"""Feature sets of one target -> which pre-trained model, or which source, to start from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.console import Progress, say
from fgtl.errors import UsageError
from fgtl.files import write_atomically
from fgtl.knobs import LARGEST_SEED, Knobs, flag

if TYPE_CHECKING:
    from fgtl.features.feature_set import FeatureSet
    from fgtl.reports.rank_table import Ranking

ENDINGS = (".html", ".json", ".csv", ".png")
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

    _check(config)
    sets, sources = find_feature_sets(config.files), find_feature_sets(config.sources)
    ranking = _ranked_sources(config, sets[0], sources) if sources else _ranked_models(config, sets)
    if measured := _measured(config, sources or sets, ranking):
        ranking = with_measured(ranking, *measured, config.seed)
    say(f"{ranking.images:,} images of {ranking.classes:,} classes, {config.split} of {ranking.target}; no test image")
    say(as_text(ranking))
    if config.output is not None:
        write_atomically(config.output, _rendered(config.output.suffix, ranking))
        say(f"-> {config.output}")


def _check(config: Config) -> None:
    if config.output is not None and config.output.suffix not in ENDINGS:
        raise UsageError(f"--output={config.output} has no known ending.", expected=f"one of {', '.join(ENDINGS)}.")
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


def _ranked_models(config: Config, sets: Sequence["FeatureSet"]) -> "Ranking":
    from fgtl.analysis.ranking import Candidate, rank_models
    from fgtl.features.same_images import check_same_images
    from fgtl.reports.rank_table import names_of

    names = names_of([short_name(one) for one in sets])
    check_same_images(sets, config.split)
    candidates = []
    for one, name in zip(sets, names, strict=True):
        known = one.probabilities
        rows = None if known is None else known[one.rows(config.split)]
        candidates.append(Candidate(name, one.part(config.split), rows, one.meta.extractor.describe()))
    with Progress("rank", len(sets) * len(config.scores), unit="scores") as progress:
        return rank_models(sets[0].meta.dataset, candidates, config.scores, config.by, config.h_score, progress.advance)


def short_name(one: "FeatureSet") -> str:
    """The network and where its weights came from; how images are shown to it stands beside."""
    weights = str(one.meta.question.get("weights", "")).removesuffix(".h5").removesuffix(".weights")
    return f"{one.meta.extractor.backbone}, {weights}" if weights else one.meta.extractor.backbone


def _ranked_sources(config: Config, target: "FeatureSet", sources: Sequence["FeatureSet"]) -> "Ranking":
    from fgtl.analysis.domain import domain_of
    from fgtl.analysis.ranking import rank_sources
    from fgtl.features.comparable import check_comparable
    from fgtl.reports.rank_table import names_of

    check_comparable([target, *sources])
    names = names_of([one.meta.dataset for one in sources])
    domains = [
        domain_of(one.part(config.split), name, min_images=config.min_images)
        for one, name in zip(sources, names, strict=True)
    ]
    return rank_sources(domain_of(target.part(config.split), target.meta.dataset), domains)


def _measured(
    config: Config, sets: Sequence["FeatureSet"], ranking: "Ranking"
) -> tuple[list[float | None], str] | None:
    """Accuracies of what is ranked, and which they are; None where none are given."""
    if config.accuracies is not None:
        from fgtl.reports.measured import matched, read_accuracies

        words = config.sources or config.files
        known = [
            tuple(dict.fromkeys((name, word, one.meta.key)))
            for name, word, one in zip(ranking.names, words, sets, strict=True)
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


def _rendered(ending: str, ranking: "Ranking") -> bytes | str:
    from fgtl.reports.figures import to_png
    from fgtl.reports.rank_page import as_html
    from fgtl.reports.rank_plots import score_panels
    from fgtl.reports.rank_table import as_csv

    match ending:
        case ".html":
            # A folder's name may hold bytes that are no UTF-8.
            return as_html(ranking).encode("utf-8", "replace")
        case ".json":
            return json.dumps(ranking.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        case ".csv":
            return as_csv(ranking)
        case _:
            return to_png(score_panels(ranking))
