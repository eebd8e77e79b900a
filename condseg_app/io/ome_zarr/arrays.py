"""Zarr groups and arrays, checked before use."""

import lzma
import math
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import zarr

from condseg_app.errors import OutOfMemory, ReadError
from condseg_app.io.file_start import reading
from condseg_app.io.ome_zarr.store import PlainFiles
from condseg_app.memory import free_memory

# Codecs that only turn bytes into numbers: neither pickles nor third-party codecs.
_PACKINGS = frozenset(
    {"blosc", "bz2", "crc32", "crc32c", "delta", "gzip", "lz4", "lzma", "packbits", "shuffle", "zlib", "zstd"}
)
_CODECS = frozenset(
    {"bytes", "transpose", "sharding_indexed", *_PACKINGS, *(f"numcodecs.{name}" for name in _PACKINGS)}
)
_METADATA = ("zarr.json", ".zarray", ".zattrs")
_MOST_VOXELS = 1 << 60
# Of millions of tiny chunks each is looked for by itself.
_SMALL_CHUNK = 1000  # voxels
_MOST_SMALL_CHUNKS = 1000
_MOST_CHUNKS = 10
_UNPACKED_AT_ONCE = 16 << 20  # bytes


@contextmanager
def reading_zarr(path: Path) -> Iterator[None]:
    """Turn errors during reading of a zarr into a sentence."""
    damaged = (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        RuntimeError,
        SystemError,
        EOFError,
        AttributeError,
        OverflowError,
        zlib.error,
        lzma.LZMAError,
    )
    try:
        with reading(path):
            yield
    except MemoryError as error:
        raise OutOfMemory("its voxels do not fit into the memory; close other programs", path=path) from error
    except damaged as error:
        raise ReadError(f"the zarr is damaged or not complete ({_first_line(error)}); copy it again", path=path) from (
            error
        )


@contextmanager
def reading_metadata(path: Path) -> Iterator[None]:
    """`reading_zarr`, without the developer warnings of zarr and numpy about odd metadata."""
    with reading_zarr(path), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def open_node(path: Path) -> zarr.Group | zarr.Array[Any]:
    """Open a folder's group or array.

    Raises:
        ReadError: neither, or its metadata cannot be read.
    """
    files = PlainFiles(path, read_only=True)
    with reading_metadata(path):
        node: zarr.Group | zarr.Array[Any]
        try:
            node = zarr.open_group(files, mode="r", use_consolidated=False)
        except (zarr.errors.GroupNotFoundError, zarr.errors.ContainsArrayError):
            node = zarr.open_array(files, mode="r")
        if not isinstance(node.metadata.attributes, Mapping):  # zarr accepts any type
            raise ReadError("its attributes are not a table of names and values; write it again", path=path)
        return node


def array_in(group: zarr.Group, inside: str, path: Path) -> zarr.Array[Any]:
    """An array of a group.

    Raises:
        ReadError: no such array, or a path out of the folder.
    """
    parts = PurePosixPath(inside).parts
    if not parts or inside.startswith("/") or ".." in parts or "\\" in inside:
        raise ReadError(f"its array '{inside}' is outside of the folder; copy the image again", path=path)
    with reading_metadata(path):
        found = group.get(inside)
    if not isinstance(found, zarr.Array):
        raise ReadError(f"its array '{inside}' is missing; copy the image again", path=path)
    return found


def check_array(array: zarr.Array[Any], path: Path) -> None:
    """Refuse an array without plain numbers, or an array that cannot be read in pieces.

    Raises:
        ReadError: other data, an impossible shape, or a codec that is not known to be harmless.
        OutOfMemory: a single chunk is larger than the free memory.
    """
    if array.dtype.kind not in "buif" or array.dtype.itemsize > 8:
        raise ReadError(f"holds {array.dtype}, not intensities; convert it to one plain number a voxel", path=path)
    odd = sorted(set(_codecs(array)) - _CODECS)
    if odd:
        raise ReadError(f"is packed with {', '.join(odd)}, which is not read; write it with zstd, say", path=path)
    if min((*array.shape, *array.chunks), default=0) < 1 or math.prod(array.shape) > _MOST_VOXELS:
        raise ReadError(f"claims the impossible shape {array.shape} in chunks of {array.chunks}", path=path)
    size, count = math.prod(array.chunks), math.prod(map(math.ceil, np.divide(array.shape, array.chunks)))
    if size < _SMALL_CHUNK and count > _MOST_SMALL_CHUNKS:
        raise ReadError(f"is cut into {count:,} chunks of {size} voxels; write it with larger ones", path=path)
    if size * array.dtype.itemsize > free_memory():
        raise OutOfMemory(f"one of its chunks has the shape {array.chunks}; write it with smaller ones", path=path)


@contextmanager
def few_chunks_at_once(array: zarr.Array[Any]) -> Iterator[None]:
    """Limit the memory of the chunks that zarr unpacks at a time; the usual ten may take a hundred MB."""
    chunk = math.prod(array.chunks) * array.dtype.itemsize
    with zarr.config.set({"async.concurrency": min(_MOST_CHUNKS, max(1, _UNPACKED_AT_ONCE // chunk))}):
        yield


def has_chunks(folder: Path) -> bool:
    """Whether any chunk of an array is present: missing chunks count as empty, so a loss would not show."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return any(file.name not in _METADATA for file in files)


def _codecs(array: zarr.Array[Any]) -> Iterator[str]:
    """The names of all that the array's chunks go through."""
    stated: Mapping[str, Any] = array.metadata.to_dict()
    if array.metadata.zarr_format == 2:
        for codec in (stated.get("compressor"), *(stated.get("filters") or ())):
            if codec is not None:
                yield str(codec["id"])
    else:
        yield from _names(stated["codecs"])


def _names(codecs: Any) -> Iterator[str]:
    for codec in codecs:
        yield str(codec["name"])
        inside = codec.get("configuration", {})
        yield from _names(inside.get("codecs", ()))
        yield from _names(inside.get("index_codecs", ()))


def _first_line(error: Exception) -> str:
    """First line of an error, as part of a sentence."""
    lines = str(error).splitlines()
    return lines[0][:200].rstrip(".") if lines else type(error).__name__


def native(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """The type in which an array's numbers are given: this machine's byte order, and numbers for yes and no."""
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")
