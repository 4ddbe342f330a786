"""`fgtl synth`: its lines and exit codes."""

import pytest

from fgtl.commands.app import main

TINY = ["--families=1", "--classes_per_family=2", "--train_per_class=2", "--test_per_class=1", "--image_size=64"]


def test_says_counts_place_and_rate_then_that_it_is_there(tmp_path, capsys):
    arguments = ["synth", f"--output_dir={tmp_path / 'birds'}", "--workers=1", *TINY]
    assert main(arguments) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"6 images of 2 classes (4 train, 2 test) -> {tmp_path / 'birds'} in ")
    assert line.endswith("images/s\n")
    assert main(arguments) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_a_foreign_folder_ends_with_exit_code_2(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["synth", f"--output_dir={tmp_path}", *TINY]) == 2
    assert "something else" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--families=99", "out of range"),
        ("--classes_per_family=1", "out of range"),
        ("--train_per_class=0", "out of range"),
        ("--image_size=8", "out of range"),
        ("--seed=-1", "out of range"),
        ("--image_size=big", "big"),
        ("--sed=1", "Did you mean '--seed'?"),
    ],
)
def test_wrong_flags_end_with_exit_code_2_and_say_why(flag, said, tmp_path, capsys):
    assert main(["synth", f"--output_dir={tmp_path / 'birds'}", flag]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "birds").exists()


def test_help_names_the_knobs(capsys):
    assert main(["synth", "--help"]) == 0
    text = capsys.readouterr().out
    assert "--classes_per_family" in text and "overwrite" in text
