"""Names to objects, found in packages that are imported when they are needed."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fgtl.errors import UsageError
from fgtl.registry import Registry


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[int]]:
    """With "one" from a package and "two" from a second one, each registered when its module is imported."""
    for package, name in (("first_room", "one"), ("second_room", "two")):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
        lines = f"import sys\nsys.modules['the_things'].register({name!r})({len(name) + len(package)})\n"
        (tmp_path / package / "module.py").write_text(lines)
    monkeypatch.syspath_prepend(tmp_path)
    found: Registry[int] = Registry("thing", "first_room", "second_room")
    monkeypatch.setitem(sys.modules, "the_things", found)  # type: ignore[arg-type]
    yield found
    for name in [name for name in sys.modules if name.startswith(("first_room", "second_room"))]:
        del sys.modules[name]


def test_a_package_is_imported_only_when_those_before_it_have_not_the_name(things: Registry[int]) -> None:
    assert things["one"] == 13
    assert "first_room.module" in sys.modules
    assert "second_room" not in sys.modules
    assert "two" in things
    assert "second_room.module" in sys.modules


def test_all_names_and_a_miss_are_of_all_packages(things: Registry[int]) -> None:
    with pytest.raises(UsageError, match=r"no thing called 'tow'(?s:.*)one, two(?s:.*)two"):
        things.check("tow")
    assert things.names() == ["one", "two"]


def test_a_name_is_given_once(things: Registry[int]) -> None:
    assert things["one"]
    with pytest.raises(ValueError, match="two things are called 'one'"):
        things.register("one")(3)
