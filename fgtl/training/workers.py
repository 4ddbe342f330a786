"""Several machines that train together: who they are (TF_CONFIG), and that all have come before TensorFlow waits for them.

    TF_CONFIG='{"cluster": {"worker": ["one:2222", "two:2222"]}, "task": {"type": "worker", "index": 0}}' fgtl train ...

The same command with index 1 on the machine "two". The run folder must be one that all of them see.
"""

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fgtl.console import warn
from fgtl.errors import FgtlError, UsageError

VARIABLE = "TF_CONFIG"
EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
# Seconds after which a start ends when not all workers have come.
PATIENCE = 600.0
_BETWEEN_TRIES, _LONGEST_LINE = 0.2, 256
# What is said after the introduction, a byte each: the chief asks over and over, the worker answers, and at last it may go.
_ASK, _HERE, _GO = b"?", b"!", b"g"
# Seconds for an answer, and after which a worker takes a chief that does not ask for one that is gone.
_ANSWER, _SILENCE = 5.0, 60.0


@dataclass(frozen=True)
class Cluster:
    """The worker processes of one training.

    Attributes:
        hosts: "name:port" of each, the chief first.
        index: which of them this process is.
    """

    hosts: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this is the first one, which writes what the run leaves behind."""
        return self.index == 0


def cluster_of(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """What TF_CONFIG says; None without one, and for a single worker.

    A "chief" comes before the workers, as in TensorFlow.

    Raises:
        UsageError: it is not JSON, not of TensorFlow's form, or names a kind of task that does not train here.
    """
    text = environment.get(VARIABLE, "")
    if not text.strip():
        return None
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unclear(f"it is not JSON: {error}") from None
    if not isinstance(config, dict) or not isinstance(config.get("cluster", {}), dict):
        raise _unclear("it is no JSON object with a cluster")
    cluster, task = config.get("cluster", {}), config.get("task", {})
    if not cluster:
        return None
    strange = sorted(cluster.keys() - {"chief", "worker"})
    if strange:
        raise _unclear(f"its cluster has {', '.join(strange)}; all tasks must be workers (and at most one a chief)")
    chiefs, workers = _hosts(cluster, "chief"), _hosts(cluster, "worker")
    if len(chiefs) > 1:
        raise _unclear("it has more than one chief")
    index = _index(task, {"chief": chiefs, "worker": workers}) + (len(chiefs) if task["type"] == "worker" else 0)
    hosts = (*chiefs, *workers)
    if len(set(hosts)) < len(hosts):
        raise _unclear("two tasks have the same address")
    return Cluster(hosts, index) if len(hosts) > 1 else None


def meet(cluster: Cluster, patience: float = PATIENCE) -> None:
    """Wait until every worker has started; TensorFlow's own wait is an hour long and cannot be interrupted.

    The others report to the chief's address, which TensorFlow's server will use next. The chief asks them whether they
    are still there until all have answered in one round, and then tells them to go on.

    Raises:
        UsageError: the chief cannot listen at its address.
        FgtlError: not all came in `patience` seconds, or one went at the last moment; names those that are missing.
    """
    deadline = time.monotonic() + patience
    warn(f"worker {cluster.index} of {len(cluster.hosts)}: waiting for the others")
    if cluster.is_chief:
        _gather_workers(cluster, deadline)
    else:
        _report_to_chief(cluster, deadline)


def _gather_workers(cluster: Cluster, deadline: float) -> None:
    port = _address(cluster.hosts[0])[1]
    try:
        listener = socket.create_server(("", port))
    except OSError as error:
        raise UsageError(
            f"Port {port} of worker 0 ({cluster.hosts[0]}) cannot be used: {error.strerror}.",
            fix=f"Stop what uses it, or name another port in {VARIABLE} of all workers.",
        ) from None
    came: dict[int, socket.socket] = {}
    with listener:
        listener.settimeout(_BETWEEN_TRIES)
        while missing := _missing(came, cluster):
            _check_time(deadline, missing)
            try:
                caller, _ = listener.accept()
            except TimeoutError:
                continue
            index = _introduced(caller, cluster)
            if index is None:
                caller.close()
            else:
                # A worker that was started again takes the place of the one that has gone.
                came[index] = caller
    for index, caller in came.items():
        try:
            with caller:
                caller.sendall(_GO)
        except OSError as error:
            raise FgtlError(
                f"Worker {index} ({cluster.hosts[index]}) went when all had come: {error.strerror}.",
                fix="Stop the other workers, and start all of them again.",
            ) from None


def _missing(came: dict[int, socket.socket], cluster: Cluster) -> list[str]:
    """Hosts of the workers that have not come, or do not answer any more; these are taken out of `came`."""
    for index, caller in list(came.items()):
        if not _answers(caller):
            came.pop(index).close()
    return [host for index, host in enumerate(cluster.hosts) if index and index not in came]


def _answers(caller: socket.socket) -> bool:
    try:
        caller.sendall(_ASK)
        return caller.recv(1) == _HERE
    except OSError:
        return False


def _introduced(caller: socket.socket, cluster: Cluster) -> int | None:
    """Which worker calls; None for something that is no worker of this cluster."""
    try:
        caller.settimeout(_ANSWER)
        said = json.loads(caller.makefile("rb").readline(_LONGEST_LINE))
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or said.get("fgtl_workers") != len(cluster.hosts):
        return None
    index = said.get("index")
    return index if isinstance(index, int) and 0 < index < len(cluster.hosts) else None


def _report_to_chief(cluster: Cluster, deadline: float) -> None:
    hello = json.dumps({"fgtl_workers": len(cluster.hosts), "index": cluster.index}).encode() + b"\n"
    while True:
        _check_time(deadline, [cluster.hosts[0]])
        try:
            with socket.create_connection(_address(cluster.hosts[0]), timeout=_ANSWER) as chief:
                chief.sendall(hello)
                if _told_to_go(chief, deadline):
                    return
        except OSError:
            pass
        time.sleep(_BETWEEN_TRIES)


def _told_to_go(chief: socket.socket, deadline: float) -> bool:
    while (left := deadline - time.monotonic()) > 0:
        chief.settimeout(min(left, _SILENCE))
        said = chief.recv(1)
        if said != _ASK:
            return said == _GO
        chief.sendall(_HERE)
    return False


def _check_time(deadline: float, missing: list[str]) -> None:
    if time.monotonic() > deadline:
        raise FgtlError(
            f"Of the workers in {VARIABLE} {', '.join(missing)} did not come.",
            expected="the same command on all of them.",
            fix="Start them, and look whether their ports can be reached from here.",
        )


def _hosts(cluster: dict[str, Any], kind: str) -> tuple[str, ...]:
    hosts = cluster.get(kind, [])
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        raise _unclear(f"its {kind} is no list of addresses")
    for host in hosts:
        if not _is_address(host):
            raise _unclear(f"{host!r} is no address with a port")
    return tuple(hosts)


def _is_address(host: str) -> bool:
    name, _, port = host.rpartition(":")
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return bool(name) and port.isascii() and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536


def _index(task: Any, kinds: dict[str, tuple[str, ...]]) -> int:
    kind = task.get("type") if isinstance(task, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise _unclear("its task's type is neither worker nor chief")
    index, count = task.get("index"), len(kinds[kind])
    # TensorFlow takes "0" for 0.
    if isinstance(index, str) and index.isascii() and index.isdecimal() and len(index) < 10:
        index = int(index)
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
        raise _unclear(f"its task's index is {index!r}, of {count} of that type")
    return index


def _address(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":")
    return name.strip("[]"), int(port)


def _unclear(what: str) -> UsageError:
    return UsageError(
        f"{VARIABLE} in the environment cannot be meant: {what}.",
        expected=f"for example {EXAMPLE}.",
        fix=f"Mend it, or unset {VARIABLE} to train on this machine alone.",
    )
