"""fgtl train in two worker processes on this machine: one run folder, written once; what one refuses ends both."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def train_on_two(words: list[str], own: tuple[list[str], list[str]] = ([], [])) -> list[subprocess.CompletedProcess]:
    """Both workers' exit codes and output; `own` are flags of each."""
    hosts = [f"localhost:{port}" for port in free_ports(2)]
    started = []
    for index in range(2):
        task = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(task), "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, "-m", "fgtl", "train", *words, *own[index]]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment))
    done = []
    for process in started:
        out, err = process.communicate(timeout=300)
        done.append(subprocess.CompletedProcess(process.args, process.returncode, out, err))
    return done


def test_two_workers_leave_one_run_and_go_on_with_it(tmp_path: Path, train_words: list[str]) -> None:
    words = [*train_words, f"--run_dir={tmp_path / 'run'}", "--epochs=2", "--log_every_steps=1", "--refit"]
    for worker in train_on_two(words):
        assert worker.returncode == 0, worker.stderr
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "train/loss" in line] == [1, 2, 3, 4, 5]
    assert [line["step"] for line in lines if "validation/loss" in line] == [3, 5]
    assert len(list((tmp_path / "run" / "events").iterdir())) == 1
    assert (tmp_path / "run" / "model.json").is_file()
    assert (tmp_path / "run" / "refit" / "metrics.jsonl").is_file()
    for worker in train_on_two(words):
        assert worker.returncode == 0, worker.stderr
        assert "This run is finished" in worker.stdout


def test_what_the_first_worker_refuses_ends_the_other_too(tmp_path: Path, train_words: list[str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("precious")
    first, second = train_on_two([*train_words, f"--run_dir={tmp_path / 'run'}"])
    assert first.returncode == 2
    assert "thesis.tex" in first.stderr
    assert second.returncode == 1
    assert "Worker 0 could not use the run folder" in second.stderr


def test_workers_with_other_flags_are_told_which(tmp_path: Path, train_words: list[str]) -> None:
    words = [*train_words, f"--run_dir={tmp_path / 'run'}"]
    first, second = train_on_two(words, ([], ["--weight_decay=0.5"]))
    assert second.returncode == 2
    assert "--weight_decay" in second.stderr
    assert first.returncode == 1
    assert "Traceback" not in first.stderr + second.stderr
