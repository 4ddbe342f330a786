"""Parts of a data set through the command: what is stored, and what the manifest remembers."""

import hashlib
from pathlib import Path

import pytest

from fgtl.commands.app import main
from fgtl.data.manifest import read_manifest
from fgtl.data.records import RecordSet


def convert(drawn: Path, output: Path, *flags: str, dataset: str = "synth_birds") -> int:
    words = [f"--dataset={dataset}", f"--data_dir={drawn}", f"--output_dir={output}", "--num_shards=1", "--workers=1"]
    return main(["convert", *words, *flags])


def test_chosen_classes_keep_their_names_and_get_labels_without_gaps(drawn, records, tmp_path) -> None:
    names = read_manifest(records).class_names
    (tmp_path / "list.txt").write_text(f"{names[3]}\n1\n")
    assert convert(drawn, tmp_path / "out", f"--classes={tmp_path / 'list.txt'}") == 0
    manifest = read_manifest(tmp_path / "out")
    assert manifest.class_names == (names[1], names[3])
    assert manifest.counts == {"train": 12, "test": 6}
    digest = hashlib.sha256(f"{names[1]}\n{names[3]}\n".encode()).hexdigest()
    assert manifest.settings["classes"] == {"chosen": 2, "sha256": digest}
    assert main(["verify", f"--records={tmp_path / 'out'}"]) == 0


def test_so_many_training_images_a_class_and_all_test_images(drawn, tmp_path) -> None:
    ids = {}
    for most in (2, 4):
        assert convert(drawn, tmp_path / f"{most}", f"--max_per_class={most}") == 0
        assert read_manifest(tmp_path / f"{most}").class_counts == {"train": (most,) * 4, "test": (3,) * 4}
        ids[most] = set(RecordSet.open(tmp_path / f"{most}").select("train").ids.tolist())
    assert ids[2] < ids[4]


def test_the_same_question_is_finished_already_and_another_is_refused(drawn, tmp_path, capsys) -> None:
    assert convert(drawn, tmp_path / "out", "--classes=0,1") == 0
    capsys.readouterr()
    assert convert(drawn, tmp_path / "out", "--classes=1,0") == 0
    assert capsys.readouterr().out.startswith("already converted")
    for other, message in (
        ("--classes=0,2", "classes: {'chosen': 2"),
        ("--max_per_class=2", "max_per_class: none there"),
    ):
        assert convert(drawn, tmp_path / "out", other) == 3
        assert message in capsys.readouterr().err


def test_images_that_an_audit_lists_are_left_out(drawn, records, tmp_path, capsys) -> None:
    ids = [*RecordSet.open(records).select("train").ids[:2], RecordSet.open(records).select("test").ids[0]]
    (tmp_path / "exclude.txt").write_text("".join(f"{id}\n" for id in ids))
    assert convert(drawn, tmp_path / "out", f"--exclude={tmp_path / 'exclude.txt'}") == 0
    kept = RecordSet.open(tmp_path / "out")
    assert read_manifest(tmp_path / "out").counts == {"train": 22, "test": 11}
    assert not set(ids) & {*kept.select("train").ids, *kept.select("test").ids}
    capsys.readouterr()
    assert convert(drawn, tmp_path / "out") == 3
    assert "exclude: {'images': 3, " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flag", "code", "message"),
    [
        ("--classes=Wren", 2, "has no class 'Wren'"),
        ("--max_per_class=-1", 2, "--max_per_class=-1 is out of range"),
        ("--classes=@none.txt", 3, "none.txt does not exist"),
        ("--test_list=none.txt", 3, "none.txt does not exist"),
        ("--exclude=none.txt", 3, "none.txt does not exist"),
        ("--test_list=list.txt", 2, "has a test split of its own, of 12 images"),
    ],
)
def test_what_cannot_be_chosen_is_said_before_anything_is_written(
    drawn, tmp_path, capsys, monkeypatch, flag, code, message
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text("images/x.jpg\n")
    assert convert(drawn, tmp_path / "out", flag) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
