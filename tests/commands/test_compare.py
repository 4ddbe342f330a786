"""fgtl compare: runs as folders, one table, a file of each kind, and what it refuses."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.files import read_json, write_json


@pytest.fixture
def runs(finished_run: Path, tmp_path: Path) -> list[str]:
    """A run and a copy of it that says it had another seed and head."""
    other = shutil.copytree(finished_run, tmp_path / "runs" / "other")
    card = read_json(other / "run.json")
    card["config"] |= {"seed": 4, "threads": 7, "dropout": 0.25, "recipe": "another"}
    write_json(other / "run.json", card)
    return [str(finished_run), str(other)]


def test_equal_runs_do_not_differ_and_the_table_says_so(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *runs]) == 0
    shown = capsys.readouterr().out
    assert "12 images of test" in shown
    assert "dropout=0.25" in shown and "threads" not in shown and "recipe" not in shown
    assert "McNemar  1.0000" in shown


def test_two_stages_are_put_together_wherever_one_stands(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Second stages of two seeds whose --init_run was typed relative to the folder above the runs."""
    finals = []
    for seed in (3, 4):
        for name, before in ((f"first-{seed}", None), (f"then-{seed}", f"first-{seed}")):
            folder = shutil.copytree(finished_run, tmp_path / name)
            card = read_json(folder / "run.json")
            card["config"] |= {"seed": seed, "init_run": before}
            model = read_json(folder / "model.json") | {"sha256": name}
            card["init"] = before and {"run": str(tmp_path / before), "sha256": before}
            write_json(folder / "run.json", card)
            write_json(folder / "model.json", model)
        finals.append(str(folder))
    shown = []
    (tmp_path / "elsewhere").mkdir()
    for place in (tmp_path, tmp_path / "elsewhere"):
        monkeypatch.chdir(place)
        assert main(["compare", *finals]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert "(2 seeds)" in shown[0] and "init_run" not in shown[0]


@pytest.mark.parametrize("ending", ["html", "json", "csv", "png"])
def test_each_kind_of_file_is_written(runs: list[str], tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"found.{ending}"
    assert main(["compare", *runs, f"--output={output}"]) == 0
    if ending == "png":
        with Image.open(output) as picture:
            assert picture.size > (300, 100)
    elif ending == "json":
        assert json.loads(output.read_text())["images"] == 12
    else:
        assert "mobilenet_v2" in output.read_text()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--output=found.xlsx"], 2, ".html, .json, .csv, .png"),
        (["--split=train"], 3, "fgtl evaluate --run_dir="),
        (["--views=flip"], 3, "--views=flip"),
        (["no/such/run"], 3, "run.json"),
    ],
)
def test_what_cannot_be_compared_is_said(
    runs: list[str], words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *runs, *words]) == code
    assert message in capsys.readouterr().err


def test_nothing_to_compare_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare"]) == 2
    assert "two or more" in capsys.readouterr().err
