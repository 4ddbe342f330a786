"""Does domain similarity predict transfer? Small nets, from scratch, on sets of real classes of equal size.

    ./scripts/experiment_similarity.sh --records birds=records/cub_50,flowers=records/flowers_12 --draw

(or `python -m scripts.experiment_similarity` in the checkout, with the same flags).

Cui et al. 2018 claim that a net transfers better from a source that is similar to the target, similarity being the
earth mover's distance of the class means in one extractor. Here is that claim on what one core does in half an hour.

The design was laid down before any net was trained, and nothing in it was chosen by a correlation or by accuracy on a
target. Widths, epochs, batch size, learning rate and augmentation of the nets were chosen by validation on four of the
sources, with a seed that takes no further part.

- Sources (design.toml): 13 sets of 8 classes with the same number of training images each, so that nets differ in what
  they saw, not in how much: four groups of related birds, three disjoint random mixes of birds, flowers, two sets of
  drawn birds, and three halves of two of these. The same network, steps and augmentation for all, from scratch.
  How well a net knows its own source is reported: a net that learnt nothing has nothing to transfer.
- Targets: four sets of classes that no source has. A net's transfer is the test accuracy of a logistic regression on
  its frozen pooled features (standardised, C fixed in advance), fitted on the target's training images; mean over
  the seeds of the net. Beside it: an untrained net, chance, and the extractor itself.
- Similarity: EMD between the class means of the training images of source and target, in ONE extractor that none of the
  small nets has anything to do with.
- Statistics: the sources are the units. The main one was named in advance: Spearman's rank correlation over the sources
  within each target, averaged over the targets; 95 % interval by resampling sources, each with all its targets; p by
  exchanging sources. Kendall and Pearson likewise; Pearson after each source's mean is taken off too, which asks whether
  a net does better just where it is similar, as nets also differ in how good they are everywhere; the same among the
  sources of the target's own record set; and, as a rival to similarity, a net's accuracy on its own source.

The intervals are of other sources like these. They know nothing of other targets or other kinds of net, and sources that
share classes (mixes and halves with the groups) make them a little too narrow.

It can be run again: finished nets are kept. Writes results.json, results.txt and results.png.
"""

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.analysis.similarity import measure
from fgtl.analysis.similarity_knobs import SimilarityKnobs
from fgtl.commands import app
from fgtl.commands.flags import help_page, parse
from fgtl.commands.train import open_records
from fgtl.console import Progress, say
from fgtl.data.quiet import import_tensorflow
from fgtl.data.records import RecordSet
from fgtl.errors import FgtlError, UsageError
from fgtl.features.comparable import check_comparable
from fgtl.files import read_json, sha256_of, write_json
from fgtl.knobs import flag
from fgtl.training.extract_knobs import ExtractKnobs, question_of
from fgtl.training.features_of import features_of
from scripts.experiment_similarity.design import Design, check_classes, read_design
from scripts.experiment_similarity.net_knobs import NetKnobs
from scripts.experiment_similarity.parts import Part, load_images, source_parts, target_parts
from scripts.experiment_similarity.probing import probe_accuracy
from scripts.experiment_similarity.results import Tables, write_results

CALL = "scripts/experiment_similarity.sh"
UNTRAINED = "untrained net"
Parts = Mapping[str, tuple[Part, Part]]


@dataclass(frozen=True)
class Config(NetKnobs):
    """What is compared, and in which features."""

    records: tuple[str, ...] = flag((), "NAME=FOLDER of each record set, named as in the design")
    draw: bool = flag(False, "draw and convert the embedded birds, to OUTPUT/drawn: the record set `drawn`")
    design: Path | None = flag(None, "which classes are sources and targets; default: design.toml beside this program")
    backbone: str = flag("mobilenet_v2", "of the common extractor")
    weights: str = flag("imagenet", "imagenet, a weight file, or none: drawn at random")
    extract_size: int = flag(160, "pixels that the extractor sees", low=1, high=4096)
    seeds: int = flag(3, "nets of each source", low=1, high=99)
    output: Path = flag("runs/experiment_similarity", "folder of the results")

    @property
    def design_file(self) -> Path:
        """Where the design is."""
        return self.design or Path(__file__).with_name("design.toml")

    @property
    def extractor(self) -> ExtractKnobs:
        """What makes the common features."""
        return ExtractKnobs(backbone=self.backbone, weights=self.weights, image_size=self.extract_size)


def main(config: Config) -> None:
    """Measure the similarities, train and test the nets that are missing, and write what came out."""
    design = read_design(config.design_file)
    records = open_sets(config, design)
    check_classes(config.design_file, design, {name: one.class_names for name, one in records.items()})
    keep_settings(config, records)
    missing = [job for job in jobs(design, config.seeds) if not net_file(config.output, *job).is_file()]
    found = {name: features_of(one, config.extractor) for name, one in records.items()}
    check_comparable(list(found.values()))
    if missing:
        import_tensorflow()
    size = config.stored_size if missing else None
    images = {name: load_images(records[name], found[name], design.classes_of(name), size) for name in records}
    sources = {
        name: source_parts(name, classes, images, config.images_per_class) for name, classes in design.sources.items()
    }
    targets = {name: target_parts(name, classes, images) for name, classes in design.targets.items()}
    train_missing(missing, sources, targets, config)
    extractor = next(iter(found.values())).meta.describe()
    say(write_results(tables(sources, targets, config), extractor, config.output))


def open_sets(config: Config, design: Design) -> dict[str, RecordSet]:
    """The record sets that the design needs, by its names for them."""
    pairs = [word.partition("=") for word in config.records]
    folders = {name: folder for name, _, folder in pairs}
    wrong = next((word for word in config.records if not word.partition("=")[2]), None)
    if wrong is not None or len(folders) < len(pairs):
        raise UsageError(f"--records={','.join(config.records)}.", expected="NAME=FOLDER, each name once.")
    if config.draw:
        folders["drawn"] = str(drawn_birds(config.output / "drawn"))
    if lacking := sorted(set(design.sets) - folders.keys()):
        fix = "Or --draw draws it." if "drawn" in lacking else ""
        raise UsageError(
            f"{config.design_file} needs the record sets {', '.join(design.sets)}; {', '.join(lacking)} is not given.",
            expected=f"--records={','.join(f'{name}=FOLDER' for name in design.sets)}.",
            fix=fix,
        )
    return {name: open_records(Path(folders[name]).expanduser(), "") for name in design.sets}


def drawn_birds(folder: Path) -> Path:
    """Draw the embedded birds and convert them; instant when they are there."""
    for words in (
        ["synth", f"--output_dir={folder / 'data'}"],
        ["convert", "--dataset=synth_birds", f"--data_dir={folder / 'data'}", f"--output_dir={folder / 'records'}"],
    ):
        if code := app.main(words):
            raise FgtlError(f"fgtl {words[0]} ended with the exit code {code}.")
    return folder / "records"


def keep_settings(config: Config, records: Mapping[str, RecordSet]) -> None:
    """Write what decides the results; refuse a folder with the results of something else.

    More seeds are no other question.
    """
    asked: dict[str, Any] = {field.name: getattr(config, field.name) for field in dataclasses.fields(NetKnobs)}
    asked["design"] = sha256_of(config.design_file)
    asked["records"] = {name: one.manifest_sha256 for name, one in records.items()}
    asked["extractor"] = question_of(config.extractor)
    path = config.output / "settings.json"
    if not path.is_file():
        write_json(path, asked)
    elif (there := read_json(path)) != asked:
        different = sorted(key for key in {*there, *asked} if there.get(key) != asked.get(key))
        raise UsageError(
            f"{config.output} holds results with other {', '.join(different)}.",
            expected="the settings in its settings.json.",
            fix="Name another --output.",
        )


def jobs(design: Design, seeds: int) -> list[tuple[str, int]]:
    """(source, seed) of every net; seed by seed, so that half a run is a table too."""
    return [(name, seed) for seed in range(seeds) for name in (UNTRAINED, *design.sources)]


def net_file(output: Path, source: str, seed: int) -> Path:
    """Where a net's accuracies are kept."""
    return output / "nets" / f"{''.join(c if c.isalnum() else '_' for c in source)}-{seed}.json"


def train_missing(missing: list[tuple[str, int]], sources: Parts, targets: Parts, config: Config) -> None:
    """Train and test nets, and write down each as soon as it is measured."""
    if not missing:
        return
    from scripts.experiment_similarity.nets import measured_net

    with Progress("nets", len(missing), unit="nets") as progress:
        for source, seed in missing:
            measured = measured_net(sources.get(source), targets, config, seed)
            write_json(net_file(config.output, source, seed), {"source": source, "seed": seed, **measured})
            progress.advance(1, source)


def tables(sources: Parts, targets: Parts, config: Config) -> Tables:
    """Everything that was measured, as arrays."""
    knobs = SimilarityKnobs(bootstrap=0)
    ours, theirs = ([train.collection for train, _ in parts.values()] for parts in (sources, targets))
    plans = measure(ours, theirs, knobs).plans
    nets = [[read_json(net_file(config.output, name, seed)) for seed in range(config.seeds)] for name in sources]
    untrained = [read_json(net_file(config.output, UNTRAINED, seed)) for seed in range(config.seeds)]

    def transfers(runs: list[dict[str, Any]]) -> list[list[float]]:
        return [[run["transfer"][target] for run in runs] for target in targets]

    return Tables(
        sources={name: part.record_sets for name, (part, _) in sources.items()},
        targets={name: part.record_sets for name, (part, _) in targets.items()},
        emd=np.array([[plan.distance for plan in row] for row in plans]),
        accuracy=np.array([transfers(runs) for runs in nets]),
        own=np.array([[run["validation"] for run in runs] for runs in nets]),
        untrained=np.array(transfers(untrained)),
        chance=np.array([1 / len(train.features.class_names) for train, _ in targets.values()]),
        extractor=np.array(
            [probe_accuracy(train.features, test.features, config.c) for train, test in targets.values()]
        ),
        tested=np.array([len(test.features) for _, test in targets.values()]),
        seconds=float(np.sum([[run["seconds"] for run in runs] for runs in nets])),
    )


def run(arguments: list[str]) -> int:
    """A command line, to an exit code."""
    verb = "experiment_similarity"
    if {"--help", "-h"} & set(arguments):
        print(f"{__doc__}\n{help_page(Config, verb, everything=True)}".replace(f"fgtl {verb}", CALL))
        return 0
    try:
        main(parse(Config, verb, arguments))
    except FgtlError as error:
        print(f"{CALL}: {str(error).replace(f'fgtl {verb}', CALL)}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{CALL}: interrupted. The same command goes on where it stopped.", file=sys.stderr)
        return app.INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
