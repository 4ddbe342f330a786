"""Feature set + photographs -> pictures of their nearest neighbours, and how often those are of the same class."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fgtl.commands.answers import check_ending, dataset_of, write_answer
from fgtl.commands.neighbour_queries import Queries, QueryKnobs, gather
from fgtl.console import say, warn
from fgtl.errors import UsageError
from fgtl.features.exact_scores import METRICS, Metric
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.find import find_feature_sets
from fgtl.features.stored_images import records_of, stored_images
from fgtl.knobs import flag

_NEAR: dict[Metric, str] = {
    "cosine": "cosine distance",
    "euclidean": "Euclidean distance",
    "dot": "inner product, the larger the nearer",
}


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


@dataclass(frozen=True, eq=False)
class Found:
    """Neighbours of Q queries: rows of `database` and scores, both (Q, k), nearest first."""

    queries: Queries
    database: Features
    indices: NDArray[np.int64]
    scores: NDArray[np.float32]
    metric: Metric

    def is_right(self, query: int, row: int) -> bool | None:
        """Whether a row has the query's label; None where nobody knows that."""
        label = self.queries.labels[query]
        return None if label < 0 else bool(self.database.labels[row] == label)

    def said(self, score: float) -> str:
        """A score, for people."""
        if self.metric == "cosine":
            # The cosine distance: 0 is the same direction, 1 a right angle, 2 the opposite one.
            return f"distance {max(0.0, 1 - score):.3f}"
        return f"{'product' if self.metric == 'dot' else 'distance'} {score:.4g}"


def main(config: Config) -> None:
    """Search, print, and draw what was found."""
    from fgtl.analysis.precision_at_k import own_rows
    from fgtl.features.topk import top_k

    if not config.files:
        raise UsageError("No feature set was given.", expected="fgtl neighbours FEATURESET --query photo.jpg")
    check_ending(config.output, ".png", ".html")
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
    answer = Found(queries, database, *nearest, metric)
    facts = [("Features", found.meta.describe()), ("By", _NEAR[metric])]
    facts.append(("Searched", f"{config.split}, {len(database):,} images"))
    say(f"{found.meta.describe()}: {len(database):,} images of {dataset_of(found)}, {config.split}; by {_NEAR[metric]}")
    _print(answer)
    if config.precision:
        facts.append(("Precision", _precision(found.part(query_split), database, query_split, config)))
    if config.output is not None:
        _draw(answer, _images(found, answer, config), facts, config.output)


def _print(found: Found) -> None:
    classes = found.database.class_names
    for query, (name, label) in enumerate(zip(found.queries.names, found.queries.labels, strict=True)):
        say(f"\n{name}" + (f"  {classes[label]}" if label >= 0 else ""))
        for row, score in zip(found.indices[query].tolist(), found.scores[query].tolist(), strict=True):
            mark = {True: "=", False: "x", None: " "}[found.is_right(query, row)]
            own = classes[found.database.labels[row]]
            say(f"  {mark} {found.said(score):<16}  {own}  {found.database.ids[row]}")


def _precision(queries: Features, database: Features, query_split: str, config: Config) -> str:
    from fgtl.analysis.precision_at_k import own_rows, precision_at_k

    found = precision_at_k(queries, database, tuple(sorted({1, config.k})), cast(Metric, config.metric))
    which = f"against {config.split}"
    if (own_rows(queries, database) >= 0).any():
        which += ", leave-one-out"
    text = ", ".join(f"precision@{k} {value:.4f}" for k, value in found.items())
    say(f"\n{len(queries):,} images of {query_split}, {which}: {text}")
    return f"{text} ({query_split}, {which})"


def _images(found: FeatureSet, answer: Found, config: Config) -> dict[str, bytes]:
    """Image files of queries and neighbours; of the queries' own only, where there is no record set."""
    photos = {str(path): data for path, data in answer.queries.photos.items()}
    try:
        records = records_of(found, config.records)
    except UsageError as error:
        if config.records is not None:
            raise
        warn(f"No pictures: {error}")
        return photos
    ids = [*answer.queries.rows.ids, *answer.database.ids[answer.indices.ravel()]]
    return stored_images(records, map(str, ids)) | photos


def _draw(found: Found, images: dict[str, bytes], facts: list[tuple[str, str]], output: Path) -> None:
    from fgtl.reports.neighbour_pictures import Row, Shown, as_html, as_png

    classes, database = found.database.class_names, found.database

    def neighbour(query: int, row: int, score: float) -> Shown:
        id = str(database.ids[row])
        right = found.is_right(query, row)
        return Shown(images.get(id, b""), classes[database.labels[row]], id, found.said(score), right)

    rows: list[Row] = []
    for query, (name, label) in enumerate(zip(found.queries.names, found.queries.labels, strict=True)):
        pairs = zip(found.indices[query].tolist(), found.scores[query].tolist(), strict=True)
        # Of a file its name: the folders of a path leave no room for it.
        note = name if query < len(found.queries.rows) else Path(name).name
        shown = Shown(images.get(name, b""), classes[label] if label >= 0 else "", note)
        rows.append(Row(shown, tuple(neighbour(query, row, score) for row, score in pairs)))
    title = f"{len(rows)} photographs and their nearest neighbours"
    write_answer(output, {".png": lambda: as_png(rows), ".html": lambda: as_html(rows, title, facts)})
