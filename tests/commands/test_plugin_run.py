"""The plug-in through every verb, on the drawn set: trained, evaluated, its points against the parts, and its pictures."""

from pathlib import Path

import pytest

from fgtl.commands.app import main
from fgtl.data.records import RecordSet
from fgtl.files import read_json
from fgtl.regions.files import read_regions


@pytest.mark.slow
def test_a_trained_plugin_is_evaluated_its_points_are_held_against_the_parts_and_drawn(
    records: Path, train_words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    words = [*train_words, "--head=plugin", "--fpn_size=16", "--image_size=64"]
    assert main(["train", f"--run_dir={run}", *words]) == 0
    assert "A few images of validation." in (run / "report.html").read_text()
    assert main(["evaluate", f"--run_dir={run}"]) == 0
    assert "A few images of test:" in (run / "report.html").read_text()
    heads = read_json(run / "eval" / "test.json")["heads"]
    assert [one["name"] for one in heads["heads"]] == ["level1", "level2", "level3", "level4", "combiner", "fused"]
    # -- regions and hits ---------------------------------------------------------------------------------------------
    assert main(["regions", f"--run_dir={run}"]) == 0
    regions = read_regions(run)
    assert len(regions.ids) == 12 and regions.level_names == ("p2", "p3", "p4", "p5")
    capsys.readouterr()
    output = tmp_path / "hits.json"
    assert main(["hits", f"--regions={run}", f"--records={records}", "--draws=2", f"--output={output}"]) == 0
    rows = read_json(output)["rows"]
    assert {row["kind"] for row in rows} >= {"all parts", "object", "deciding part"}
    # -- pictures -----------------------------------------------------------------------------------------------------
    id = str(RecordSet.open(records).select("test").ids[0])
    assert main(["heat", f"--run_dir={run}", f"--output={tmp_path / 'heat'}", id]) == 0
    assert len(list((tmp_path / "heat").iterdir())) == 4
