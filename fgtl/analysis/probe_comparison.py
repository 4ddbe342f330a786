"""Probes of several feature sets -> one table: names, which test images are the same, and what a reader must know."""

from collections.abc import Iterator, Sequence

from fgtl.analysis.probe_result import Outcome, ProbeResult
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.reports.probe_table import Classified, ProbeTable, Shots, probe_table
from fgtl.reports.rank_table import names_of


def compare_probes(
    sets: Sequence[FeatureSet],
    tests: Sequence[Features],
    results: Sequence[ProbeResult],
    *,
    split: str = "test",
    seed: int = 0,
) -> ProbeTable:
    """The table of all sets and classifiers, with tests of the differences between sets that have the same test images.

    Args:
        sets: one or more.
        tests: the test images of each.
        results: what `probe` said of each.
        split: of the test images, for people.
        seed: of the resamples of a difference.
    """
    names = set_names(sets)
    rows: list[Classified] = []
    few: list[Shots] = []
    for name, test, result in zip(names, tests, results, strict=True):
        same = _same_images(tests[0], test)
        rows += [_classified(name, outcome, test, comparable=same) for outcome in result.outcomes]
        few += [Shots(name, one.shots, one.each, one.interval) for one in result.few]
    datasets = [one.meta.dataset or one.folder.name for one in sets]
    notes = [*_sizes(names, datasets, results), *_notes(names, results), *_uncompared(names, tests)]
    return probe_table(datasets[0], split, results[0].images, rows, few, notes, seed)


def set_names(sets: Sequence[FeatureSet]) -> tuple[str, ...]:
    """The network and where its weights came from; how images are shown to it where that tells two apart."""
    words = [one.meta.network for one in sets]
    looks = [one.meta.extractor.describe() for one in sets]
    of_word = {word: {look for other, look in zip(words, looks, strict=True) if other == word} for word in words}
    both = zip(words, looks, strict=True)
    return names_of([f"{word}: {look}" if len(of_word[word]) > 1 else word for word, look in both])


def images_in_words(counts: dict[str, int]) -> str:
    """How many images were fitted on, chosen by and tested on."""
    return f"{counts['train']:,} training, {counts['validation']:,} validation and {counts['test']:,} test images"


def _same_images(one: Features, other: Features) -> bool:
    """Whether the test images are the same, and of the same classes."""
    if len(one) != len(other) or one.class_names != other.class_names:
        return False
    mine, theirs = one.ids.argsort(), other.ids.argsort()
    return bool((one.ids[mine] == other.ids[theirs]).all() and (one.labels[mine] == other.labels[theirs]).all())


def _classified(name: str, outcome: Outcome, test: Features, *, comparable: bool) -> Classified:
    return Classified(
        features=name,
        classifier=outcome.classifier,
        setting=outcome.described,
        validation=outcome.validation,
        tried=outcome.tried_values,
        evaluation=outcome.evaluation,
        right=(outcome.predicted == test.labels)[test.ids.argsort()] if comparable else None,
    )


def _sizes(names: Sequence[str], datasets: Sequence[str], results: Sequence[ProbeResult]) -> Iterator[str]:
    for name, dataset, result in zip(names, datasets, results, strict=True):
        if len(set(datasets)) > 1 or result.images != results[0].images:
            yield f"{name}: {images_in_words(result.images)} of {dataset}."


def _notes(names: Sequence[str], results: Sequence[ProbeResult]) -> Iterator[str]:
    for name, result in zip(names, results, strict=True):
        if result.absent:
            yield (
                f"{name}: {result.absent:,} classes have no training image; {result.unseen:,} test images are theirs "
                "and count as wrong."
            )
        for outcome in result.outcomes:
            if not outcome.converged:
                yield f"{name}: {outcome.classifier} stopped at --max_iterations, short of its optimum."
        for one in result.few:
            if one.short:
                yield f"{name}: {one.short:,} classes have fewer than {one.shots} training images and gave all."


def _uncompared(names: Sequence[str], tests: Sequence[Features]) -> Iterator[str]:
    others = [name for name, test in zip(names, tests, strict=True) if not _same_images(tests[0], test)]
    if others:
        yield (
            f"Other test images or classes than those of {names[0]}, so not compared image by image: "
            f"{'; '.join(others)}."
        )
