"""Source and target feature sets -> how alike the domains are: EMD, similarity, intervals, and what feeds what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.analysis.similarity_knobs import SimilarityKnobs
from fgtl.commands.answers import ENDINGS, as_json, check_output, write_answer
from fgtl.console import Progress, say
from fgtl.knobs import flag

if TYPE_CHECKING:
    from fgtl.analysis.similarity import Collection, Measured
    from fgtl.reports.similarity_rows import SimilarityTable


@dataclass(frozen=True)
class Config(SimilarityKnobs):
    """Which domains: folders of feature sets or, where there is one set in it, of record sets."""

    sources: tuple[str, ...] = flag((), "what to transfer from; A+B joins two to one source")
    targets: tuple[str, ...] = flag((), "what to transfer to")
    split: str = flag("train", "split expression whose images are taken")
    output: Path | None = flag(None, "similarity.html, .json, .csv or .png, beside the table on the terminal")


def main(config: Config) -> None:
    """Open the features, measure, print, and write what was asked for."""
    from fgtl.analysis.gamma import parse_gamma
    from fgtl.analysis.similarity import measure
    from fgtl.analysis.similarity_table import similarity_table
    from fgtl.commands.similarity_domains import named_domains
    from fgtl.features.comparable import check_comparable
    from fgtl.reports.similarity_text import as_text

    check_output(config.output, *ENDINGS)
    parse_gamma(config.gamma)
    sources, targets = named_domains(config.sources, config.targets, config.split)
    every = [*sources, *targets]
    sets = [one for collection in every for one in collection.sets]
    check_comparable(sets)
    problems = len(sources) * len(targets) * (1 + config.bootstrap)
    with Progress("similarity", problems, unit="transport problems") as progress:
        measured = measure(sources, targets, config, progress.advance)
    table = similarity_table(measured, config, extractor=sets[0].meta.describe(), split=config.split)
    say(as_text(table))
    if config.output is not None:
        write_answer(config.output, _kinds(table, measured, every))


def _kinds(
    table: "SimilarityTable", measured: "Measured", collections: "Sequence[Collection]"
) -> dict[str, Callable[[], bytes | str]]:
    from fgtl.analysis.typical import typical_pictures
    from fgtl.reports.figures import to_png
    from fgtl.reports.similarity_bars import similarity_bars
    from fgtl.reports.similarity_flows import shown_flows
    from fgtl.reports.similarity_page import as_html
    from fgtl.reports.similarity_text import as_csv

    return {
        ".html": lambda: as_html(table, typical_pictures(shown_flows(table), measured, collections)),
        ".json": lambda: as_json(table.as_dict()),
        ".csv": lambda: as_csv(table),
        ".png": lambda: to_png(similarity_bars(table)),
    }
