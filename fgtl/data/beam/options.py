"""Runner and options of a conversion on Apache Beam, checked before the first list of the data set is read."""

import io
import logging
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from fgtl.data.plan import ConvertKnobs
from fgtl.errors import UsageError, did_you_mean

# Beam's own DirectRunner first fetches another runner's program from the network and only then does the work itself.
_IN_PROCESS = {"direct": "FnApiRunner", "directrunner": "FnApiRunner"}
# Those worth naming in a message.
_RUNNERS = ("DirectRunner", "PrismRunner", "FlinkRunner", "SparkRunner", "DataflowRunner", "PortableRunner")
_EXPECTED = f"one of {', '.join(_RUNNERS)}, or the full name of a Python class."


def check_runner(knobs: ConvertKnobs, output_dir: Path) -> None:
    """Raise UsageError unless the knobs name the local pool, or a runner that this machine can start.

    Args:
        knobs: `runner` is empty for the local pool.
        output_dir: must be a path that the operating system knows, which buckets are only when they are mounted.
    """
    if not knobs.runner:
        if knobs.runner_options:
            raise UsageError(
                "--runner_options is given without --runner.", expected="for example --runner=FlinkRunner."
            )
        return
    if knobs.workers:
        raise UsageError(
            f"--workers={knobs.workers} is for the local process pool, not for --runner={knobs.runner}.",
            fix="Set the number of workers among --runner_options, as the runner calls it.",
        )
    scheme = output_dir.parts[0] if output_dir.parts else ""
    if len(scheme) > 2 and scheme.endswith(":"):  # what pathlib makes of gs://; a drive has one letter
        raise UsageError(
            f"--output_dir={output_dir} is not a path of the file system.",
            expected="a folder under the same path on this machine and on all workers.",
            fix="Mount the bucket (Cloud Storage FUSE, s3fs, ...), and name the folder where it is mounted.",
        )
    empty_pipeline(knobs)


def empty_pipeline(knobs: ConvertKnobs) -> Any:
    """A Beam pipeline without steps, with the runner and options of the knobs.

    Raises:
        UsageError: Beam is not installed; there is no such runner; an option cannot be meant.
    """
    with _quiet():
        try:
            import apache_beam as beam
        except ImportError as error:
            raise UsageError(
                f"--runner={knobs.runner} needs Apache Beam, which is not installed ({error}).",
                fix="pip install 'fgtl[beam]'",
            ) from None
        options = _options(knobs, _words(knobs.runner_options))
        runner = _runner(knobs.runner)
        try:
            # Looks for options that this runner must have.
            return beam.Pipeline(runner=runner, options=options)
        except ValueError as error:
            raise UsageError(
                f"--runner={knobs.runner} cannot start: {' '.join(str(error).split())}", fix="Give --runner_options."
            ) from None


def _runner(name: str) -> Any:
    from apache_beam.runners import PipelineRunner, create_runner

    try:
        runner = create_runner(_IN_PROCESS.get(name.lower(), name))
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        # Beam's own message on a name it does not know lists runners for its tests too.
        came = (
            "is not known to Apache Beam." if "." not in name and isinstance(error, ValueError) else f"fails: {error}"
        )
        raise UsageError(f"--runner={name} {came}", expected=_EXPECTED, fix=did_you_mean(name, _RUNNERS)) from None
    if not isinstance(runner, PipelineRunner):
        raise UsageError(f"--runner={name} is no Beam runner.", expected=_EXPECTED)
    return runner


def _words(given: str) -> list[str]:
    """The single options of a command line, or of the file that "@FILE" names; # starts a comment in a file."""
    try:
        if not given.startswith("@"):
            return shlex.split(given)
        return shlex.split(Path(given[1:]).expanduser().read_text(encoding="utf-8"), comments=True)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--runner_options={given}: {getattr(error, 'strerror', None) or error}.") from None
    except ValueError as error:
        raise UsageError(
            f"--runner_options={given} cannot be split into words: {error}.", fix="Close the quotation mark."
        ) from None


def _options(knobs: ConvertKnobs, words: list[str]) -> Any:
    from apache_beam.options.pipeline_options import PipelineOptions

    complaint = io.StringIO()
    try:
        # Beam's parser writes what it does not like to stderr and ends the process.
        with redirect_stderr(complaint):
            options = PipelineOptions(words)
            known = options.get_all_options()
            everything = options.get_all_options(retain_unknown_options=True)
    except SystemExit:
        last_line = complaint.getvalue().strip().rpartition("\n")[2]
        raise UsageError(f"--runner_options: {last_line.rpartition('error: ')[2]}.") from None
    stray = [word for number, word in enumerate(words) if not word.startswith("--") and _is_first(words, number)]
    if stray:
        raise UsageError(
            f"--runner_options: {stray[0]!r} belongs to no option.", expected="--name=value, with blanks between."
        )
    if any(word.partition("=")[0] == "--runner" for word in words):
        raise UsageError("--runner_options names a runner too.", fix="Give it once, as --runner.")
    # The server of another runner knows options that the Python package does not.
    unknown = sorted(everything.keys() - known.keys())
    if unknown and knobs.runner.lower() in _IN_PROCESS:
        raise UsageError(
            f"--runner_options: {knobs.runner} has no option --{unknown[0]}.", fix=did_you_mean(unknown[0], known)
        )
    return options


def _is_first(words: list[str], number: int) -> bool:
    """Whether a word cannot be the value of the option before it."""
    return number == 0 or not words[number - 1].startswith("--") or "=" in words[number - 1]


@contextmanager
def _quiet() -> Iterator[None]:
    # Beam warns of Google packages that it looked for, and of options whose fault is raised here anyway.
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
