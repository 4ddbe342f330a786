import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from fgtl.commands.app import main
from fgtl.errors import FgtlError, UsageError
from fgtl.training.workers import Cluster, cluster_of, meet

TWO = {"worker": ["one:2222", "two:2222"]}


def said(config):
    return {"TF_CONFIG": json.dumps(config)}


def task(index, kind="worker"):
    return {"type": kind, "index": index}


def test_without_other_workers_there_is_no_cluster():
    assert cluster_of({}) is None
    assert cluster_of({"TF_CONFIG": "{}"}) is None
    assert cluster_of(said({"cluster": {"worker": ["one:2222"]}, "task": task(0)})) is None


def test_a_chief_comes_before_the_workers():
    assert cluster_of(said({"cluster": TWO, "task": task(1)})) == Cluster(("one:2222", "two:2222"), 1)
    with_chief = {"worker": ["two:2222"], "chief": ["one:2222"]}
    assert cluster_of(said({"cluster": with_chief, "task": task(0)})) == Cluster(("one:2222", "two:2222"), 1)
    assert cluster_of(said({"cluster": with_chief, "task": task(0, "chief")})).is_chief


def test_an_index_may_be_written_as_text_as_in_tensorflow():
    assert cluster_of(said({"cluster": TWO, "task": task("1")})) == Cluster(("one:2222", "two:2222"), 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("[]", "no JSON object"),
        (json.dumps({"cluster": {**TWO, "ps": ["x:1"]}, "task": task(0)}), "its cluster has ps"),
        (json.dumps({"cluster": TWO, "task": task(0, "evaluator")}), "type is neither worker nor chief"),
        (json.dumps({"cluster": TWO}), "type is neither"),
        (json.dumps({"cluster": TWO, "task": task(2)}), "index is 2, of 2"),
        (json.dumps({"cluster": TWO, "task": task("x")}), "index is 'x'"),
        (json.dumps({"cluster": TWO, "task": task("-1")}), "index is '-1'"),
        (json.dumps({"cluster": TWO, "task": task("\u0661")}), "index is"),
        (json.dumps({"cluster": TWO, "task": task("1" * 5000)}), "index is"),
        (json.dumps({"cluster": TWO, "task": task([])}), r"index is \[\]"),
        (json.dumps({"cluster": TWO, "task": task({})}), "index is {}"),
        (json.dumps({"cluster": TWO, "task": task(True)}), "index is True"),
        (json.dumps({"cluster": TWO, "task": task(1.0)}), "index is 1.0"),
        (json.dumps({"cluster": TWO, "task": {"type": "worker"}}), "index is None"),
        (json.dumps({"cluster": TWO, "task": task(0, [])}), "type is neither"),
        (json.dumps({"cluster": TWO, "task": task(0, {})}), "type is neither"),
        (json.dumps({"cluster": TWO, "task": task(0, 3)}), "type is neither"),
        (json.dumps({"cluster": TWO, "task": None}), "type is neither"),
        (json.dumps({"cluster": TWO, "task": ["worker", 0]}), "type is neither"),
        (json.dumps({"cluster": [], "task": task(0)}), "no JSON object with a cluster"),
        (json.dumps({"cluster": None, "task": task(0)}), "no JSON object with a cluster"),
        (json.dumps({"cluster": "one:2222", "task": task(0)}), "no JSON object with a cluster"),
        (json.dumps({"cluster": {"worker": None}, "task": task(0)}), "no list of addresses"),
        (json.dumps({"cluster": {"worker": [1, ["two:2222"]]}, "task": task(0)}), "no list of addresses"),
        (json.dumps({"cluster": {"worker": ["one:1", "two:" + "9" * 5000]}, "task": task(0)}), "no address"),
        (json.dumps({"cluster": {"worker": ["one:1", "two:\u0661"]}, "task": task(0)}), "no address"),
        (json.dumps({"cluster": {"worker": ["one:1", "a..b:1"]}, "task": task(0)}), "'a..b:1' is no address"),
        ("[" * 100_000, "not JSON"),
        ('{"cluster": {}, "n": ' + "1" * 5000 + "}", "not JSON"),
        (json.dumps({"cluster": {"worker": ["one", "two:2222"]}, "task": task(0)}), "'one' is no address"),
        (json.dumps({"cluster": {"worker": "one:1"}, "task": task(0)}), "no list of addresses"),
        (json.dumps({"cluster": {"worker": ["one:1", "one:1"]}, "task": task(0)}), "same address"),
        (json.dumps({"cluster": {"chief": ["a:1", "b:1"]}, "task": task(0, "chief")}), "more than one chief"),
    ],
)
def test_what_cannot_be_meant_is_said_with_an_example(text, why):
    with pytest.raises(UsageError, match=rf"(?s)TF_CONFIG.*{why}.*for example.*unset TF_CONFIG"):
        cluster_of({"TF_CONFIG": text})


def free_ports(count):
    """Ports that nobody listened at a moment ago."""
    listeners = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


@pytest.fixture
def hosts():
    return tuple(f"localhost:{port}" for port in free_ports(3))


def test_nobody_goes_on_before_all_have_come(hosts):
    went: list[int] = []

    def come(index):
        meet(Cluster(hosts, index), 20)
        went.append(index)

    threads = start(come, 2, 0)
    # Neither a stranger nor a worker of another cluster is taken for the one that is missing.
    for words in (
        b"GET / HTTP/1.1\r\n\r\n",
        b'{"fgtl_workers": 9, "index": 1}\n',
        b'{"fgtl_workers": 3, "index": 7}\n',
    ):
        call(hosts[0], words)
    time.sleep(0.5)
    assert went == []
    come(1)
    for thread in threads:
        thread.join(20)
    assert sorted(went) == [0, 1, 2]


def start(function, *indices):
    threads = [threading.Thread(target=function, args=(index,)) for index in indices]
    for thread in threads:
        thread.start()
    return threads


def connected(host):
    name, _, port = host.partition(":")
    for _ in range(50):
        try:
            return socket.create_connection((name, int(port)), timeout=5)
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise AssertionError("the chief does not listen")


def call(host, words):
    with connected(host) as chief:
        chief.sendall(words)
        assert chief.recv(3) == b""


def test_a_worker_that_reported_and_died_is_waited_for_again(hosts):
    went: list[int] = []

    def come(index):
        meet(Cluster(hosts, index), 20)
        went.append(index)

    threads = start(come, 0)
    script = "import sys; from fgtl.training.workers import *; meet(Cluster(tuple(sys.argv[2:]), int(sys.argv[1])))"
    first = subprocess.Popen([sys.executable, "-c", script, "1", *hosts], stderr=subprocess.PIPE)
    first.stderr.readline()
    time.sleep(1)
    first.kill()
    first.communicate()
    # All have reported now, and one of them is dead.
    threads += start(come, 2)
    time.sleep(1)
    assert went == []
    threads += start(come, 1)
    for thread in threads:
        thread.join(20)
    assert sorted(went) == [0, 1, 2]


def test_a_worker_that_died_is_named_when_nobody_takes_its_place(hosts):
    errors: list[str] = []

    def come(index):
        try:
            meet(Cluster(hosts, index), 2 + index)
        except FgtlError as error:
            errors.append(str(error))

    threads = start(come, 0, 2)
    with connected(hosts[0]) as chief:
        chief.sendall(b'{"fgtl_workers": 3, "index": 1}\n')
        assert chief.recv(1) == b"?"
    for thread in threads:
        thread.join(20)
    assert f"Of the workers in TF_CONFIG {hosts[1]} did not come" in errors[0]
    assert f"Of the workers in TF_CONFIG {hosts[0]} did not come" in errors[1]


def test_a_worker_that_is_reset_between_its_answer_and_the_word_to_go_is_no_traceback(hosts, monkeypatch):
    class Broken:
        def __init__(self, caller):
            self.caller = caller

        def __getattr__(self, name):
            return getattr(self.caller, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.caller.close()

        def sendall(self, words):
            if words == b"g":
                raise ConnectionResetError(104, "Connection reset by peer")
            self.caller.sendall(words)

    accept = socket.socket.accept

    def accept_broken(listener):
        caller, address = accept(listener)
        return Broken(caller), address

    two = hosts[:2]
    monkeypatch.setattr(socket.socket, "accept", accept_broken)

    def come(index):
        with pytest.raises(FgtlError, match="did not come"):
            meet(Cluster(two, index), 1)

    (worker,) = start(come, 1)
    with pytest.raises(FgtlError, match=r"(?s)Worker 1 \(localhost:\d+\) went when all had come: .*reset.*Stop"):
        meet(Cluster(two, 0), 10)
    worker.join(20)


def test_a_chief_that_was_started_again_finds_the_worker_that_waited_for_the_first(hosts):
    two, went = hosts[:2], []

    def come(index):
        meet(Cluster(two, index), 20)
        went.append(index)

    with socket.create_server(("", int(two[0].rpartition(":")[2]))) as first:
        threads = start(come, 1)
        caller, _ = first.accept()
        caller.recv(99)
        caller.sendall(b"?")
        assert caller.recv(1) == b"!"
        caller.close()
    threads += start(come, 0)
    for thread in threads:
        thread.join(20)
    assert sorted(went) == [0, 1]


@pytest.mark.parametrize(("index", "missing"), [(0, r"localhost:\d+, localhost:\d+"), (1, r"localhost:\d+")])
def test_those_that_do_not_come_are_named_in_time(hosts, index, missing):
    start = time.monotonic()
    with pytest.raises(FgtlError, match=rf"Of the workers in TF_CONFIG {missing} did not come"):
        meet(Cluster(hosts, index), 0.5)
    assert time.monotonic() - start < 5


def test_a_port_that_is_taken_is_named(hosts):
    with socket.create_server(("", int(hosts[0].rpartition(":")[2]))):
        with pytest.raises(UsageError, match="Port .* of worker 0 .* cannot be used"):
            meet(Cluster(hosts, 0), 1)


# -- real processes ---------------------------------------------------------------------------------------------------

KNOBS = {"epochs": 2, "clip_norm": 0.5, "ema_decay": 0.9}
SLICED = {**KNOBS, "sync_bn": False, "tuned_bn": "inference", "accumulate": 2}
SYNCHRONISED = {**KNOBS, "sync_bn": True}


class Workers:
    """Starts workers.py as `count` processes that train in one folder, and keeps what they ended with."""

    def __init__(self, folder: Path, count: int, knobs: dict | list, crash: str = "") -> None:
        folder.mkdir(exist_ok=True)
        self.folder, ports = folder, free_ports(count)
        cluster = {"worker": [f"localhost:{port}" for port in ports]}
        self._results = [folder.parent / f"{folder.name}-{index}.npz" for index in range(count)]
        self.processes = []
        self._ended: list[tuple[int, str]] = []
        for index, result in enumerate(self._results):
            script = Path(__file__).with_name("workers.py")
            words = [sys.executable, str(script), str(folder), str(result), json.dumps(knobs)]
            words += [crash] * (bool(crash) and index == count - 1)
            variables = os.environ | said({"cluster": cluster, "task": task(index)})
            self.processes.append(subprocess.Popen(words, env=variables, stderr=subprocess.PIPE, text=True))

    def end(self) -> list[tuple[int, str]]:
        """Exit code and stderr of each."""
        told = [process.communicate(timeout=240)[1] for process in self.processes]
        return [(process.returncode, text[-3000:]) for process, text in zip(self.processes, told, strict=True)]

    def results(self, setting: int | str = "") -> list[dict[str, np.ndarray]]:
        """What each ended with; of a list of settings with one of them."""
        ended = self._ended = self._ended or self.end()
        assert [code for code, _ in ended] == [0] * len(ended), ended
        return [dict(np.load(f"{result}{setting}")) for result in self._results]

    @property
    def steps(self) -> list[tuple[int, bool]]:
        """(step, whether it is of a validation) of each line of the log."""
        lines = [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]
        return [(line["step"], "validation/loss" in line) for line in lines]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("workers")


def check_same(result, expected, atol=1e-5):
    assert result.keys() == expected.keys()
    for name in expected.keys() - {"part"}:
        np.testing.assert_allclose(result[name], expected[name], atol=atol, err_msg=name)


@pytest.mark.slow
def test_two_workers_end_with_the_weights_the_log_and_the_probabilities_of_one(folder):
    workers, lone = Workers(folder / "two", 2, SLICED), Workers(folder / "alone", 1, SLICED)
    results, (expected,) = workers.results(), lone.results()
    assert [tuple(result["part"]) for result in results] == [(0, 2), (1, 2)]
    for result in results:
        check_same(result, expected)
    # Every worker has every image's, exactly once and in order.
    np.testing.assert_array_equal(results[0]["probabilities"], results[1]["probabilities"])
    assert len(results[0]["probabilities"]) == 40
    assert workers.steps == lone.steps
    assert (workers.folder / "best.json").exists()


VARIED = [
    ({**SYNCHRONISED, "steps_per_call": 3}, 1e-5),
    ({**SLICED, "jit": "on"}, 1e-5),
    ({**SYNCHRONISED, "mixed": True}, 1e-5),
    # Last: layers have the precision in which they were made.
    ({**SYNCHRONISED, "precision": "mixed_bfloat16"}, 1e-2),
]


@pytest.mark.slow
def test_two_workers_do_as_one_does_with_long_calls_xla_mixed_pairs_and_bfloat16(folder):
    settings = [knobs for knobs, _ in VARIED]
    workers, lone = Workers(folder / "varied", 2, settings), Workers(folder / "lone", 1, settings)
    for place, (knobs, atol) in enumerate(VARIED):
        (expected,) = lone.results(place)
        for result in workers.results(place):
            check_same(result, expected, atol)
        assert len(expected["probabilities"]) == 40, knobs
    plain, mixed = lone.results(0)[0], lone.results(2)[0]
    assert not np.allclose(plain["probabilities"], mixed["probabilities"], atol=1e-3)


@pytest.mark.slow
def test_when_a_worker_dies_the_others_end_with_a_message_and_the_same_command_goes_on(folder):
    broken, lone = Workers(folder / "broken", 2, SYNCHRONISED, crash="7"), Workers(folder / "whole", 1, SYNCHRONISED)
    broken.processes[1].wait(240)
    start = time.monotonic()
    (chief, told), (died, _) = broken.end()
    # TensorFlow misses a heartbeat after 10 s.
    assert (died, chief) == (9, 1) and time.monotonic() - start < 60
    assert "Another worker has ended" in told and "goes on from the last checkpoint" in told
    assert "Traceback" not in told
    again = Workers(folder / "broken", 2, SYNCHRONISED)
    for result in again.results():
        check_same(result, lone.results()[0])
    assert again.steps == lone.steps


@pytest.mark.slow
def test_fgtl_train_by_two_workers_leaves_one_run_with_each_figure_once(tmp_path):
    counts = ["--families=2", "--classes_per_family=2", "--train_per_class=8", "--test_per_class=1"]
    assert main(["synth", f"--output_dir={tmp_path / 'drawn'}", "--image_size=64", "--workers=1", *counts]) == 0
    source = ["--dataset=synth_birds", f"--data_dir={tmp_path / 'drawn'}", f"--output_dir={tmp_path / 'records'}"]
    assert main(["convert", *source, "--num_shards=2", "--workers=1"]) == 0
    run = tmp_path / "run"
    words = f"--records={tmp_path / 'records'} --run_dir={run} --backbone=mobilenet_v2 --weights=none --image_size=32"
    words += " --batch_size=6 --mode=head --epochs=2 --validation_fraction=0.25 --devices=cpu --refit"
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "fgtl", "train", *words.split()],
            env=os.environ | said({"cluster": cluster, "task": task(index)}),
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    told = [process.communicate(timeout=400)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [(line["step"], "validation/loss" in line) for line in lines]
    assert steps == sorted(set(steps)) and steps[-1] == (8, True)
    assert len(list((run / "events").glob("events.out.tfevents.*"))) == 1
    assert (run / "refit" / "metrics.jsonl").exists()
    assert main(["evaluate", f"--run_dir={run}", "--split=test"]) == 0
