"""Several runs -> one table and picture with intervals, and paired tests on the same images."""

import json
from dataclasses import dataclass
from pathlib import Path

from fgtl.console import say
from fgtl.data.many_views import ManyViewsKnobs
from fgtl.errors import UsageError
from fgtl.files import write_atomically
from fgtl.knobs import LARGEST_SEED, flag

ENDINGS = (".html", ".json", ".csv", ".png")


@dataclass(frozen=True)
class Config(ManyViewsKnobs):
    """Which runs; their folders follow the flags."""

    files: tuple[str, ...] = flag((), "run folders, evaluated on the split; also given without the flag")
    split: str = flag("test", "split expression that all runs were evaluated on")
    output: Path | None = flag(None, "compare.html, .json, .csv or .png, beside the table on the terminal")
    common: bool = flag(False, "where the runs were evaluated on different images: compare on those that all have")
    seed: int = flag(0, "of the bootstrap", low=0, high=LARGEST_SEED)


def main(config: Config) -> None:
    """Read the evaluations, compare, print, and write what was asked for."""
    from fgtl.reports.compare import compare_runs
    from fgtl.reports.compare_page import as_csv, as_html, as_text, dot_plot
    from fgtl.reports.figures import to_png
    from fgtl.training.run_facts import FREE

    if config.output is not None and config.output.suffix not in ENDINGS:
        raise UsageError(f"--output={config.output} has no known ending.", expected=f"one of {', '.join(ENDINGS)}.")
    folders = [Path(name).expanduser() for name in config.files]
    found = compare_runs(folders, config.split, views=config.views, free=FREE, common=config.common, seed=config.seed)
    say(f"{found.images:,} images of {found.split}")
    say(as_text(found))
    if config.output is None:
        return
    content: bytes | str
    match config.output.suffix:
        case ".html":
            # A folder's name may hold bytes that are no UTF-8.
            content = as_html(found).encode("utf-8", "replace")
        case ".json":
            content = json.dumps(found.as_dict(), indent=2, allow_nan=False) + "\n"
        case ".csv":
            content = as_csv(found)
        case _:
            content = to_png(dot_plot(found))
    write_atomically(config.output, content)
    say(f"-> {config.output}")
