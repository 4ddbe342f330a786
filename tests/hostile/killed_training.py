"""Run by test_killed_training.py: one training undisturbed, the same one killed over and over, both reported as JSON.

    python killed_training.py FOLDER KILLS WORDS...       (WORDS: flags of `fgtl train` but --run_dir)

Each life of the training is a fork of this process, which has imported TensorFlow but not started it: importing it anew
for each would take most of the time. Writing a checkpoint is slowed down there, so that moments inside it are met.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow  # noqa: F401 (what the forks need is imported here)

import fgtl.training.fit  # noqa: F401
from fgtl import files
from fgtl.commands.app import main

# A life that has not come to its moment by then is killed where it is.
LONGEST_LIFE = 120.0


def slowly(function, seconds):
    def called(*arguments, **named):
        time.sleep(seconds)
        result = function(*arguments, **named)
        time.sleep(seconds)
        return result

    return called


def begin(run, words, slow=True):
    """A life; returns the process id."""
    process = os.fork()
    if process:
        return process
    os.setsid()
    sink = os.open(run.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    if slow:
        np.savez = slowly(np.savez, 0.03)
        files.sync = slowly(files.sync, 0.01)
    os._exit(main(["train", f"--run_dir={run}", *words]))


def ended(process):
    """Its exit code, None while it lives."""
    found, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def saves(run):
    """What says that a checkpoint was finished or begun."""
    names = {path.name for path in run.glob("checkpoints/step-*")}
    return {name for name in names if "partial" not in name}, {name for name in names if "partial" in name}


def inside_a_save(run, before):
    return bool(saves(run)[1])


def after_a_save(run, before):
    return bool(saves(run)[0] - before)


def anywhere(run, before):
    return True


def wait(process, moment, run, delay):
    """Until `delay` seconds after the moment; False when the life ends by itself before."""
    before, start = saves(run)[0], time.monotonic()
    while not moment(run, before) and time.monotonic() - start < LONGEST_LIFE:
        code = ended(process)
        if code is not None:
            return code
        time.sleep(0.002)
    time.sleep(delay)
    return ended(process)


def live_and_die(run, words, kills):
    """Exit codes that were no kill, and how many kills hit the moment they were meant for."""
    draw, hits, saving, codes = random.Random(5), 0, 0, []
    # After one that makes no progress, one that does: inside a save, just after one, now and then at any time.
    plan = [(inside_a_save, 0.1), (after_a_save, 0.5), (after_a_save, 0.2), (anywhere, 6.0)]
    for number in range(kills):
        moment, longest = plan[number % len(plan)]
        process = begin(run, words)
        code = wait(process, moment, run, draw.uniform(0, longest))
        if code is not None:
            codes.append(code)
            break
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        hits += 1
        saving += bool(saves(run)[1])
    return hits, saving, codes


def finish(run, words, slow):
    process = begin(run, words, slow)
    while (code := ended(process)) is None:
        time.sleep(0.05)
    return code


if __name__ == "__main__":
    folder, kills, words = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    reference = finish(folder / "whole", words, slow=False)
    hits, saving, codes = live_and_die(folder / "killed", words, kills)
    codes.append(finish(folder / "killed", words, slow=False))
    print(json.dumps({"reference": reference, "kills": hits, "inside a save": saving, "codes": codes}))
