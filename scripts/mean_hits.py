"""Hit rates of several runs, such as the seeds of one setting -> their mean, and a 95 % interval over the runs.

python -m scripts.mean_hits hits.json hits.json ...    (what `fgtl hits --output hits.json` wrote, of the same images)
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.reports.intervals import mean_interval

SIDES = {"regions": "regions", "random": "random", "other": "another image's", "centre": "centre"}


def mean_rows(tables: Sequence[dict[str, Any]]) -> list[list[str]]:
    """One row for each kind, level and k that all tables have, in percent; single parts and traits left out."""
    keyed = [{(row["kind"], row["level"], row["k"]): row for row in t["rows"] if not row["name"]} for t in tables]
    return [
        [key[0], key[1] or "all", str(key[2]), *(_cell([rows[key][side] for rows in keyed]) for side in SIDES)]
        for key in keyed[0]
        if all(key in rows for rows in keyed)
    ]


def _cell(found: Sequence[dict[str, float] | None]) -> str:
    values = [rate["value"] for rate in found if rate]
    if len(values) < len(found):
        return "-"
    low, high = mean_interval(100 * np.array(values))
    return f"{100 * np.mean(values):.1f} ({low:.1f} to {high:.1f})"


def main(names: Sequence[str]) -> int:
    """Read the tables, print the means."""
    if len(names) < 2 or any(name.startswith("-") for name in names):
        print(__doc__, file=sys.stderr)
        return 2
    rows = mean_rows([json.loads(Path(name).read_text(encoding="utf-8")) for name in names])
    rows.insert(0, ["hit", "level", "k", *SIDES.values()])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
