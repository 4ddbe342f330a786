"""Write a run's report.html anew from the files in its folder."""

from dataclasses import dataclass
from pathlib import Path

from fgtl.console import say, warn
from fgtl.data.records import RecordSet
from fgtl.errors import DataError, UsageError
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
    """The one that was named, else the one of run.json; without that one the report has no pictures."""
    if config.records:
        try:
            return RecordSet.open(config.records)
        except DataError as error:
            raise DataError(f"--records={config.records}: {error}") from None
    card = config.run_dir / "run.json" if config.run_dir else None
    trained_on = read_json(card).get("config", {}).get("records") if card and card.is_file() else None
    if not trained_on:
        return None
    try:
        return RecordSet.open(Path(trained_on))
    except DataError as error:
        # The figures are worth a page without them.
        warn(f"The report has no pictures, --records says where the record set is now: {error}")
        return None
