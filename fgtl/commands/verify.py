"""Re-read a record set -> 'whole', or the exact damage (exit code 3)."""

from dataclasses import dataclass
from pathlib import Path

from fgtl.commands.convert import summary
from fgtl.console import Progress, say
from fgtl.data.manifest import read_manifest
from fgtl.data.pool import worth_starting
from fgtl.data.verify import verify
from fgtl.errors import DataError, UsageError
from fgtl.knobs import Knobs, flag

_LINES = 100


@dataclass(frozen=True)
class Config(Knobs):
    """What is read."""

    dataset: str = flag("", "name of the data set, when --records is not given")
    records: Path | None = flag(None, "record set (records/DATASET)")
    check: str = flag("header", "of each image: the header, or every pixel", choices=("header", "decode"))
    workers: int = flag(0, "processes; 0 = one a core", low=0)


def main(config: Config) -> None:
    """Verify, and say `whole: ...`; a DataError lists the damage."""
    if config.records is None and not config.dataset:
        raise UsageError("Neither --records nor --dataset was given.", expected="--records FOLDER or --dataset NAME.")
    folder = config.records or Path("records") / config.dataset
    manifest = read_manifest(folder)
    images = sum(manifest.counts.values())
    with Progress(f"verify {manifest.name}", images) as progress:
        damage = verify(
            folder,
            decode=config.check == "decode",
            workers=worth_starting(config.workers, images),
            advance=progress.advance,
        )
    if not damage:
        say(f"whole: {summary(manifest)}; {folder}")
        return
    lines = [f"  {one}" for one in damage[:_LINES]]
    if len(damage) > _LINES:
        lines.append(f"  and {len(damage) - _LINES:,} more")
    places = "one place" if len(damage) == 1 else f"{len(damage):,} places"
    raise DataError(
        f"{folder} is damaged in {places}:\n" + "\n".join(lines),
        fix="Restore the files, or write the record set again: python -m fgtl convert ... --overwrite",
    )
