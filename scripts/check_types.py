"""Type-check the package as it is installed: `datasets/`, `converters/` and `recipes/` under `fgtl/`.

The checker follows folders, and the checkout keeps those three beside `fgtl/`; so it is run on a copy that has
the installed shape. Paths in its output are below that copy and read like paths of the installed package.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Copy, check, and return the checker's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "fgtl"
        shutil.copytree(ROOT / "fgtl", package)
        for room in ("datasets", "converters", "recipes"):
            shutil.copytree(ROOT / room, package / room)
        command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
        command += ["--cache-dir", str(ROOT / ".mypy_cache"), "-p", "fgtl"]
        return subprocess.run(command, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
