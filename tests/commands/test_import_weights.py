"""`fgtl import-weights`: the table, the files, and how it ends."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from fgtl.commands.app import main
from fgtl.interop.correspondence import TORCH, pieces_by_layer
from fgtl.interop.pretrained import build_backbone, weights_sha256
from fgtl.interop.slim_networks import slim_pieces
from fgtl.interop.weight_names import named_weights
from fgtl.models.backbone import Backbone, build_network


@pytest.fixture(scope="module")
def source() -> Backbone:
    return build_network("resnet18_v1_5", 32)


@pytest.fixture(scope="module")
def state(source: Backbone) -> dict[str, np.ndarray]:
    """Its weights by torchvision's names, and a classifier of 1,001 classes."""
    arrays = {}
    for piece in pieces_by_layer(named_weights(source.trunk), lambda name: name.replace("_", "."), TORCH, "."):
        value = np.asarray(piece.variable)
        arrays[piece.name] = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value
    return arrays | {"fc.weight": np.ones((1001, 512), "float32"), "fc.bias": np.zeros(1001, "float32")}


def safetensors(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    header, body = {}, b""
    for name, array in arrays.items():
        offsets = [len(body), len(body) + array.nbytes]
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": offsets}
        body += np.ascontiguousarray(array).tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def run(*words: object) -> int:
    return main(["import-weights", *map(str, words)])


def test_a_state_dict_becomes_weights_and_a_classifier_and_a_table_says_so(
    source: Backbone, state: dict[str, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = safetensors(tmp_path / "resnet18.safetensors", state)
    words = [f"--weights={weights}", f"--output={tmp_path}/x.weights.h5", f"--head_output={tmp_path}/head.npz"]
    assert run("--backbone=resnet18_v1_5", "--image_size=32", *words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["safetensors,", "102", "arrays", "arrays", "numbers"]
    assert lines[1].split() == ["filled", "100", "11,186,112"]
    assert lines[2].split() == ["left", "over:", "classifier", "2"]
    assert lines[3].split() == ["left", "over,", "unexplained", "0"] and lines[4].split() == ["missing", "0"]
    assert "read back and equal" in lines[5] and "1,001 classes; class 0 is the background" in lines[6]
    assert weights_sha256(build_backbone("resnet18_v1_5", tmp_path / "x.weights.h5", 32)) == weights_sha256(source)
    with np.load(tmp_path / "head.npz") as head:
        assert head["kernel"].shape == (512, 1001) and head["bias"].shape == (1001,)


def test_missing_and_unexplained_weights_are_listed_and_refused_unless_in_part(
    state: dict[str, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = {name: array for name, array in state.items() if name != "bn1.bias"} | {"extra.w": np.ones(1, "float32")}
    weights = safetensors(tmp_path / "x.safetensors", changed)
    words = ["--backbone=resnet18_v1_5", "--image_size=32", f"--weights={weights}", f"--output={tmp_path}/x.weights.h5"]
    assert run(*words) == 3
    message = capsys.readouterr().err
    assert "1 missing, 1 left over" in message and "bn1.bias" in message and "extra.w" in message
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]
    assert run(*words, "--partial") == 0
    shown = capsys.readouterr().out
    assert "unexplained: extra.w" in shown and "missing, fresh now: bn1.bias" in shown


def test_list_prints_the_names_that_an_npz_must_have(
    source: Backbone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--backbone=resnet18_v1_5", "--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["layer1_0_conv1/kernel", "3", "x", "3", "x", "64", "x", "64"] in [line.split() for line in lines]
    names = [line.split()[0] for line in lines[1:-1]]
    assert lines[-1] == "100 weights of resnet18_v1_5"
    np.savez(tmp_path / "x.npz", **{name: np.asarray(named_weights(source.trunk)[name]) for name in names})
    words = [f"--weights={tmp_path}/x.npz", f"--output={tmp_path}/x.weights.h5", "--image_size=32"]
    assert run("--backbone=resnet18_v1_5", *words) == 0


@pytest.mark.parametrize(
    "words, code, message",
    [
        ([], 2, "--backbone, --weights and --output are missing"),
        (["--backbone=resnet18_v1_5"], 2, "--weights and --output are missing"),
        (["--list"], 2, "--backbone is missing"),
        (["--backbone=resnet18_v1_5", "--weights=x.pth", "--output=x.h5"], 2, "ends in .weights.h5"),
        (["--backbone=resnet18_v1_5", "--weights=x.pth", "--output=x.weights.h5", "--head_output=h.txt"], 2, "is no .npz"),
        (["--backbone=resnet18_v2", "--list"], 2, "no backbone called"),
        (["--backbone=resnet18_v1_5", "--image_size=32", "--weights=/absent/x.ckpt", "--output=x.weights.h5"], 3, "There are no weights at"),
        (["--backbone=resnet18_v1_5", "--image_size=32", "--weights=/", "--output=x.weights.h5"], 3, "a folder without a checkpoint"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_named(
    words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(*words) == code
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "There are no weights at"),
        (b"some text, and more of it", "is no weight file that fgtl knows"),
        (b"", "is no weight file that fgtl knows"),
        ((500).to_bytes(8, "little") + b'{"a":', "its header is longer than the file"),
    ],
)
def test_a_file_that_is_no_weights_is_refused_before_tensorflow_is_imported(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    words = ["import-weights", "--backbone=resnet18_v1_5", f"--weights={tmp_path / 'x'}", "--output=x.weights.h5"]
    code = f"import sys; from fgtl.commands.app import main; print(main({words}), {{'tensorflow', 'keras'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "3 set()"
    assert message in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["import-weights", "--list", "--backbone=resnet18_v1_5"], ["backbones", "mobilenet_v2"]]
)
def test_networks_are_built_without_tensorflows_log(words: list[str]) -> None:
    loud = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-m", "fgtl", *words], capture_output=True, text=True, env=loud)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_folder_with_a_slim_checkpoint_is_imported_with_its_averages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = build_network("resnet_v2_50", 32)
    root = {"resnet_v2_50/conv1/weights": ()}
    arrays = {
        p.name: np.asarray(p.variable) for p in slim_pieces("resnet_v2_50", named_weights(source.trunk), root, False)
    }
    averages = {f"{name}/ExponentialMovingAverage": array + 1 for name, array in arrays.items() if "moving" not in name}
    values = arrays | averages | {"global_step": np.asarray(5, "int64")}
    folder = tmp_path / "train"
    folder.mkdir()
    tf.raw_ops.SaveV2(
        prefix=str(folder / "model.ckpt-5"), tensor_names=list(values), shape_and_slices=[""] * len(values),
        tensors=[tf.constant(value) for value in values.values()],
    )  # fmt: skip
    words = [f"--weights={folder}", f"--output={tmp_path}/x.weights.h5", "--image_size=32", "--ema"]
    assert run("--backbone=resnet_v2_50", *words) == 0
    shown = capsys.readouterr().out
    assert "left over: raw weights beside their averages" in shown and "left over: steps and counters" in shown
    loaded = build_backbone("resnet_v2_50", tmp_path / "x.weights.h5", 32)
    ours, theirs = named_weights(loaded.trunk), named_weights(source.trunk)
    assert np.allclose(np.asarray(ours["conv1_conv/kernel"]), np.asarray(theirs["conv1_conv/kernel"]) + 1)
    assert np.array_equal(np.asarray(ours["post_bn/moving_mean"]), np.asarray(theirs["post_bn/moving_mean"]))
