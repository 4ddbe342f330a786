"""fgtl train: what it leaves behind, what it refuses, and that a second start is the same run."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fgtl.commands.app import main
from fgtl.commands.train import Config
from fgtl.commands.train_checks import warn_of_data, warn_of_start
from fgtl.data.parts import SplitKnobs, parts_of
from fgtl.data.records import RecordSet
from fgtl.files import sha256_of
from fgtl.training.run import Run
from fgtl.training.run_facts import FREE


def test_without_a_card_the_advice_is_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--dataset=photos", f"--records={tmp_path / 'none'}"]) == 2
    assert "convert.py --data_dir FOLDER" in capsys.readouterr().err
    assert main(["train", "--dataset=cub200", f"--records={tmp_path / 'none'}"]) == 2
    assert "Did you mean 'cub_200'?" in capsys.readouterr().err


def test_a_missing_record_set_prints_the_convert_command_and_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--dataset=cub_200", f"--records={tmp_path / 'none'}", f"--run_dir={tmp_path / 'run'}"]) == 2
    assert f"python converters/convert.py --dataset cub_200 --output_dir {tmp_path / 'none'}" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_holds_what_the_readme_promises(finished_run: Path) -> None:
    for name in ("run.json", "metrics.jsonl", "best.json", "model.keras", "model.json", "report.html", "crops.png"):
        assert (finished_run / name).stat().st_size > 0, name
    assert list((finished_run / "events").glob("events.out.tfevents.*"))
    assert list((finished_run / "checkpoints").glob("step-*/state.json"))
    card = json.loads((finished_run / "model.json").read_text())
    # Of the record set, though --dataset was not given.
    assert json.loads((finished_run / "run.json").read_text())["config"]["dataset"] == "synth_birds"
    assert "--dataset" not in re.findall(r"fgtl train[^<]*", (finished_run / "report.html").read_text())[0]
    assert len(card["class_names"]) == 4
    assert card["input_size"] == 32


def test_the_page_names_just_the_flags_that_may_change_and_train_has_them() -> None:
    page = (Path(__file__).parents[2] / "docs" / "devices.md").read_text()
    part = page.split("## What may differ when a run goes on")[1].split("Everything else")[0]
    named = set(re.findall(r"`--(\w+)`", part))
    assert named - {"flagfile"} == FREE
    assert {field.name for field in dataclasses.fields(Config)} >= FREE


def test_a_finished_run_is_not_trained_again(
    finished_run: Path, train_words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (finished_run / "model.keras").read_bytes()
    assert main(["train", f"--run_dir={finished_run}", *train_words]) == 0
    assert "finished" in capsys.readouterr().out
    assert (finished_run / "model.keras").read_bytes() == before


def test_other_settings_in_the_same_folder_are_refused_with_both_values(
    finished_run: Path, train_words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", f"--run_dir={finished_run}", *train_words, "--learning_rate=0.5"]) == 2
    assert "--learning_rate: there 0.0002, now 0.5" in capsys.readouterr().err


def test_a_folder_with_something_else_is_refused(
    tmp_path: Path, train_words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    assert main(["train", f"--run_dir={tmp_path}", *train_words]) == 2
    assert "thesis.tex" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_refit_trains_on_train_and_validation(
    tmp_path: Path, train_words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", f"--run_dir={tmp_path / 'run'}", *train_words, "--refit"]) == 0
    assert "refit on 24 images, 1 epochs" in capsys.readouterr().out
    lines = (tmp_path / "run" / "refit" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == 3  # 24 images in batches of 8
    assert json.loads((tmp_path / "run" / "model.json").read_text())["refit"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backbone=mobilenet_v9"], "mobilenet_v2"),
        (["--head=lineal"], "linear"),
        # An unknown name comes before what would not go with it.
        (["--mode=all", "--backbone=mobilnet_v2"], "Did you mean 'mobilenet_v2'"),
        (["--mode=all", "--head=lineal"], "linear"),
        (["--image_size=31"], "An image size of 31 pixels is too small for mobilenet_v2"),
        (["--weights=no/such.h5"], "no/such.h5"),
        (["--train_split=tran"], "'train'"),
        (["--mode=all"], "--tuned_bn=train"),
        (["--warmup_epochs=1"], "--warmup_epochs=1"),
        (["--batch_size=19"], "Give --batch_size=18 or less"),
        (["--mode=all", "--tuned_bn=inference", "--drop_path=0.1", "--weights=imagenet"], "Add --tuned_bn=train"),
        (["--drop_path=0.1"], "Add --frozen_bn=train"),
        (["--drop_path=0.1", "--frozen_bn=train"], "mobilenet_v2 leaves out no residual branch"),
        (["--long_tail=0.5"], "--long_tail=0.5 is out of range"),
        (["--devices=gpu:97"], "There is no gpu:97"),
        (["--devices=tpu"], "--devices has 'tpu'"),
        (["--init_run=no/such/run"], "no/such/run is not a run folder"),
        (["--recipe=auto", "--optimizer=sgd"], "knows no learning rates for --optimizer=sgd"),
    ],
)
def test_what_cannot_be_meant_is_explained(
    tmp_path: Path, train_words: list[str], words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", f"--run_dir={tmp_path / 'run'}", *train_words, *words]) in (2, 3)
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown
    assert not (tmp_path / "run").exists()


def test_weights_of_another_network_are_refused(
    tmp_path: Path, train_words: list[str], finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*train_words, f"--weights={finished_run / 'model.keras'}", "--backbone=efficientnet_lite0"]
    assert main(["train", f"--run_dir={tmp_path / 'run'}", *words]) == 3
    assert "was made with mobilenet_v2, not efficientnet_lite0" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_batch_that_does_not_divide_over_the_devices_is_refused_with_sizes_that_do(
    tmp_path: Path, train_words: list[str]
) -> None:
    # In a process of its own: logical devices are made once.
    words = [*train_words, f"--run_dir={tmp_path / 'run'}", "--devices=cpu:0,cpu:1", "--batch_size=7"]
    done = subprocess.run([sys.executable, "-m", "fgtl", "train", *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Use --batch_size=6 or --batch_size=8" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_class_without_training_images_is_legal_and_named(
    tmp_path: Path, records: Path, train_words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*train_words, "--train_split=train[:3]", "--validation_split=train[3:]", "--batch_size=3"]
    assert main(["train", f"--run_dir={tmp_path / 'run'}", *words]) == 0
    names = RecordSet.open(records).class_names
    there = {names[label] for label in RecordSet.open(records).select("train[:3]").labels}
    shown = capsys.readouterr().err
    assert f"{4 - len(there)} of 4 classes have no training image" in shown
    assert all(name in shown for name in set(names) - there)


def test_no_training_image_at_all_is_refused(
    tmp_path: Path, train_words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*train_words, "--train_split=train[:0]", "--validation_split=train[3:]"]
    assert main(["train", f"--run_dir={tmp_path / 'run'}", *words]) == 2
    assert "'train[:0]' selects no image" in capsys.readouterr().err


@pytest.mark.parametrize(("size", "warned"), [(160, True), (128, False)])
def test_images_far_smaller_than_the_input_are_told(
    records: Path, size: int, warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    warn_of_data(RecordSet.open(records).select("train"), size)
    assert (f"median short side is 64 px: --image_size={size} enlarges them" in capsys.readouterr().err) is warned


def test_a_start_that_has_seen_the_validation_images_is_told(
    records: Path, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, knobs = Run.open(finished_run), SplitKnobs(validation_fraction=0.25)
    warn_of_start(run, parts_of(RecordSet.open(records), knobs, seed=3).validation)
    assert capsys.readouterr().err == ""
    warn_of_start(run, parts_of(RecordSet.open(records), knobs, seed=4).validation)
    assert "of the 6 images that choose the epoch here" in capsys.readouterr().err


def test_another_record_set_is_not_gone_on_with(
    tmp_path: Path, drawn: Path, finished_run: Path, train_words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--dataset=synth_birds", f"--data_dir={drawn}", f"--output_dir={tmp_path / 'three'}", "--classes=0,1,2"]
    assert main(["convert", *words, "--num_shards=2", "--workers=1"]) == 0
    capsys.readouterr()
    before = (finished_run / "run.json").read_bytes()
    words = [*train_words, f"--records={tmp_path / 'three'}"]
    assert main(["train", f"--run_dir={finished_run}", *words]) == 2
    shown = capsys.readouterr().err
    assert f"{tmp_path / 'three'} is not the record set that the run in {finished_run} was trained on" in shown
    assert "classes: there 4, now 3" in shown and "images of train: there 24, now 18" in shown
    assert (finished_run / "run.json").read_bytes() == before


@pytest.mark.slow
def test_a_second_stage_notes_its_start_and_goes_on_only_with_the_same(
    tmp_path: Path,
    finished_run: Path,
    train_words: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = tmp_path / "first"
    shutil.copytree(finished_run, first)
    words = [*(word for word in train_words if "--weights" not in word), f"--init_run={first}", "--image_size=64"]
    assert main(["train", f"--run_dir={tmp_path / 'run'}", *words]) == 0
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["init"]["sha256"] == json.loads((first / "model.json").read_text())["sha256"]
    assert (facts["config"]["init_run"], facts["config"]["weights"]) == (str(first), "none")
    # The same model at another place is the same start, with the same folder spelled in another way.
    monkeypatch.chdir(tmp_path)
    for place in (first, finished_run, "first"):
        assert main(["train", f"--run_dir={tmp_path / 'run'}", *words, f"--init_run={place}"]) == 0
        assert "This run is finished" in capsys.readouterr().out
    # Without it, or with the same folder but another model in it: not this run.
    plain = [word for word in words if "--init_run" not in word]
    assert main(["train", f"--run_dir={tmp_path / 'run'}", *plain, "--weights=none"]) == 2
    assert f"--init_run: there '{first} (model " in capsys.readouterr().err
    card = json.loads((first / "model.json").read_text())
    with (first / "model.keras").open("ab") as model:
        model.write(b"!")
    (first / "model.json").write_text(json.dumps(card | {"sha256": sha256_of(first / "model.keras")}))
    assert main(["train", f"--run_dir={tmp_path / 'run'}", *words]) in (2, 3)


def test_a_run_folder_of_another_training_is_no_place_for_a_second_stage(
    finished_run: Path, train_words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Acceptance E8: a start and a folder that holds something else already."""
    shutil.copytree(finished_run, tmp_path / "first")
    words = [word for word in train_words if "--weights" not in word]
    assert main(["train", f"--run_dir={finished_run}", *words, f"--init_run={tmp_path / 'first'}"]) == 2
    assert f"--init_run: there None, now '{tmp_path / 'first'} (model " in capsys.readouterr().err


@pytest.mark.slow
def test_a_second_stage_outlives_the_first_and_its_curves_have_no_step_twice(
    tmp_path: Path, finished_run: Path, train_words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, run = tmp_path / "first", tmp_path / "run"
    shutil.copytree(finished_run, first)
    words = [*(word for word in train_words if "--weights" not in word), f"--init_run={first}", f"--run_dir={run}"]
    words += ["--epochs=2", "--log_every_steps=1", "--checkpoint_every_steps=1", "--keep=9"]
    assert main(["train", *words]) == 0
    shutil.rmtree(first)
    capsys.readouterr()
    assert main(["train", *words]) == 0
    shown = capsys.readouterr()
    assert "This run is finished" in shown.out
    assert f"--init_run={first} is gone" in shown.err
    # As if killed before the end, and the newest checkpoint damaged.
    (run / "model.json").unlink()
    newest = max(run.glob("checkpoints/step-*"), key=lambda path: int(path.name.removeprefix("step-")))
    (newest / "arrays.npz").write_bytes(b"half")
    assert main(["train", *words]) == 0
    assert (run / "model.json").is_file()
    events = EventAccumulator(str(run / "events"))
    events.Reload()
    steps = [point.step for point in events.Scalars("train/loss")]
    assert steps == list(range(1, int(newest.name.removeprefix("step-")) + 1))
    # A refit would have to start from what is gone, and says so at once.
    (run / "model.json").unlink()
    assert main(["train", *words, "--refit"]) == 3
    assert "the refit of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--weights=imagenet"], "both say where the weights come from"),
        (["--run_dir={first}"], "is the --run_dir too"),
        (["--classes_differ"], "--noinit_head"),
        (["--unfinished"], "is not finished"),
    ],
)
def test_a_start_that_cannot_be_meant_is_explained(
    tmp_path: Path,
    drawn: Path,
    finished_run: Path,
    train_words: list[str],
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = finished_run
    if words == ["--classes_differ"]:
        source = ["--dataset=synth_birds", f"--data_dir={drawn}", "--classes=0,1,2", "--num_shards=1", "--workers=1"]
        assert main(["convert", *source, f"--output_dir={tmp_path / 'three'}"]) == 0
        words = [f"--records={tmp_path / 'three'}"]
    if words == ["--unfinished"]:
        first, words = tmp_path / "half", []
        shutil.copytree(finished_run, first, ignore=shutil.ignore_patterns("model.json"))
    plain = [word for word in train_words if "--weights" not in word]
    filled = [word.format(first=first) for word in words]
    assert main(["train", f"--run_dir={tmp_path / 'run'}", *plain, f"--init_run={first}", *filled]) in (2, 3)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_auto_says_why_keeps_what_it_chose_and_chooses_the_same_again(
    tmp_path: Path, records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"--records={records}", "--backbone=mobilenet_v2", "--weights=none", "--recipe=auto"]
    words += ["--validation_fraction=0.25", "--epochs=2", f"--run_dir={tmp_path / 'run'}"]
    assert main(["train", *words]) == 0
    shown = capsys.readouterr().out
    assert "recipe auto: 18 training images in 4 classes, 4.5 a class" in shown
    assert re.search(r"--image_size=128 +at most twice the images' short side of 64", shown)
    assert "as given: --epochs=2" in shown
    config = json.loads((tmp_path / "run" / "run.json").read_text())["config"]
    assert (config["image_size"], config["batch_size"], config["tuned_bn"], config["epochs"]) == (128, 8, "train", 2)
    assert main(["train", *words]) == 0
    assert "This run is finished" in capsys.readouterr().out
    assert main(["train", *words, "--crop_min_area=0.5"]) == 2
    assert "--crop_min_area: there 0.2, now 0.5" in capsys.readouterr().err


@pytest.mark.slow
def test_a_long_tail_is_trained_on_and_validated_evenly(
    tmp_path: Path, train_words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", f"--run_dir={tmp_path / 'run'}", *train_words, "--long_tail=4", "--batch_size=4"]) == 0
    assert "11 images to train on, 6 to choose the epoch by" in capsys.readouterr().out
