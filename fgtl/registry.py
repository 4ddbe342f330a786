"""A name -> object table with a helpful miss. Backbones, heads, losses and layouts each have one."""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Generic, TypeVar

from fgtl.errors import UsageError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to objects, filled by decorators.

    Args:
        noun: what the entries are, for messages ("backbone").
        packages: dotted packages whose modules register entries; imported when a name is first looked up, so that
            adding one means adding one file. One after the other, until the name is there: what needs TensorFlow comes
            last, and is not imported for a name that does not.
    """

    def __init__(self, noun: str, *packages: str) -> None:
        self._noun = noun
        self._packages: tuple[str, ...] = packages
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that enters an object under `name`; raises ValueError when the name is taken."""

        def enter(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"two {self._noun}s are called {name!r}")
            self._entries[name] = entry
            return entry

        return enter

    def names(self) -> list[str]:
        """All names, sorted."""
        while self._packages:
            self._load_one()
        return sorted(self._entries)

    def __getitem__(self, name: str) -> T:
        self.check(name)
        return self._entries[name]

    def check(self, name: str) -> None:
        """Raise UsageError, with the names that there are and the nearest, for an unknown one."""
        if name not in self:
            raise UsageError(
                f"There is no {self._noun} called {name!r}.",
                expected=f"one of: {', '.join(self.names())}.",
                fix=did_you_mean(name, self._entries),
            )

    def __contains__(self, name: object) -> bool:
        while name not in self._entries and self._packages:
            self._load_one()
        return name in self._entries

    def _load_one(self) -> None:
        package, *rest = self._packages
        # Before the import, which may look names up.
        self._packages = tuple(rest)
        import_modules_of(import_module(package))


def import_modules_of(package: ModuleType) -> None:
    """Import every module directly inside `package`."""
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
