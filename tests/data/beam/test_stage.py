"""The stage without Beam: what its workers and its owner do, in one process."""

import dataclasses
import errno
import os
import threading
from pathlib import Path

import pytest

from fgtl.converters import READERS
from fgtl.data.beam import stage as stage_module
from fgtl.data.beam import task_files
from fgtl.data.beam.stage import Stage, adopt_shards, do_task, staged, task_file
from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs, make_plan
from fgtl.data.shards import BadImages, finished_shard, write_shard
from fgtl.datasets import Card
from fgtl.downloads import FolderTree
from fgtl.errors import FgtlError

CARD = Card("birds", "folder")
KNOBS = ConvertKnobs(num_shards=3, workers=1)


def nothing(_images):
    pass


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "out" / ".convert"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def tasks(samples, work):
    """Six tasks with their places: three shards of a split."""
    tree, listed = samples
    plan = make_plan(CARD, tree, listed, work.parent, KNOBS)
    return [
        dataclasses.replace(task, places=tuple(tree.place(sample.path) for sample in task.samples))
        for task in plan.all_tasks
    ]


def shards(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def bare(tasks):
    return [dataclasses.replace(task, places=()) for task in tasks]


def test_the_shards_are_those_of_the_local_function(tasks, work, tmp_path):
    with staged(work, tasks) as stage:
        for number in range(stage.count):
            do_task(task_file(stage.folder, number))
        collected = list(stage.collect())
    (tmp_path / "local").mkdir()
    local = [dataclasses.replace(task, path=tmp_path / "local" / task.path.name) for task in tasks]
    results = [write_shard(task, nothing) for task in local]
    assert shards(work.parent) == shards(tmp_path / "local")
    by_name = {task.path.name: result for task, result in zip(tasks, results, strict=True)}
    assert {task.path.name: result for task, result in collected} == by_name
    assert [finished_shard(task) for task in tasks] == results
    assert [path.name for path in work.iterdir() if path.is_dir()] == []


def test_each_shard_is_collected_once_and_is_then_no_task_any_more(tasks, work):
    with staged(work, tasks) as stage:
        do_task(task_file(stage.folder, 2))
        assert [task for task, _ in stage.collect()] == bare(tasks[2:3])
        assert list(stage.collect()) == []
        assert not task_file(stage.folder, 2).exists()
        do_task(task_file(stage.folder, 2))  # a runner that repeats it
        assert list(stage.collect_the_rest()) == []
        do_task(task_file(stage.folder, 0))
        assert [task for task, _ in stage.collect_the_rest()] == bare(tasks[:1])


def test_a_task_that_is_repeated_before_its_shard_is_collected_is_not_done_again(tasks, work, monkeypatch):
    with staged(work, tasks) as stage:
        do_task(task_file(stage.folder, 0))
        monkeypatch.setattr(stage_module, "write_shard", None)
        do_task(task_file(stage.folder, 0))


def test_the_same_task_in_two_places_at_once_harms_nothing(tasks, work):
    with staged(work, tasks[:1]) as stage:
        file, together = task_file(stage.folder, 0), threading.Barrier(4)

        def attempt():
            together.wait()
            do_task(file)

        threads = [threading.Thread(target=attempt) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert stage.failures() == []
        assert len(list(stage.collect())) == 1
    expected = dataclasses.replace(tasks[0], path=work / tasks[0].path.name)
    (work / ".convert").mkdir()
    write_shard(expected, nothing)
    assert tasks[0].path.read_bytes() == expected.path.read_bytes()


def test_bad_images_arrive_as_the_local_function_raises_them_and_later_tasks_are_not_begun(tasks, work, samples):
    tree, _ = samples
    bad = tasks[1].samples[0]
    Path(tree.where(bad.path)).write_bytes(b"no image")
    with staged(work, tasks) as stage:
        for number in range(stage.count):
            do_task(task_file(stage.folder, number))
        assert [task for task, _ in stage.collect()] == bare(tasks[:1])
        (failure,) = stage.failures()
    assert isinstance(failure, BadImages)
    assert [(file.id, file.path) for file in failure.args[0]] == [(bad.id, bad.path)]
    assert "text file" in failure.args[0][0].reason


def test_a_full_disk_arrives_as_an_error_of_the_system(tasks, work, monkeypatch):
    real = os.fsync

    def full_once(_handle):
        monkeypatch.setattr(os, "fsync", real)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with staged(work, tasks) as stage:
        monkeypatch.setattr(os, "fsync", full_once)
        do_task(task_file(stage.folder, 0))
        (failure,) = stage.failures()
    assert isinstance(failure, OSError)
    # The name that the finished shard would have had, not one on the stage, which is gone.
    assert (failure.errno, failure.filename) == (errno.ENOSPC, str(tasks[0].path))


def test_a_disk_too_full_for_the_report_is_raised_to_the_runner(tasks, work, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with staged(work, tasks) as stage:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            do_task(task_file(stage.folder, 0))


def test_another_version_of_pillow_on_a_worker_is_reported(tasks, work, monkeypatch):
    with staged(work, tasks) as stage:
        monkeypatch.setitem(task_files._VERSIONS, "Pillow", "0.1")
        do_task(task_file(stage.folder, 0))
        (failure,) = stage.failures()
    assert type(failure) is FgtlError
    assert "has Pillow 0.1" in str(failure)


def test_withdrawn_tasks_are_not_begun_and_finished_shards_can_still_be_collected(tasks, work):
    with staged(work, tasks) as stage:
        do_task(task_file(stage.folder, 1))
        stage.withdraw()
        do_task(task_file(stage.folder, 0))
        assert [task for task, _ in stage.collect_the_rest()] == bare(tasks[1:2])


@pytest.mark.parametrize("seconds", [0.0, 1000.0], ids=["seen while it writes", "seen when it is done"])
def test_workers_give_up_when_the_stage_is_closed(seconds, tasks, work, monkeypatch):
    """As after Ctrl-C: the shard they were at is dropped, nothing is reported and nothing comes back."""
    monkeypatch.setattr(stage_module, "_SECONDS_BETWEEN_LOOKS", seconds)
    with staged(work, tasks) as stage:
        first, real = task_file(stage.folder, 0), stage_module.write_shard

        def closed_meanwhile(task, advance):
            def advance_after_the_end(images):
                stage.close()
                advance(images)
                assert seconds, "it went on"

            return real(task, advance_after_the_end)

        monkeypatch.setattr(stage_module, "write_shard", closed_meanwhile)
        do_task(first)
        assert not stage.folder.exists()
        do_task(first)
    assert list(work.iterdir()) == []


def leave_a_killed_run(image_folder, out, done):
    """A work folder as a run leaves it that is killed with `done` shards finished and not yet collected."""
    tree = FolderTree(image_folder)
    plan = make_plan(CARD, tree, READERS["folder"](CARD, tree), out, KNOBS)
    stage = Stage(out / ".convert" / "stage-00000000")
    stage.folder.mkdir(parents=True)
    for task in plan.all_tasks:
        stage.add(dataclasses.replace(task, places=tuple(tree.place(sample.path) for sample in task.samples)))
    for number in range(done):
        do_task(task_file(stage.folder, number))
    return [task.path.name for task in plan.all_tasks[:done]]


def test_a_run_after_a_killed_one_adopts_its_shards(image_folder, tmp_path, content):
    convert(CARD, FolderTree(image_folder), tmp_path / "undisturbed", KNOBS)
    out = tmp_path / "out"
    names = leave_a_killed_run(image_folder, out, done=2)
    folder = out / ".convert" / "stage-00000000"
    (folder / f"{names[0]}.7-abc.partial").write_bytes(b"half")
    stamps = [(folder / name).stat().st_mtime_ns for name in names]
    convert(CARD, FolderTree(image_folder), out, KNOBS)
    assert [(out / name).stat().st_mtime_ns for name in names] == stamps
    assert content(out) == content(tmp_path / "undisturbed")


def test_shards_of_another_plan_are_not_adopted(image_folder, tmp_path, content):
    other = dataclasses.replace(KNOBS, seed=5)
    convert(CARD, FolderTree(image_folder), tmp_path / "undisturbed", other)
    leave_a_killed_run(image_folder, tmp_path / "out", done=6)
    convert(CARD, FolderTree(image_folder), tmp_path / "out", other)
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")


def test_a_stage_beside_a_manifest_is_removed(image_folder, tmp_path, content):
    """A run that was killed while it tidied up, and then --overwrite with another plan."""
    other = dataclasses.replace(KNOBS, seed=5)
    convert(CARD, FolderTree(image_folder), tmp_path / "undisturbed", other)
    out = tmp_path / "out"
    convert(CARD, FolderTree(image_folder), out, KNOBS)
    leave_a_killed_run(image_folder, out, done=6)
    convert(CARD, FolderTree(image_folder), out, dataclasses.replace(other, overwrite=True))
    assert content(out) == content(tmp_path / "undisturbed")


def test_nothing_to_adopt_is_nothing_to_do(work):
    adopt_shards(work, [])
    assert list(work.iterdir()) == []
