"""Small runs and record sets as the other rooms write them."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.data.example import ID, IMAGE, LABEL, encode_example
from fgtl.data.manifest import File, Index, Manifest, index_name, write_index, write_manifest
from fgtl.data.records import RecordSet
from fgtl.files import sha256_of, write_json
from fgtl.reports.metrics import evaluate_predictions
from fgtl.reports.predictions import Predictions, write_evaluation
from fgtl.tfrecord import RecordWriter
from fgtl.training.best import Best


@dataclass(frozen=True)
class Made:
    """A run folder and the record set it was trained on."""

    run_dir: Path
    records: RecordSet


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (60, 40)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def write_records(folder: Path, names: Sequence[str], images: dict[str, list[tuple[str, int, bytes]]]) -> RecordSet:
    """A record set of one shard a split; `images`: split -> (id, label, bytes)."""
    folder.mkdir(parents=True)
    shards, indexes, counts = {}, {}, {}
    for split, rows in images.items():
        path = folder / f"tiny-{split}.tfrecord-00000-of-00001"
        offsets, lengths = [], []
        with path.open("wb") as file:
            writer = RecordWriter(file)
            for id, label, data in rows:
                payload = encode_example({IMAGE: [data], ID: [id.encode()], LABEL: [label]})
                offsets.append(writer.write(payload))
                lengths.append(len(payload))
        labels = [label for _, label, _ in rows]
        none = np.zeros(len(rows))
        index = Index(
            none, np.array(offsets), np.array(lengths), np.array(labels), np.array([r[0] for r in rows]), none, none
        )
        indexes[split] = write_index(folder / index_name(split), index)
        shards[split] = (File(path.name, len(rows), path.stat().st_size, sha256_of(path)),)
        counts[split] = tuple(np.bincount(labels, minlength=len(names)).tolist())
    write_manifest(folder, Manifest("tiny", tuple(names), (), shards, indexes, counts, {}, "", {}, {}))
    return RecordSet.open(folder)


def guesses(labels: np.ndarray, classes: int, seed: int, skill: float = 2.5) -> np.ndarray:
    """(N, K) float32 probabilities; neighbouring classes of a group of four look alike."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (len(labels), classes))
    logits[np.arange(len(labels)), labels] += skill
    alike = np.minimum(labels // 4 * 4 + rng.integers(0, 4, len(labels)), classes - 1)
    logits[np.arange(len(labels)), alike] += 1.5
    powers = np.exp(1.6 * logits)
    return (powers / powers.sum(1, keepdims=True)).astype(np.float32)


def write_history(run_dir: Path, epochs: int, steps_per_epoch: int = 20) -> None:
    """metrics.jsonl and best.json of a head phase followed by full fine-tuning."""
    rng, lines = np.random.default_rng(0), []
    for step in range(1, epochs * steps_per_epoch + 1):
        epoch = step / steps_per_epoch
        phase = "head" if epoch <= epochs / 3 else "all"
        done = step / (epochs * steps_per_epoch)
        where = {"step": step, "epoch": epoch, "phase": phase}
        if step % 4 == 0:
            loss = 4 * np.exp(-3 * done) + rng.normal(0, 0.1)
            rate = {"learning_rate": 0.01 * (1 - done), "images_per_second": 20 + rng.normal()}
            lines.append(where | {"train/loss": loss, "train/top1": 1 - np.exp(-3 * done) + rng.normal(0, 0.03)} | rate)
        if step % steps_per_epoch == 0:
            best = 0.8 - 0.7 * np.exp(-4 * done) - 0.1 * done**3
            lines.append(where | {"validation/loss": 4.2 * np.exp(-2.5 * done) + done / 2, "validation/top1": best})
    (run_dir / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    tops = [(line["validation/top1"], line["step"], line["epoch"]) for line in lines if "validation/top1" in line]
    value, step, epoch = max(tops)
    write_json(run_dir / "best.json", asdict(Best(step, int(epoch), "validation/top1", value)))


def write_card(run_dir: Path, records: RecordSet, config: dict) -> None:
    dataset = {
        "name": records.name,
        "classes": len(records.class_names),
        "class_names": list(records.class_names),
        "manifest_sha256": records.manifest_sha256,
        "counts": records.counts,
    }
    versions = {"fgtl": "0.1.0", "tensorflow": "2.21.0", "keras": "3.15.1"}
    base = {"backbone": "mobilenet_v2", "weights": "imagenet", "head": "linear", "batch_size": 64, "image_size": 224}
    write_json(
        run_dir / "run.json",
        {
            "schema": 1,
            "versions": versions,
            "config": base | config,
            "dataset": dataset,
            "seed": 7,
            "created": "2025-01-02T03:04:05+00:00",
        },
    )


NAMES = ("Gull <script>alert(1)</script>", "Müller's & Sons", "Тундра \u9ce5", "Price $5$ to $6$", "plain")


@pytest.fixture
def trained(tmp_path: Path) -> Made:
    """A run that was trained but not evaluated."""
    images = {
        split: [(f"{split}/{k}-{i}", k, jpeg((40 * k, 20 * i, 90))) for k in range(len(NAMES)) for i in range(count)]
        for split, count in (("train", 6), ("test", 4))
    }
    records = write_records(tmp_path / "records", NAMES, images)
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    config = {"records": str(records.folder), "flip": True, "jit": False, "limit": None, "devices": ["cpu:0", "cpu:1"]}
    write_card(run_dir, records, config)
    write_history(run_dir, 6)
    return Made(run_dir, records)


@pytest.fixture
def evaluated(trained: Made) -> Made:
    """The same with its test predictions."""
    test = trained.records.select("test")
    said = Predictions(test.ids, test.labels, guesses(test.labels, len(NAMES), 1, 1.0))
    result = evaluate_predictions(said.probabilities, said.labels, NAMES)
    write_evaluation(trained.run_dir / "eval", "test", result, said)
    return trained
