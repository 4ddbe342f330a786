import json

import pytest

from fgtl.errors import DataError
from fgtl.reports.history import read_history


def write(path, lines, end="\n"):
    path.write_text("\n".join(json.dumps(line) for line in lines) + end)
    return path


def line(step, **values):
    return {"step": step, "epoch": step / 10, "phase": "head" if step <= 20 else "all"} | values


def test_series_hold_the_lines_that_have_the_value(tmp_path):
    path = write(tmp_path / "m", [line(10, **{"train/loss": 2.0}), line(10, **{"validation/top1": 0.5}), line(20)])
    history = read_history(path)
    assert [part.tolist() for part in history.series("train/loss")] == [[1.0], [2.0]]
    assert [part.tolist() for part in history.series("validation/top1")] == [[1.0], [0.5]]
    assert [len(part) for part in history.series("nothing")] == [0, 0]


def test_the_last_line_of_a_step_counts_when_a_resumed_run_logged_it_again(tmp_path):
    again = [line(step, **{"train/loss": value}) for step, value in ((10, 1.0), (20, 2.0), (30, 3.0), (20, 9.0))]
    history = read_history(write(tmp_path / "m", again))
    assert history.series("train/loss")[1].tolist() == [1.0, 9.0, 3.0]


def test_null_and_not_a_number_are_no_points(tmp_path):
    path = write(tmp_path / "m", [line(1, a=None), line(2, a=float("nan")), line(3, a=1.5)])
    assert read_history(path).series("a")[1].tolist() == [1.5]


def test_the_losses_that_are_added_up_are_counted(tmp_path):
    two = {"train/loss": 3.0, "train/top1": 0.1, "train/cross_entropy": 2.0, "train/weight_decay": 1.0}
    path = write(tmp_path / "m", [line(1, **two), line(2, learning_rate=0.1), line(3, **{"validation/loss": 1.0})])
    assert read_history(path).trained_terms == 2
    assert read_history(write(tmp_path / "none", [line(1, a=1.0)])).trained_terms == 0


def test_a_line_cut_off_by_a_kill_is_left_out(tmp_path):
    path = write(tmp_path / "m", [line(1, a=1.0)])
    path.write_text(path.read_text() + '{"step": 2, "ep')
    assert read_history(path).series("a")[1].tolist() == [1.0]


def test_a_damaged_line_in_between_is_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "epoch": 0.1}\nrubbish\n{"step": 2, "epoch": 0.2}\n')
    with pytest.raises(DataError, match=r"metrics\.jsonl line 2"):
        read_history(path)


def test_an_absent_file_is_an_empty_history(tmp_path):
    history = read_history(tmp_path / "nothing")
    assert history.lines == () and history.phase_starts() == [] and history.seconds(64) is None


def test_a_phase_starts_where_the_previous_one_ended(tmp_path):
    history = read_history(write(tmp_path / "m", [line(10), line(20), line(30), line(40)]))
    assert history.phase_starts() == [(2.0, "all")]


def test_seconds_follow_from_steps_and_rates(tmp_path):
    lines = [line(10, images_per_second=20.0), line(20), line(30, images_per_second=10.0)]
    # 10 steps of 4 images at 20 a second, then 20 steps at 10 a second.
    assert read_history(write(tmp_path / "m", lines)).seconds(4) == pytest.approx(2 + 8)
