"""Every file of the corpus gets what it deserves: kept byte for byte, re-encoded with its oddity named, or refused."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hostile_pictures import KEPT, Case, bombs, corpus
from PIL import Image, ImageFile

from fgtl.data.image_files.headers import ODDITIES
from fgtl.data.image_files.policy import BadImage, ImagePolicy, StoredImage, inspect, store

CORPUS = corpus()
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def no_other_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise SystemExit(f"a picture started a program: {args}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(os, "system", refuse)


def check_shown(stored: StoredImage, case: Case) -> None:
    """The stored file is what it says: upright, 8-bit, of its format and size, and shows the right picture."""
    if stored.data is case.data and case.shows is None:
        return  # kept, whatever it shows
    image = Image.open(io.BytesIO(stored.data))
    assert image.format in (stored.format.upper(), "MPO")
    assert image.size == (stored.width, stored.height)
    assert image.mode == "RGB" or not stored.oddities
    assert inspect(stored.data).oddities == ()
    if case.shows is not None:
        shown, wanted = (np.asarray(one.convert("RGB")).astype(int) for one in (image, case.shows))
        assert np.abs(shown - wanted).mean() <= case.mistake


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's, in this test's own look at the file
@pytest.mark.parametrize("check", ["header", "decode"])
@pytest.mark.parametrize("name", CORPUS)
def test_every_file_gets_what_it_deserves(name: str, check: str) -> None:
    case = CORPUS[name]
    outcome = case.header if check == "header" else case.decode
    started = time.process_time()
    try:
        stored = store(case.data, ImagePolicy(check=check))
    except BadImage as error:
        assert isinstance(outcome, str), error
        assert outcome in error.reason
        assert error.reason.endswith(".")
        assert "\n" not in error.reason
    else:
        assert stored.oddities == outcome
        assert (stored.data is case.data) == (outcome == KEPT) == (stored.original is None)
        assert set(stored.oddities) <= set(ODDITIES)
        check_shown(stored, case)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("name", CORPUS)
def test_what_is_refused_is_refused_when_it_is_to_be_shrunk(name: str) -> None:
    case = CORPUS[name]
    try:
        stored = store(case.data, ImagePolicy(check="decode", max_side=30))
    except BadImage:
        assert isinstance(case.decode, str)
        return
    assert not isinstance(case.decode, str)
    assert max(stored.width, stored.height) <= 30
    check_shown(stored, Case(case.data, KEPT, KEPT))


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 150
    assert len(bombs()) >= 14
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


MEASURE = """
import json, resource, sys, time
from pathlib import Path
from benchmarks.peak_memory import peak_mebibytes
from fgtl.data.image_files.policy import BadImage, ImagePolicy, store
import fgtl.data.image_files.reencode
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
assert "tensorflow" not in sys.modules
found = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    data = path.read_bytes()
    for policy in (ImagePolicy(), ImagePolicy(check="decode"), ImagePolicy(check="decode", max_side=10)):
        before, started = peak_mebibytes(), time.process_time()
        try:
            store(data, policy)
        except BadImage:
            pass
        grown = peak_mebibytes() - before
        found[f"{path.name} {policy.check} {policy.max_side}"] = [grown, time.process_time() - started]
print(json.dumps(found))
"""


def test_bombs_take_neither_memory_nor_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, case in bombs().items():
        (tmp_path / name.replace(" ", "_")).write_bytes(case.data)
    monkeypatch.undo()  # this child may be started
    command = [sys.executable, "-c", MEASURE, str(tmp_path)]
    child = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert child.returncode == 0, child.stderr
    for name, (mebibytes, seconds) in json.loads(child.stdout).items():
        assert mebibytes < 30, name
        assert seconds < 1, name
