"""Draw the embedded fine-grained bird set, in the layout of CUB-200-2011."""

import time
from dataclasses import dataclass
from pathlib import Path

from fgtl.console import say
from fgtl.data.synth.dataset import image_jobs, write_synthetic_birds
from fgtl.data.synth.settings import SynthKnobs
from fgtl.knobs import flag


@dataclass(frozen=True)
class Config(SynthKnobs):
    """Where and how."""

    output_dir: Path = flag("data/synth_birds", "folder of the set")
    workers: int = flag(0, "drawing processes; 0 = one a processor", low=0)
    overwrite: bool = flag(False, "replace an earlier set that was drawn with other settings")


def main(config: Config) -> None:
    """Draw the set, or say that it is there."""
    start = time.monotonic()
    jobs = image_jobs(config)
    train = sum(job.train for job in jobs)
    counts = (
        f"{len(jobs):,} images of {jobs[-1].species.index + 1} classes ({train:,} train, {len(jobs) - train:,} test)"
    )
    if write_synthetic_birds(config.output_dir, config, workers=config.workers, overwrite=config.overwrite):
        seconds = time.monotonic() - start
        say(f"{counts} -> {config.output_dir} in {seconds:.0f} s, {len(jobs) / seconds:.0f} images/s")
    else:
        say(f"{counts} are in {config.output_dir} already, drawn with these settings; nothing to do.")
