"""NRRD headers (https://teem.sourceforge.net/nrrd/format.html), through pynrrd; checked before use."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nrrd
import numpy as np

from condseg_app.data import Geometry, Pick, Shape
from condseg_app.errors import CondsegError, ReadError
from condseg_app.io.choices import check_count, chosen_frame
from condseg_app.io.file_start import first_bytes, nifti_version, reading, unpacked_start
from condseg_app.io.nrrd.place import directions_of, geometry_of
from condseg_app.io.voxels.detached import detached_file
from condseg_app.io.voxels.layout import Packing, VoxelLayout
from condseg_app.io.voxels.unpack import unpacked_length

_LONGEST_HEADER = 1 << 22
_MOST_LINES = 1 << 20
_PACKINGS: Mapping[str, Packing | None] = {
    "raw": None, "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2",
}  # fmt: skip
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_TYPE_OF = {name: code for code, names in _TYPES.items() for name in names}
_SPATIAL = ("domain", "space")
_TIME = ("time",)
_NO_CHANNELS = ("matrix", "quaternion", "complex", "gradient")


@dataclass(frozen=True, eq=False)
class NrrdHeader:
    """Content of a header.

    Attributes:
        fields: by pynrrd, key-value pairs included.
        layout: of the voxels.
        geometry: the grid.
        kind: of the axis of channels; '' without such an axis.
        warnings: a sentence each.
    """

    fields: Mapping[str, Any]
    layout: VoxelLayout
    geometry: Geometry
    kind: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Axes:
    """Positions of the axes of space, channels and time; None for a missing axis."""

    space: tuple[int, ...]
    channels: int | None
    time: int | None


def read_fields(path: Path) -> tuple[Mapping[str, Any], int]:
    """A header's fields, and the position of the header's end.

    Raises:
        ReadError: the header is damaged or far too long.
    """
    with reading(path), path.open("rb") as file:
        start = file.read(_LONGEST_HEADER)
    ends = [start.find(mark) + len(mark) for mark in (b"\n\n", b"\r\n\r\n") if mark in start]
    if not ends and len(start) == _LONGEST_HEADER:
        raise ReadError("its header has no end; copy the file again", path=path)
    end = min(ends, default=len(start))
    try:
        lines = io.StringIO(start[:end].decode("utf-8", "replace"))
        with np.errstate(all="ignore"):  # numbers too large for their type
            return nrrd.read_header(lines), end
    except (nrrd.NRRDError, ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise ReadError(f"its header is damaged ({_first_line(error)}); copy the file again", path=path) from error


def read_header(path: Path, pick: Pick) -> NrrdHeader:
    """Read and check a header.

    Raises:
        ReadError: the header is damaged, or does not describe a volume of numbers that can be in the file.
        ChoiceNeeded: the header describes several points in time, and none was chosen.
        GeometryError: the axes cannot be used.
    """
    fields, end = read_fields(path)
    sizes = _sizes(fields, path)
    axes = _axes(fields, sizes, path)
    shape = _shape(axes, sizes, path)
    layout = _place(fields, path, end, shape)
    channels = 1 if axes.channels is None else sizes[axes.channels]
    check_count(channels, "channel", path)
    layout = replace(layout, channels=channels, interleaved=axes.channels == 0 and channels > 1)
    layout = _with_offset(fields, layout, 1 if axes.time is None else sizes[axes.time])
    frame = 0 if axes.time is None else chosen_frame(sizes[axes.time], pick, path)
    layout = replace(layout, offset=layout.offset + frame * layout.stored_bytes)
    geometry, warnings = _geometry(fields, axes, shape, path)
    if _is_nifti(layout):
        warnings += ("its voxels are those at the end of a NIfTI file; other programs may refuse it",)
    kind = "" if axes.channels is None else _kinds(fields, len(sizes))[axes.channels]
    return NrrdHeader(fields, layout, geometry, kind, warnings)


def _sizes(fields: Mapping[str, Any], path: Path) -> tuple[int, ...]:
    try:
        sizes = tuple(int(n) for n in fields["sizes"])
        dimension = int(fields["dimension"])
    except (KeyError, TypeError, ValueError) as error:
        raise ReadError("its header states no sizes; copy the file again", path=path) from error
    if dimension != len(sizes) or not 1 <= len(sizes) <= 16 or min(sizes) < 1:
        raise ReadError(f"its header claims the impossible sizes {sizes}; copy the file again", path=path)
    return sizes


def _kinds(fields: Mapping[str, Any], count: int) -> list[str]:
    kinds = [str(kind) for kind in fields.get("kinds", ())]
    return kinds if len(kinds) == count else ["???"] * count


def _axes(fields: Mapping[str, Any], sizes: tuple[int, ...], path: Path) -> _Axes:
    """The axes by kind: space has a direction, channels come first or last, time last."""
    kinds = _kinds(fields, len(sizes))
    directions = directions_of(fields, len(sizes))
    known = [not np.isnan(row).any() for row in directions] if directions is not None else None
    space = [n for n, kind in enumerate(kinds) if (known[n] if known is not None else kind in (*_SPATIAL, "???"))]
    others = [n for n in range(len(sizes)) if n not in space]
    if directions is None and len(space) > 3 and not others:  # a fourth axis of unknown kind
        space, others = space[:3], space[3:]
    time = next((n for n in others if kinds[n] in (*_TIME, "???", *_SPATIAL) and n == len(sizes) - 1), None)
    channels = [n for n in others if n != time]
    if any(kinds[n].endswith(_NO_CHANNELS) for n in channels):
        raise ReadError(f"holds {kinds[channels[0]]}, not intensities; choose another file", path=path)
    if len(channels) > 1 or any(n not in (0, len(sizes) - 1 - (time is not None)) for n in channels) or len(space) > 3:
        raise ReadError(f"has axes of the kinds {', '.join(kinds)}, which are not read; save a volume", path=path)
    return _Axes(tuple(space), channels[0] if channels else None, time)


def _shape(axes: _Axes, sizes: tuple[int, ...], path: Path) -> Shape:
    i, j, k, *_ = (*(sizes[n] for n in axes.space), 1, 1, 1)
    if sum(n > 1 for n in (i, j, k)) < 2:
        raise ReadError(f"holds a row of numbers (shape {sizes}), not an image; choose another file", path=path)
    return i, j, k


def _place(fields: Mapping[str, Any], path: Path, end: int, shape: Shape) -> VoxelLayout:
    """Layout of the voxels, without the skipped bytes in front."""
    encoding = str(fields.get("encoding", "")).lower()
    if encoding not in _PACKINGS:
        raise ReadError(f"is encoded as '{encoding[:20]}', which is not read; save it as raw or gzip", path=path)
    code = _TYPE_OF.get(str(fields.get("type", "")))
    if code is None:
        raise ReadError(f"holds data of the type '{fields.get('type')}', not intensities; convert it", path=path)
    endian = str(fields.get("endian", "")).lower()
    if endian not in ("little", "big") and code[1] != "1":
        raise ReadError("does not state the order of its bytes (endian); write it again", path=path)
    dtype = np.dtype(f"{'>' if endian == 'big' else '<'}{code}")
    named = fields.get("data file", fields.get("datafile"))
    if named is not None and (str(named).startswith("LIST") or "%" in str(named)):
        raise ReadError("its voxels are in several files; save it as one", path=path)
    voxels_path = path if named is None else detached_file(path, str(named))
    start = end if named is None else 0
    return VoxelLayout(path, voxels_path, dtype, shape, packing=_PACKINGS[encoding], start=start)


def _with_offset(fields: Mapping[str, Any], layout: VoxelLayout, frames: int) -> VoxelLayout:
    """The layout with skipped lines of the file, then skipped bytes (after unpacking, in packed files)."""
    lines = int(fields.get("line skip", fields.get("lineskip", 0)) or 0)
    stated = fields.get("byte skip", fields.get("byteskip"))
    skip = int(stated) if stated is not None else -1 if _is_nifti(layout) else 0
    if lines < 0 or skip < -1:
        raise ReadError(f"skips {lines} lines and {skip} bytes, which cannot be; write it again", path=layout.path)
    layout = replace(layout, start=layout.start + _length_of_lines(layout, lines))
    claimed = frames * layout.stored_bytes
    there = layout.voxels_path.stat().st_size
    if skip == -1 and layout.packing is None:
        skip = max(0, there - claimed - layout.start)
    elif skip == -1:
        layout.check()
        skip = max(0, unpacked_length(layout, claimed + _LONGEST_HEADER) - claimed)
    if layout.packing is None:
        return replace(layout, start=0, offset=layout.start + skip)
    return replace(layout, offset=skip)


def _is_nifti(layout: VoxelLayout) -> bool:
    """Whether the header borrows the voxels of a NIfTI file."""
    path = layout.voxels_path
    return path != layout.path and nifti_version(unpacked_start(first_bytes(path), path)) is not None


def _length_of_lines(layout: VoxelLayout, lines: int) -> int:
    with reading(layout.voxels_path), layout.voxels_path.open("rb") as file:
        file.seek(layout.start)
        for line in range(lines):
            if not file.readline(_LONGEST_HEADER) or line == _MOST_LINES:
                raise ReadError(f"skips {lines} lines, and there are not so many; write it again", path=layout.path)
        return file.tell() - layout.start


def _geometry(fields: Mapping[str, Any], axes: _Axes, shape: Shape, path: Path) -> tuple[Geometry, tuple[str, ...]]:
    try:
        return geometry_of(fields, axes.space, shape)
    except CondsegError as error:
        raise type(error)(error.message, path=path) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:120].rstrip(".") if str(error) else type(error).__name__
