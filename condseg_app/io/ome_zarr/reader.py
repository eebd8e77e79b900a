"""OME-Zarr 0.4 and 0.5, and plain zarr arrays: folders of chunks that are read on demand."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from pydantic import ValidationError

from condseg_app.data import ClassTable, Image, Pick
from condseg_app.data.regions import lengths
from condseg_app.errors import GeometryError, ReadError
from condseg_app.io.choices import chosen_frame
from condseg_app.io.file_start import name_of
from condseg_app.io.ome_zarr.arrays import (
    array_in,
    check_array,
    few_chunks_at_once,
    has_chunks,
    native,
    open_node,
    reading_metadata,
    reading_zarr,
)
from condseg_app.io.ome_zarr.metadata import Multiscale, classes_of, grid_of, names_of_channels, ome_attributes
from condseg_app.io.voxels.lazy import LazyVoxels
from condseg_app.io.voxels.regions import box_of
from condseg_app.memory import require_memory

_OURS = "cxyz"  # (C, I, J, K)
_KNOWN = frozenset("tczyx")
_VERSIONS = ("0.4", "0.5")
# A first or last axis this short may hold channels or colours.
_FEW = 4


class ZarrVoxels(LazyVoxels):
    """Voxels (C, I, J, K) of an array with another order of axes; each access reads the chunks that overlap.

    Args:
        array: checked by `check_array`.
        axes: a letter for each axis of the array: c, x, y, z and t.
        path: for messages.
        frame: the point in time to take.
    """

    def __init__(self, array: zarr.Array[Any], axes: str, path: Path, frame: int = 0) -> None:
        lengths = dict(zip(axes, array.shape, strict=True))
        self._array, self._axes, self._path, self._frame = array, axes, path, frame
        self.shape: tuple[int, ...] = tuple(lengths.get(axis, 1) for axis in _OURS)
        self.dtype = native(array.dtype)

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """Any numpy index; ReadError if a chunk is damaged, OutOfMemory if so much does not fit."""
        box, rest = box_of(key, self.shape)
        require_memory(2 * math.prod(lengths(box)) * self.dtype.itemsize, self._path)
        asked = dict(zip(_OURS, box, strict=True))
        with reading_zarr(self._path), few_chunks_at_once(self._array):
            found = np.asarray(self._array[tuple(asked.get(axis, self._frame) for axis in self._axes)])
        left = [axis for axis in self._axes if axis in asked]
        ordered = found.transpose([left.index(axis) for axis in _OURS if axis in left])
        lacking = tuple(None if axis not in left else slice(None) for axis in _OURS)
        none_asked = tuple(slice(None) if axis in left else asked[axis] for axis in _OURS)
        return ordered[lacking][none_asked].astype(self.dtype, copy=False)[rest]  # type: ignore[no-any-return]


def read_zarr(path: Path, pick: Pick) -> Image:
    """Read an image's metadata; the voxels (of the finest resolution) follow on demand.

    A plain array is taken as (z, y, x) or (y, x) in pixels unless its shape speaks against that.

    Raises:
        ReadError: not an image of plain numbers, or damaged.
        ChoiceNeeded: several points in time, and none was chosen.
        GeometryError: an unusable scale.
    """
    node = open_node(path)
    if not isinstance(node, zarr.Array):
        return _ome_image(node, path, pick)
    check_array(node, path)
    axes = _plain_axes(node, path)
    return _image(ZarrVoxels(node, axes, path), Multiscale.plain(axes), {}, path)


def classes_in_zarr(path: Path) -> ClassTable | None:
    """The class table of a label image's own metadata; None without a table.

    Raises:
        ReadError, ClassTableError, ValidationError: an unreadable or unusable table.
    """
    return classes_of(ome_attributes(open_node(path).attrs.asdict()))


def _ome_image(group: zarr.Group, path: Path, pick: Pick) -> Image:
    group = _only_series(group, path)
    attributes = group.attrs.asdict()
    ome = ome_attributes(attributes)
    multiscale = _multiscale(group, ome, path)
    axes = _ome_axes(multiscale, path)
    array = array_in(group, multiscale.datasets[0].path, path)
    check_array(array, path)
    if array.ndim != len(axes):
        raise ReadError(f"has {array.ndim} dimensions and {len(axes)} axes; copy the image again", path=path)
    frame = chosen_frame(dict(zip(axes, array.shape, strict=True)).get("t", 1), pick, path)
    image = _image(ZarrVoxels(array, axes, path, frame), multiscale, attributes, path)
    if has_chunks(path / array.path):
        return image
    return replace(image, warnings=(*image.warnings, "none of its chunks is there; copy it again, with all its files"))


def _image(voxels: ZarrVoxels, multiscale: Multiscale, attributes: Mapping[str, Any], path: Path) -> Image:
    channels, i, j, k = voxels.shape
    if sum(n > 1 for n in (i, j, k)) < 2:
        raise ReadError(f"holds a row of numbers (shape {(i, j, k)}), not an image; choose another", path=path)
    try:
        geometry, notes = grid_of(multiscale, attributes, (i, j, k))
    except GeometryError as error:
        raise GeometryError(error.message, path=path) from error
    names = names_of_channels(ome_attributes(attributes), channels)
    return Image(voxels, geometry, name_of(path), names, source=path, warnings=notes)


def _only_series(group: zarr.Group, path: Path) -> zarr.Group:
    """The image itself where bioformats2raw has put a single image into a subfolder."""
    with reading_metadata(path):
        if "bioformats2raw.layout" in ome_attributes(group.attrs.asdict()) and "1" not in group:
            inside = group.get("0")
            return inside if isinstance(inside, zarr.Group) else group
    return group


def _multiscale(group: zarr.Group, ome: Mapping[str, Any], path: Path) -> Multiscale:
    """The image's description, checked as far as possible."""
    if "plate" in ome or "well" in ome:
        raise ReadError("holds the many images of a plate; open the folder of one of them", path=path)
    if "multiscales" not in ome:
        with reading_metadata(path):
            inside = sorted(group.keys())
        names = f" ({', '.join(inside[:5])}{', ...' if len(inside) > 5 else ''})" if inside else ""
        raise ReadError(f"is a zarr group without OME metadata; open one of the folders in it{names}", path=path)
    try:
        stated = ome["multiscales"][0]
        version = str(ome.get("version", stated.get("version", _VERSIONS[0])))
        multiscale = Multiscale.model_validate(stated) if version in _VERSIONS else None
    except (ValidationError, LookupError, TypeError, AttributeError) as error:
        raise ReadError("its OME metadata are damaged or not complete; write it again", path=path) from error
    if multiscale is None:
        raise ReadError(f"is OME-Zarr {version[:20]}; {' and '.join(_VERSIONS)} are read, so convert it", path=path)
    if not multiscale.is_sound():
        raise ReadError("its OME metadata contradict each other; write it again", path=path)
    return multiscale


def _ome_axes(multiscale: Multiscale, path: Path) -> str:
    names = [axis.name.lower() for axis in multiscale.axes]
    if not {"x", "y"} <= set(names) <= _KNOWN:
        raise ReadError(f"has the axes {', '.join(names)}; t, c, z, y and x are read", path=path)
    return "".join(names)


def _plain_axes(array: zarr.Array[Any], path: Path) -> str:
    """Axes by name, else (z, y, x) or (y, x), if no axis could be the channels'."""
    named = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    if isinstance(named, Sequence) and len(named) == array.ndim and set(named) in ({"x", "y"}, {"x", "y", "z"}):
        return "".join(str(name) for name in named)
    if array.ndim == 2:
        return "yx"
    if array.ndim != 3 or named:
        raise ReadError(f"is an array {array.shape} without OME metadata; write it as OME-Zarr", path=path)
    if min(array.shape[0], array.shape[2]) <= _FEW:
        raise ReadError(f"is an array {array.shape} of slices or of channels; write it as OME-Zarr", path=path)
    return "zyx"
