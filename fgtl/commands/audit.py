"""Feature set -> photographs that are in train and test, or in a source too, and labels that are probably wrong."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.commands.answers import check_output, dataset_of
from fgtl.commands.audit_labels import judge, labels_of
from fgtl.commands.audit_sets import Audited, Comparison, compare
from fgtl.console import Progress, say, table
from fgtl.errors import UsageError
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.find import find_feature_sets
from fgtl.files import write_atomically
from fgtl.knobs import LARGEST_SEED, Knobs, flag

if TYPE_CHECKING:
    from fgtl.reports.audit_page import Accuracy


@dataclass(frozen=True)
class Config(Knobs):
    """Which feature set; it follows the flags."""

    files: tuple[str, ...] = flag((), "a feature set (or a record set with one); also given without the flag")
    against: str = flag("", "another one, such as of a source: whose photographs are in this set too")
    records: Path | None = flag(None, "record set with the pictures; default: the one that the feature set lies in")
    against_records: Path | None = flag(None, "the same of --against")
    train: str = flag("train", "split expression: what is trained on")
    test: str = flag("", "split expression: what is tested on (test; validation without one)")
    labels: bool = flag(True, "look for wrong labels in --train")
    c: float = flag(0.0, "C of the logistic regression on features of length 1; 0: 10 or 100, what fits better", low=0)
    folds: int = flag(5, "each image is judged by a classifier of the other folds", low=2, high=100)
    seed: int = flag(0, "of the folds", low=0, high=LARGEST_SEED)
    most: int = flag(40, "pairs, and labels, that are shown; the lists have all", low=1, high=2000)
    workers: int = flag(0, "processes that decode images; 0 = one for each core", low=0)
    output: Path = flag("audit.html", "page; beside it NAME-exclude.txt, NAME-exclude-source.txt, NAME-labels.csv")


def main(config: Config) -> None:
    """Compare, judge, print, and write the page and its lists."""
    from fgtl.reports.audit_page import AuditPage, as_html

    if len(config.files) != 1:
        raise UsageError(
            f"{len(config.files)} feature sets were given.", expected="fgtl audit FEATURESET --output=audit.html"
        )
    check_output(config.output, ".html")
    found, *others = find_feature_sets([*config.files, *filter(None, [config.against])])
    home = Audited.open(found, config.records, config.workers)
    comparisons = list(_within(home, config))
    for other in others:
        comparisons.append(_with_source(home, Audited.open(other, config.against_records, config.workers)))
    rules = tuple(dict.fromkeys(rule for one in comparisons for rule in one.rules))
    for rule in rules:
        say(rule)
    # Whatever can be refused is before the first file is written.
    judged = judge(found.part(config.train), config.c, config.folds, config.seed) if config.labels else None
    if not comparisons and judged is None:
        raise UsageError(f"{found.folder} has one split only, and there is no --against.", expected="two sets.")
    repeats = [one.as_repeats(_write_list(one, config), config.most) for one in comparisons]
    accuracies = _accuracies(comparisons, judged.c if judged else config.c)
    labels = labels_of(home, judged, config.output, config.most) if judged else None
    facts = [
        ("Features", found.meta.describe()),
        *((split, f"{count:,} images") for split, count in found.counts.items()),
    ]
    page = AuditPage(_title(found, others), tuple(facts), tuple(repeats), tuple(accuracies), labels, rules)
    write_atomically(config.output, as_html(page))
    say(f"-> {config.output}")


def _within(home: Audited, config: Config) -> list[Comparison]:
    """Train against test; nothing where there is only one split."""
    counts = home.found.counts
    test = config.test or next((split for split in ("test", "validation") if counts.get(split)), "")
    if not test or (config.train == "train" and "train" not in counts):
        return []
    parts = home.found.part(config.train), home.found.part(test)
    if set(parts[0].ids.tolist()) & set(parts[1].ids.tolist()):
        raise UsageError(f"{config.train!r} and {test!r} share images.", expected="parts that do not overlap.")
    return [_said(compare(home, home, parts, ("training", "test")))]


def _with_source(home: Audited, source: Audited) -> Comparison:
    """The source's photographs against all of this set's."""
    digest = home.found.meta.manifest_sha256
    if source.found.folder.resolve() == home.found.folder.resolve() or (
        digest and source.found.meta.manifest_sha256 == digest
    ):
        raise UsageError(
            f"--against={source.found.folder} is about the same images as {home.found.folder}.",
            expected="features of another record set.",
        )
    parts = _all_of(source.found), _all_of(home.found)
    return _said(compare(source, home, parts, (dataset_of(source.found), dataset_of(home.found))))


def _all_of(found: FeatureSet) -> Features:
    return Features(found.features, found.labels, found.ids, found.class_names)


def _said(comparison: Comparison) -> Comparison:
    one, other = comparison.names
    counts = ", ".join(f"{text} {count:,}" for text, count in comparison.counts())
    say(
        f"{len(comparison.pairs):,} of {len(comparison.parts[0]):,} {one} images have a near duplicate in {other}: {counts}"
    )
    for note in comparison.notes:
        say(f"  {note}")
    return comparison


def _write_list(comparison: Comparison, config: Config) -> Path:
    """One id a line."""
    source = comparison.homes[0].found.folder != comparison.homes[1].found.folder
    path = config.output.with_name(f"{config.output.stem}-exclude{'-source' if source else ''}.txt")
    write_atomically(path, "".join(f"{id}\n" for id in comparison.listed))
    say(f"-> {path}")
    return path


def _accuracies(comparisons: list[Comparison], c: float) -> "list[Accuracy]":
    """What the first comparison's pairs, of train and test, are worth."""
    from fgtl.analysis.confidence import TRIED
    from fgtl.analysis.without_duplicates import effect_of_duplicates
    from fgtl.reports.audit_page import ACCURACY_HEADER, Accuracy

    if not comparisons or comparisons[0].names != ("training", "test") or not comparisons[0].pairs:
        return []
    with Progress("test without duplicates", 2, unit="fits") as progress:
        effect = effect_of_duplicates(
            *comparisons[0].parts, comparisons[0].pairs, c or TRIED[-1], advance=progress.advance
        )
    named = {"all": effect.every, "with a near duplicate in train": effect.repeated, "the others": effect.others}
    rows = [Accuracy(name, one.images, one.before, one.after) for name, one in named.items()]
    say(table(list(ACCURACY_HEADER), [row.as_cells() for row in rows]))
    return rows


def _title(found: FeatureSet, others: list[FeatureSet]) -> str:
    return " against ".join(map(dataset_of, (found, *others)))
