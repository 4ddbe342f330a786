"""Archive -> folder, safely: files only, all of them or none, nothing outside the folder."""

import time
from dataclasses import dataclass
from pathlib import Path

from fgtl.console import say
from fgtl.downloads.unpack import unpack
from fgtl.errors import UsageError
from fgtl.knobs import Knobs, flag


@dataclass(frozen=True)
class Config(Knobs):
    """Which archive, and where to; the archive follows the flags."""

    files: tuple[str, ...] = flag((), "the archive (tar, tar.gz, tar.bz2, tar.xz, ZIP); also given without the flag")
    output_dir: Path | None = flag(None, "new or empty folder for its files (required)")
    nested: bool = flag(False, "unpack the tar archives in it too, each into a folder of its name")


def main(config: Config) -> None:
    """Unpack; say how much."""
    if len(config.files) != 1 or config.output_dir is None:
        raise UsageError(
            f"{len(config.files)} archives and {'no' if config.output_dir is None else 'one'} --output_dir are given.",
            expected="fgtl unpack ARCHIVE --output_dir FOLDER (convert reads archives without unpacking).",
        )
    start = time.monotonic()
    index = unpack(Path(config.files[0]).expanduser(), config.output_dir, nested=config.nested).index
    seconds = time.monotonic() - start
    say(f"{index.files:,} files, {index.bytes / 1e6:,.1f} MB -> {config.output_dir} in {seconds:.1f} s")
