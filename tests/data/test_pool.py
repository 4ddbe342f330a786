import multiprocessing
import os

import pytest

from fgtl.data.pool import run_tasks, usable_cores, worth_starting
from fgtl.errors import FgtlError

# Workers import functions by name, so these live in a module of their own.
MODULE = """
import os
import signal


def square(number, advance):
    advance(number)
    return number * number


def fail_on_three(number, advance):
    if number == 3:
        raise OSError(28, "full", "three")
    return square(number, advance)


def die(number, advance):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    (tmp_path / "pool_jobs.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return __import__("pool_jobs")


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_gives_its_result_and_every_unit_is_counted(jobs, workers):
    counted = []
    results = dict(run_tasks(jobs.square, range(1, 40), workers, counted.append))
    assert results == {number: number * number for number in range(1, 40)}
    assert sum(counted) == sum(range(1, 40))


@pytest.mark.parametrize("workers", [1, 2])
def test_failures_come_as_one_group_with_their_error_numbers(jobs, workers):
    with pytest.raises(ExceptionGroup) as caught:
        list(run_tasks(jobs.fail_on_three, [1, 3, 2], workers, lambda units: None))
    (failure,) = caught.value.exceptions
    assert (failure.errno, failure.filename) == (28, "three")


def test_a_killed_worker_is_said_to_be_one(jobs):
    with pytest.raises(FgtlError, match=r"worker process was killed(.|\n)*--workers"):
        list(run_tasks(jobs.die, [1, 2], 2, lambda units: None))


def test_what_is_kept_of_the_work_is_what_the_caller_says(jobs):
    with pytest.raises(FgtlError) as caught:
        list(run_tasks(jobs.die, [1, 2], 2, lambda units: None))
    assert "kept" not in str(caught.value)
    with pytest.raises(FgtlError, match=r"--workers\. Every second shard is kept\."):
        list(run_tasks(jobs.die, [1, 2], 2, lambda units: None, kept="Every second shard is kept."))


def test_usable_cores_are_those_of_this_process_also_where_the_system_cannot_say(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5}, raising=False)
    assert usable_cores() == 2
    assert worth_starting(0, 10**6) == 2
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert usable_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


def test_giving_up_early_ends_the_workers(jobs):
    tasks = run_tasks(jobs.square, list(range(50)), 2, lambda units: None)
    assert next(tasks)[1] in (0, 1)
    tasks.close()
    assert multiprocessing.active_children() == []
