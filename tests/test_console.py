"""The progress line: what is measured, and what is not."""

import pytest
from tqdm import tqdm

from fgtl import console
from fgtl.console import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in a list of one; every call of `advance` writes a line."""
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(Progress, "seconds_between_lines", 0.0)
    return now


def test_what_took_longer_is_left_out_of_rate_and_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("train", 800)
    for now, units, timed in ((60, 8, False), (61, 16, True), (101, 8, False), (105, 8, True)):
        clock[0] = now
        progress.advance(units, timed=timed)
    assert capsys.readouterr().err.splitlines() == [
        "train: 8 of 800 images",
        "train: 24 of 800 images, 16 images/s, 0:48 left",
        "train: 32 of 800 images",
        "train: 40 of 800 images, 2.0 images/s, 6:20 left",
    ]


def test_a_bar_measures_anew_after_what_took_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with Progress("train", 800) as progress:
        bar = progress._bar
        assert isinstance(bar, tqdm)
        bar.start_t = bar.last_print_t = bar._time() - 60
        progress.advance(8, timed=False)
        assert bar.n == 8 and bar.format_dict["elapsed"] < 30 and bar.format_dict["initial"] == 8
        progress.advance(8)
        assert bar.n == 16
