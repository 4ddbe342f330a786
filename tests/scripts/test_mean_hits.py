"""The mean of hit rates over the seeds of one setting."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from scripts.mean_hits import main, mean_rows


def table(*values: float, kind: str = "object") -> dict:
    """Rows of k = 1, 2 ..., and one of a single part, which is left out."""
    sides = {"random": {"value": 0.2}, "other": {"value": 0.3}, "centre": None}
    rows = [
        {"kind": kind, "name": "", "level": "p4", "k": k, "regions": {"value": value}, **sides}
        for k, value in enumerate(values, 1)
    ]
    return {"rows": [*rows, {**rows[0], "kind": "part", "name": "beak"}]}


def test_a_row_is_the_mean_of_its_runs_with_students_interval() -> None:
    rows = mean_rows([table(0.5, 0.7), table(0.6, 0.7), table(0.7, 0.7)])
    half = stats.t.ppf(0.975, 2) * np.std([50, 60, 70], ddof=1) / np.sqrt(3)
    assert rows[0] == ["object", "p4", "1", f"60.0 ({60 - half:.1f} to {60 + half:.1f})", *rows[0][4:]]
    assert rows[1][3] == "70.0 (70.0 to 70.0)" and rows[0][5:] == ["30.0 (30.0 to 30.0)", "-"]
    assert len(rows) == 2


def test_only_what_all_runs_have_is_shown() -> None:
    assert [row[2] for row in mean_rows([table(0.5, 0.7), table(0.6)])] == ["1"]
    assert mean_rows([table(0.5), table(0.5, kind="all parts")]) == []


def test_one_file_is_no_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hits.json"
    path.write_text(json.dumps(table(0.5)))
    assert main([str(path)]) == 2
    assert main([str(path), str(path)]) == 0
    assert "another image's" in capsys.readouterr().out
