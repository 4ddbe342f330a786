"""Helper modules of the heads' tests, and of the networks' (`from tiny_networks import ...`)."""

import sys
from pathlib import Path

# pytest's importlib mode leaves the tests' folders out of the path.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "models")]
