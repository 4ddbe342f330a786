"""Accuracies from a CSV file: what is read, whose they are, and what is wrong in which line."""

import re
from pathlib import Path

import pytest

from fgtl.errors import DataError, UsageError
from fgtl.reports.measured import matched, read_accuracies


def test_columns_are_found_by_name_and_others_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeffseed,accuracy,name\n1,0.5,"wren, small"\n2,1,owl\n', encoding="utf-8")
    assert read_accuracies(path) == {"wren, small": 0.5, "owl": 1.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,top1\na,0.5\n", "line 1 has the columns name, top1"),
        ("", "line 1 has the columns none"),
        ("name,accuracy\na,0.5\nb,88.2\n", "line 3: the accuracy of 'b' is '88.2'"),
        ("name,accuracy\na,nan\n", "line 2: the accuracy of 'a' is 'nan'"),
        ("name,accuracy\na\n", "line 2: the accuracy of 'a' is ''"),
        ("name,accuracy\na,0.5\na,0.6\n", "line 3: 'a' comes a second time"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=re.escape(message)):
        read_accuracies(path)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("a.csv", "b.csv"):
        with pytest.raises(DataError, match=name):
            read_accuracies(tmp_path / name)


def test_each_candidate_may_go_by_any_of_its_names_and_some_have_none() -> None:
    candidates = [("wren", "w1"), ("owl", "w2"), ("tit", "w3")]
    assert matched({"w3": 0.25, "wren": 0.5}, candidates, Path("a.csv")) == [0.5, None, 0.25]


@pytest.mark.parametrize("accuracies", [{"owll": 0.5}, {"owl": 0.5, "w2": 0.5}, {"w": 0.1}])
def test_names_of_nobody_and_two_names_of_one_are_refused(accuracies: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="a.csv"):
        matched(accuracies, [("wren", "w1"), ("owl", "w2")], Path("a.csv"))
