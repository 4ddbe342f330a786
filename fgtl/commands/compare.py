"""Several runs -> one table and picture with intervals, and paired tests on the same images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.commands.answers import ENDINGS, as_json, check_output, write_answer
from fgtl.console import say
from fgtl.data.many_views import ManyViewsKnobs
from fgtl.knobs import LARGEST_SEED, flag

if TYPE_CHECKING:
    from fgtl.reports.compare import Comparison


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
    from fgtl.reports.compare_page import as_text
    from fgtl.training.run_facts import FREE

    check_output(config.output, *ENDINGS)
    folders = [Path(name).expanduser() for name in config.files]
    found = compare_runs(folders, config.split, views=config.views, free=FREE, common=config.common, seed=config.seed)
    say(f"{found.images:,} images of {found.split}")
    say(as_text(found))
    if config.output is not None:
        write_answer(config.output, _kinds(found))


def _kinds(found: "Comparison") -> dict[str, Callable[[], bytes | str]]:
    from fgtl.reports.compare_page import as_csv, as_html, dot_plot
    from fgtl.reports.figures import to_png

    return {
        ".html": lambda: as_html(found),
        ".json": lambda: as_json(found.as_dict()),
        ".csv": lambda: as_csv(found),
        ".png": lambda: to_png(dot_plot(found)),
    }
