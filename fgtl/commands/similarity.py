"""Source and target feature sets -> how alike the domains are: EMD, similarity, intervals, and what feeds what."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.analysis.similarity_knobs import SimilarityKnobs
from fgtl.console import Progress, say
from fgtl.errors import UsageError
from fgtl.files import write_atomically
from fgtl.knobs import flag

if TYPE_CHECKING:
    from fgtl.reports.similarity_flows import Pictures
    from fgtl.reports.similarity_rows import SimilarityTable

ENDINGS = (".html", ".json", ".csv", ".png")


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
    from fgtl.commands.similarity_domains import named_domains, typical_pictures
    from fgtl.features.comparable import check_comparable
    from fgtl.reports.similarity_text import as_text

    ending = config.output.suffix if config.output else ""
    if config.output and ending not in ENDINGS:
        raise UsageError(f"--output={config.output} has no known ending.", expected=f"one of {', '.join(ENDINGS)}.")
    parse_gamma(config.gamma)
    domains = named_domains(config.sources, config.targets, config.split)
    check_comparable(domains.sets)
    problems = len(domains.sources) * len(domains.targets) * (1 + config.bootstrap)
    with Progress("similarity", problems, unit="transport problems") as progress:
        measured = measure(*domains.collections, config, progress.advance)
    table = similarity_table(measured, config, extractor=domains.sets[0].meta.describe(), split=config.split)
    say(as_text(table))
    if config.output:
        pictures = typical_pictures(domains, measured, table) if ending == ".html" else {}
        write_atomically(config.output, _rendered(ending, table, pictures))
        say(f"-> {config.output}")


def _rendered(ending: str, table: "SimilarityTable", pictures: "Pictures") -> bytes | str:
    from fgtl.reports.figures import to_png
    from fgtl.reports.similarity_bars import similarity_bars
    from fgtl.reports.similarity_page import as_html
    from fgtl.reports.similarity_text import as_csv

    match ending:
        case ".html":
            # A folder's name may hold bytes that are no UTF-8.
            return as_html(table, pictures).encode("utf-8", "replace")
        case ".json":
            return json.dumps(table.as_dict(), indent=2, allow_nan=False) + "\n"
        case ".csv":
            return as_csv(table)
        case _:
            return to_png(similarity_bars(table))
