"""fgtl train: what it leaves behind, what it refuses, and that a second start is the same run."""

import json
from pathlib import Path

import pytest

from fgtl.commands.app import main


def test_without_a_card_the_advice_is_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--dataset=photos", f"--records={tmp_path / 'none'}"]) == 2
    assert "convert.py --data_dir FOLDER" in capsys.readouterr().err


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
    assert len(card["class_names"]) == 4
    assert card["input_size"] == 32


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
        (["--weights=no/such.h5"], "no/such.h5"),
        (["--train_split=tran"], "'train'"),
        (["--mode=all"], "--tuned_bn=train"),
        (["--warmup_epochs=1"], "--warmup_epochs=1"),
        (["--batch_size=19"], "Give --batch_size=18 or less"),
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
