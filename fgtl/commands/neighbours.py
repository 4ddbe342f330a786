"""Feature set + photographs -> pictures of their nearest neighbours, and how often those are of the same class."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from fgtl.commands.answers import check_output, dataset_of, write_answer
from fgtl.commands.neighbour_queries import Queries, QueryKnobs, gather
from fgtl.console import say, warn
from fgtl.errors import UsageError
from fgtl.features.exact_scores import METRICS, Metric
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.find import find_feature_sets
from fgtl.features.stored_images import records_of, stored_images
from fgtl.knobs import flag

if TYPE_CHECKING:
    from fgtl.reports.photo_rows import Row


@dataclass(frozen=True)
class Config(QueryKnobs):
    """Where neighbours are looked for; the feature set follows the flags, and queries may follow it."""

    files: tuple[str, ...] = flag((), "a feature set (or a record set with one), queries; also without the flag")
    split: str = flag("train", "split expression of the photographs that are searched")
    k: int = flag(5, "neighbours of each", low=1, high=100)
    metric: str = flag("cosine", "what is near", choices=METRICS)
    precision: bool = flag(True, "print precision at 1 and k over all of --query_split")
    records: Path | None = flag(None, "record set with the pictures; default: the one that the feature set lies in")
    output: Path | None = flag(None, "neighbours.png or .html")


def main(config: Config) -> None:
    """Search, print, and draw what was found."""
    from fgtl.analysis.neighbour_rows import NEAR, neighbour_rows
    from fgtl.analysis.precision_at_k import own_rows
    from fgtl.features.topk import top_k

    if not config.files:
        raise UsageError("No feature set was given.", expected="fgtl neighbours FEATURESET --query photo.jpg")
    check_output(config.output, ".png", ".html")
    (found,) = find_feature_sets(config.files[:1])
    database = found.part(config.split)
    query_split = config.query_split or ("test" if "test" in found.counts else "train")
    queries = gather(found, [*config.query, *config.files[1:]], config, query_split)
    own = np.concatenate([own_rows(queries.rows, database), np.full(len(queries.photos), -1)])
    most = len(database) - bool((own >= 0).any())
    if config.k > most:
        raise UsageError(
            f"--k={config.k}, but there are {most:,} images of {config.split} to choose from.", expected="less."
        )
    metric = cast(Metric, config.metric)
    nearest = top_k(queries.features, database.features, config.k, metric, exclude_self=own)
    facts = [("Features", found.meta.describe()), ("By", NEAR[metric])]
    facts.append(("Searched", f"{config.split}, {len(database):,} images"))
    say(f"{found.meta.describe()}: {len(database):,} images of {dataset_of(found)}, {config.split}; by {NEAR[metric]}")
    rows = neighbour_rows(queries.every, database, nearest, {}, metric)
    _print(queries, rows)
    if config.precision:
        facts.append(("Precision", _precision(found.part(query_split), database, query_split, config)))
    if config.output is not None:
        images = _images(found, queries, database.ids[nearest[0].ravel()], config)
        _draw(neighbour_rows(queries.every, database, nearest, images, metric), facts, config.output)


def _print(queries: Queries, rows: "Sequence[Row]") -> None:
    for name, row in zip(queries.names, rows, strict=True):
        say(f"\n{name}" + (f"  {row.query.name}" if row.query.name else ""))
        for shown in row.neighbours:
            mark = {True: "=", False: "x", None: " "}[shown.right]
            say(f"  {mark} {shown.said:<16}  {shown.name}  {shown.note}")


def _precision(queries: Features, database: Features, query_split: str, config: Config) -> str:
    from fgtl.analysis.precision_at_k import own_rows, precision_at_k

    found = precision_at_k(queries, database, tuple(sorted({1, config.k})), cast(Metric, config.metric))
    which = f"against {config.split}"
    if (own_rows(queries, database) >= 0).any():
        which += ", leave-one-out"
    text = ", ".join(f"precision@{k} {value:.4f}" for k, value in found.items())
    say(f"\n{len(queries):,} images of {query_split}, {which}: {text}")
    return f"{text} ({query_split}, {which})"


def _images(found: FeatureSet, queries: Queries, neighbours: NDArray[np.str_], config: Config) -> dict[str, bytes]:
    """Image files of queries and neighbours; of the queries' own only, where there is no record set."""
    photos = {str(path): data for path, data in queries.photos.items()}
    try:
        records = records_of(found, config.records)
    except UsageError as error:
        if config.records is not None:
            raise
        warn(f"No pictures: {error}")
        return photos
    return stored_images(records, map(str, [*queries.rows.ids, *neighbours])) | photos


def _draw(rows: "Sequence[Row]", facts: list[tuple[str, str]], output: Path) -> None:
    from fgtl.reports.neighbour_pictures import as_html, as_png

    title = f"{len(rows)} photographs and their nearest neighbours"
    write_answer(output, {".png": lambda: as_png(rows), ".html": lambda: as_html(rows, title, facts)})
