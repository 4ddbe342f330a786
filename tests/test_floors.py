"""The map of ARCHITECTURE.md, enforced: no room imports one above it, siblings do not import each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = [
    ("downloads",),
    ("datasets",),
    ("converters",),
    ("data",),
    ("losses",),
    ("models",),
    ("heads", "interop"),
    ("features", "regions", "reports"),
    ("training",),
    ("analysis", "parts", "patches", "retrieval"),
    ("commands",),
]
FLOOR_OF = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
TENSORFLOW_ROOMS = {"data", "training", "interop"}
# Thin doors, which only call a command: `python converters/convert.py` and `python -m fgtl`.
DOORS = {"converters/convert.py", "fgtl/__main__.py"}


def room_of(path: Path) -> str:
    """The room a file lives in; "" for the foundation (fgtl/*.py)."""
    parts = path.relative_to(ROOT).parts
    if parts[0] != "fgtl":
        return parts[0]
    return parts[1] if len(parts) > 2 else ""


def imported_modules(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


SOURCES = [path for top in ("fgtl", "datasets", "converters") for path in sorted((ROOT / top).rglob("*.py"))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downwards_only(path: Path) -> None:
    if str(path.relative_to(ROOT)) in DOORS:
        return
    here = room_of(path)
    for name in imported_modules(path):
        if not name.startswith("fgtl."):
            continue
        there = name.split(".")[1]
        if there not in FLOOR_OF or there == here:
            continue
        assert here, f"{path}: the foundation imports the room {there!r}"
        assert FLOOR_OF[there] < FLOOR_OF[here], f"{path}: {here!r} may not import {there!r}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_tensorflow_stays_in_its_rooms(path: Path) -> None:
    uses = {name.split(".")[0] for name in imported_modules(path)}
    if "tensorflow" in uses:
        assert room_of(path) in TENSORFLOW_ROOMS, f"{path} imports tensorflow"


def test_every_room_is_on_the_map() -> None:
    rooms = {room_of(path) for path in SOURCES} - {""}
    assert rooms <= set(FLOOR_OF)
