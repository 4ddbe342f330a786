"""The whole main job on the embedded data set: draw, convert, verify, fine-tune, evaluate, report."""

import shlex
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from fgtl.commands import convert, evaluate, synth, train, verify
from fgtl.commands.flags import parse
from fgtl.console import say
from fgtl.files import read_json
from fgtl.knobs import Knobs, flag


@dataclass(frozen=True)
class Config(Knobs):
    """The main job in small."""

    folder: Path = flag("quickstart", "where everything goes; what is there already is kept and gone on with")
    flags: Path | None = flag(None, "flag file of the training; default: the recipe quickstart.flags")
    workers: int = flag(0, "processes that draw and convert; 0 = one for each core", low=0)


def main(config: Config) -> None:
    """Call the verbs one after the other, showing each command as a person would type it."""
    start = time.monotonic()
    drawn, records = config.folder / "data" / "synth_birds", config.folder / "records" / "synth_birds"
    run = config.folder / "runs" / "synth_birds"
    recipe = config.flags or Path(str(files("fgtl.recipes") / "quickstart.flags"))
    workers = f"--workers={config.workers}"
    steps = (
        ("Draw a bird benchmark", synth, "synth", [f"--output_dir={drawn}", workers]),
        (
            "Convert it to sharded TFRecords",
            convert,
            "convert",
            ["--dataset=synth_birds", f"--data_dir={drawn}", f"--output_dir={records}", workers],
        ),
        ("Read them back", verify, "verify", [f"--records={records}"]),
        (
            "Fine-tune EfficientNet-Lite0 from ImageNet weights",
            train,
            "train",
            [f"--flagfile={recipe}", "--dataset=synth_birds", f"--records={records}", f"--run_dir={run}"],
        ),
        ("Evaluate on the test images", evaluate, "evaluate", [f"--run_dir={run}", "--split=test"]),
    )
    for number, (title, command, verb, words) in enumerate(steps, 1):
        say(f"\n== {number} of {len(steps)}: {title}\n   {shlex.join(['fgtl', verb, *words])}\n")
        command.main(parse(command.Config, verb, words))
    say(_closing(run, time.monotonic() - start))


def _closing(run: Path, seconds: float) -> str:
    result = read_json(run / "eval" / "test.json")
    low, high = result["top1_interval"]
    rows = [
        ("top-1", f"{result['top1']:.1%}  (95 % interval {low:.1%} to {high:.1%})"),
        ("top-5", f"{result['top5']:.1%}"),
        ("mean class", f"{result['mean_class']:.1%}"),
        ("test images", f"{result['count']:,}"),
        ("time", f"{seconds / 60:.1f} min"),
    ]
    lines = [f"  {name:<12} {value}" for name, value in rows]
    return "\n".join(["\n== Result", *lines, f"\nreport: {(run / 'report.html').resolve()}"])
