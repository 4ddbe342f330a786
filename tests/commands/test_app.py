"""The command line as a person meets it: help, unknown verbs and flags, exit codes, start-up time."""

import dataclasses
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from fgtl.commands import train
from fgtl.commands.app import VERBS, main
from fgtl.commands.flags import HelpShown, parse
from fgtl.errors import UsageError
from fgtl.knobs import Knobs, flag


@dataclass(frozen=True)
class Config(Knobs):
    """What to do."""

    batch_size: int = flag(64, "images a step", low=1)
    flip: bool = flag(True, "mirror half of the images")
    output: Path = flag("out", "where to")
    names: tuple[str, ...] = flag((), "some names")
    seed: int | None = flag(None, "seed")
    share: float = flag(0.5, "of it", low=0, high=1)
    files: tuple[str, ...] = flag((), "files")


def test_flags_fill_the_dataclass() -> None:
    config = parse(Config, "x", ["--batch_size=8", "--noflip", "--names", "a,b", "--output", "here", "p.jpg", "q.jpg"])
    assert config == Config(8, False, Path("here"), ("a", "b"), None, 0.5, ("p.jpg", "q.jpg"))


def test_a_flagfile_is_read(tmp_path: Path) -> None:
    (tmp_path / "small.flags").write_text("# small\n--batch_size=4\n--seed=0\n")
    config = parse(Config, "x", [f"--flagfile={tmp_path / 'small.flags'}", "--noflip"])
    assert (config.batch_size, config.seed, config.flip) == (4, 0, False)


def test_flagfiles_may_include_flagfiles(tmp_path: Path) -> None:
    (tmp_path / "base.flags").write_text("--batch_size=4\n--noflip\n")
    (tmp_path / "own.flags").write_text(f"--flagfile={tmp_path / 'base.flags'}\n--batch_size=5\n")
    assert parse(Config, "x", ["--flagfile", str(tmp_path / "own.flags")]) == Config(batch_size=5, flip=False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--batch_sise=4", "line 2: there is no flag --batch_sise"),
        ("batch_size=4", "line 2: 'batch"),
        ("--batch_size 4", "line 2: (.|\n)*Write --batch_size=4."),
        ("--batch_size = 4", "line 2: (.|\n)*Write --batch_size=4."),
        (
            "--batch_size=many",
            r"line 2: --batch_size=many: not a whole number\.\n  Expected a whole number, at least 1 \(",
        ),
        ("--batch_size=0", "line 2: --batch_size=0 is out of range"),
        ("--flip=maybe", "line 2: --flip=maybe: neither true nor false"),
        ("--names", "line 2: Missing value for flag --names"),
    ],
)
def test_what_is_wrong_in_a_flagfile_is_named_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "own.flags").write_text(f"# mine\n{line}\n")
    with pytest.raises(UsageError, match=f"own.flags {message}"):
        parse(Config, "x", [f"--flagfile={tmp_path / 'own.flags'}"])


def test_a_flagfile_that_includes_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "own.flags").write_text(f"--flagfile={tmp_path / 'own.flags'}\n")
    with pytest.raises(UsageError, match="include each other"):
        parse(Config, "x", [f"--flagfile={tmp_path / 'own.flags'}"])


def test_an_unknown_flag_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="--batchsize(.|\n)*'--batch_size'"):
        parse(Config, "x", ["--batchsize=3"])


@pytest.mark.parametrize(("word", "hint"), [("--no-flip", "noflip"), ("--nofilp", "noflip"), ("--flp", "flip")])
def test_a_refusal_with_a_mistake_is_no_wish_for_the_opposite(tmp_path: Path, word: str, hint: str) -> None:
    (tmp_path / "own.flags").write_text(f"{word}\n")
    for words in ([word], [f"--flagfile={tmp_path / 'own.flags'}"]):
        with pytest.raises(UsageError, match=rf"(?i)there is no flag {word}(.|\n)*Did you mean '--{hint}'\?"):
            parse(Config, "x", words)


def test_only_what_is_yes_or_no_can_be_refused() -> None:
    with pytest.raises(UsageError) as error:
        parse(Config, "x", ["--no-output"])
    assert "nooutput" not in str(error.value)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "--batch_size=many",
            r"--batch_size=many: not a whole number\.\n  Expected a whole number, at least 1 \(images a",
        ),
        ("--batch_size=1.5", r"--batch_size=1\.5: not a whole number"),
        ("--seed=", "--seed=: not a whole number"),
        ("--flip=maybe", r"--flip=maybe: neither true nor false\.\n  Expected --flip or --noflip"),
        ("--share=abc", r"--share=abc: not a number\.\n  Expected a number, at least 0 and at most 1 \(of it\)\."),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_in_a_persons_words(word: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}"):
        parse(Config, "x", [word])


@pytest.mark.parametrize("words", [["--batch_size=many"], ["--batch_size=0"], ["--flagfile=/no/such"]])
def test_wrong_values_are_usage_errors(words: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(Config, "x", words)


def test_help_is_grouped_and_shows_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(HelpShown):
        parse(Config, "x", ["--help"])
    shown = capsys.readouterr().out
    assert "What to do:" in shown
    assert "--batch_size N" in shown
    assert "images a step (64)" in shown
    assert "--[no]flip" in shown


def test_typed_flags_are_remembered_as_given_also_those_in_a_flagfile(tmp_path: Path) -> None:
    (tmp_path / "own.flags").write_text("--seed=0\n")
    config = parse(Config, "x", [f"--flagfile={tmp_path / 'own.flags'}", "--flip", "--names=a", "p.jpg"])
    assert config.given == {"seed": 0, "flip": True, "names": ("a",), "files": ("p.jpg",)}


def test_help_of_train_is_short_and_says_where_the_rest_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    shown = capsys.readouterr().out
    fields = [field.name for field in dataclasses.fields(train.Config)]
    assert set(train.Config.often) <= set(fields)
    assert len(shown.splitlines()) < 50
    assert "--backbone BACKBONE" in shown
    assert "adam_epsilon" not in shown
    assert f"These are {len(train.Config.often)} of {len(fields)} flags: fgtl train --help all" in shown


@pytest.mark.parametrize("words", [["--help", "all"], ["--helpfull"], ["--epochs=3", "--help", "all"]])
def test_all_flags_of_train_are_there_for_who_asks(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *words]) == 0
    shown = capsys.readouterr().out
    names = [field.name for field in dataclasses.fields(train.Config)]
    assert [name for name in names if f"--{name} " not in shown and f"--[no]{name} " not in shown] == []


def test_an_unknown_verb_exits_2_and_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convrt"]) == 2
    assert "'convert'" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"usage: fgtl {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_an_unknown_flag_with_exit_2(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--no_such_flag=1"]) == 2
    assert "no_such_flag" in capsys.readouterr().err


def best_of_three_seconds(words: list[str]) -> float:
    """The least of three: the machine may be doing other things."""
    times = []
    for _ in range(3):
        start = time.monotonic()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        times.append(time.monotonic() - start)
    return min(times)


def test_import_takes_no_tensorflow_and_no_time() -> None:
    listing = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import fgtl"], capture_output=True, text=True, check=True
    ).stderr
    assert "tensorflow" not in listing
    assert "keras" not in listing
    # The interpreter's own start is subtracted: the claim is about `import fgtl`.
    assert best_of_three_seconds(["-c", "import fgtl"]) - best_of_three_seconds(["-c", "pass"]) < 0.5


def test_help_answers_within_a_second() -> None:
    assert best_of_three_seconds(["-m", "fgtl", "--help"]) < 1.0


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_needs_no_tensorflow(verb: str) -> None:
    code = (
        f"import sys; from fgtl.commands.app import main; main(['{verb}', '--help']); "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
