"""The part of pickle that torch checkpoints are written in, interpreted without unpickling anything.

A pickle is a program for a stack machine. This one knows the operations that a state dict needs and four
constructors; it imports nothing, calls nothing, and refuses the rest by name, so a hostile file can do no more than
be refused. Tensors become descriptions (which storage, offset, shape, strides); no memory is reserved for them here.
"""

import pickletools
from collections.abc import Callable
from typing import IO, Any, NamedTuple

from fgtl.errors import DataError
from fgtl.interop.torch_constructors import Global, Refused, Storage, construct, permitted, plain_key, storage_of

# A state dict needs about 45 operations a tensor; the bound keeps the memory of a hostile program in check.
_MOST_OPERATIONS = 2_000_000


class Program(NamedTuple):
    """What a pickle makes, and all storages it mentions by their keys."""

    content: Any
    storages: dict[str, Storage]


_MARK = object()
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"}
_LITERALS |= {"BINUNICODE8", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_program(file: IO[bytes], path: Any) -> Program:
    """Interpret one pickle from the file's position on, leaving the position behind its end.

    Returns:
        the content: dicts, lists, tuples, numbers, strings, `Tensor` and `Global`, as the program nests them.

    Raises:
        DataError: the pickle is damaged, or wants anything that a state dict does not need.
    """
    machine = _Machine()
    try:
        for count, (operation, argument, _) in enumerate(pickletools.genops(file)):
            if count == _MOST_OPERATIONS:
                raise Refused(f"has more than {_MOST_OPERATIONS:,} pickle operations")
            if operation.name == "STOP":
                return Program(machine.pop(), machine.storages)
            machine.step(operation.name, argument)
    except Refused as refusal:
        raise DataError(
            f"{path} {refusal}.",
            expected="a state dict: tensors by name. fgtl does not run the code that other checkpoints carry.",
            fix="Save it again with torch.save(model.state_dict(), file).",
        ) from None
    # What a damaged program does to the machine: pops from an empty stack, an unknown opcode, text that is not UTF-8.
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError) as error:
        raise DataError(f"{path} is damaged: its pickle ends early or is not one ({error}).") from None
    raise DataError(f"{path} is damaged: its pickle has no end.")


class _Machine:
    """Stack and memo of one program."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            self.stack.append(argument)
        elif name in _TUPLES:
            items = [self.pop() for _ in range(_TUPLES[name])]
            self.stack.append(tuple(reversed(items)))
        elif handler := _HANDLERS.get(name):
            handler(self, argument)
        elif name not in ("PROTO", "FRAME"):
            raise Refused(f"uses the pickle operation {name}, which no state dict needs")

    def pop(self) -> Any:
        item = self.stack.pop()
        if item is _MARK:
            raise ValueError("a mark where a value should be")
        return item

    def top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise ValueError(f"{kind.__name__} expected, {type(self.stack[-1]).__name__} found")
        return self.stack[-1]

    def pop_to_mark(self) -> list[Any]:
        items = []
        while self.stack[-1] is not _MARK:
            items.append(self.stack.pop())
        self.stack.pop()
        return items[::-1]

    def mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def tuple(self, _: Any) -> None:
        self.stack.append(tuple(self.pop_to_mark()))

    def append(self, _: Any) -> None:
        item = self.pop()
        self.top(list).append(item)

    def appends(self, _: Any) -> None:
        items = self.pop_to_mark()
        self.top(list).extend(items)

    def set_item(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        self.top(dict)[plain_key(key)] = value

    def set_items(self, _: Any) -> None:
        items = self.pop_to_mark()
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[plain_key(key)] = value

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def named(self, argument: str) -> None:
        self.stack.append(permitted(*argument.split(" ", 1)))

    def named_on_stack(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        self.stack.append(permitted(module, name))

    def build(self, _: Any) -> None:
        """State for the dict below: torch's version notes, which nothing here reads."""
        self.pop()
        self.top(dict)

    def reduce(self, _: Any) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise ValueError("a call of something that is not a function")
        self.stack.append(construct(function, arguments))

    def persistent(self, _: Any) -> None:
        storage = storage_of(self.pop())
        self.storages[storage.key] = storage
        self.stack.append(storage)


_HANDLERS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "TUPLE": _Machine.tuple,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.named,
    "STACK_GLOBAL": _Machine.named_on_stack,
    "BUILD": _Machine.build,
    "REDUCE": _Machine.reduce,
    "BINPERSID": _Machine.persistent,
}
