"""Feature set -> photographs that are in train and test, or in a source too, and labels that are probably wrong."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.commands.audit_sets import Audited, Comparison, compare, examples_of
from fgtl.console import say, table
from fgtl.errors import UsageError
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.find import find_feature_sets
from fgtl.files import write_atomically
from fgtl.knobs import LARGEST_SEED, Knobs, flag

if TYPE_CHECKING:
    from fgtl.analysis.label_errors import Suspects
    from fgtl.reports.audit_page import Accuracy, Labels


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
    if config.output.suffix != ".html":
        raise UsageError(f"--output={config.output} is no page's name.", expected="a name that ends in .html.")
    found, *others = find_feature_sets([*config.files, *filter(None, [config.against])])
    home = Audited.open(found, config.records, config.workers)
    comparisons = list(_within(home, config))
    for other in others:
        comparisons.append(_with_source(home, Audited.open(other, config.against_records, config.workers)))
    if not comparisons and not config.labels:
        raise UsageError(f"{found.folder} has one split only, and there is no --against.", expected="two sets.")
    repeats = [one.as_repeats(_write_list(one, config), config.most) for one in comparisons]
    judged = _judged(found.part(config.train), config) if config.labels else None
    accuracies = _accuracies(comparisons, judged[1] if judged else config.c)
    labels = _labels(home, found.part(config.train), judged[0], config) if judged else None
    facts = [
        ("Features", found.meta.describe()),
        *((split, f"{count:,} images") for split, count in found.counts.items()),
    ]
    page = AuditPage(_title(found, others), tuple(facts), tuple(repeats), tuple(accuracies), labels)
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
    if source.found.folder.resolve() == home.found.folder.resolve():
        raise UsageError("--against names the same feature set.", expected="another one.")
    parts = _all_of(source.found), _all_of(home.found)
    return _said(
        compare(source, home, parts, (source.found.meta.dataset or "source", home.found.meta.dataset or "target"))
    )


def _all_of(found: FeatureSet) -> Features:
    return Features(found.features, found.labels, found.ids, found.class_names)


def _said(comparison: Comparison) -> Comparison:
    one, other = comparison.names
    counts = ", ".join(f"{text} {count:,}" for text, count in comparison.counts())
    say(
        f"{len(comparison.pairs):,} of {len(comparison.parts[0]):,} {one} photographs are {other} photographs too: {counts}"
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


def _judged(train: Features, config: Config) -> "tuple[Suspects, float]":
    """Suspects, and the C that was used."""
    from fgtl.analysis.confidence import confidence
    from fgtl.analysis.label_errors import find_label_errors

    probabilities, c = confidence(train, config.c, config.folds, config.seed)
    return find_label_errors(probabilities, train.labels), c


def _accuracies(comparisons: list[Comparison], c: float) -> "list[Accuracy]":
    """What the first comparison's pairs, of train and test, are worth."""
    from fgtl.analysis.confidence import TRIED
    from fgtl.analysis.without_duplicates import effect_of_duplicates
    from fgtl.reports.audit_page import ACCURACY_HEADER, Accuracy

    if not comparisons or comparisons[0].names != ("training", "test") or not comparisons[0].pairs:
        return []
    effect = effect_of_duplicates(*comparisons[0].parts, comparisons[0].pairs, c or TRIED[-1])
    named = {"all": effect.every, "with a training image's picture": effect.repeated, "the others": effect.others}
    rows = [Accuracy(name, one.images, one.before, one.after) for name, one in named.items()]
    say(table(list(ACCURACY_HEADER), [row.as_cells() for row in rows]))
    return rows


def _labels(home: Audited, train: Features, suspects: "Suspects", config: Config) -> "Labels":
    """Print and list them; the first ones with pictures."""
    from fgtl.reports.audit_page import Labels, Suspect

    path = config.output.with_name(f"{config.output.stem}-labels.csv")
    write_atomically(path, _as_csv(train, suspects))
    say(f"{len(suspects):,} of {len(train):,} training labels are doubtful -> {path}")
    places = range(min(config.most, len(suspects)))
    beside = {
        place: [
            examples_of(train, int(label), int(suspects.rows[place]), 2)
            for label in (suspects.given[place], suspects.suggested[place])
        ]
        for place in places
    }
    wanted = {int(suspects.rows[place]) for place in places} | {
        row for pair in beside.values() for rows in pair for row in rows
    }
    photographs = home.shown(str(train.ids[row]) for row in wanted)
    shown = tuple(
        Suspect(
            photographs(train, int(suspects.rows[place])),
            train.class_names[suspects.given[place]],
            train.class_names[suspects.suggested[place]],
            float(suspects.given_probability[place]),
            float(suspects.suggested_probability[place]),
            *(tuple(photographs(train, row) for row in rows) for rows in beside[place]),
        )
        for place in places
    )
    how = (
        f"Confident learning: a classifier fitted on the other {config.folds - 1} of {config.folds} folds finds another "
        "class more probable, as sure of it as it is of that class's own images on average. Many are only hard."
    )
    return Labels(len(suspects), len(train), shown, how, str(path))


def _as_csv(train: Features, suspects: "Suspects") -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "label", "suggested", "label_probability", "suggested_probability"])
    for row, given, other, one, two in zip(
        suspects.rows,
        suspects.given,
        suspects.suggested,
        suspects.given_probability,
        suspects.suggested_probability,
        strict=True,
    ):
        names = train.class_names
        writer.writerow([train.ids[row], names[given], names[other], f"{one:.4f}", f"{two:.4f}"])
    return text.getvalue()


def _title(found: FeatureSet, others: list[FeatureSet]) -> str:
    name = found.meta.dataset or found.folder.name
    return f"{name} against {others[0].meta.dataset or others[0].folder.name}" if others else name
