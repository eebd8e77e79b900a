"""Annotations and probabilities as chunked zarr arrays, named by their content."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import zarr
from numpy.typing import NDArray

from condseg_app.data import EVERYWHERE, ChunkedAnnotation, ClassLevels, Region, Shape
from condseg_app.data.chunks import ChunkGrid
from condseg_app.errors import ReadError
from condseg_app.io.atomic import atomic_write
from condseg_app.io.ome_zarr.arrays import check_array, open_node, reading_zarr

SUFFIX = ".zarr"
_CHUNK, _FLAT_CHUNK = 64, 256
_CHUNKS_IN_FILE = 4  # along each axis
_DIGEST = 16  # bytes


class Chunked(Protocol):
    """Whole numbers of 0 to 255 on a grid, mostly 0."""

    @property
    def shape(self) -> Shape:
        """(I, J, K)."""

    def read(self, region: Region) -> NDArray[np.uint8]:
        """A new array."""

    def may_be_in(self, region: Region) -> bool:
        """Whether a region may hold other numbers than 0."""


def write_array(folder: Path, values: Chunked) -> str:
    """Write an array into a folder, unless the folder has an array of this content; returns the name.

    Raises:
        WriteError: the disk refuses; nothing is left half-written.
    """
    name = _name(values.shape, _filled(values))
    path = folder / name
    if path.exists():
        return name
    chunk = (_FLAT_CHUNK, _FLAT_CHUNK, 1) if values.shape[2] == 1 else (_CHUNK,) * 3
    with atomic_write(path) as temporary:
        array = zarr.create_array(
            temporary,
            shape=values.shape,
            dtype=np.uint8,
            chunks=chunk,
            shards=tuple(n if n == 1 else n * _CHUNKS_IN_FILE for n in chunk),
            fill_value=0,
            overwrite=True,
        )
        for region, block in _filled(values):
            array[region] = block
    return name


def read_annotation(folder: Path, name: str, shape: Shape) -> ChunkedAnnotation:
    """Read an annotation on a grid.

    Raises:
        ReadError: the array is missing, damaged, or not of this grid.
    """
    annotation = ChunkedAnnotation.empty(shape)
    for region, block in _read(folder, name, shape):
        annotation = annotation.edited(region, block)
    return annotation


def read_probabilities(folder: Path, name: str, shape: Shape) -> ClassLevels:
    """Read probabilities on a grid. Raises as `read_annotation`."""
    levels = ClassLevels(shape)
    for region, block in _read(folder, name, shape):
        levels.paste(region, block)
    return levels


def _blocks(shape: Shape) -> Iterator[Region]:
    """The parts of a grid that are a file each."""
    grid = ChunkGrid(shape, _CHUNKS_IN_FILE * (_FLAT_CHUNK if shape[2] == 1 else _CHUNK))
    return (grid.region_of(place) for place in grid.touched(EVERYWHERE))


def _filled(values: Chunked) -> Iterator[tuple[Region, NDArray[np.uint8]]]:
    """The parts that hold other numbers than 0."""
    for region in _blocks(values.shape):
        if values.may_be_in(region):
            block = values.read(region)
            if block.any():
                yield region, block


def _read(folder: Path, name: str, shape: Shape) -> Iterator[tuple[Region, NDArray[np.uint8]]]:
    """The filled parts of an array; ReadError at the end where the content is not that of the name."""
    path, digest = folder / name, _Digest(shape)
    if not path.is_dir():
        raise ReadError("lacks an array that the project names; restore the folder from a backup", path=path)
    with reading_zarr(path):
        array = open_node(path)
        if not isinstance(array, zarr.Array) or array.shape != shape or array.dtype != np.uint8:
            raise ReadError(f"is no array of {shape} small numbers; restore it from a backup", path=path)
        check_array(array, path)
        for region in _blocks(shape):
            block = np.asarray(array[region], np.uint8)
            if block.any():
                digest.add(region, block)
                yield region, block
    if digest.name != name:
        raise ReadError("was changed or damaged; restore it from a backup", path=path)


def _name(shape: Shape, blocks: Iterator[tuple[Region, NDArray[np.uint8]]]) -> str:
    digest = _Digest(shape)
    for region, block in blocks:
        digest.add(region, block)
    return digest.name


class _Digest:
    """An array's name: a hash of the numbers other than 0, and of their places."""

    def __init__(self, shape: Shape) -> None:
        self._hash = hashlib.blake2b(repr(shape).encode(), digest_size=_DIGEST)

    def add(self, region: Region, block: NDArray[np.uint8]) -> None:
        self._hash.update(repr([part.start for part in region]).encode())
        self._hash.update(np.ascontiguousarray(block).data)

    @property
    def name(self) -> str:
        return self._hash.hexdigest() + SUFFIX
