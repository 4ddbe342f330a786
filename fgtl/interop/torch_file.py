"""Read the tensors of a torch checkpoint without torch and without running anything that is in it.

Both containers: the zip archive of torch >= 1.6 and the stream of pickles before it.
"""

import struct
import zipfile
import zlib
from io import BytesIO
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from fgtl.errors import DataError
from fgtl.interop.torch_constructors import Storage, Tensor
from fgtl.interop.torch_pickle import read_program

# The first pickle of the old format is this number (torch/serialization.py, MAGIC_NUMBER), in protocol 2.
LEGACY_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
Buffer = bytes | memoryview

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_AVERAGES = ("state_dict_ema", "model_ema", "ema")
# Before every name: of DataParallel, torch.compile, and training frameworks that keep the network in an attribute.
_PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.")


def read_state_dict(path: Path, *, ema: bool = False) -> dict[str, np.ndarray]:
    """Tensors by name, in the file's order.

    A checkpoint that holds the state dict under "state_dict", "model_state_dict" or "model" is unwrapped, and a
    "module.", "_orig_mod.", "model." or "backbone." before every name is taken off. Values that are not tensors are
    left out.

    Args:
        ema: take the averaged weights, which timm keeps under "state_dict_ema", "model_ema" or "ema".

    Returns:
        Read-only arrays that share memory where the tensors did; bfloat16 becomes float32 (every value is exact).

    Raises:
        DataError: no such file, not a torch checkpoint, damaged, or it wants code that a state dict does not need.

    Cost: the file's size in memory, whatever the file claims.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(LEGACY_START))
            file.seek(0)
            if start == LEGACY_START:
                # Whole in memory: a read from a file object reserves whatever length the pickle claims.
                tensors, storages = _read_legacy(file.read(), path, ema)
            elif start.startswith(b"PK"):
                tensors, storages = _read_zip(file, path, ema)
            else:
                raise DataError(f"{path} is not a torch checkpoint.", expected="a file written by torch.save.")
        return {name: _array(tensor, storages, f"{path}: {name}") for name, tensor in tensors.items()}
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(f"{path} is a damaged zip archive: {error}.", fix="Download it again.") from None
    except (OSError, struct.error, ValueError, OverflowError) as error:
        raise DataError(f"{path} cannot be read: {error}.", fix="Download it again.") from None


def _read_legacy(content: bytes, path: Path, ema: bool) -> tuple[dict[str, Tensor], dict[str, Buffer]]:
    """Pickles of magic number, protocol, machine and content; then the storages' keys, then their bytes."""
    file = BytesIO(content)
    read_program(file, path)
    protocol, machine = (read_program(file, path).content for _ in range(2))
    if protocol != 1001 or not isinstance(machine, dict):
        raise DataError(f"{path} is not a torch checkpoint of protocol 1001.")
    _expect_little_endian(machine.get("little_endian") is True, path)
    program = read_program(file, path)
    tensors = _tensors(program.content, path, ema)
    keys = read_program(file, path).content
    listed = set(keys) if isinstance(keys, list) and all(isinstance(key, str) for key in keys) else set()
    if not {tensor.storage.key for tensor in tensors.values()} <= listed <= set(program.storages):
        raise DataError(f"{path} is damaged: its list of storages does not fit its tensors.", fix="Download it again.")
    storages: dict[str, Buffer] = {}
    start = file.tell()
    for key in keys:
        storage = program.storages[key]
        (numel,) = struct.unpack_from("<q", content, start)
        end = start + 8 + numel * _dtype(storage).itemsize
        if numel != storage.numel or numel < 0 or end > len(content):
            raise DataError(
                f"{path} is damaged: storage {key!r} is cut off or of another size.", fix="Download it again."
            )
        storages[key] = memoryview(content)[start + 8 : end]
        start = end
    return tensors, storages


def _read_zip(file: IO[bytes], path: Path, ema: bool) -> tuple[dict[str, Tensor], dict[str, Buffer]]:
    """Members <folder>/data.pkl and <folder>/data/<key>, all stored without compression."""
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        programs = [name for name in members if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(programs) != 1:
            raise DataError(f"{path} is a zip archive, but not one that torch.save writes (no data.pkl).")
        folder = programs[0].removesuffix("data.pkl")
        left = path.stat().st_size

        def member(name: str) -> bytes:
            nonlocal left
            if name not in members:
                raise DataError(f"{path} is damaged: {name} is missing.", fix="Download it again.")
            # torch stores without compression, so the parts together are never larger than the file.
            left -= members[name].file_size
            if members[name].compress_type != zipfile.ZIP_STORED or left < 0:
                raise DataError(f"{path}: {name} is compressed or overlaps.", expected="a file written by torch.save.")
            return archive.read(name)

        if folder + "byteorder" in members:
            _expect_little_endian(member(folder + "byteorder") == b"little", path)
        tensors = _tensors(read_program(BytesIO(member(programs[0])), path).content, path, ema)
        keys = {tensor.storage.key for tensor in tensors.values()}
        return tensors, {key: member(f"{folder}data/{key}") for key in sorted(keys)}


def _expect_little_endian(little: bool, path: Path) -> None:
    if not little:
        raise DataError(f"{path} was written on a big-endian machine.", fix="Save it again on a common one.")


def _tensors(content: Any, path: Path, ema: bool) -> dict[str, Tensor]:
    """The state dict inside whatever was saved."""
    if ema:
        found = [content[name] for name in _AVERAGES if isinstance(content, dict) and name in content]
        if not found:
            raise DataError(
                f"{path} holds no moving averages.", expected=f"one of: {', '.join(_AVERAGES)}.", fix="Leave --ema out."
            )
        content = found[0]
    for _ in _WRAPPERS:
        inner = [
            content[name] for name in _WRAPPERS if isinstance(content, dict) and isinstance(content.get(name), dict)
        ]
        if not inner:
            break
        content = inner[0]
    tensors = {}
    if isinstance(content, dict):
        tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise DataError(
            f"{path} holds no tensors by name.", fix="Save it again with torch.save(model.state_dict(), file)."
        )
    return {name: tensors[full] for full, name in zip(tensors, without_prefixes(list(tensors)), strict=True)}


def without_prefixes(names: list[str]) -> list[str]:
    """The names without what a wrapper has put before every one of them."""
    while common := [prefix for prefix in _PREFIXES if all(name.startswith(prefix) for name in names)]:
        names = [name.removeprefix(common[0]) for name in names]
    return names


def _dtype(storage: Storage) -> np.dtype:
    """How the storage's bytes are looked at: bfloat16 as raw 16 bits, bool as bytes."""
    seen_as = {"bfloat16": "uint16", "bool": "uint8"}
    return np.dtype(seen_as.get(storage.dtype, storage.dtype)).newbyteorder("<")


def _array(tensor: Tensor, storages: dict[str, Buffer], where: str) -> np.ndarray:
    """A view of the storage's bytes, after a check that it stays inside them."""
    storage = tensor.storage
    numbers = storages.get(storage.key, b"")
    dtype = _dtype(storage)
    if len(numbers) != storage.numel * dtype.itemsize:
        raise DataError(
            f"{where}: storage {storage.key!r} has {len(numbers):,} bytes, not {storage.numel} {storage.dtype}."
        )
    first = storage.start + tensor.offset
    last = first + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=False))
    elements = prod(tensor.shape)
    outside = first < 0 or tensor.offset < 0 or (elements and last >= storage.numel) or elements > storage.numel
    if outside or len(tensor.shape) != len(tensor.strides) or len(tensor.shape) > 8:
        raise DataError(f"{where}: shape {tensor.shape} with strides {tensor.strides} reaches outside its storage.")
    if not elements:
        return np.zeros(tensor.shape, dtype)
    flat = np.frombuffer(numbers, dtype)[first:]
    strides = [stride * dtype.itemsize for stride in tensor.strides]
    seen = np.lib.stride_tricks.as_strided(flat, tensor.shape, strides, writeable=False)
    if storage.dtype == "bfloat16":
        return (seen.astype("uint32") << 16).view("float32")
    return seen != 0 if storage.dtype == "bool" else seen
