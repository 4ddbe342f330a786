import json

import pytest

from fgtl.training.journal import Journal


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    for step in (10, 20, 20, 30):
        journal.append({"step": step, "train/loss": 1 / step})
    return journal


def test_rewinding_keeps_the_lines_up_to_a_step(journal):
    journal.rewind(20)
    assert [line["step"] for line in journal.lines()] == [10, 20, 20]
    journal.rewind(-1)
    assert list(journal.lines()) == []


def test_a_line_cut_off_by_a_kill_is_dropped(journal):
    with journal.path.open("a") as file:
        file.write('{"step": 30, "train/lo')
    assert [line["step"] for line in journal.lines()] == [10, 20, 20, 30]
    journal.rewind(30)
    journal.append({"step": 40})
    assert [line["step"] for line in journal.lines()] == [10, 20, 20, 30, 40]


@pytest.mark.parametrize(
    "harm",
    [
        b'{"step" 20}',
        b'{"step": 20, "x": "\xff"}',
        b'{"loss": 1.0}',
        b'{"step": "20"}',
        b"[20]",
        b"20",
        b"",
        b"[" * 100_000,
    ],
)
def test_a_damaged_line_is_named_and_dropped_and_the_others_stay(journal, capsys, harm):
    lines = journal.path.read_bytes().split(b"\n")
    lines[1] = harm
    journal.path.write_bytes(b"\n".join(lines))
    journal.rewind(20)
    assert "metrics.jsonl line 2 is damaged" in capsys.readouterr().err
    journal.append({"step": 30})
    assert [line["step"] for line in journal.lines()] == [10, 20, 30]
    assert capsys.readouterr().err == ""


def test_what_is_no_number_is_null_and_floats_survive(journal):
    journal.append({"step": 50, "loss": float("nan"), "rate": 0.1 + 0.2})
    assert json.loads(journal.path.read_text().splitlines()[-1]) == {"step": 50, "loss": None, "rate": 0.1 + 0.2}


def test_the_journal_of_a_worker_that_is_not_the_chief_changes_nothing(journal):
    before = journal.path.read_bytes()
    silent = Journal(journal.path, writes=False)
    silent.append({"step": 40})
    silent.rewind(10)
    silent.sync()
    assert journal.path.read_bytes() == before


def test_nothing_there_is_nothing_to_rewind(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    journal.rewind(3)
    journal.sync()
    assert list(journal.lines()) == [] and not journal.path.exists()
