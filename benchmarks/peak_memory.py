"""The most memory that this process has held."""

import resource
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_mebibytes() -> float:
    """The peak of resident memory so far, in MiB.

    Not `ru_maxrss` where /proc is at hand: on Linux a process inherits that from the one that started it, so that the
    child of a large process seems never to grow.
    """
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
