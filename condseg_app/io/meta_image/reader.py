"""MetaImage volumes (.mha, .mhd) as ITK writes them (https://itk.org/Wiki/ITK/MetaIO/Documentation)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Geometry, Image, Pick, Shape, Unit, common_unit
from condseg_app.errors import GeometryError, ReadError
from condseg_app.io.choices import check_count, chosen_frame
from condseg_app.io.file_start import name_of, reading
from condseg_app.io.pictures.reader import RGB
from condseg_app.io.voxels.affines import ORIENTATION_UNKNOWN, are_sound, sizes_conflict, sound_sizes, usable
from condseg_app.io.voxels.detached import detached_file
from condseg_app.io.voxels.file_voxels import voxels_of
from condseg_app.io.voxels.layout import VoxelLayout

TYPES: Mapping[str, str] = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
"""MetaImage's types of numbers; long has 32 bits, as on the format's first systems."""

_LONGEST_HEADER = 1 << 16
_ORIGIN = ("offset", "position", "origin")
_MATRIX = ("transformmatrix", "rotation", "orientation")
_SPACING = ("elementspacing", "elementsize")

Fields = Mapping[str, str]
"""A header's entries by their names in small letters."""


def read_meta_image(path: Path, pick: Pick) -> Image:
    """Read a volume's header; voxels are read on demand.

    The world is LPS; the rows of the header's matrix are the directions of the axes.

    Raises:
        ReadError: not a volume of numbers, or damaged.
        ChoiceNeeded: the file holds several points in time, and none was chosen.
        GeometryError: the axes cannot be used.
    """
    fields, end = _fields(path)
    sizes = tuple(int(n) for n in _numbers(fields, ("dimsize",), path))
    if _count(fields, "ndims", 0, path) != len(sizes) or not 2 <= len(sizes) <= 4 or min(sizes) < 1:
        raise ReadError(f"its header claims the impossible size {sizes}; copy the file again", path=path)
    i, j, k, frames = (*sizes, 1, 1)[:4]
    if sum(n > 1 for n in (i, j, k)) < 2:
        raise ReadError(f"holds a row of numbers (shape {sizes}), not an image; choose another file", path=path)
    layout = _layout(fields, path, end, (i, j, k))
    layout = _with_offset(fields, layout, frames)
    layout = replace(layout, offset=layout.offset + chosen_frame(frames, pick, path) * layout.stored_bytes)
    geometry, warnings = _geometry(fields, len(sizes), (i, j, k), path)
    colours = layout.channels == len(RGB) and layout.dtype == np.uint8
    many = tuple(f"channel {n + 1}" for n in range(layout.channels))
    names = RGB if colours else ("intensity",) if layout.channels == 1 else many
    return Image(voxels_of(layout), geometry, name_of(path), names, source=path, warnings=warnings)


def _fields(path: Path) -> tuple[Fields, int]:
    """The header's entries, and the header's end, behind the line ElementDataFile."""
    with reading(path), path.open("rb") as file:
        start = file.read(_LONGEST_HEADER)
    fields: dict[str, str] = {}
    end = 0
    for line in start.splitlines(keepends=True):
        end += len(line)
        key, equals, value = line.decode("utf-8", "replace").partition("=")
        if not equals:
            break
        fields[key.strip().lower()] = value.strip()
        if key.strip().lower() == "elementdatafile":
            return fields, end
    raise ReadError("its header has no end (ElementDataFile); copy the file again", path=path)


def _layout(fields: Fields, path: Path, end: int, shape: Shape) -> VoxelLayout:
    """Layout of the voxels, without the skipped bytes in front."""
    code = TYPES.get(fields.get("elementtype", "").upper().removesuffix("_ARRAY"))
    if code is None:
        raise ReadError(f"holds data of the type '{fields.get('elementtype')}', not intensities; convert it", path=path)
    if fields.get("binarydata", "true").lower() != "true":
        raise ReadError("holds its voxels as text, which is not read; save it as binary data", path=path)
    big = _is_true(fields, "elementbyteordermsb") or _is_true(fields, "binarydatabyteordermsb")
    named = fields["elementdatafile"]
    if named.split(" ")[0] == "LIST" or "%" in named:
        raise ReadError("its voxels are in several files; save it as one", path=path)
    local = named.upper() == "LOCAL"
    channels = _count(fields, "elementnumberofchannels", 1, path)
    check_count(channels, "channel", path)
    if channels < 1:
        raise ReadError(f"its header claims {channels} channels; copy the file again", path=path)
    return VoxelLayout(
        path,
        path if local else detached_file(path, named),
        np.dtype(f"{'>' if big else '<'}{code}"),
        shape,
        packing="zlib" if _is_true(fields, "compresseddata") else None,
        start=end if local else 0,
        channels=channels,
        interleaved=channels > 1,
    )


def _with_offset(fields: Fields, layout: VoxelLayout, frames: int) -> VoxelLayout:
    skip = _count(fields, "headersize", 0, layout.path)
    if layout.packing is not None:
        return replace(layout, start=layout.start + max(0, skip))
    if skip == -1:
        skip = max(0, layout.voxels_path.stat().st_size - frames * layout.stored_bytes - layout.start)
    return replace(layout, start=0, offset=layout.start + max(0, skip))


def _geometry(fields: Fields, count: int, shape: Shape, path: Path) -> tuple[Geometry, tuple[str, ...]]:
    rows = np.array(_numbers(fields, _MATRIX, path) or np.eye(count).ravel())
    spacing = _numbers(fields, _SPACING, path) or [1.0] * count
    origin = np.array(_numbers(fields, _ORIGIN, path) or np.zeros(count))
    if (rows.size, len(spacing), origin.size) != (count * count, count, count):
        raise ReadError("its header's numbers do not go with its dimensions; copy the file again", path=path)
    units = common_unit([fields.get("distanceunits")], "mm")
    n = min(count, 3)
    affine = np.eye(4)
    affine[:n, 3] = origin[:n] if np.isfinite(origin).all() else 0.0
    notes: tuple[str, ...] = () if np.isfinite(origin).all() else ("its Offset is no place; 0 is taken",)
    try:
        affine[:3, :3], odd = _directions(rows.reshape(count, count)[:n, :n], [*spacing, 1.0][:3], shape)
        with np.errstate(all="ignore"):  # numbers that are too large are refused as such
            affine[:3] *= np.array([[-1.0], [-1.0], [1.0]]) * units.factors[0]
        geometry = Geometry(shape, affine + 0.0, units.unit)  # no negative zeros
    except GeometryError as error:
        raise GeometryError(error.message, path=path) from error
    sizes = _numbers(fields, _SPACING[1:], path) or spacing
    if len(sizes) == count:
        notes += sizes_conflict(("ElementSpacing", spacing[:n]), ("ElementSize", sizes[:n]), shape[:n])
    return geometry, (*_unstated(fields, units.unit), *notes, *odd, *units.warnings)


def _unstated(fields: Fields, unit: Unit) -> tuple[str, ...]:
    """Notes on orientation and sizes that the header does not state."""
    notes: tuple[str, ...] = () if any(key in fields for key in _MATRIX) else (ORIENTATION_UNKNOWN,)
    if unit == "pixel" or any(key in fields for key in _SPACING):
        return notes
    return (*notes, f"the size of its voxels is not stated; 1 {unit} is taken")


def _directions(
    rows: NDArray[np.float64], spacing: Sequence[float], shape: Shape
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The steps along I, J, K in columns: unit directions times sizes; a negative size reverses the axis."""
    n = len(rows)
    square = np.eye(3)
    square[:n, :n] = rows.T
    sizes, notes = sound_sizes(np.abs(spacing).tolist(), shape)
    signs = np.where(np.array(spacing) < 0, -1.0, 1.0)
    affine = np.eye(4)
    with np.errstate(all="ignore"):  # non-finite values are refused below
        lengths = np.linalg.norm(square, axis=0)
        exact = np.isclose(lengths, 1.0, rtol=0.01) | (lengths == 0)
        affine[:3, :3] = square / np.where(exact, 1.0, lengths) * sizes * signs
    found = usable(affine, shape)
    if found is None and not are_sound(spacing, shape):
        raise GeometryError("its affine (TransformMatrix, ElementSpacing) cannot be used; repair the file's header")
    if found is None:
        return np.diag(sizes), ("its TransformMatrix cannot be used; its sizes are taken", ORIENTATION_UNKNOWN, *notes)
    if not exact.all():
        shown = " x ".join(f"{length:.4g}" for length in lengths)
        notes += (f"the axes of its TransformMatrix have the lengths {shown} instead of 1; ElementSpacing is taken",)
    return found[:3, :3], notes


def _numbers(fields: Fields, keys: tuple[str, ...], path: Path) -> list[float]:
    """The first entry found, as numbers."""
    text = next((fields[key] for key in keys if key in fields), "")
    try:
        numbers = [float(part) for part in text.split()]
    except ValueError as error:
        raise ReadError(f"its header's {keys[0]} is no list of numbers; copy the file again", path=path) from error
    if keys == ("dimsize",) and not all(math.isfinite(x) for x in numbers):
        raise ReadError("its header claims an impossible size; copy the file again", path=path)
    return numbers


def _count(fields: Fields, key: str, otherwise: int, path: Path) -> int:
    try:
        return int(fields.get(key, otherwise))
    except ValueError as error:
        raise ReadError(f"its header's {key} is no whole number; copy the file again", path=path) from error


def _is_true(fields: Fields, key: str) -> bool:
    return fields.get(key, "").lower() in ("true", "1")
