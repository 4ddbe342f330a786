"""Does similarity predict transfer: the design that comes with it, what it refuses, and one small run of everything."""

import json
from pathlib import Path

import pytest

from fgtl.commands.app import main
from fgtl.errors import DataError, FgtlError
from scripts.experiment_similarity.__main__ import UNTRAINED, jobs, run
from scripts.experiment_similarity.design import check_classes, read_design

OWN_DESIGN = Path(__file__).parents[2] / "scripts" / "experiment_similarity" / "design.toml"
SMALL = """
[sources.warblers]
drawn = ["001.Plain_winged_Warbler", "002.Single_barred_Warbler"]
[sources.teals]
drawn = ["004.Yellow_billed_Teal", "005.Black_billed_Teal"]
[sources."mix A"]
drawn = ["001.Plain_winged_Warbler", "004.Yellow_billed_Teal"]
[sources."mix B"]
drawn = ["002.Single_barred_Warbler", "005.Black_billed_Teal"]
[sources."mix C"]
drawn = ["002.Single_barred_Warbler", "004.Yellow_billed_Teal"]
[targets.others]
drawn = ["003.Double_barred_Warbler", "006.Black_tipped_Teal"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "design.toml"
    path.write_text(text)
    return path


def test_the_design_has_sources_of_equal_size_and_targets_that_no_source_has():
    design = read_design(OWN_DESIGN)
    assert len(design.sources) >= 8 and len(design.targets) >= 3
    assert {sum(map(len, classes.values())) for classes in design.sources.values()} == {8}
    assert design.sets == ["birds", "drawn", "flowers"]


def test_a_class_in_a_source_and_a_target_is_refused(tmp_path):
    path = write(tmp_path, SMALL.replace("003.Double_barred_Warbler", "001.Plain_winged_Warbler"))
    with pytest.raises(DataError, match=r"001.Plain_winged_Warbler of drawn is in a source and in a target"):
        read_design(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sources", "is not TOML"),
        ("[targets.a]\nx = ['b', 'c']", "no sources"),
        (
            SMALL.replace('[sources."mix B"]', "[targets.mix_B]").replace('[sources."mix C"]', "[targets.C]"),
            "3 sources",
        ),
        (SMALL.replace('"005.Black_billed_Teal"]\n[sources."mix A"]', '7]\n[sources."mix A"]'), "holds something else"),
        (SMALL.replace(', "006.Black_tipped_Teal"', ""), "1 classes"),
        (SMALL.replace("006.Black_tipped_Teal", "003.Double_barred_Warbler"), "twice"),
    ],
)
def test_a_wrong_design_is_named(tmp_path, text, message):
    with pytest.raises(FgtlError, match=message):
        read_design(write(tmp_path, text))


def test_a_class_that_is_not_there_is_named_with_the_nearest(tmp_path):
    path = write(tmp_path, SMALL)
    with pytest.raises(
        DataError, match=r"(?s)no class '001.Plain_winged_Warbler'.*Did you mean '001.Plain_wing_Warbler'"
    ):
        check_classes(path, read_design(path), {"drawn": ("001.Plain_wing_Warbler",)})


def test_seeds_are_trained_one_after_the_other_so_that_half_a_run_is_a_table():
    found = jobs(read_design(OWN_DESIGN), 2)
    assert [seed for _, seed in found] == [0] * 14 + [1] * 14
    assert found[0] == (UNTRAINED, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "birds, drawn, flowers is not given"),
        (["--records=birds=a,birds=b"], "NAME=FOLDER, each name once"),
        (["--records=records/cub_50"], "NAME=FOLDER, each name once"),
        (["--design=nowhere.toml"], "nowhere.toml cannot be read"),
        (["--seed=3"], "no flag --seed"),
    ],
)
def test_a_wrong_command_line_ends_with_a_message(tmp_path, capsys, words, message):
    assert run([f"--output={tmp_path / 'out'}", *words]) == 2
    assert message in capsys.readouterr().err.replace("\n  ", " ")
    assert not (tmp_path / "out").exists()


def test_help_is_the_design_and_the_flags(capsys):
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert "laid down before any net was trained" in said and "--images_per_class" in said


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """Six classes of drawn birds as a record set: 6 training and 4 test images each."""
    folder = tmp_path_factory.mktemp("drawn")
    counts = ["--families=2", "--classes_per_family=3", "--train_per_class=6", "--test_per_class=4"]
    assert main(["synth", f"--output_dir={folder / 'data'}", "--image_size=64", "--workers=1", *counts]) == 0
    words = ["--dataset=synth_birds", f"--data_dir={folder / 'data'}", f"--output_dir={folder / 'records'}"]
    assert main(["convert", *words, "--num_shards=2", "--workers=1"]) == 0
    return folder / "records"


@pytest.mark.slow
def test_the_whole_experiment_in_small_can_be_run_again(drawn, tmp_path, capsys):
    out = tmp_path / "out"
    words = [f"--records=drawn={drawn}", f"--design={write(tmp_path, SMALL)}", "--weights=none", "--extract_size=32"]
    words += ["--image_size=32", "--images_per_class=8", "--epochs=2", "--seeds=1", f"--output={out}"]
    assert run(words) == 0
    first = capsys.readouterr().out
    values = json.loads((out / "results.json").read_text())
    assert len(values["emd"]) == len(values["accuracy"]) == 5 and values["tested"] == [8]
    assert all(emd > 0 for row in values["emd"] for emd in row)
    assert "Spearman in each target, mean" in values["associations"]
    assert "Spearman, sources and targets of drawn alone" in values["associations"]
    assert (out / "results.txt").read_text().strip() in first
    assert (out / "results.png").read_bytes().startswith(b"\x89PNG")

    nets = {path: path.stat().st_mtime_ns for path in (out / "nets").iterdir()}
    assert len(nets) == 6
    lost = next(path for path in nets if "teals" in path.name)
    there = json.loads(lost.read_text())
    lost.unlink()
    assert run(words) == 0
    # The net that was lost is the same again; the others were not touched.
    assert {path for path in nets if path.stat().st_mtime_ns != nets[path]} == {lost}
    again = json.loads(lost.read_text())
    assert [again[key] for key in ("train", "validation", "transfer")] == [
        there[key] for key in ("train", "validation", "transfer")
    ]
    capsys.readouterr()
    assert run([*words, "--epochs=3"]) == 2
    assert "holds results with other epochs" in capsys.readouterr().err
