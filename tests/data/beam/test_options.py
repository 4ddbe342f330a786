"""What is said before Beam is needed at all; what needs Beam is in tests/beam."""

import dataclasses
import sys
from pathlib import Path

import pytest

from fgtl.commands.app import main
from fgtl.data.beam.options import check_runner
from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs
from fgtl.datasets import Card
from fgtl.downloads import FolderTree
from fgtl.errors import UsageError


def test_without_beam_the_extra_is_named(image_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "apache_beam", None)  # as Python marks what cannot be imported
    flags = [f"--data_dir={image_folder}", f"--output_dir={tmp_path / 'out'}", "--runner=FlinkRunner"]
    assert main(["convert", *flags]) == 2
    said = capsys.readouterr().err
    assert "--runner=FlinkRunner needs Apache Beam, which is not installed" in said
    assert "pip install 'fgtl[beam]'" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("knobs", "output", "message"),
    [
        (ConvertKnobs(runner_options="--parallelism=4"), "out", "--runner_options is given without --runner"),
        (ConvertKnobs(runner="FlinkRunner", workers=4), "out", "--workers=4 is for the local process pool"),
        (ConvertKnobs(runner="DataflowRunner"), "gs://bucket/birds", "--output_dir=gs:/bucket/birds is not a path"),
    ],
)
def test_what_cannot_be_meant_is_refused(knobs, output, message):
    with pytest.raises(UsageError, match=message):
        check_runner(knobs, Path(output))


def test_the_local_pool_needs_no_beam(monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    check_runner(ConvertKnobs(), Path("out"))


def test_a_finished_record_set_is_the_same_whoever_made_it(image_folder, tmp_path, monkeypatch):
    """Runner and options are in no setting and no fingerprint."""
    monkeypatch.setattr("fgtl.data.convert.check_runner", lambda *_: None)
    knobs, arguments = ConvertKnobs(num_shards=2, workers=1), (Card("photos", "folder"), FolderTree(image_folder))
    manifest = convert(*arguments, tmp_path / "out", knobs)
    assert not any("runner" in name for name in manifest.settings)
    on_beam = dataclasses.replace(knobs, runner="FlinkRunner", runner_options="--parallelism=4", workers=0)
    assert convert(*arguments, tmp_path / "out", on_beam) == manifest
