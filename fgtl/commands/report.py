"""Write a run's report.html anew from the files in its folder."""

from dataclasses import dataclass
from pathlib import Path

from fgtl.console import say, warn
from fgtl.data.records import RecordSet
from fgtl.errors import UsageError
from fgtl.files import read_json
from fgtl.knobs import Knobs, flag


@dataclass(frozen=True)
class Config(Knobs):
    """Report of a run."""

    run_dir: Path | None = flag(None, "the run (required)")
    records: Path | None = flag(None, "record set with the pictures; default: the one the run was trained on")


def main(config: Config) -> None:
    """Read the run, write the page, say where it is."""
    from fgtl.reports.run_report import write_report

    if config.run_dir is None:
        raise UsageError(
            "--run_dir is missing.", expected="the folder of a run, e.g. runs/cub_200/mobilenet_v2-linear."
        )
    say(f"report: {write_report(config.run_dir, _record_set(config))}")


def _record_set(config: Config) -> RecordSet | None:
    if config.records:
        return RecordSet.open(config.records)
    card = config.run_dir / "run.json" if config.run_dir else None
    trained_on = read_json(card).get("config", {}).get("records") if card and card.is_file() else None
    if trained_on and Path(trained_on).is_dir():
        return RecordSet.open(Path(trained_on))
    if trained_on:
        warn(
            f"The record set {trained_on} is not there, so the report has no pictures; --records says where it is now."
        )
    return None
