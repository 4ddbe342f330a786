"""Source classes + targets, as feature sets -> the source classes to pre-train on, with who chose them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.commands.answers import as_json, check_output, dataset_of, few_images_note
from fgtl.console import say, warn
from fgtl.errors import UsageError
from fgtl.files import write_atomically
from fgtl.knobs import Knobs, flag

if TYPE_CHECKING:
    from fgtl.analysis.domain import Domain
    from fgtl.analysis.selection import Selection
    from fgtl.features.feature_set import FeatureSet

ALL = "all"


@dataclass(frozen=True)
class Config(Knobs):
    """What is chosen from, for what, and how."""

    sources: tuple[str, ...] = flag((), "feature sets whose classes there are; or record sets, RECORDS@BACKBONE")
    targets: tuple[str, ...] = flag((), "feature sets of the targets, of the same extractor")
    k: tuple[str, ...] = flag(("200",), "classes that each target chooses: one number, one a target, or all")
    method: str = flag(
        "paper",
        "paper: each class by its own distance; marginal: each next class by the distance of the whole set",
        choices=("paper", "marginal"),
    )
    split: str = flag("train", "split expression; of sources and targets alike")
    min_images: int = flag(0, "source classes with fewer images are left out (the paper: 200)", low=0)
    output: Path = flag(Path("classes.txt"), "list for convert --classes; .csv, .json and .png go beside it")


def main(config: Config) -> None:
    """Read the feature sets, choose, and write the lists, the table and the picture."""
    from fgtl.analysis.domain import joined
    from fgtl.analysis.selection import chosen_of, panels_of, select_source_classes, summaries_of
    from fgtl.reports.figures import to_png
    from fgtl.reports.select_files import as_csv, as_dict, as_text
    from fgtl.reports.select_plot import distance_curves

    check_output(config.output, ".txt")
    sources, targets = _opened(config)
    domains = [_domain(one, config.split, config.min_images) for one in sources]
    source = joined(domains, _names(sources))
    sizes = _sizes(config.k, len(targets), len(source))
    selection = select_source_classes(source, [_domain(one, config.split) for one in targets], sizes, config.method)
    summaries, panels = summaries_of(selection), panels_of(selection)
    rows = chosen_of(selection, [dataset_of(one) for one in sources])
    say(as_text(summaries, len(selection.classes), len(source)))
    if note := few_images_note(domains):
        warn(note)
    lists = _lists(sources, selection, config.output)
    facts = as_dict(rows, summaries, config.method, sources[0].meta.describe())
    files: dict[Path, bytes | str] = {
        **lists,
        config.output.with_suffix(".csv"): as_csv(rows),
        config.output.with_suffix(".json"): as_json(facts),
        config.output.with_suffix(".png"): to_png(distance_curves(panels)),
    }
    for path, content in files.items():
        write_atomically(path, content)
        say(f"-> {path}")
    for path, one in zip(lists, sources, strict=True):
        if lists[path]:
            say(f"The command that {dataset_of(one)} was converted with makes this part of it with --classes={path}")


def _opened(config: Config) -> tuple[list["FeatureSet"], list["FeatureSet"]]:
    from fgtl.features.comparable import check_comparable
    from fgtl.features.find import find_feature_sets

    for flag_name, words in (("sources", config.sources), ("targets", config.targets)):
        if not words:
            raise UsageError(f"--{flag_name} is missing.", expected="one feature set or more, with commas between.")
    sources, targets = find_feature_sets(config.sources), find_feature_sets(config.targets)
    check_comparable([*sources, *targets])
    for group in (sources, targets):
        names = [dataset_of(one) for one in group]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UsageError(f"{twice[0]!r} is named twice.", expected="data sets of different names.")
    return sources, targets


def _domain(one: "FeatureSet", split: str, min_images: int = 0) -> "Domain":
    from fgtl.analysis.domain import domain_of

    return domain_of(one.part(split), dataset_of(one), min_images=min_images)


def _names(sources: Sequence["FeatureSet"]) -> str:
    return "+".join(dataset_of(one) for one in sources)


def _sizes(words: Sequence[str], targets: int, classes: int) -> list[int]:
    """How many classes each target chooses; a number for all where there is one."""
    if len(words) not in (1, targets):
        raise UsageError(
            f"--k={','.join(words)} has {len(words)} numbers.", expected=f"one, or one for each of {targets} targets."
        )
    sizes = []
    for word in words:
        size = classes if word == ALL else int(word) if word.isascii() and word.isdigit() and len(word) < 10 else 0
        if not 1 <= size <= classes:
            raise UsageError(
                f"--k={word}, and there are {classes:,} source classes.", expected=f"1 to {classes:,}, or {ALL}."
            )
        sizes.append(size)
    return sizes * targets if len(words) == 1 else sizes


def _lists(sources: Sequence["FeatureSet"], selection: "Selection", output: Path) -> dict[Path, str]:
    """A list of classes for each source; their names differ where there are several."""
    from fgtl.reports.select_files import class_list

    found = {}
    for part, one in enumerate(sources):
        own = selection.classes[selection.source.parts[selection.classes] == part]
        path = output if len(sources) == 1 else output.with_stem(f"{output.stem}-{dataset_of(one)}")
        found[path] = class_list(dataset_of(one), selection.source.labels[own].tolist(), one.class_names)
    return found
