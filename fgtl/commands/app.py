"""`fgtl VERB --flags`: find the verb, parse its flags, run it, turn what went wrong into a message and an exit code."""

import errno
import os
import signal
import sys
from importlib import import_module

from fgtl.commands.flags import HelpShown, parse
from fgtl.errors import DataError, FgtlError, Terminated, UsageError, did_you_mean

INTERRUPTED = 130
TERMINATED = 143

# verb -> what it does, in the order of the work. The modules are imported only when their verb is called.
VERBS = {
    "quickstart": "the whole main job on an embedded data set: draw, convert, fine-tune, evaluate, report",
    "synth": "draw the embedded fine-grained bird set, in the layout of CUB-200-2011",
    "datasets": "the data sets that have a card; one by name: files, folder tree, counts, licence",
    "convert": "official download or folder of images -> record set (sharded TFRecords)",
    "verify": "re-read a record set -> 'whole', or the exact damage",
    "show": "record set -> contact sheet, or one record with its boxes and parts",
    "unpack": "archive -> folder, safely: no link, no name that leads out, nothing half-written",
    "splits": "card or folder -> lists of the open-world setting: L_in, U_in, U_out and test classes",
    "backbones": "the networks that can be named; one by name: its taps, grids and parameters at any input size",
    "import-weights": "weights from TF-Slim, torch, safetensors or .npz -> checked Keras weights for train",
    "train": "record set + backbone + head -> run",
    "evaluate": "run + record set -> accuracy, confusion, per class, calibration",
    "predict": "run + images -> class names and probabilities",
    "heat": "run + images -> where it looks: kept points, class maps and energy, drawn on the images",
    "regions": "run + record set -> regions file: the points that the run's head keeps of each image",
    "similarity": "source and target feature sets -> EMD, similarity with intervals, and which classes feed which",
    "select": "source and target feature sets -> the source classes to pre-train on, for convert --classes",
    "rank": "feature sets of one target by several networks -> which to start from, and how far the scores agree",
    "report": "run -> report.html, written anew",
    "extract": "record set + backbone -> feature set: a row of numbers for each image, made once",
    "probe": "feature sets -> accuracy of simple classifiers on them: logistic regression, ridge, kNN, few shots",
    "neighbours": "feature set + photographs -> pictures of their nearest neighbours, precision at k",
    "audit": "feature set -> photographs in both train and test, or in a source; labels that are probably wrong",
    "hits": "regions + record set -> how often they hit annotated parts and objects, beside random boxes",
    "compare": "evaluated runs -> one table and picture with intervals, and paired tests",
}

RESUMABLE = ("quickstart", "convert", "train", "extract")


def main(arguments: list[str]) -> int:
    """Run one command line (without the program's name) and return the exit code."""
    verb = arguments[0] if arguments else "--help"
    try:
        if verb in ("--help", "-h", "help"):
            print(_overview())
            return 0
        if verb == "--version":
            print(import_module("fgtl").__version__)
            return 0
        if verb not in VERBS:
            raise UsageError(
                f"There is no verb {verb!r}.", expected=f"one of: {', '.join(VERBS)}.", fix=did_you_mean(verb, VERBS)
            )
        command = import_module(f"fgtl.commands.{verb.replace('-', '_')}")
        command.main(parse(command.Config, verb, arguments[1:]))
        return 0
    except HelpShown:
        return 0
    except FgtlError as error:
        print(f"fgtl {verb}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as stop:
        goes_on = " The same command goes on where it stopped." if verb in RESUMABLE else ""
        terminated = isinstance(stop, Terminated)
        print(f"fgtl {verb}: {'terminated' if terminated else 'interrupted'}.{goes_on}", file=sys.stderr)
        return TERMINATED if terminated else INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (`| head`) has gone; so must what is still buffered for it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"fgtl {verb}: {_explain(error)}", file=sys.stderr)
        return DataError.exit_code


def run() -> None:
    """Entry point of the console script and of `python -m fgtl`."""

    def terminate(signum: int, frame: object) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    sys.exit(main(sys.argv[1:]))


def _explain(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"The disk is full ({error.filename or 'while writing'}). Nothing half-written was kept as finished; free space and run it again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"No permission to write or read {error.filename}. Choose another folder, or change its permissions."
    return f"{error.strerror or error}: {error.filename}" if error.filename else str(error)


def _overview() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {verb.ljust(width)}  {text}" for verb, text in VERBS.items()]
    return "\n".join(["usage: fgtl VERB --flags      (fgtl VERB --help lists the flags)", "", *lines])
