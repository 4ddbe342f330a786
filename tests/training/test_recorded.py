"""What run.json says of the training: knobs of other versions, and the images it learned from."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs
from fgtl.data.records import RecordSet
from fgtl.datasets import Card
from fgtl.downloads import FolderTree
from fgtl.errors import UsageError
from fgtl.files import write_json
from fgtl.training.recorded import first_stage, recorded_knobs, recorded_parts, selected, training_counts
from fgtl.training.run import Run
from fgtl.training.settings import DeviceKnobs, TrainingKnobs


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> RecordSet:
    """Two classes, 16 and 8 training images, 4 test images each."""
    root = tmp_path_factory.mktemp("photos")
    for split, name, count in (("train", "a", 16), ("train", "b", 8), ("test", "a", 4), ("test", "b", 4)):
        (root / split / name).mkdir(parents=True)
        for number in range(count):
            shade = 10 * number + (split == "test") + 2 * (name == "b")
            Image.new("RGB", (8, 8), (shade, 90, 30)).save(root / split / name / f"{number}.png")
    folder = tmp_path_factory.mktemp("records") / "photos"
    convert(Card("photos", "folder"), FolderTree(root), folder, ConvertKnobs(num_shards=1, workers=1))
    return RecordSet.open(folder)


def run_of(records: RecordSet, folder: Path = Path("run"), **config: object) -> Run:
    facts = {
        "config": {"seed": 5, "validation_fraction": 0.25, "records": str(records.folder)} | config,
        "dataset": {"manifest_sha256": records.manifest_sha256},
    }
    return Run(folder, facts, resumed=True)


def test_knobs_come_back_and_unknown_and_missing_ones_do_no_harm() -> None:
    knobs = TrainingKnobs(optimizer="adamw", epochs=7, devices=("cpu:0", "cpu:1"))
    written = knobs.as_dict() | {"knob_of_a_later_version": 3}
    del written["momentum"]
    assert recorded_knobs(TrainingKnobs, written) == knobs
    assert recorded_knobs(DeviceKnobs, written, precision="mixed_bfloat16").devices == ("cpu:0", "cpu:1")
    with pytest.raises(UsageError, match="optimizer"):
        recorded_knobs(TrainingKnobs, written | {"optimizer": "no more"})


def test_the_images_of_the_training_are_found_again(records: RecordSet) -> None:
    parts = recorded_parts(run_of(records), records)
    assert (len(parts.train), len(parts.validation)) == (18, 6)
    assert not set(parts.train.ids) & set(parts.validation.ids)
    other = recorded_parts(run_of(records, seed=6), records)
    assert set(other.validation.ids) != set(parts.validation.ids)


def test_validation_is_the_carved_part_where_the_set_has_no_such_split(records: RecordSet) -> None:
    run = run_of(records)
    assert selected(run, records, "validation").ids.tolist() == recorded_parts(run, records).validation.ids.tolist()
    assert len(selected(run, records, "test")) == 8
    with pytest.raises(UsageError, match="no split"):
        selected(run, records, "nowhere")


def test_classes_are_counted_over_what_was_trained_on(records: RecordSet) -> None:
    parts = recorded_parts(run_of(records), records)
    assert training_counts(run_of(records), records) == tuple(np.bincount(parts.train.labels))
    assert training_counts(run_of(records, refit=True), records) == (16, 8)
    half = training_counts(run_of(records, train_split="train[:50%]", refit=True), records)
    assert half is not None and sum(half) == 12


def test_a_cap_of_a_balanced_stage_moves_no_class_to_the_tail(records: RecordSet) -> None:
    run = run_of(records, refit=True, max_per_class=2)
    assert len(recorded_parts(run, records).train) == 4
    assert training_counts(run, records) == (16, 8)


def test_a_record_set_of_another_conversion_does_not_count(records: RecordSet) -> None:
    run = run_of(records)
    run.facts["dataset"]["manifest_sha256"] = "0" * 64
    assert training_counts(run, records) is None
    run.facts["config"]["records"] = "nowhere"
    assert training_counts(run, records) is None


def test_the_runs_own_record_set_is_looked_up_where_another_one_is_evaluated(records: RecordSet) -> None:
    run = run_of(records, refit=True)

    class Other:
        manifest_sha256 = "1" * 64

    assert training_counts(run, Other()) == (16, 8)  # type: ignore[arg-type]


def on_disk(folder: Path, records: RecordSet, before: Run | None = None, **config: object) -> Run:
    """A finished run, its model's sha256 is the name of its folder."""
    run = run_of(records, folder, **config)
    run.facts["dataset"]["class_names"] = list(records.class_names)
    run.facts["init"] = before and {"run": str(before.folder), "sha256": before.folder.name}
    folder.mkdir()
    write_json(folder / "run.json", run.facts)
    write_json(folder / "model.json", {"sha256": folder.name})
    return run


def test_a_stage_that_sees_few_images_is_counted_by_the_first_one(records: RecordSet, tmp_path: Path) -> None:
    first = on_disk(tmp_path / "first", records, refit=True)
    second = on_disk(tmp_path / "second", records, first, train_split="train[:30%]", refit=True)
    third = on_disk(tmp_path / "third", records, second, train_split="train[:20%]", refit=True)
    assert sum(training_counts(second, records) or ()) < 24
    for run in (first, second, third):
        assert first_stage(run).folder == first.folder
        assert training_counts(first_stage(run), records) == (16, 8)


@pytest.mark.parametrize("harm", ["another model", "other data", "other classes", "gone"])
def test_a_stage_before_it_that_is_another_one_does_not_count(records: RecordSet, tmp_path: Path, harm: str) -> None:
    first = on_disk(tmp_path / "first", records)
    second = on_disk(tmp_path / "second", records, first)
    if harm == "another model":
        write_json(first.folder / "model.json", {"sha256": "made anew"})
    elif harm == "gone":
        shutil.rmtree(first.folder)
    else:
        changed = {"manifest_sha256": "0" * 64} if harm == "other data" else {"class_names": ["b", "a"]}
        first.facts["dataset"] |= changed
        write_json(first.folder / "run.json", first.facts)
    assert first_stage(second) is second
