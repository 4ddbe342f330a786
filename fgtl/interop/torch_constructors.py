"""The few classes and functions that a torch state dict names, and what stands for each of them here."""

from typing import Any, NamedTuple

STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


class Global(NamedTuple):
    """A class or function that the program names."""

    module: str
    name: str


class Storage(NamedTuple):
    """A run of numbers elsewhere in the file; a view starts `start` elements into it."""

    dtype: str
    key: str
    numel: int
    start: int = 0


class Tensor(NamedTuple):
    """How a tensor lies in its storage; offset and strides in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Refused(Exception):
    """What the program wanted; becomes the DataError's first sentence."""


_DTYPES = {"float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"}
_PERMITTED = {
    Global("collections", "OrderedDict"),
    Global("torch", "Size"),
    Global("torch._utils", "_rebuild_tensor"),
    Global("torch._utils", "_rebuild_tensor_v2"),
    Global("torch._utils", "_rebuild_parameter"),
    *(Global("torch", name) for name in STORAGE_DTYPES),
    *(Global("torch", name) for name in _DTYPES),
}


def permitted(module: Any, name: Any) -> Global:
    """What stands for `module.name`; Refused when no state dict names it."""
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("a class whose name is not text")
    if (wanted := Global(module, name)) not in _PERMITTED:
        raise Refused(f"wants {f'{module}.{name}'[:120]!r}, which is refused")
    return wanted


def plain_key(key: Any) -> Any:
    """The key of a dictionary entry; Refused unless it is text or a number."""
    # Hashing a tuple nested a million deep would overflow the C stack.
    if not isinstance(key, (str, int, float, bytes)):
        raise Refused(f"has a dictionary key of type {type(key).__name__}")
    return key


def construct(function: Global, arguments: tuple[Any, ...]) -> Any:
    """What calling a permitted function makes; ValueError for arguments that torch does not write."""
    match function.name, arguments:
        case "OrderedDict", ():
            return {}
        case "OrderedDict", (list() as pairs,):
            return {plain_key(key): value for key, value in pairs}
        case "Size", (tuple() as sizes,):
            return _whole_numbers(sizes)
        case "_rebuild_parameter", (Tensor() as tensor, *_):
            return tensor
        case "_rebuild_tensor" | "_rebuild_tensor_v2", (Storage() as storage, int() as offset, shape, strides, *_):
            return Tensor(storage, offset, _whole_numbers(shape), _whole_numbers(strides))
    raise ValueError(f"{function.module}.{function.name} called with other arguments than torch writes")


def _whole_numbers(values: Any) -> tuple[int, ...]:
    if not isinstance(values, tuple) or any(type(value) is not int or not 0 <= value < 2**62 for value in values):
        raise ValueError("a tensor's shape or strides are not whole numbers")
    return values


def storage_of(identity: Any) -> Storage:
    """A storage from its persistent id: ("storage", class, key, device, elements[, view])."""
    match identity:
        case ("storage", Global("torch", kind), str() as key, _, int() as numel, *rest) if kind in STORAGE_DTYPES:
            whole = Storage(STORAGE_DTYPES[kind], key, numel)
        case _:
            raise ValueError("a persistent id that is not a torch storage")
    match rest:
        case [] | [None]:
            return whole
        case [(str(), int() as start, int())]:
            return whole._replace(start=start)
    raise ValueError("a storage view that torch does not write")
