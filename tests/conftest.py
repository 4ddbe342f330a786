"""Fixtures used by several rooms' tests."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images, weights and reference outputs that lies beside a development checkout."""
    folder = Path(os.environ.get("FGTL_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data at {folder} (set FGTL_SHARED)")
    return folder
