"""Record set + backbone -> feature set: a row of numbers for each image, made once."""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from fgtl.commands.train import open_records
from fgtl.console import say
from fgtl.data.bad_records import could_not_be_read
from fgtl.features.feature_set import FeatureSet
from fgtl.features.importing import ImportKnobs, expect_alone, import_feature_set
from fgtl.features.paper_files import write_paper_files
from fgtl.knobs import Knobs, flag
from fgtl.training.extract_knobs import ExtractKnobs
from fgtl.training.features_of import features_of


@dataclass(frozen=True)
class Config(ExtractKnobs, ImportKnobs):
    """From where to where."""

    dataset: str = flag("cub_200", "names the default record set: a card's name, or what convert was given")
    records: Path = flag("records/{dataset}", "record set")
    output_dir: Path | None = flag(None, "folder of the feature set; default: in the record set, where it is found")
    export_paper: Path | None = flag(
        None, "folder for the paper's files too: <dataset>_feature_train.npy, _label_train, _val"
    )


def main(config: Config) -> None:
    """Open the feature set that answers the question, or make it; say where it is."""
    began, asked = time.monotonic(), list[str]()
    if config.imports:
        _report(_imported(config), config, "imported")
        return
    expect_alone("a network", config, _names_of(ImportKnobs), "it is about features made elsewhere")
    records = open_records(config.records, config.dataset)
    found = features_of(records, config, config.output_dir, lambda: asked.append("a network"))
    _report(found, config, f"in {time.monotonic() - began:.0f} s" if asked else "made before")


def _imported(config: Config) -> FeatureSet:
    expect_alone("--import_...", config, _names_of(ExtractKnobs), "no network is asked")
    dataset = config.dataset if "dataset" in config.given else ""
    records = open_records(config.records, dataset) if "records" in config.given else None
    return import_feature_set(config, dataset, records, config.output_dir)


def _names_of(group: type[Knobs]) -> list[str]:
    return [field.name for field in dataclasses.fields(group)]


def _report(found: FeatureSet, config: Config, when: str) -> None:
    counts = ", ".join(f"{split} {count:,}" for split, count in found.counts.items())
    say(f"{found.meta.describe()}: {len(found):,} images ({counts}) x {found.dim:,} numbers, {when}")
    if found.meta.unreadable:
        say(could_not_be_read(found.meta.unreadable))
    if config.export_paper is not None:
        for path in write_paper_files(found, config.export_paper):
            say(str(path))
    say(str(found.folder))
