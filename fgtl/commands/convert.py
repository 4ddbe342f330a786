"""Official download, or folder of images -> record set: sharded TFRecords with a manifest."""

import time
from dataclasses import dataclass
from pathlib import Path

from fgtl.console import say
from fgtl.converters.detect import card_for
from fgtl.data.convert import convert
from fgtl.data.manifest import MANIFEST, Manifest
from fgtl.data.plan import ConvertKnobs
from fgtl.errors import UsageError
from fgtl.knobs import flag


@dataclass(frozen=True)
class Config(ConvertKnobs):
    """What is converted."""

    dataset: str = flag("", "card's name, card file, or folder with one sub-folder a class")
    data_dir: Path | None = flag(None, "the official download, or a folder of images (data/DATASET)")
    output_dir: Path = flag(Path("records/{dataset}"), "record set to write")

    def __post_init__(self) -> None:
        if not self.dataset and self.data_dir is not None:
            # Without a card the record set is called as the folder is.
            output = str(self.output_dir).replace("{dataset}", "{data_dir}")
            object.__setattr__(self, "output_dir", Path(output))
        super().__post_init__()


def main(config: Config) -> None:
    """Convert, and say in one line what is there now."""
    card, root = card_for(config.dataset, config.data_dir)
    _check_apart(root, config.output_dir)
    was_there = (config.output_dir / MANIFEST).is_file() and not config.overwrite
    start = time.monotonic()
    manifest = convert(card, root, config.output_dir, config)
    if was_there:
        say(f"already converted: {summary(manifest)} -> {config.output_dir}")
    else:
        rate = sum(manifest.counts.values()) / (time.monotonic() - start)
        say(f"converted {summary(manifest)}; {rate:,.0f} images/s -> {config.output_dir}")


def _check_apart(root: Path, output: Path) -> None:
    """Raise UsageError when one folder lies in the other: the next conversion would take records for images."""
    source, target = root.resolve(), output.resolve()
    if source.is_relative_to(target) or target.is_relative_to(source):
        raise UsageError(
            f"--output_dir={output} and the images in {root} lie inside each other.",
            expected="a folder of its own for the record set.",
            fix=f"For example --output_dir={source.parent / 'records' / source.name}.",
        )


def summary(manifest: Manifest) -> str:
    """What a record set holds, in a phrase."""
    splits = ", ".join(f"{split} {count:,}" for split, count in manifest.counts.items())
    phrases = [f"{manifest.name}: {splits}", f"{len(manifest.class_names):,} classes"]
    report = manifest.report
    if report["odd"]:
        kinds = ", ".join(f"{oddity} {images:,}" for oddity, images in report["odd"].items())
        phrases.append(f"{report['reencoded']:,} odd images re-encoded ({kinds})")
    if report["skipped"]:
        phrases.append(f"{len(report['skipped']):,} bad images left out, the first {report['skipped'][0]['path']}")
    phrases.append(f"{sum(file.bytes for file in manifest.files) / 1e6:,.1f} MB")
    return "; ".join(phrases)
