"""Official download, or folder of images -> record set: sharded TFRecords with a manifest."""

import time

from fgtl.commands.convert_input import Config, open_input
from fgtl.commands.dry_run import check_stock, rehearse
from fgtl.console import say, warn
from fgtl.data.companions import PAGE
from fgtl.data.convert import convert
from fgtl.data.manifest import MANIFEST, Manifest
from fgtl.data.records import RecordSet
from fgtl.data.shards import EMPTY_BOX

__all__ = ["Config", "main", "summary"]


def main(config: Config) -> None:
    """Convert, and say in one line what is there now."""
    if config.dry_run:
        rehearse(config)
        return
    check_stock(config)
    card, tree = open_input(config)
    was_there = (config.output_dir / MANIFEST).is_file() and not config.overwrite
    start = time.monotonic()
    manifest = convert(card, tree, config.output_dir, config)
    if not (config.output_dir / PAGE).is_file():
        from fgtl.reports.dataset_page import write_dataset_page  # Matplotlib: half a second

        write_dataset_page(RecordSet.open(config.output_dir))
    if was_there:
        say(f"already converted: {summary(manifest)} -> {config.output_dir}")
    else:
        rate = sum(manifest.counts.values()) / (time.monotonic() - start)
        say(f"converted {summary(manifest)}; {rate:,.0f} images/s -> {config.output_dir}")
    _warn_of_oddness(manifest)


def _warn_of_oddness(manifest: Manifest) -> None:
    if len(manifest.class_names) == 1:
        warn(
            f"There is only one class, {manifest.class_names[0]!r}: nothing can be learnt from it. Is --data_dir the "
            "folder above the classes, or above an official download?"
        )
    lost = manifest.report["odd"].get(EMPTY_BOX, 0)
    if lost > 0.01 * sum(manifest.counts.values()):
        warn(f"{lost:,} images have boxes that lie outside of them: were the images resized without their boxes?")


def summary(manifest: Manifest) -> str:
    """What a record set holds, in a phrase."""
    splits = ", ".join(f"{split} {count:,}" for split, count in manifest.counts.items())
    phrases = [f"{manifest.name}: {splits}", f"{len(manifest.class_names):,} classes"]
    report = manifest.report
    odd = {oddity: images for oddity, images in report["odd"].items() if oddity != EMPTY_BOX}
    if odd:
        kinds = ", ".join(f"{oddity} {images:,}" for oddity, images in odd.items())
        phrases.append(f"{report['reencoded']:,} odd images re-encoded ({kinds})")
    if report["odd"].get(EMPTY_BOX):
        phrases.append(f"{report['odd'][EMPTY_BOX]:,} images without boxes that lay outside of them")
    if report.get("shrunk"):
        phrases.append(f"{report['shrunk']:,} shrunk to {manifest.settings['max_side']:,} pixels")
    if report["skipped"]:
        phrases.append(f"{len(report['skipped']):,} bad images left out, the first {report['skipped'][0]['path']}")
    copies = report.get("duplicates", {"groups": 0})
    if copies["groups"]:
        phrases.append(
            f"{copies['groups']:,} files are there more than once ({copies['across_splits']:,} in several splits, "
            f"{copies['other_labels']:,} with several labels; see manifest.json)"
        )
    phrases.append(f"{sum(file.bytes for file in manifest.files) / 1e6:,.1f} MB")
    return "; ".join(phrases)
