import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from fgtl.errors import FgtlError, UsageError
from fgtl.training import distribution, exchange
from fgtl.training.devices import choose_devices
from fgtl.training.distribution import distribute, join_workers, local_batches, pick_strategy
from fgtl.training.exchange import local_replicas_of
from fgtl.training.workers import Cluster


def replicas(*words, script="replicas.py"):
    """What replicas.py saw with two logical CPUs, next to one."""
    path = str(Path(__file__).with_name(script))
    done = subprocess.run([sys.executable, path, *words], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found():
    return replicas()


def test_two_replicas_reach_the_weights_of_one(found):
    assert found["replicas"] == 2
    assert found["weights"] < 2e-6


def test_without_synchronised_statistics_they_do_not(found):
    assert found["without sync_bn"] > 1e-2


def test_statistics_that_are_not_synchronised_are_the_same_on_all_replicas_after_each_step(found):
    assert found["copies apart"] == 0
    assert found["saved and validated"] < 1e-6
    assert found["resumed"] == 0


@pytest.mark.slow
def test_two_replicas_of_a_real_network_reach_the_weights_of_one_only_with_synchronised_statistics():
    found = replicas("real")
    assert found["weights"] < 1e-6
    assert found["without sync_bn"] > 1e-2


def test_two_replicas_log_the_figures_of_one(found):
    one, two = found["metrics"]
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        for name in a.keys() - {"phase", "images_per_second"}:
            assert a[name] == pytest.approx(b[name], rel=1e-5), name


@pytest.mark.parametrize("name", ["at once", "sliced"])
def test_two_replicas_clip_average_accumulate_and_mix_pairs_as_one_does(found, name):
    assert found[name] < 1e-6
    assert found[f"{name}, not clipped"] > 1e-2  # what is compared was clipped


@pytest.mark.slow
def test_replicas_that_drop_features_stay_equal_draw_apart_and_go_on_bit_equal():
    found = replicas("draws")
    for name in ("synchronised", "sliced"):
        assert found[f"{name}: copies apart"] == 0
        assert found[f"{name}: resumed"] == 0
    for slices in (False, True):
        first, second, same = found[f"masks {slices}"]
        assert all(0.4 < share < 0.6 for share in (first, second, same))


@pytest.mark.slow
def test_adamw_differs_only_where_the_gradient_is_nothing_but_rounding():
    # Batch normalisation takes a bias before it away again: its gradient is 0 up to rounding, which differs with the
    # order of summation, and Adam divides it by its own size. Its moving mean holds the bias; nothing else sees it.
    found = replicas("adamw")
    assert max(found["sgd"].values()) < 1e-6
    moved = {name for name, change in found["adamw"].items() if change > 1e-5}
    assert moved == {"bias", "moving_mean"}
    assert found["adamw"]["bias"] > 1e-3
    assert max(change for name, change in found["adamw"].items() if name not in moved) < 1e-6


@pytest.mark.slow
def test_xla_under_two_replicas_does_the_same():
    found = replicas("compiled")
    assert found["with jit"] < 2e-6
    assert found["another rate"] > 1e-4


def test_a_run_of_two_replicas_goes_on_with_one(found):
    assert found["moved from two to one"] < 5e-6


def test_evaluation_under_two_replicas_is_exact_and_in_order(found):
    assert found["labels in order"]
    assert found["probabilities"] < 1e-6
    assert found["rows past bad ones"] == [row for row in range(40) if row not in (0, 9, 39)]
    assert found["and their probabilities"] < 1e-6


def test_an_overflow_on_the_second_replica_alone_skips_the_step(found):
    assert found["scale after overflow"] == 2**14
    assert found["untouched by overflow"]


def test_what_replicas_cannot_do_is_refused(found):
    assert "--jit=on and --sync_bn over 2 devices" in found["jit with sync_bn"]
    assert "--batch_size=7 does not divide over 2 devices" in found["odd batch"]
    assert "--batch_size=6 or --batch_size=8" in found["odd batch"]


@pytest.mark.slow
def test_strict_trainings_with_one_seed_end_in_the_same_bits():
    assert replicas(script="strict.py") == {"same seed": True, "other seed": False}


def test_one_device_has_no_strategy():
    assert pick_strategy(("cpu",)) is None


@pytest.mark.parametrize("devices", [("tpu:0",), ("cpu:x",), ("cpu:0", "gpu:0"), ("cpu:0", "cpu:0"), ("",)])
def test_devices_that_cannot_be_meant_are_refused(devices):
    with pytest.raises(UsageError, match="--devices"):
        pick_strategy(devices)


def test_a_device_that_is_not_there_is_named():
    keras.ops.zeros(1)  # TensorFlow has started: no logical device can be added
    with pytest.raises(UsageError, match="--devices=cpu:0,cpu:7"):
        pick_strategy(("cpu:0", "cpu:7"))


@pytest.fixture
def started(monkeypatch):
    """A TensorFlow that has started with the given GPUs visible, out of two."""

    def start(visible):
        def refuse(*_):
            raise RuntimeError("Visible devices cannot be modified after being initialized")

        config = tf.config
        monkeypatch.setattr(config, "list_physical_devices", lambda kind: [f"physical {kind}:{n}" for n in range(2)])
        monkeypatch.setattr(config, "get_visible_devices", lambda kind: [f"physical {kind}:{n}" for n in visible])
        monkeypatch.setattr(config, "set_visible_devices", refuse)
        monkeypatch.setattr(config, "set_logical_device_configuration", refuse)

    return start


@pytest.mark.parametrize(
    ("visible", "asked"), [((0, 1), "gpu:1"), ((1,), "gpu:0"), ((), "gpu:0"), ((0, 1), "cpu"), ((1,), "cpu:0")]
)
def test_a_device_that_tensorflow_would_not_use_is_refused(started, visible, asked):
    started(visible)
    with pytest.raises(UsageError, match=rf"(?s)--devices={asked}.*TensorFlow has started.*new process"):
        pick_strategy((asked,))


@pytest.mark.parametrize(("visible", "asked"), [((0, 1), "gpu:0"), ((0,), "gpu:0"), ((1,), "gpu:1"), ((), "cpu")])
def test_a_device_that_tensorflow_uses_already_is_no_error(started, visible, asked):
    started(visible)
    assert pick_strategy((asked,)) is None


def test_several_gpus_of_which_one_is_hidden_are_refused(started):
    started((1,))
    with pytest.raises(UsageError, match="--devices=gpu:0,gpu:1"):
        pick_strategy(("gpu:0", "gpu:1"))


@pytest.fixture
def four_gpus(monkeypatch):
    """A TensorFlow that has not started, with four GPUs; returns those that are visible."""
    gpus = [f"physical GPU:{n}" for n in range(4)]
    visible = {"GPU": list(gpus), "CPU": ["physical CPU:0"]}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus if kind == "GPU" else visible["CPU"])
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: visible[kind])
    # Like TensorFlow, which numbers them by the machine, in whichever order they are asked for.
    monkeypatch.setattr(
        tf.config, "set_visible_devices", lambda devices, kind: visible.update({kind: sorted(devices, key=gpus.index)})
    )
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: visible[kind])
    monkeypatch.setattr(tf.config, "set_logical_device_configuration", lambda *_: None)
    return visible


@pytest.mark.parametrize(
    ("asked", "left", "names"),
    [
        (("gpu:0", "gpu:1"), (0, 1), ["gpu:0", "gpu:1"]),
        (("gpu:2", "gpu:3"), (2, 3), ["gpu:0", "gpu:1"]),
        (("gpu:3", "gpu:1"), (1, 3), ["gpu:0", "gpu:1"]),
        (("gpu:3",), (3,), ["gpu:0"]),
        (("cpu",), (), ["cpu:0"]),
    ],
)
def test_only_the_named_gpus_are_left_visible_and_go_by_their_places_there(four_gpus, monkeypatch, asked, left, names):
    over: list[list[str]] = []
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", over.append)
    assert choose_devices(asked) == names
    assert four_gpus["GPU"] == [f"physical GPU:{number}" for number in left]
    pick_strategy(asked)
    assert over == [names] * (len(names) > 1)


@pytest.mark.parametrize(("visible", "asked"), [((1, 0), "gpu:0,gpu:1"), ((0,), "gpu:0,gpu:1"), ((1, 0), "gpu:0")])
def test_gpus_that_are_not_the_first_that_tensorflow_has_are_refused(started, visible, asked):
    started(visible)
    with pytest.raises(UsageError, match=rf"--devices={asked}"):
        pick_strategy(tuple(asked.split(",")))


class Joined:
    """A strategy of a worker with so many devices."""

    def __init__(self, devices):
        self.extended = SimpleNamespace(worker_devices=["device"] * devices)
        self.cluster_resolver = None


@pytest.fixture
def join(four_gpus, monkeypatch):
    """`join_workers` up to what TensorFlow does, in which a worker gets all visible GPUs, or `devices`."""

    def join(asked, devices=0):
        monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda: Joined(devices or count()))
        monkeypatch.setattr(distribution, "meet", lambda cluster: None)
        return join_workers.__wrapped__(Cluster(("one:1", "two:1"), 0), asked)

    def count():
        return len(four_gpus["GPU"]) or 1

    return join


@pytest.mark.parametrize(("asked", "devices"), [((), 4), (("gpu:2",), 1), (("gpu:1", "gpu:3"), 2), (("cpu",), 1)])
def test_a_worker_computes_on_the_devices_that_were_named(join, asked, devices):
    assert local_replicas_of(join(asked)) == devices


@pytest.mark.parametrize("asked", ["cpu:0,cpu:1", "cpu:1"])
def test_a_worker_has_no_second_cpu(join, asked):
    with pytest.raises(UsageError, match=rf"(?s)--devices={asked} under TF_CONFIG.*a worker has one CPU device"):
        join(tuple(asked.split(",")))


def test_a_worker_that_got_other_devices_than_were_named_is_refused(join):
    with pytest.raises(UsageError, match="--devices=gpu:0,gpu:1, but this worker computes on 4 devices"):
        join(("gpu:0", "gpu:1"), devices=4)


# -- several devices in each of several workers, as far as it can be seen without ------------------------------------


class Two:
    """Of `workers` workers with `devices` devices each the one that is number `worker`."""

    def __init__(self, worker, workers=2, devices=2):
        cluster = tf.train.ClusterSpec({"worker": [f"host{n}:1" for n in range(workers)]})
        self.cluster_resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(cluster, "", "worker", worker)
        self.extended = SimpleNamespace(worker_devices=["device"] * devices)
        self._own = range(worker * devices, (worker + 1) * devices)

    def experimental_distribute_values_from_function(self, value_of):
        return [value_of(SimpleNamespace(replica_id_in_sync_group=replica)) for replica in self._own]

    def distribute_datasets_from_function(self, dataset_of):
        # Each of the devices takes the next.
        return dataset_of(None)


def rows(batch):
    return [np.asarray(part).tolist() for part in batch]


def test_a_workers_devices_take_consecutive_rows_of_each_of_its_batches():
    images = np.arange(24, dtype="float32").reshape(12, 2)
    dataset = tf.data.Dataset.from_tensor_slices((images, np.arange(12))).batch(6)
    pieces = [rows(piece) for piece in distribute(dataset, Two(1))]
    assert [labels for _, labels in pieces] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert [part for part, _ in pieces] == [images[at : at + 3].tolist() for at in (0, 3, 6, 9)]


@pytest.mark.parametrize("worker", [0, 1])
def test_batches_of_one_worker_alone_are_split_over_its_own_devices_in_order(worker):
    dataset = tf.data.Dataset.from_tensor_slices((np.arange(8), np.arange(8) * 10)).batch(4)
    found = [[rows(part) for part in batch] for batch in local_batches(dataset, Two(worker))]
    assert found == [[[[0, 1], [2, 3]], [[0, 10], [20, 30]]], [[[4, 5], [6, 7]], [[40, 50], [60, 70]]]]


def test_rows_that_each_of_a_workers_devices_sent_count_once(monkeypatch):
    own = [np.array([[1, 2]]), np.array([[3, 4], [5, 6]])]
    sent = [own[0], own[0], own[1], own[1]]

    def gathering(strategy, dtype):
        return lambda rows: (tf.constant(np.concatenate(sent)), tf.constant([len(part) for part in sent]))

    monkeypatch.setattr(exchange, "_gathering", gathering)
    assert exchange.gathered(Two(0), own[0]).tolist() == [[1, 2], [3, 4], [5, 6]]


def test_a_worker_that_has_gone_is_named_by_its_number_and_address():
    said = (
        "Collective ops is aborted by: Socket closed\nAdditional GRPC error information from remote target "
        '/job:worker/replica:0/task:1 while calling /tensorflow.WorkerService/RecvBuf:\n:{"created":"@17"} '
        "seen by /job:worker/replica:0/task:0"
    )
    with pytest.raises(FgtlError) as caught, exchange.workers_explained(Two(0)):
        raise tf.errors.UnavailableError(None, None, said)
    told = str(caught.value).splitlines()
    assert told[0] == "Another worker has ended or cannot be reached: worker 1 (host1:1)."
    with pytest.raises(FgtlError, match=r"cannot be reached\.\n"), exchange.workers_explained(Two(0)):
        raise tf.errors.AbortedError(None, None, "heartbeat timeout")


def test_a_gpu_that_is_not_there_is_named(started):
    started((0, 1))
    with pytest.raises(UsageError, match=r"(?s)no gpu:2.*2 GPUs"):
        pick_strategy(("gpu:2",))
