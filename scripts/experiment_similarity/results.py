"""What came out: a table of accuracies beside similarities, the correlations, results.json and a picture."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.gamma import similarity_of, spreading_gamma
from fgtl.console import table
from fgtl.files import write_atomically, write_json
from scripts.experiment_similarity.association import STATISTICS, Association, associate, mean_spearman

# Fewer sources of a target's own record set say nothing.
FEWEST_NEAR = 5


@dataclass(frozen=True, eq=False)
class Tables:
    """S sources, T targets, R seeds.

    Attributes:
        sources, targets: name -> the record sets that its classes are from.
        emd: (S, T).
        accuracy: (S, T, R), of the nets on the targets' test images.
        own: (S, R), of the nets on the validation images of their source.
        untrained: (T, R), of untrained nets.
        chance, extractor: (T,), one over the classes; the common extractor's own accuracy.
        tested: (T,), test images.
        seconds: of all trainings.
    """

    sources: Mapping[str, tuple[str, ...]]
    targets: Mapping[str, tuple[str, ...]]
    emd: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    own: NDArray[np.float64]
    untrained: NDArray[np.float64]
    chance: NDArray[np.float64]
    extractor: NDArray[np.float64]
    tested: NDArray[np.int64]
    seconds: float

    @property
    def gamma(self) -> float:
        """At which the similarities differ most; their order is that of every gamma."""
        return spreading_gamma(self.emd.ravel().tolist())

    @property
    def similarity(self) -> NDArray[np.float64]:
        """(S, T) exp(-gamma EMD)."""
        return similarity_of(self.emd, self.gamma)

    @property
    def transfer(self) -> NDArray[np.float64]:
        """(S, T), mean over the seeds."""
        return self.accuracy.mean(axis=2)


def associations(tables: Tables) -> dict[str, Association]:
    """The named statistics of similarity and transfer, the main one first; then each target's, and a rival's."""
    x, y = tables.similarity, tables.transfer
    found = {name: associate(statistic, x, y) for name, statistic in STATISTICS.items()}
    for place, target in enumerate(tables.targets):
        found[f"Spearman, {target}"] = associate(mean_spearman, x[:, [place]], y[:, [place]])
    for name, rows, columns in _near(tables):
        found[f"Spearman, sources and targets of {name} alone"] = associate(
            mean_spearman, x[np.ix_(rows, columns)], y[np.ix_(rows, columns)]
        )
    rival = np.repeat(tables.own.mean(axis=1)[:, None], y.shape[1], axis=1)
    found["Spearman of accuracy on the own source"] = associate(mean_spearman, rival, y)
    return found


def _near(tables: Tables) -> Iterator[tuple[str, list[int], list[int]]]:
    """(record set, sources, targets) where enough sources and a target are of that set alone."""
    for name in sorted({name for sets in tables.targets.values() for name in sets}):
        rows, columns = (
            [place for place, sets in enumerate(group.values()) if sets == (name,)]
            for group in (tables.sources, tables.targets)
        )
        if len(rows) >= FEWEST_NEAR and columns:
            yield name, rows, columns


def as_text(tables: Tables, found: Mapping[str, Association], extractor: str) -> str:
    """Two tables and what they mean, for a terminal."""
    seeds = tables.accuracy.shape[2]
    spread = tables.accuracy.std(axis=2, ddof=1).mean() if seeds > 1 else None
    header = ["source", *(f"{name} %" for name in tables.targets), "own source %"]
    rows = [
        [name, *(f"{100 * a:.1f} ({s:.2f})" for a, s in zip(*both, strict=True)), f"{100 * own:.1f}"]
        for name, own, *both in zip(
            tables.sources, tables.own.mean(axis=1), tables.transfer, tables.similarity, strict=True
        )
    ]
    for name, values in (
        ("untrained net", tables.untrained.mean(axis=1)),
        ("chance", tables.chance),
        ("the extractor", tables.extractor),
    ):
        rows.append([name, *(f"{100 * value:.1f}" for value in values), ""])
    lines = [_row(name, one) for name, one in found.items()]
    counts = ", ".join(f"{name} {tested}" for name, tested in zip(tables.targets, tables.tested, strict=True))
    return "\n".join(
        [
            f"Accuracy on the targets in %, mean of {seeds} nets a source, and in brackets the similarity of source and target:",
            f"exp(-{tables.gamma:.3g} EMD) in {extractor}.",
            "",
            table(header, rows),
            "",
            f"{len(tables.sources)} sources, {len(tables.targets)} targets (test images: {counts}), {seeds} seeds"
            + (f"; standard deviation between seeds {100 * spread:.1f} points." if spread is not None else "."),
            "",
            table(["similarity and transfer", "value", "95 % interval", "p"], lines),
            "",
            _verdict(next(iter(found.values()))),
        ]
    )


def _row(name: str, one: Association) -> list[str]:
    interval = "-" if one.low is None or one.high is None else f"{one.low:+.2f} to {one.high:+.2f}"
    return [
        name,
        "not defined" if one.value is None else f"{one.value:+.2f}",
        interval,
        "-" if one.p is None else f"{one.p:.4f}",
    ]


def _verdict(main: Association) -> str:
    if main.value is None or main.low is None or main.high is None:
        return "The main statistic is not defined: all values of a target are equal."
    if main.low > 0:
        return "Here more similar sources transfer better: the interval of the main statistic lies above 0."
    if main.high < 0:
        return "Here more similar sources transfer worse: the interval of the main statistic lies below 0."
    return "Here nothing is shown either way: the interval of the main statistic holds 0."


def write_results(tables: Tables, extractor: str, output: Path) -> str:
    """Write results.json, results.txt and results.png; return the text."""
    from fgtl.reports.figures import to_png
    from scripts.experiment_similarity.picture import transfer_panels

    found = associations(tables)
    text = as_text(tables, found, extractor)
    values: dict[str, Any] = {
        key: value.tolist() if isinstance(value, np.ndarray) else value
        for key, value in ((field.name, getattr(tables, field.name)) for field in dataclasses.fields(tables))
    }
    values |= {"gamma": tables.gamma, "similarity": tables.similarity.tolist(), "extractor_name": extractor}
    values["associations"] = {name: dataclasses.asdict(one) for name, one in found.items()}
    write_json(output / "results.json", values)
    write_atomically(output / "results.txt", text + "\n")
    write_atomically(output / "results.png", to_png(transfer_panels(tables, found)))
    return f"{text}\n\n-> {output}"
