"""The same conversion on Beam: the same bytes, the same messages, and nothing left behind."""

import contextlib
import dataclasses
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fgtl.commands.app import main
from fgtl.data.beam import runner as beam_runner
from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs
from fgtl.datasets import Card
from fgtl.downloads import FolderTree
from fgtl.errors import DataError, FgtlError

pytest.importorskip("apache_beam", reason="no Apache Beam here: ./scripts/test_beam.sh makes an environment with it")

LOCAL = ConvertKnobs(num_shards=4, workers=1)
ON_BEAM = dataclasses.replace(LOCAL, workers=0, runner="DirectRunner")
PROCESSES = "--direct_num_workers=2 --direct_running_mode=multi_processing"
CARD = Card("photos", "folder")


def test_the_bytes_are_those_of_the_local_pool(source, tmp_path, content):
    convert(*source(), tmp_path / "local", LOCAL)
    convert(*source(), tmp_path / "beam", ON_BEAM)
    assert content(tmp_path / "beam") == content(tmp_path / "local")
    assert "tensorflow" not in sys.modules


def test_two_worker_processes_write_the_same_bytes(source, tmp_path, content):
    convert(*source(), tmp_path / "local", LOCAL)
    convert(*source(), tmp_path / "beam", dataclasses.replace(ON_BEAM, runner_options=PROCESSES))
    assert content(tmp_path / "beam") == content(tmp_path / "local")


@pytest.fixture
def job_server(tmp_path, monkeypatch):
    """Runner options of a job server and a pool of workers, both in processes of their own and in other folders.

    This is how Beam speaks with Flink and Spark; here both ends are Beam's Python ones.
    """
    # Beam's pool starts its workers as "python".
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    job_port, worker_port = free_port(), free_port()
    modules = {
        "apache_beam.runners.portability.local_job_service_main": f"--port={job_port}",
        "apache_beam.runners.worker.worker_pool_main": f"--service_port={worker_port}",
    }
    (tmp_path / "elsewhere").mkdir()
    with contextlib.ExitStack() as stack:
        for module, flag in modules.items():
            command = [sys.executable, "-m", module, flag]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            process = stack.enter_context(
                subprocess.Popen(command, cwd=tmp_path / "elsewhere", start_new_session=True, **quiet)
            )
            stack.callback(os.killpg, process.pid, signal.SIGKILL)
        wait_for_port(worker_port)
        environment = f"--environment_type=EXTERNAL --environment_config=localhost:{worker_port}"
        yield f"--job_endpoint=localhost:{job_port} {environment}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def wait_for_port(port):
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("localhost", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_workers_behind_a_job_server_write_the_same_bytes(photos, tmp_path, job_server, content, monkeypatch):
    convert(CARD, FolderTree(photos), tmp_path / "local", LOCAL)
    monkeypatch.chdir(tmp_path)  # relative paths must mean the same to workers in other folders
    knobs = dataclasses.replace(ON_BEAM, runner="PortableRunner", runner_options=job_server)
    convert(CARD, FolderTree(Path("photos")), Path("beam"), knobs)
    assert content(tmp_path / "beam") == content(tmp_path / "local")


def test_the_graph_does_not_grow_with_the_data_set(tmp_path):
    @dataclasses.dataclass
    class Stage:
        folder: Path
        count: int

    sizes = [
        beam_runner._pipeline(ON_BEAM, Stage(tmp_path, count)).to_runner_api().ByteSize() for count in (1, 1_000_000)
    ]
    assert abs(sizes[0] - sizes[1]) < 100
    assert sizes[1] < 50_000


def run_twice(photos, tmp_path, capsys, *flags):
    """Exit code and messages of the command, on the local pool and on Beam."""
    said = []
    for name, where in (("local", "--workers=1"), ("beam", "--runner=DirectRunner")):
        out = tmp_path / name / "out"
        code = main(["convert", f"--data_dir={photos}", f"--output_dir={out}", "--num_shards=4", where, *flags])
        said.append((code, capsys.readouterr().err.replace(str(out), "OUT")))
    return said


def test_a_bad_image_ends_both_with_the_same_message(photos, tmp_path, capsys):
    (photos / "train" / "class 0" / "00.jpg").write_bytes(b"no image")
    local, beam = run_twice(photos, tmp_path, capsys)
    assert beam == local
    assert local[0] == 3
    assert "class 0/00.jpg" in local[1]
    assert not (tmp_path / "beam" / "out" / "manifest.json").exists()
    assert list(tmp_path.glob("beam/out/.convert/stage-*")) == []


def test_bad_images_that_are_left_out_give_the_same_bytes(photos, tmp_path, capsys, content):
    (photos / "train" / "class 0" / "00.jpg").write_bytes(b"no image")
    local, beam = run_twice(photos, tmp_path, capsys, "--on_bad=skip")
    assert local[0] == beam[0] == 0
    assert content(tmp_path / "beam") == content(tmp_path / "local")


def test_a_full_disk_ends_both_with_the_same_message(photos, tmp_path, capsys, monkeypatch):
    real = os.fsync

    def full(handle):
        if ".tfrecord" in str(Path(f"/proc/self/fd/{handle}").readlink()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    local, beam = run_twice(photos, tmp_path, capsys)
    assert beam == local
    assert local[0] == 3
    assert "The disk is full" in local[1]


def test_a_folder_that_the_workers_do_not_share_is_named(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(beam_runner, "do_task", lambda _file: None)
    with pytest.raises(FgtlError, match=r"(?s)ended, but 8 of 8 shards are not in .*same path on every worker"):
        convert(CARD, FolderTree(photos), tmp_path / "out", ON_BEAM)


def test_a_job_that_fails_says_why(photos, tmp_path, monkeypatch):
    def fail(_file):
        raise RuntimeError("the cluster caught fire")

    monkeypatch.setattr(beam_runner, "do_task", fail)
    with pytest.raises(FgtlError, match="The job on DirectRunner failed: .*the cluster caught fire"):
        convert(CARD, FolderTree(photos), tmp_path / "out", ON_BEAM)
    assert list(tmp_path.glob("out/.convert/stage-*")) == []


def test_after_a_failure_only_what_is_missing_is_written(photos, tmp_path, content):
    convert(CARD, FolderTree(photos), tmp_path / "undisturbed", LOCAL)
    bad, out = photos / "test" / "class 1" / "01.jpg", tmp_path / "out"
    good = bad.read_bytes()
    bad.write_bytes(b"x" * len(good))
    with pytest.raises(DataError):
        convert(CARD, FolderTree(photos), out, ON_BEAM)
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("*.tfrecord*")}
    assert stamps
    bad.write_bytes(good)
    convert(CARD, FolderTree(photos), out, ON_BEAM)
    assert stamps.items() <= {path: path.stat().st_mtime_ns for path in out.glob("*.tfrecord*")}.items()
    assert content(out) == content(tmp_path / "undisturbed")


# Makes workers take their time, so that there is a moment to disturb them.
SLOWLY = """
import time
from fgtl.data import shards
store = shards.store

def slowly(data, policy):
    time.sleep(0.05)
    return store(data, policy)

shards.store = slowly
"""


@pytest.fixture
def slow_run(photos, tmp_path):
    """A function: runner options -> a process that converts `photos` into `out`, when its first shard is there."""
    # Imported by every Python process that is started with this folder on its path, Beam's workers too.
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(SLOWLY)

    def start(options):
        command = [sys.executable, "-m", "fgtl", "convert", f"--data_dir={photos}", f"--output_dir={tmp_path / 'out'}"]
        command += ["--num_shards=4", "--runner=DirectRunner", f"--runner_options={options}"]
        path = {**os.environ, "PYTHONPATH": str(tmp_path / "path")}
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, env=path)
        started.append(process)
        wait_until(lambda: list(tmp_path.glob("out/*.tfrecord*")) or process.poll() is not None, 60)
        assert process.poll() is None
        return process

    started = []
    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(happened, seconds):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("options", ["", PROCESSES], ids=["in process", "two processes"])
@pytest.mark.parametrize("knobs", [LOCAL, ON_BEAM], ids=["pool", "beam"])
def test_killed_the_next_run_ends_in_the_same_bytes(options, knobs, photos, tmp_path, slow_run, content):
    process = slow_run(options)
    process.kill()
    process.communicate()
    wait_until(lambda: is_gone(process.pid), 20)
    assert not (tmp_path / "out" / "manifest.json").exists()
    convert(CARD, FolderTree(photos), tmp_path / "out", knobs)
    convert(CARD, FolderTree(photos), tmp_path / "undisturbed", LOCAL)
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")


@pytest.mark.parametrize("options", ["", PROCESSES], ids=["in process", "two processes"])
def test_ctrl_c_ends_it_soon_and_leaves_finished_shards_only(options, tmp_path, slow_run):
    process = slow_run(options)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"fgtl convert: interrupted. The same command goes on where it stopped." in said
    wait_until(lambda: is_gone(process.pid), 20)
    left = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()} - {"lock", "plan.json"}
    shards = {name for name in left if not name.endswith(".json")}
    sidecars = {name.removesuffix(".json") for name in left - shards}
    assert all(".tfrecord-" in name and name.endswith("-of-00004") for name in shards)
    # It may have come between a shard and its sidecar; the next run writes that shard anew.
    assert sidecars <= shards and len(shards - sidecars) <= 1


def test_a_worker_that_is_killed_is_named_and_nobody_stays_behind(tmp_path, slow_run):
    process = slow_run(PROCESSES)
    os.kill(worker_of(process.pid), signal.SIGKILL)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"fgtl convert: A worker process was killed" in said
    wait_until(lambda: is_gone(process.pid), 20)


def worker_of(group):
    """One of the processes that Beam started; Linux only, as these processes' names are."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if os.getpgid(int(folder.name)) == group and b"apache_beam.runners.worker.sdk_worker_main" in words:
                return int(folder.name)
    raise AssertionError("no worker process")
